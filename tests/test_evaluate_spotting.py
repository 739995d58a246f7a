"""`mer-evaluate spotting` on hand-made cases whose figures can be worked out on paper."""

import json
from pathlib import Path
from typing import Any

import pytest

from engines.evaluate import main
from mer.evaluation.matching import Label, Truth
from mer.evaluation.spotting import Spotted, recognition_f1, spotted, summarise
from mer.evaluation.spotting_command import read_events

FPS = 100.0


def label(first: int, last: int, name: str = "fear", *, amplitude: float | None = None) -> Label:
    frames = (first, (first + last) // 2, last)
    return Label(name, frames, (frames[0] / FPS, frames[1] / FPS, frames[2] / FPS), amplitude_percent=amplitude)


def found(first: int, last: int, name: str = "fear", *, confirm_s: float = 0.1) -> Label:
    made = label(first, last, name)
    return Label(name, made.frames, made.times_s, confirmed_s=made.times_s[2] + confirm_s)


def recording(true: list[Label], seen: list[Label], *, seconds: float = 60.0, fps: float = FPS) -> Spotted:
    return spotted("r", Truth(tuple(true), (), True), seen, seconds=seconds, fps=fps)


def whole(*recordings: Spotted) -> dict[str, Any]:
    figures: dict[str, Any] = summarise(recordings)["all"]
    return figures


def test_two_found_intervals_on_one_true_one_are_a_hit_and_a_false_event() -> None:
    figures = whole(recording([label(100, 139)], [found(100, 125), found(118, 139), found(102, 139)]))

    assert (figures["true"], figures["hits"], figures["false"]) == (1, 1, 2)
    assert figures["precision"] == pytest.approx(1 / 3)
    assert figures["recall"] == 1.0
    assert figures["f1"] == pytest.approx(2 / 4)


def test_intervals_that_touch_in_one_frame_are_no_hits() -> None:
    figures = whole(recording([label(100, 120)], [found(120, 140), found(80, 100)]))

    assert (figures["hits"], figures["false"]) == (0, 2)
    assert figures["f1"] == 0.0


def test_touching_true_intervals_are_each_found_by_their_own() -> None:
    figures = whole(recording([label(100, 119), label(120, 139)], [found(101, 119), found(120, 141)]))

    assert figures["f1"] == 1.0


def test_one_found_interval_across_two_true_ones_credits_none_or_one() -> None:
    both = whole(recording([label(100, 119), label(120, 139)], [found(100, 139)]))

    assert (both["hits"], both["found"]) == (1, 1)  # IoU is exactly one half with either


@pytest.mark.parametrize(("last", "hits"), [(119, 1), (118, 0)])
def test_an_interval_inside_another_is_a_hit_from_half_of_its_length(last: int, hits: int) -> None:
    assert whole(recording([label(100, 139)], [found(100, last)]))["hits"] == hits


def test_a_nested_found_interval_leaves_the_credit_to_the_better_one() -> None:
    figures = whole(recording([label(100, 139)], [found(105, 134), found(100, 139)]))

    assert (figures["hits"], figures["false"]) == (1, 1)
    assert figures["error_ms"]["onset"]["median"] == 0.0


def test_counts_are_pooled_over_recordings_not_averaged() -> None:
    good = recording([label(100, 139), label(300, 339), label(500, 539)], [found(100, 139), found(300, 339)])
    bad = recording([label(100, 139)], [found(700, 739)])

    assert whole(good, bad)["f1"] == pytest.approx(2 * 2 / (4 + 3))


def test_false_events_are_counted_by_the_minute_also_where_nothing_is_to_be_found() -> None:
    figures = whole(recording([], [found(100, 120), found(900, 920)], seconds=30.0), recording([], [], seconds=90.0))

    assert figures["false_per_minute"] == pytest.approx(1.0)
    assert figures["recall"] is None
    assert figures["f1"] == 0.0


def test_a_quiet_recording_without_events_has_no_f1() -> None:
    assert whole(recording([], []))["f1"] is None


def test_errors_in_time_are_medians_and_percentiles_of_their_size() -> None:
    true = [label(1000 * k, 1000 * k + 40) for k in range(1, 4)]
    seen = [found(1002, 1040), found(2000, 2040), found(2996, 3040)]

    errors = whole(recording(true, seen))["error_ms"]["onset"]

    assert errors["median"] == pytest.approx(20.0)
    assert errors["p95"] == pytest.approx(38.0)
    assert errors["bias"] == pytest.approx(0.0)


def test_the_delay_counts_from_the_true_offset() -> None:
    figures = whole(recording([label(100, 140)], [found(100, 143, confirm_s=0.1)]))

    assert figures["confirm_ms"]["median"] == pytest.approx(130.0)


def test_the_spot_then_recognise_score_is_the_product_of_both_f1() -> None:
    true = [label(100, 139, "fear"), label(300, 339, "fear"), label(500, 539, "sadness"), label(700, 739, "sadness")]
    seen = [found(100, 139, "fear"), found(300, 339, "sadness"), found(500, 539, "sadness")]

    figures = whole(recording(true, seen))

    assert figures["f1"] == pytest.approx(6 / 7)
    assert figures["recognition_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert figures["strs"] == pytest.approx(6 / 7 * 2 / 3)


def test_an_answer_none_is_a_missed_answer_and_no_class() -> None:
    hits = recording([label(100, 139), label(300, 339)], [found(100, 139), found(300, 339, "none")]).pairs

    assert recognition_f1(hits) == pytest.approx(2 / 3)


def test_without_labels_there_is_no_recognition() -> None:
    assert whole(recording([label(100, 139, "unlabelled")], [found(100, 139)]))["strs"] is None


def test_weak_events_do_not_spoil_the_figures_of_nominal_ones() -> None:
    true = [label(100, 139, amplitude=1.0), label(300, 339, amplitude=0.5), label(500, 539, amplitude=0.5)]
    bands = summarise([recording(true, [found(100, 139), found(300, 339), found(900, 939)])])["by_amplitude"]

    assert (bands["nominal"]["true"], bands["nominal"]["hits"], bands["nominal"]["false"]) == (1, 1, 1)
    assert (bands["weak"]["true"], bands["weak"]["hits"], bands["weak"]["false"]) == (2, 1, 1)


def test_rates_and_classes_are_shown_apart() -> None:
    slow = recording([label(100, 139, "fear")], [], fps=29.97)
    fast = recording([label(100, 139, "sadness")], [found(100, 139)], fps=200.0)

    result = summarise([slow, fast])

    assert {rate: row["recall"] for rate, row in result["by_rate"].items()} == {"30": 0.0, "200": 1.0}
    assert {name: row["recall"] for name, row in result["by_class"].items()} == {"fear": 0.0, "sadness": 1.0}


def moment(index: int) -> dict[str, Any]:
    return {"index": index, "time_s": index / FPS}


def write_truth(path: Path, *intervals: tuple[int, int]) -> Path:
    events = [
        {
            "label": "fear",
            "onset": moment(first),
            "apex": moment((first + last) // 2),
            "offset": moment(last),
            "amplitude_percent": 1.0,
        }
        for first, last in intervals
    ]
    path.write_text(json.dumps({"synthetic": True, "seconds": 30.0, "fps": FPS, "events": events, "distractors": []}))
    return path


def write_events(path: Path, *intervals: tuple[int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for first, last in intervals:
        record: dict[str, Any] = {"label": "fear", "probabilities": {"fear": 0.9}, "latency": {"confirm_ms": 90.0}}
        for name, index in (("onset", first), ("apex", (first + last) // 2), ("offset", last)):
            record |= {f"{name}_frame": index, f"{name}_s": index / FPS}
        lines.append(json.dumps(record) + "\n")
    path.write_text("".join(lines))
    return path


def test_the_command_compares_one_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = write_truth(tmp_path / "a.json", (100, 139), (300, 339))
    events = write_events(tmp_path / "a" / "events.jsonl", (100, 139), (900, 939))

    assert main(["spotting", "--truth", str(truth), "--results", str(events), "--json"]) == 0

    figures = json.loads(capsys.readouterr().out)["all"]
    assert (figures["f1"], figures["false_per_minute"]) == (0.5, 2.0)


def test_the_command_reads_a_whole_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write_truth(tmp_path / f"{name}.json", (100, 139))
        write_events(tmp_path / "results" / name / "events.jsonl", (100, 139))
    (tmp_path / "set.json").write_text("{}")

    assert main(["spotting", "--set", str(tmp_path)]) == 0

    text = capsys.readouterr().out
    assert "2 recordings, 1.0 minutes" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_recording_of_a_set_that_was_not_replayed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_truth(tmp_path / "a.json", (100, 139))

    assert main(["spotting", "--set", str(tmp_path)]) == 1

    assert "mer-replay" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [[], ["--truth", "a.json"], ["--set", "x", "--truth", "a.json"], ["--dataset", "samm-lv"]]
)
def test_options_that_make_no_sense_exit_with_2(options: list[str]) -> None:
    assert main(["spotting", *options]) == 2


@pytest.mark.parametrize("line", ["{", "[]", '{"label": "fear"}', '{"onset_frame": Infinity}', "3"])
def test_a_line_that_is_no_event_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    truth = write_truth(tmp_path / "a.json", (100, 139))
    events = tmp_path / "events.jsonl"
    events.write_text(line + "\n")

    assert main(["spotting", "--truth", str(truth), "--results", str(events)]) == 1

    assert "line 1 is not an event" in capsys.readouterr().err


def test_marks_of_the_space_bar_are_no_events(tmp_path: Path) -> None:
    events = write_events(tmp_path / "events.jsonl", (100, 139))
    with events.open("a") as file:
        file.write('{"schema": 1, "source": "0", "mark": 1, "time_s": 2.5, "utc": "2026-01-01T00:00:00.000+00:00"}\n')
    assert [label.frames for label in read_events(events)] == [(100, 119, 139)]
