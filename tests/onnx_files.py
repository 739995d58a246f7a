"""ONNX files that answer what a test wants, or never, with the manifest of an honest engine beside them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.manifest import Manifest, sha256, write_pair
from mer.labels import CLASSES


def write_answering(path: Path, row: Sequence[float]) -> Path:
    """Write an engine that answers every clip with the same numbers."""
    answer = numpy_helper.from_array(np.array([row], np.float32), "answer")
    nodes = [
        *_one_number_a_clip(),
        helper.make_node("Mul", ["number", "nothing"], ["zero"]),
        helper.make_node("Add", ["zero", "answer"], ["probabilities"]),
    ]
    return _write(path, nodes, [answer, numpy_helper.from_array(np.array(0.0, np.float32), "nothing")])


def write_endless(path: Path) -> Path:
    """Write an engine whose graph holds a loop that never ends."""
    number = helper.make_tensor_value_info("before", TensorProto.FLOAT, None)
    turn, going = (helper.make_tensor_value_info(n, t, []) for n, t in (("i", TensorProto.INT64), ("c", 9)))
    outputs = [helper.make_tensor_value_info("on", 9, []), helper.make_tensor_value_info("after", 1, None)]
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["on"]), helper.make_node("Add", ["before", "one"], ["after"])],
        "body",
        [turn, going, number],
        outputs,
        [numpy_helper.from_array(np.array(1.0, np.float32), "one")],
    )
    nodes = [
        *_one_number_a_clip(),
        helper.make_node("Loop", ["", "true", "number"], ["end"], body=body),
        helper.make_node("Expand", ["end", "five"], ["wide"]),
        helper.make_node("Softmax", ["wide"], ["probabilities"], axis=-1),
    ]
    wide = numpy_helper.from_array(np.array([1, len(CLASSES)]), "five")
    return _write(path, nodes, [numpy_helper.from_array(np.array(True), "true"), wide])


def _one_number_a_clip() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", ["clips"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["number"]),
    ]


def _write(path: Path, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> Path:
    column = numpy_helper.from_array(np.array([-1, 1]), "column")
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("clips", TensorProto.UINT8, ["n", 13, 90, 90])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(CLASSES)])],
        [column, *constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = model.SerializeToString()
    manifest = Manifest(
        file=path.name,
        sha256=sha256(content),
        backend="onnx",
        model="conv3d",
        parameters=1,
        mode="gray",
        classes=CLASSES,
        none_threshold=0.3,
        temperature=1.0,
        precision="fp32",
        opset=17,
        training_data="nothing",
    )
    write_pair(path, content, manifest)
    return path
