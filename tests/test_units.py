"""Action units: their names, what the network tells of movements whose units are known, and where it is said."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import event, update
from numpy.typing import NDArray
from rich.console import Console
from test_overlay import drawn

import realtime
from mer.errors import MerError
from mer.facs import CENTRAL, CONTRADICTION, NAMES, ActionUnit, codes, contradicts
from mer.labels import ACTION_UNITS
from mer.synth.expressions import COMBINATIONS
from realtime.messages import Event, Totals
from realtime.output.exports.boris import boris
from realtime.output.exports.eaf import eaf
from realtime.output.exports.srt import srt
from realtime.output.fields import event_columns, record_from_event, row_from_record
from realtime.output.found import Found
from realtime.output.report.table import quality_flags, unit_words
from realtime.screen.log import line_from_event
from realtime.screen.overlay import Header, Overlay
from realtime.spotting.features import FACE, MOVING, N_REGIONS, N_VALUES
from realtime.spotting.measures import WINDOW
from realtime.spotting.training import responses
from realtime.spotting.training.streams import Stream
from realtime.spotting.training.units.examples import Labelled, UnitMixer, present
from realtime.spotting.units import UNITS, WEIGHTS, Units, load, shipped
from realtime.timing import Timing

SMILE = ActionUnit(12, "left", 1.24, 0.97)


def with_units(*units: ActionUnit, label: str = "happiness") -> Event:
    made = event(1, label=label)
    return replace(made, interval=replace(made.interval, units=units))


def test_a_unit_has_its_code_and_words() -> None:
    units = [ActionUnit(6, "both", 0.8, 0.9), SMILE, ActionUnit(26, "both", 2.0, 0.9), ActionUnit(1, "right", 0.5, 0.9)]

    assert codes(units) == "6+L12+26+R1"
    assert [unit.words for unit in units[:3]] == [
        "AU6 cheek raiser, both sides, 0.8 %",
        "AU12 lip corner puller, left, 1.2 %",
        "AU26 jaw drop, 2.0 %",
    ]


def test_every_unit_of_the_classes_and_of_the_renderer_has_a_name() -> None:
    wanted = {unit for units in ACTION_UNITS.values() for unit in units}
    drawn = {unit for sets in COMBINATIONS.values() for units in sets for unit in units}

    assert wanted | drawn <= set(NAMES)
    assert set(NAMES) >= CENTRAL


@pytest.mark.parametrize(
    ("label", "numbers", "expected"),
    [
        ("happiness", (1, 2), True),
        ("happiness", (1, 12), False),
        ("happiness", (), False),
        ("none", (1, 2), False),
        ("others", (1, 2), False),
        ("surprise", (9,), True),
    ],
)
def test_units_contradict_a_class_that_has_none_of_them(label: str, numbers: tuple[int, ...], expected: bool) -> None:
    assert contradicts(label, [ActionUnit(number, "both", 1.0, 0.9) for number in numbers]) is expected


def test_the_fields_of_an_event_have_its_units() -> None:
    record = record_from_event(with_units(SMILE), source="a.mp4")

    assert record["units"] == [
        {"au": 12, "name": "lip corner puller", "side": "left", "percent": 1.24, "probability": 0.97}
    ]
    assert record["facs"] == "L12"
    assert record["units_contradict"] is False


def test_a_row_of_the_table_has_code_sizes_and_contradiction() -> None:
    record = record_from_event(with_units(ActionUnit(1, "both", 0.5, 0.9), ActionUnit(2, "both", 1.0, 0.9)), source="a")
    row = row_from_record(record)

    assert set(row) <= set(event_columns(list(record["probabilities"])))
    assert (row["facs"], row["units_percent"], row["units_contradict"]) == ("1+2", "0.50 1.00", True)


def test_a_contradiction_is_said_in_log_and_report() -> None:
    odd = with_units(ActionUnit(4, "both", 1.0, 0.9))

    assert line_from_event(odd).endswith(f"AU 4 ({CONTRADICTION})")
    assert CONTRADICTION in quality_flags(odd)
    assert "AU4 brow lowerer, both sides, 1.0 %" in unit_words(odd)
    assert unit_words(event(1)) == "Action units: none that is certain"


def told(probabilities: NDArray[Any], percents: NDArray[Any]) -> tuple[ActionUnit, ...]:
    return Units(np.full(len(UNITS), 0.5), None).decide(probabilities, percents)


def test_a_side_below_the_threshold_is_not_told_but_of_units_of_the_midline() -> None:
    probabilities, percents = np.zeros((len(UNITS), 2)), np.ones((len(UNITS), 2))
    probabilities[UNITS.index(1)] = 0.9, 0.1
    probabilities[UNITS.index(12)] = 0.1, 0.9
    probabilities[UNITS.index(2)] = 0.8, 0.9
    probabilities[UNITS.index(26)] = 0.1, 0.9

    assert codes(told(probabilities, percents)) == "R1+2+L12+26"


def test_none_is_told_if_none_is_probable() -> None:
    assert told(np.full((len(UNITS), 2), 0.4), np.ones((len(UNITS), 2))) == ()


def test_a_side_counts_as_there_if_it_moves_enough_and_not_much_less_than_the_other() -> None:
    percents = np.zeros((len(UNITS), 2))
    percents[UNITS.index(1)] = 1.0, 0.3
    percents[UNITS.index(2)] = 1.0, 0.7
    percents[UNITS.index(4)] = 0.1, 0.1
    percents[UNITS.index(17)] = 1.0, 0.2

    there = present(percents)

    assert [there[UNITS.index(unit)].tolist() for unit in (1, 2, 4, 17)] == [
        [True, False],
        [True, True],
        [False, False],
        [True, True],
    ]


def mixer(seed: int = 0) -> UnitMixer:
    """Return one of a face at rest whose units each move a channel of their own."""
    shown = np.zeros((1, len(responses.UNITS), 2, FACE))
    for number in range(len(responses.UNITS)):
        for side in range(2):
            shown[0, number, side, (2 * number + side) % N_REGIONS] = 1.0
    rows = np.zeros((200, N_VALUES))
    return UnitMixer([Stream("a", 30.0, np.arange(200) / 50.0, rows)], shown, np.random.default_rng(seed))


def test_examples_show_the_units_that_they_say_in_proportion_to_their_size() -> None:
    made = mixer().examples(60)

    assert made.windows.shape == (60, MOVING, WINDOW)
    assert made.percents.max() <= 3.5
    for window, amplitude, percents in zip(made.windows, made.amplitudes, made.percents):
        peak = percents.max()
        if peak > 1.0:
            swing = np.ptp(np.sinh(window[:N_REGIONS]), axis=1).max() * amplitude
            assert 0.4 * peak < swing < 2.5 * peak


def test_some_examples_have_no_unit_and_some_one_side() -> None:
    there = mixer().examples(200).present

    assert 0 < (~there.any(axis=(1, 2))).mean() < 0.3
    assert (there[..., 0] != there[..., 1]).any()


def test_the_same_seed_gives_the_same_examples() -> None:
    one, other = mixer(3).examples(5), mixer(3).examples(5)

    assert np.array_equal(one.windows, other.windows)
    assert np.array_equal(one.percents, other.percents)


def test_weights_that_do_not_belong_to_their_manifest_are_refused(tmp_path: Path) -> None:
    manifest = json.loads(WEIGHTS.with_name("units.onnx.json").read_text())
    (tmp_path / "units.onnx").write_bytes(b"other")
    (tmp_path / "units.onnx.json").write_text(json.dumps(manifest))
    with pytest.raises(MerError, match="says sha256"):
        load(tmp_path / "units.onnx")
    with pytest.raises(MerError, match="cannot be read"):
        load(tmp_path / "missing.onnx")


def test_the_shipped_network_says_nothing_of_a_face_at_rest() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.01, (MOVING, WINDOW)).astype(np.float32)

    assert shipped().measure(SimpleNamespace(window=noise, amplitude=0.2)) == ()  # type: ignore[arg-type]


def test_a_network_is_fitted_calibrated_written_and_read_back(tmp_path: Path) -> None:
    fit = pytest.importorskip("realtime.spotting.training.units.fit")
    labelled: Labelled = mixer().examples(400)
    model = fit.fit(labelled, seed=0)
    thresholds = fit.calibrate(model, labelled)
    fit.write(tmp_path / "units.onnx", model, thresholds, about={})
    probabilities, shares = load(tmp_path / "units.onnx").outputs(labelled.windows, labelled.amplitudes)

    import torch

    given, _, _ = fit.tensors(labelled)
    with torch.no_grad():
        out = model(given).numpy()
    logits, sizes = out[:, : 2 * len(UNITS)], out[:, 2 * len(UNITS) :]
    assert np.allclose(probabilities.reshape(400, -1), 1.0 / (1.0 + np.exp(-logits)), atol=1e-4)
    assert np.allclose(shares.reshape(400, -1), np.maximum(sizes, 0.0), atol=1e-3)


def test_a_line_with_units_fits_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(realtime.__file__).parent / "schema/event-1.schema.json").read_text())

    jsonschema.validate(record_from_event(with_units(SMILE), source="a.mp4"), schema)


def test_elan_has_a_tier_of_units_and_subtitles_name_them() -> None:
    record = record_from_event(with_units(SMILE), source="a.mp4")
    found = Found(Path("/videos/a.mp4"), Path("/out/a"), [record], [], {"seconds": 9.0, "measured_fps": 200.0})

    assert b">L12</ANNOTATION_VALUE>" in eaf(found)
    assert "happiness 60 %, AU L12, 300 ms" in srt(found).decode()
    assert ", AU L12" in boris(found).decode()


def test_the_overlay_shows_units_and_that_they_contradict() -> None:
    overlay = Overlay(
        Header("a", "fake"), totals=Totals(), timing=Timing(), console=Console(file=StringIO()), keys=lambda _key: ""
    )
    overlay.update(update(200, 1.0, events=(with_units(ActionUnit(4, "right", 1.0, 0.9)),)))

    lines = "\n".join(drawn(overlay, 160, 40))

    assert lines.count("AU R4") == 2  # in the list and below the probabilities
    assert CONTRADICTION[:20] in lines
