"""The shipped model is what its manifest and card say."""

from typing import Any

import numpy as np
import pytest

from engines.graph import build_graph, read_arrays
from engines.manifest import INPUT, load_pair
from engines.parity import deviation, parity_clips
from engines.runtime.onnx import new_session
from engines.select import SHIPPED_MODEL, open_engine
from mer.labels import CLASSES


@pytest.fixture(scope="module")
def manifest() -> Any:
    return load_pair(SHIPPED_MODEL)[0]


def test_it_answers_the_five_classes_in_their_order(manifest: Any) -> None:
    assert manifest.classes == CLASSES


def test_it_was_trained_on_synthetic_data_and_says_so(manifest: Any) -> None:
    assert manifest.training_data.startswith("synthetic data only")
    assert "Trained on synthetic micro-expressions only" in (SHIPPED_MODEL.parent / "README.md").read_text()


def test_its_error_was_measured(manifest: Any) -> None:
    assert manifest.deviation.reference == "torch float64"
    assert 0 < manifest.deviation.relative < 3e-2


def test_whole_numbers_answer_as_the_weights_in_the_file_do() -> None:
    manifest, content = load_pair(SHIPPED_MODEL)
    clips = parity_clips(manifest.mode)
    single = build_graph(
        read_arrays(content), model=manifest.model, mode=manifest.mode, precision="fp32", layout="gates"
    )
    whole, expected = (
        new_session(graph, source="test").run(None, {INPUT: clips})[0]
        for graph in (content, single.SerializeToString())
    )

    assert manifest.precision == "int8"
    assert deviation(whole, expected, reference="fp32").relative < 3e-2


def test_it_opens_and_answers_probabilities(manifest: Any) -> None:
    with open_engine("onnxruntime") as engine:
        answers = engine.classify(parity_clips(manifest.mode, 2))

    assert answers.shape == (2, 5)
    assert np.allclose(answers.sum(axis=1), 1.0, atol=1e-6)
