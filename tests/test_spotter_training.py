"""`mer-train spotter`: the spotter's network trained on known recordings, subjects never shared between the parts."""

import csv
import json
import shutil
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_minis import casme_sq, samm_lv
from numpy.typing import NDArray

from engines.evaluate import main as evaluate
from mer.data.parts import Part
from mer.errors import MerError
from mer.evaluation.matching import Label, Truth
from mer.evaluation.megc import one_to_one, read_entries
from mer.face.geometry import CROP_SIZE
from mer.messages import FaceCrop
from mer.synthesise import main as mer_synth
from realtime import start
from realtime.spotting.features import FACE, N_VALUES
from realtime.spotting.network import WEIGHTS, Judgement, loaded
from realtime.spotting.spotter import Spotter, SpotterConfig
from realtime.spotting.training import folds, recordings, spotted
from realtime.spotting.training.mixing import Example, Micro, Mixer
from realtime.spotting.training.recordings import Known, Measured
from realtime.spotting.training.responses import UNITS
from realtime.spotting.training.streams import Stream, streams_of

Run = tuple[Path, list[folds.Outcome]]


def drawn(number: int) -> Measured:
    """A recording as measured: noise with micro-expressions drawn in, and the truth about them."""
    draw = np.random.default_rng(number)
    rows = np.cumsum(draw.normal(0, 0.01, (900, N_VALUES)), axis=0)
    rows[:, -4:] = (1.0, 1.0, 0.1, 1 / 100)
    background = Stream("noise", 100.0, np.arange(900) / 50, rows)
    shown = np.stack([_shown(draw) for _ in range(2)])
    example = Mixer([background], np.ones(1), shown, draw).example()
    times_s = 2.0 + np.arange(len(example.rows)) / 50  # the face came into view after two seconds
    events = tuple(_label(event, 2.0) for event in example.events)
    known = Known(f"p{number}", f"r{number}", Path("none"), 100.0, Truth(events, (), True, 20.0, 100.0))
    return Measured(known, (Stream(f"r{number}", 100.0, times_s, example.rows),), shown)


def _shown(draw: np.random.Generator) -> NDArray[np.float64]:
    """Responses to action units in the shape of the shipped expressions."""
    expressions = loaded(WEIGHTS).expressions
    one = expressions[draw.integers(len(expressions), size=(len(UNITS), 2))]
    assert one.shape == (len(UNITS), 2, FACE)
    return np.asarray(one, np.float64)


def _label(event: Micro, start_s: float) -> Label:
    onset_s, apex_s, offset_s = (start_s + moment for moment in (event.onset_s, event.apex_s, event.offset_s))
    frames = (round(100 * onset_s), round(100 * apex_s), round(100 * offset_s))
    return Label(event.label, frames, (onset_s, apex_s, offset_s), amplitude_percent=event.percent)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("spotter")
    measured = [drawn(number) for number in range(3)]
    settings = folds.Settings(examples=25, networks=1, threshold=0.5)
    peaks = [folds.peaks_of(one) for one in measured]
    found = folds.each(measured, peaks, "loso", settings, out, done=lambda _outcome, _folds: None)
    return out, found


def test_each_subject_is_tested_by_a_network_that_has_not_seen_them(outcomes: Run) -> None:
    out, found = outcomes
    assert sorted(one.known.subject for outcome in found for one in outcome.measured) == ["p0", "p1", "p2"]
    for outcome in found:
        trained = json.loads((out / outcome.fold / "spotter.onnx.json").read_text())["subjects"]
        assert set(trained).isdisjoint(one.known.subject for one in outcome.measured)
        assert len(trained) == 2


def test_what_is_found_has_the_frames_of_the_recording(outcomes: Run) -> None:
    _, found = outcomes
    hits = [pair for outcome in found for one in outcome.recordings for pair in one.pairs if pair.hit]
    assert hits
    for pair in hits:
        assert pair.iou >= 0.5
        assert abs(pair.error_ms(1)) < 250


def test_every_found_event_is_a_row(outcomes: Run) -> None:
    _, found = outcomes
    rows = list(csv.DictReader(folds.found_csv(found).splitlines()))
    assert len(rows) == sum(len(labels) for outcome in found for labels in outcome.found)
    assert {row["subject"] for row in rows} <= {"p0", "p1", "p2"}


def test_the_spotter_runs_with_a_trained_network(outcomes: Run) -> None:
    out, found = outcomes
    network = loaded(out / found[0].fold / "spotter.onnx")
    spotter = Spotter(SpotterConfig(network=out / found[0].fold / "spotter.onnx"))
    assert spotter._network.sha256 == network.sha256 != loaded(WEIGHTS).sha256
    assert network.threshold == 0.5


def test_annotated_stretches_are_not_drawn_into() -> None:
    one = drawn(5)
    event = one.known.truth.events[0]
    for stream in one.without_events():
        assert stream.times_s[-1] < event.times_s[0] or stream.times_s[0] > event.times_s[2]


def test_times_of_a_late_face_count_from_its_first_row() -> None:
    one = drawn(6)
    (example,) = one.examples()
    assert isinstance(example, Example)
    assert example.events[0].onset_s == pytest.approx(one.known.truth.events[0].times_s[0] - 2.0)


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    still = Stream("still", 100.0, np.arange(200) / 50, np.zeros((200, N_VALUES)))
    known = Known("p", "r", Path("none"), 100.0, Truth((), (), True, 4.0, 100.0))
    one = Measured(known, (still,), np.zeros((0, len(UNITS), 2, FACE)))
    with pytest.raises(MerError, match="give recordings with and without, or more --examples"):
        folds.train([one], [folds.peaks_of(one)], folds.Settings(), tmp_path / "spotter.onnx", about={})


