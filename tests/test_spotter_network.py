"""The shipped network of the spotter: its files belong together; training writes what live and replay run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mer.errors import MerError
from realtime.spotting import network
from realtime.spotting.candidate import Peak
from realtime.spotting.features import FACE, MOVING, N_REGIONS, N_VALUES
from realtime.spotting.measures import LAYOUT, N_FEATURES, WINDOW, named
from realtime.spotting.network import KINDS, shipped
from realtime.spotting.training import fit
from realtime.spotting.training.examples import Labelled
from realtime.spotting.training.mixing import Mixer, mirrored
from realtime.spotting.training.responses import UNITS
from realtime.spotting.training.streams import Stream, load, save
from realtime.spotting.training.visibility import Seen


@pytest.fixture
def mixer() -> Any:
    draw = np.random.default_rng(0)
    rows = np.cumsum(draw.normal(0, 0.02, (300, N_VALUES)), axis=0)
    rows[:, -4:] = (1.0, 1.0, 0.1, 1 / 30)
    stream = Stream("noise", 30.0, np.arange(300) / 50, rows)
    shown = draw.normal(0, 0.2, (2, len(UNITS), 2, FACE))
    return Mixer([stream], np.ones(1), shown, np.random.default_rng(1))


def test_the_shipped_files_belong_together() -> None:
    expressions = shipped().expressions

    assert expressions.shape[1] == FACE
    assert np.linalg.norm(expressions[:, :N_REGIONS], axis=1) == pytest.approx(1.0, abs=0.01)
    assert len(set(shipped().classes)) == 5


def test_weights_that_do_not_belong_to_the_program_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = json.loads(network.WEIGHTS.with_name("spotter.onnx.json").read_text())
    (tmp_path / "spotter.onnx").write_bytes(network.WEIGHTS.read_bytes())
    (tmp_path / "spotter.onnx.json").write_text(json.dumps(manifest | {"features": 3}))
    monkeypatch.setattr(network, "WEIGHTS", tmp_path / "spotter.onnx")

    with pytest.raises(MerError, match=r"features 3, expected \d+; install"):
        network.shipped.__wrapped__()


def test_what_is_written_computes_what_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(0, 1, (600, N_FEATURES)).astype(np.float32)
    windows = draw.normal(0, 1, (600, MOVING, WINDOW)).astype(np.float32)
    kinds = (features[:, 0] > 0).astype(np.int64)
    classes = np.where(kinds == 0, (windows[:, 0, 14] > 0).astype(np.int64), -1)
    labels = fit.Labels(features, windows, kinds, np.zeros((600, 3), np.float32), classes)
    models = [fit.fit(labels, seed=seed) for seed in (0, 1)]
    row = {"class": "happiness", "units": [12], "motion": [1.0] + [0.0] * (FACE - 1)}
    about = {"visibility": {"constant": 0.0, "amplitude": 1.0, "background": -1.0, "loudness": 0.0}}
    fit.write(tmp_path / "spotter.onnx", models, threshold=0.5, expressions=[row], about=about)
    monkeypatch.setattr(network, "WEIGHTS", tmp_path / "spotter.onnx")
    written = network.shipped.__wrapped__()

    found = [written.judge(Peak(0.0, 0.3, 5.0, 0.5, 1.0, 0.2, *pair)) for pair in zip(features[:99], windows[:99])]

    given = (torch.from_numpy(features[:99]), torch.from_numpy(windows[:99]))
    expected = sum(model(*given)[:, 0].sigmoid() for model in models) / 2
    assert [one.micro for one in found] == pytest.approx(expected.tolist(), abs=1e-5)
    assert np.mean(([one.micro > 0.5 for one in found]) == (kinds[:99] == 0)) > 0.65
    assert all(sum(one.expressions.values()) == pytest.approx(1.0, abs=1e-5) for one in found)


def test_the_smallest_visible_amplitude_is_found_with_the_stated_probability() -> None:
    visibility = shipped().visibility

    still, restless = (visibility.smallest(background=b, loudness=e) for b, e in ((0.05, 0.5), (0.3, 4.0)))

    assert visibility.probability(still, background=0.05, loudness=0.5) == pytest.approx(network.WATCHABLE)
    assert 0.0 < still < 1.5 < restless


def test_visibility_is_fitted_to_what_was_found() -> None:
    draw = np.random.default_rng(0)
    seen = Seen([], 0.5)
    for _ in range(4000):
        amplitude, background = float(draw.uniform(0.3, 3.0)), float(draw.uniform(0.05, 0.5))
        found = draw.random() < 1.0 / (1.0 + np.exp(-(-1.0 + 3.0 * np.log(amplitude) - 1.0 * np.log(background))))
        seen.rows.append((amplitude, background, float(draw.uniform(0.5, 2.0)), bool(found)))

    fitted = seen.fit()

    assert (fitted.constant, fitted.amplitude, fitted.background) == pytest.approx((-1.0, 3.0, -1.0), abs=0.35)
    assert fitted.loudness == pytest.approx(0.0, abs=0.35)


def test_examples_hold_what_was_added_to_them(mixer: Any) -> None:
    examples = [mixer.example() for _ in range(5)]

    assert sum(len(example.events) for example in examples) > 5
    for example in examples:
        assert np.isfinite(example.rows).all()
        assert all(0.08 < event.offset_s - event.onset_s < 0.56 for event in example.events)


def test_a_mirror_in_a_mirror_changes_nothing(mixer: Any) -> None:
    rows = mixer.example().rows

    assert np.array_equal(mirrored(mirrored(rows)), rows)
    assert not np.array_equal(mirrored(rows), rows)


def test_streams_are_read_as_they_were_written(tmp_path: Path) -> None:
    stream = Stream("a", 25.0, np.arange(60) / 50, np.arange(60.0 * N_VALUES).reshape(60, N_VALUES))
    save(tmp_path / "a.npz", [stream])

    (read,) = load(tmp_path / "a.npz")

    assert (read.name, read.rate_hz) == ("a", 25.0)
    assert np.array_equal(read.rows, stream.rows)


def test_features_have_names() -> None:
    parts = named(np.arange(N_FEATURES, dtype=np.float32))

    assert [(name, len(part)) for name, part in parts.items()] == list(LAYOUT)
    assert KINDS[0] == "micro"
    assert Labelled().arrays().windows.shape == (0, MOVING, WINDOW)


def test_spotting_never_imports_torch() -> None:
    code = "import sys, realtime.spotting.spotter as s; s.Spotter(); print('torch' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    assert said.stdout.strip() == "False"
