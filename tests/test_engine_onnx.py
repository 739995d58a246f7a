import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from engine_models import export_random, save_random

from engines.manifest import Target, load_pair, manifest_path, to_json, write_pair
from engines.parity import parity_clips
from engines.protocol import Engine
from engines.runtime.onnx import CHUNK, OnnxRuntimeEngine
from engines.select import open_engine
from mer.errors import MerError
from mer.labels import CLASSES

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    export_random(path)
    return path


@pytest.fixture
def engine(model: Any) -> Iterator[Any]:
    with OnnxRuntimeEngine(model) as engine:
        yield engine


def test_it_is_an_engine(engine: Any) -> None:
    assert isinstance(engine, Engine)
    assert (engine.classes, engine.mode, engine.none_threshold) == (CLASSES, "gray", 0.3)


def test_probabilities_sum_to_one(engine: Any) -> None:
    answers = engine.classify(parity_clips("gray", 3))

    assert answers.shape == (3, 5)
    assert answers.dtype == np.float32
    assert np.allclose(answers.sum(axis=1), 1.0, atol=1e-6)


def test_a_large_batch_answers_as_its_clips_do(engine: Any) -> None:
    clips = parity_clips("gray", CHUNK + 2)

    assert np.allclose(engine.classify(clips), np.concatenate([engine.classify(c[None]) for c in clips]), atol=1e-6)


def test_a_view_is_classified_like_its_copy(engine: Any) -> None:
    clips = parity_clips("gray", 2)

    assert np.array_equal(engine.classify(clips[:, :, ::-1]), engine.classify(clips[:, :, ::-1].copy()))


@pytest.mark.parametrize(
    "clips",
    [
        np.zeros((1, 13, 90, 90), np.float32),
        np.zeros((1, 12, 90, 90), np.uint8),
        np.zeros((13, 90, 90), np.uint8),
        np.zeros((1, 13, 90, 90, 3), np.uint8),
        np.zeros((0, 13, 90, 90), np.uint8),
        np.uint8(0),
    ],
)
def test_other_clips_are_refused(engine: Any, clips: Any) -> None:
    with pytest.raises(MerError, match=r"needs \(N, 13, 90, 90\), uint8"):
        engine.classify(clips)


def test_a_closed_engine_says_so(model: Any) -> None:
    engine = OnnxRuntimeEngine(model)
    engine.close()
    engine.close()

    with pytest.raises(MerError, match="closed"):
        engine.classify(parity_clips("gray", 1))


@pytest.mark.parametrize("change", [{"classes": ["a", "b"]}, {"mode": "rgb"}])
def test_a_manifest_of_another_model_is_refused(model: Any, tmp_path: Path, change: Any) -> None:
    manifest, content = load_pair(model)
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in change.items()}
    write_pair(tmp_path / "m.onnx", content, replace(manifest, **given))

    with pytest.raises(MerError, match="its manifest promises"):
        OnnxRuntimeEngine(tmp_path / "m.onnx")


def test_a_file_with_the_right_hash_that_is_no_model_is_refused(model: Any, tmp_path: Path) -> None:
    manifest, _ = load_pair(model)
    from engines.manifest import sha256

    write_pair(tmp_path / "m.onnx", b"junk", replace(manifest, sha256=sha256(b"junk")))

    with pytest.raises(MerError, match="ONNX Runtime cannot load"):
        OnnxRuntimeEngine(tmp_path / "m.onnx")


def test_a_plan_renamed_to_onnx_is_refused(model: Any, tmp_path: Path) -> None:
    manifest, content = load_pair(model)
    target = Target("10.0.0", "", (), "0" * 64, 1)
    write_pair(tmp_path / "m.onnx", content, replace(manifest, backend="tensorrt", target=target))

    with pytest.raises(MerError, match="is for tensorrt"):
        OnnxRuntimeEngine(tmp_path / "m.onnx")


def test_the_torch_engine_answers_the_same(tmp_path: Path, engine: Any) -> None:
    checkpoint = save_random(tmp_path / "best.safetensors")
    clips = parity_clips("gray", 2)

    with open_engine(checkpoint) as torch_engine:
        assert torch_engine.name.startswith("torch-")
        assert np.allclose(torch_engine.classify(clips), engine.classify(clips), atol=1e-4)


def test_the_temperature_is_inside_every_engine(tmp_path: Path) -> None:
    export_random(tmp_path / "m.onnx", temperature=3.0)
    save_random(tmp_path / "m.safetensors", temperature=3.0)
    clips = parity_clips("gray", 1)

    with open_engine(tmp_path / "m.onnx") as one, open_engine(tmp_path / "m.safetensors") as other:
        assert np.allclose(one.classify(clips), other.classify(clips), atol=1e-4)


def test_opening_an_engine_loads_neither_torch_nor_onnx(model: Any) -> None:
    script = (
        "import sys; from engines.select import open_engine; open_engine(sys.argv[1]).close(); "
        "print(*{'torch', 'onnx', 'tensorrt', 'tensorrt_rtx', 'cuda'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(model)], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_a_manifest_written_by_hand_in_another_order_is_read(model: Any, tmp_path: Path) -> None:
    manifest, content = load_pair(model)
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    manifest_path(path).write_text(json.dumps(dict(reversed(json.loads(to_json(manifest)).items()))))

    with OnnxRuntimeEngine(path) as engine:
        assert engine.manifest == manifest


def test_a_session_that_fails_ends_in_a_message(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with OnnxRuntimeEngine(model) as engine:

        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("the device was lost")

        monkeypatch.setattr(onnxruntime.InferenceSession, "run", broken)
        with pytest.raises(MerError, match=r"failed on a batch of 1 \(the device was lost\)"):
            engine.classify(parity_clips("gray", 1))


def test_the_library_counts_nobody(model: Any, tmp_path: Path) -> None:
    """ONNX Runtime from 1.29 on sends usage data and keeps an identifier in the user's cache unless told not to."""
    program = (
        "import sys; from pathlib import Path; from engines.runtime.onnx import *; OnnxRuntimeEngine(Path(sys.argv[1]))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    # CI counts nobody anyway, so that what marks one goes as well.
    environment = {name: value for name, value in environment.items() if name not in ("CI", "GITHUB_ACTIONS")}
    subprocess.run([sys.executable, "-c", program, str(model)], env=environment | home, cwd=ROOT, check=True)
    assert not list(tmp_path.iterdir())
