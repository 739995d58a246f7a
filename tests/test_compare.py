import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import event
from rich.console import Console

from mer.errors import MerError
from mer.evaluation.matching import Label, Truth, compare, iou, read_truth
from realtime.output.compare import label_from_event, record_from_pairs, score, table

FPS = 200.0


def label(first: int, last: int, name: str = "fear", *, apex: int | None = None) -> Label:
    frames = (first, (first + last) // 2 if apex is None else apex, last)
    return Label(name, frames, (frames[0] / FPS, frames[1] / FPS, frames[2] / FPS))


def truth(*events: Label, distractors: tuple[Label, ...] = ()) -> Truth:
    return Truth(events, distractors, synthetic=True)


def test_iou_counts_both_ends() -> None:
    assert iou(label(0, 9), label(5, 14)) == pytest.approx(5 / 15)
    assert iou(label(0, 9), label(9, 9)) == pytest.approx(1 / 10)
    assert iou(label(0, 9), label(10, 19)) == 0.0


def test_an_overlap_of_exactly_half_is_a_hit() -> None:
    pairs = compare(truth(label(0, 9)), [label(0, 4)])
    assert [pair.hit for pair in pairs] == [True]


def test_less_than_half_is_a_miss_and_a_false_event() -> None:
    counts = score(compare(truth(label(0, 9)), [label(0, 3)]))
    assert (counts.true, counts.found, counts.hits) == (1, 1, 0)


def test_a_true_event_is_credited_once_however_many_found_ones_overlap_it() -> None:
    found = [label(100, 160), label(101, 160), label(100, 158)]
    counts = score(compare(truth(label(100, 160)), found))
    assert counts.hits == 1
    assert counts.precision == pytest.approx(1 / 3)
    assert counts.recall == 1.0


def test_a_found_event_is_credited_once_however_many_true_ones_it_overlaps() -> None:
    counts = score(compare(truth(label(100, 160), label(100, 170)), [label(100, 160)]))
    assert counts.hits == 1
    assert counts.recall == pytest.approx(0.5)


def test_the_best_overlap_wins() -> None:
    pairs = compare(truth(label(100, 160)), [label(100, 140), label(100, 159)])
    assert next(pair for pair in pairs if pair.hit).found == label(100, 159)


def test_a_partner_that_is_taken_leaves_the_next_best() -> None:
    true = (label(100, 199), label(140, 239))
    pairs = compare(truth(*true), [label(120, 219), label(100, 199)])
    assert score(pairs).hits == 2


def test_errors_are_found_minus_true_in_ms() -> None:
    (pair,) = compare(truth(label(100, 160, apex=130)), [label(98, 163, apex=131)])
    assert [pair.error_ms(moment) for moment in range(3)] == pytest.approx([-10.0, 5.0, 15.0])


def test_a_hit_may_have_the_wrong_class() -> None:
    (pair,) = compare(truth(label(100, 160, "fear")), [label(100, 160, "sadness")])
    assert pair.hit
    assert not pair.label_right


def test_a_false_event_names_the_distractor_it_fell_for() -> None:
    blink = label(300, 340, "blink")
    pairs = compare(truth(distractors=(blink,)), [label(305, 338)])
    assert pairs[0].during == "blink"


def test_scores_pool_over_recordings() -> None:
    first = compare(truth(label(100, 160)), [label(100, 160)])
    second = compare(truth(label(100, 160), label(400, 460)), [label(900, 960)])
    counts = score([*first, *second])
    assert (counts.true, counts.found, counts.hits) == (3, 2, 1)
    assert counts.f1 == pytest.approx(0.4)


def test_nothing_to_find_and_nothing_found_is_not_an_error() -> None:
    counts = score(compare(truth(), []))
    assert (counts.precision, counts.recall, counts.f1) == (0.0, 0.0, 0.0)


def test_pairs_come_in_order_of_time() -> None:
    pairs = compare(truth(label(500, 560), label(100, 160)), [label(300, 360)])
    assert [pair.first_frame for pair in pairs] == [100, 300, 500]


def test_times_of_found_events_count_from_the_first_frame() -> None:
    found = label_from_event(event(1, first=100, last=160), start_s=0.4)
    assert found.times_s[0] == pytest.approx(0.1)
    assert found.frames == (100, 130, 160)
    assert found.probability == pytest.approx(0.6)


def test_an_event_without_a_name_shows_its_best_class_in_brackets() -> None:
    unsure = label_from_event(replace(event(1, first=100, last=160), label="none"))
    console = Console(width=80, file=io.StringIO())
    console.print(table(compare(truth(label(100, 160)), [unsure]), title="a.mp4"))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "(60)" in text
    assert "too improbable to be named" in text


def test_the_record_for_the_summary_is_plain_data() -> None:
    record = record_from_pairs(compare(truth(label(100, 160)), [label(98, 160), label(700, 760)]))
    assert record["hits"] == 1
    assert record["false_events"] == 1
    assert record["onset_error_ms"] == [-10.0]
    json.dumps(record)


def test_the_table_fits_80_columns_and_shows_every_row() -> None:
    long = Label("happiness", (100, 130, 160), (123.0, 123.2, 123.4), 0.99)
    pairs = compare(
        truth(long, label(300, 360), distractors=(label(800, 860, "double-blink"),)), [long, label(810, 850)]
    )
    console = Console(width=80, file=io.StringIO())
    console.print(table(pairs, title="a.mp4"))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "happiness" in text
    assert "missed" in text
    assert "false: double-blink" in text
    assert "…" not in text
    assert "1 of 2 found" in text


def moment(index: int) -> dict[str, Any]:
    return {"index": index, "time_s": index / FPS}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_reads_what_mer_synth_writes(tmp_path: Path) -> None:
    content = {
        "synthetic": True,
        "events": [{"label": "fear", "onset": moment(100), "apex": moment(120), "offset": moment(160)}],
        "distractors": [{"kind": "blink", "start": moment(300), "end": moment(340)}],
    }
    read = read_truth(write(tmp_path / "t.json", content))
    assert read.synthetic
    assert read.events == (Label("fear", (100, 120, 160), (0.5, 0.6, 0.8)),)
    assert read.distractors[0].label == "blink"


def test_refuses_a_truth_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="cannot be read"):
        read_truth(tmp_path / "no.json")


@pytest.mark.parametrize("content", [[], {}, {"events": 3}, {"events": [{"label": "fear"}]}, "text", None])
def test_refuses_what_is_not_a_truth_file(tmp_path: Path, content: object) -> None:
    with pytest.raises(MerError, match="is not a truth file"):
        read_truth(write(tmp_path / "t.json", content))


def test_refuses_a_truth_file_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(MerError, match="is not a truth file"):
        read_truth(tmp_path / "t.json")