@pytest.mark.parametrize("kind", ["casme-sq", "samm-lv"])
def test_long_videos_of_datasets_become_recordings_with_their_truth(kind: str, tmp_path: Path) -> None:
    row: list[Any]
    if kind == "casme-sq":
        row = [1, "disgust1_1", 10, 16, 22, "4", "negative", "micro-expression", "disgust"]
        found = recordings.of_dataset(Part(kind, kind, casme_sq(tmp_path, row)))
        fps, onset = 30.0, 9
    else:
        row = ["006", "006_1_2", 1, 10, 20, 30, 21, "Micro - 1/2", "4", None]
        found = recordings.of_dataset(Part(kind, kind, samm_lv(tmp_path, row, frames={"006_1": 40})))
        fps, onset = 200.0, 9
    (one,) = [one for one in found if one.truth.events]
    assert one.subject.startswith(f"{kind}.")
    assert (one.fps, one.truth.events[0].frames[0]) == (fps, onset)
    assert one.truth.events[0].times_s[0] == pytest.approx(onset / fps)


def test_answers_take_the_classes_of_a_dataset_without_emotions() -> None:
    label = spotted._label
    judgement = Judgement({"micro": 0.9}, 1.0, 1.1, 1.2, {"happiness": 0.7, "disgust": 0.3})
    assert label(judgement, 100.0, composite=True).label == "positive"
    assert label(judgement, 100.0, composite=False).frames == (100, 110, 120)


def test_the_command_trains_on_recordings_with_their_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tmp_path / "a.mp4"
    size = ("--size", "320x240", "--fps", "30", "--seconds", "4", "--n-events", "1", "--seed", "5")
    assert mer_synth(["recording", str(recording), *size]) == 0
    for name in ("b", "c"):
        for suffix in (".mp4", ".json"):
            shutil.copyfile(recording.with_suffix(suffix), tmp_path / f"{name}{suffix}")
    truths = [str(tmp_path / f"{name}.json") for name in "abc"]
    given = [
        "--truth",
        *truths,
        "--protocol",
        "loso",
        "--examples",
        "8",
        "--networks",
        "1",
        "--out",
        str(tmp_path / "o"),
    ]
    assert start.train(["spotter", *given]) == 0
    printed = capsys.readouterr().out
    assert "3 recordings of 3 subjects" in printed
    assert "STRS" in printed or "Spotting: 3 recordings" in printed
    stored = json.loads((tmp_path / "o/spotting.json").read_text())
    assert (stored["all"]["true"], len(stored["folds"])) == (3, 3)
    assert loaded(tmp_path / "o/spotter.onnx").threshold == 0.6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nothing to train on"),
        (("--truth", "a.json", "--threshold", "1"), "--threshold is 1; expected more than 0"),
    ],
)
def test_options_without_sense_are_refused(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start.train(["spotter", *options, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_network_trained_on_the_same_is_read_and_on_other_truth_trained_anew(tmp_path: Path) -> None:
    one = drawn(0)
    path = tmp_path / "spotter.onnx"
    settings = folds.Settings(examples=0, networks=1)
    folds.train([one], [folds.peaks_of(one)], settings, path, about={})
    before = path.stat().st_mtime_ns
    folds.train([one], [folds.peaks_of(one)], settings, path, about={})
    assert path.stat().st_mtime_ns == before
    truth = replace(one.known.truth, events=one.known.truth.events[1:])
    other = replace(one, known=replace(one.known, truth=truth))
    folds.train([other], [folds.peaks_of(other)], settings, path, about={})
    assert path.stat().st_mtime_ns > before


def test_movements_of_a_recording_are_looked_for_once_for_all_folds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured = [drawn(number) for number in range(3)]
    peaks = [folds.peaks_of(one) for one in measured]
    monkeypatch.setattr(Measured, "examples", lambda _self: pytest.fail("looked for again"))
    settings = folds.Settings(examples=0, networks=1)
    assert len(folds.each(measured, peaks, "loso", settings, tmp_path, done=lambda _outcome, _folds: None)) == 3


def test_crops_of_a_long_recording_are_not_kept() -> None:
    gone: list[bool] = []

    def crops() -> Iterator[FaceCrop]:
        for number in range(4):
            gone.append(number < 2 or seen[-2]() is None)
            image, still = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8), np.eye(2, 3)
            seen.append(weakref.ref(image))
            landmarks = np.zeros((478, 2), np.float32)
            crop = FaceCrop(image, still, still, landmarks, number / 30.0, number, -1, "absent", 0.0, 0)
            del image
            yield crop

    seen: list[Any] = []
    assert list(streams_of("a", 30.0, crops())) == []
    assert all(gone)


def test_the_submission_of_a_run_is_scored_with_the_figures_of_the_run(outcomes: Run, tmp_path: Path) -> None:
    out, found = outcomes
    (out / "found.csv").write_text(folds.found_csv(found))
    (out / "true.csv").write_text(folds.true_csv(found))
    assert evaluate(["submission", str(out), "--out", str(tmp_path)]) == 0
    figures = one_to_one(read_entries(tmp_path / "samm_str.csv"), read_entries(tmp_path / "samm_gt.csv"))  # 100 Hz
    pairs = [pair for outcome in found for one in outcome.recordings for pair in one.pairs]
    assert figures["spotting"]["tp"] == sum(pair.hit for pair in pairs) > 0
    assert figures["spotting"]["fp"] == sum(pair.truth is None for pair in pairs)
    first = next(label for outcome in found for labels in outcome.found for label in labels)
    assert read_entries(tmp_path / "samm_str.csv")[0].onset == first.frames[0] + 1  # frames of the challenge from 1
