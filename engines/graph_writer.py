"""Collects the nodes and constants of an ONNX graph under construction."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engines.protocol import Arrays


class GraphWriter:
    """One method a kind of thing: operators, constants, weights by name.

    Args:
        arrays: The weights, which keep their names in the file; an attribute, too.
        compute: Element type of the arithmetic, TensorProto.FLOAT or FLOAT16.
        stored: Element type in which large weights lie in the file.
    """

    HALF_FROM = 1024
    """Weights with fewer numbers are stored in single precision: rounding them saves nothing."""

    def __init__(self, arrays: Arrays, *, compute: int, stored: int) -> None:
        self.compute = compute
        self.arrays = arrays
        self._stored = stored
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._cast: dict[tuple[str, int], str] = {}

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add an operator with one output and return the output's name."""
        return self.ops(kind, *inputs, outputs=1, name=name, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, name: str = "", **attributes: Any) -> list[str]:
        """Add an operator with several outputs and return their names."""
        name = name or f"{kind.lower()}_{len(self._nodes)}"
        names = [name] if outputs == 1 else [f"{name}.{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names

    def weight(self, name: str, to: int | None = None) -> str:
        """Return a weight in the element type of the arithmetic, or in `to`."""
        wanted = self.compute if to is None else to
        array = self.arrays[name]
        stored = self._stored_type(name)
        if wanted == TensorProto.FLOAT16:
            stored = wanted
        if (name, wanted) not in self._cast:
            if name not in self._constants:
                self._add(name, array.astype(np.float16 if stored == TensorProto.FLOAT16 else np.float32))
            same = stored == wanted
            self._cast[name, wanted] = name if same else self.op("Cast", name, name=f"{name}.cast", to=wanted)
        return self._cast[name, wanted]

    def keep(self, *names: str) -> None:
        """Store weights that no operator reads, for those who read the file."""
        for name in names:
            half = self._stored_type(name) == TensorProto.FLOAT16
            self.constant(name, self.arrays[name].astype(np.float16 if half else np.float32))

    def constant(self, name: str, array: Any) -> str:
        """Return a constant of the element type that it has; the first of a name stays."""
        return self._add(name, np.asarray(array))

    def has(self, name: str) -> bool:
        """Say whether there is such a weight."""
        return name in self.arrays

    def integers(self, *values: int) -> str:
        """Return an int64 constant, for shapes and axes."""
        return self._add("i_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: float) -> str:
        """Return a scalar constant in the element type of the arithmetic."""
        dtype = np.float16 if self.compute == TensorProto.FLOAT16 else np.float32
        return self._add(f"f_{value:g}", np.array(value, dtype))

    def finish(self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], name: str) -> Any:
        """Return the graph."""
        return helper.make_graph(self._nodes, name, inputs, outputs, list(self._constants.values()))

    def _stored_type(self, name: str) -> int:
        return self._stored if self.arrays[name].size >= self.HALF_FROM else TensorProto.FLOAT

    def _add(self, name: str, array: NDArray[Any]) -> str:
        self._constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name
