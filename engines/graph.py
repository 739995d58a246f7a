"""Writes the three networks as ONNX graphs, node by node, from the arrays of `engines.folding`.

Written by hand because the recurrence decides the speed. Three layouts of its step:

"gates": one convolution a gate. ONNX Runtime fuses each with the addition and the activation that
    follow and never leaves its blocked memory format: fastest on a CPU.
"joint": one convolution and one sigmoid for all gates, by tanh(x) = 2 sigmoid(2 x) - 1 with the factor
    inside the candidate's weights; pooling and reduction once for all steps: fewest kernels on a GPU.
"bytes": that of `engines.quantised`, half the time of "gates" on a CPU.

Only the token that is classified asks. In half precision the head stays in single precision.
"""

from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.graph_writer import GraphWriter
from engines.manifest import INPUT, OUTPUT, Layout, Precision, clip_shape
from engines.protocol import Arrays
from engines.quantised import quantised_tokens
from mer.errors import MerError
from mer.preprocess import CHANNELS, InputMode
from mer.sampling import APEX, N_FRAMES

OPSET: Final = 17
"""The newest that TensorRT 8.6 reads."""
_IR_VERSION: Final = 8
LAYOUTS: Final[dict[Precision, Layout]] = {"fp32": "gates", "fp16-weights": "gates", "fp16": "joint", "int8": "bytes"}
"""The layout to run each in; fp16 arithmetic is for GPUs."""
_N_HEADS: Final = 4
_WIDTH: Final = 64
"""Of a query, a key and a value, all heads together."""
_BLOCK: Final = 30
_GRID: Final = 3
"""Side of conv3d's blocks in pixels, and how many lie side by side."""


def build_graph(
    arrays: Arrays, *, model: str, mode: InputMode, precision: Precision, layout: Layout
) -> onnx.ModelProto:
    """Return a checked ONNX model: uint8 `clips` (n, 13, 90, 90[, 3]) in, float32 `probabilities` (n, classes) out.

    Args:
        arrays: What `engines.folding.fold` returned.
        model: conv3d, conv2d or convlstm.
        mode: Input mode.
        precision: Of stored weights and arithmetic; the softmax and the head are always in single precision.
        layout: How convlstm's step is written; of no meaning to the others.
    """
    if not writable(model, mode, precision) or (precision == "int8") != (layout == "bytes"):
        raise MerError(
            f"{model} with input {mode!r} cannot be written in {precision}, layout {layout!r}; int8 is for convlstm "
            "with gray, rgb or flow and needs the layout 'bytes'"
        )
    half = TensorProto.FLOAT16
    single = TensorProto.FLOAT
    writer = GraphWriter(
        _joined(arrays, model) if layout == "joint" else arrays,
        compute=half if precision == "fp16" else single,
        stored=single if precision == "fp32" else half,
    )
    recurrence = {"gates": _gates, "joint": _joint, "bytes": _bytes}[layout]
    query, key_value = {"convlstm": recurrence, "conv2d": _conv2d, "conv3d": _conv3d}[model](writer, mode)
    _head(writer, query, key_value)
    shape: list[str | int | None] = ["n", *clip_shape(mode)]
    clips = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, shape)
    output = helper.make_tensor_value_info(OUTPUT, single, ["n", len(arrays["out_bias"])])
    graph = writer.finish([clips], [output], f"{model}_{mode}_{layout}_{precision}")
    proto: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION, producer_name="mer-live"
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def writable(model: str, mode: InputMode, precision: Precision) -> bool:
    """Say whether a model can be written in a precision; differences of two frames do not fit bytes."""
    return precision != "int8" or (model == "convlstm" and mode != "residual")


def read_arrays(content: bytes) -> Arrays:
    """Return the weights inside a file that `build_graph` wrote in layout "gates" or "bytes", in single precision.

    Raises:
        MerError: If it is not an ONNX file or one of another layout.
    """
    try:
        proto = onnx.load_model_from_string(content)
        arrays = {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}
    except Exception as error:  # protobuf's errors share no useful base class
        raise MerError(f"not an ONNX file: {error}; export it again") from error
    if not any(f"_{layout}_" in proto.graph.name for layout in ("gates", "bytes")):
        raise MerError("the ONNX file was written for GPUs or by another program; export it again with fp32 weights")
    return {k: v.astype(np.float32) for k, v in arrays.items() if np.issubdtype(v.dtype, np.floating)}


def _frames(w: GraphWriter, mode: InputMode) -> str:
    """Normalise; return (n, 13 C, 90, 90), the channels of a frame side by side."""
    clips = w.op("Cast", INPUT, to=TensorProto.FLOAT, name="clips_float")  # half cannot hold 128 + 1/127.5 steps
    onset = mode == "residual"
    shift = (
        w.op("Slice", clips, w.integers(0), w.integers(1), w.integers(1))
        if onset
        else w.weight("input_shift", TensorProto.FLOAT)
    )
    x = w.op("Mul", w.op("Sub", clips, shift), w.weight("input_scale", TensorProto.FLOAT), name="normalised")
    if CHANNELS[mode] > 1:
        x = w.op("Transpose", x, perm=[0, 1, 4, 2, 3])
        x = w.op("Reshape", x, w.integers(0, -1, 90, 90))
    return _to(w, x, w.compute)


def _to(w: GraphWriter, x: str, element: int) -> str:
    return x if w.compute == TensorProto.FLOAT else w.op("Cast", x, to=element)


def _gates(w: GraphWriter, mode: InputMode) -> tuple[str, str]:
    """The ConvLSTM with one convolution a gate; return query (n, 1, 64) and key beside value (n, 13, 128)."""
    frames = w.ops("Split", _frames(w, mode), outputs=N_FRAMES, axis=1, name="frame")
    input_weights = w.ops("Split", w.weight("input_weight"), outputs=4, axis=0, name="input_weight.gate")
    biases = w.ops("Split", w.weight("input_bias"), outputs=4, axis=0, name="input_bias.gate")
    state_weights = w.ops("Split", w.weight("state_weight"), outputs=4, axis=0, name="state_weight.gate")
    cell = state = ""
    tokens = []
    for t, frame in enumerate(frames):

        def gate(i: int, activation: str, frame: str = frame, state: str = state, t: int = t) -> str:
            total = w.op("Conv", frame, input_weights[i], biases[i])
            if state:
                total = w.op("Add", total, w.op("Conv", state, state_weights[i], pads=[1, 1, 1, 1]))
            return w.op(activation, total, name=f"step{t}.gate{i}")

        update = w.op("Mul", gate(0, "Sigmoid"), gate(3, "Tanh"))
        cell = w.op("Add", w.op("Mul", gate(1, "Sigmoid"), cell), update) if cell else update
        state = w.op("Mul", gate(2, "Sigmoid"), w.op("Tanh", cell), name=f"state{t}")
        pooled = w.op("MaxPool", state, kernel_shape=[2, 2], strides=[2, 2])
        reduced = w.op("Conv", pooled, w.weight("reduce_weight"), w.weight("reduce_bias"))
        tokens.append(w.op("Reshape", reduced, w.integers(0, 1, -1), name=f"token{t}"))
    return _project(w, w.op("Concat", *tokens, axis=1, name="tokens"), tokens[-1])


def _joined(arrays: Arrays, model: str) -> Arrays:
    """Return the arrays of the layout "joint": the candidate doubled, query, key and value side by side."""
    if model != "convlstm":
        return arrays
    doubled = dict(arrays)
    doubled["query_key_value_weight"] = np.concatenate([arrays["query_weight"], arrays["key_value_weight"]], axis=1)
    for name in ("input_weight", "input_bias", "state_weight"):
        doubled[name] = arrays[name].copy()
        doubled[name][len(doubled[name]) * 3 // 4 :] *= 2.0  # exact in every binary format
    return doubled


def _joint(w: GraphWriter, mode: InputMode) -> tuple[str, str]:
    """The ConvLSTM with one convolution a step; return as `_gates` does.

    What does not wait for the recurrence is done once for all steps, with time outside the batch (13 n, ...):
    then a step is a contiguous part in every memory format, and nothing has more than four dimensions.
    """
    channels = CHANNELS[mode]
    by_clip = w.op("Reshape", _frames(w, mode), w.integers(0, N_FRAMES, -1, 90, 90))
    by_time = w.op("Reshape", w.op("Transpose", by_clip, perm=[1, 0, 2, 3, 4]), w.integers(-1, channels, 90, 90))
    from_input = w.op("Conv", by_time, w.weight("input_weight"), w.weight("input_bias"), name="input_gates")
    cell = state = ""
    states = []
    for t, total in enumerate(w.ops("Split", from_input, outputs=N_FRAMES, axis=0, name="input_gates.step")):
        if state:
            recurrent = w.op("Conv", state, w.weight("state_weight"), pads=[1, 1, 1, 1], name=f"step{t}.conv")
            total = w.op("Add", recurrent, total)
        take, keep, show, half = w.ops("Split", w.op("Sigmoid", total), outputs=4, axis=1, name=f"step{t}.gate")
        candidate = w.op("Sub", w.op("Mul", half, w.number(2.0)), w.number(1.0))
        update = w.op("Mul", take, candidate)
        cell = w.op("Add", w.op("Mul", keep, cell), update, name=f"cell{t}") if cell else update
        state = w.op("Mul", show, w.op("Tanh", cell), name=f"state{t}")
        states.append(state)
    pooled = w.op("MaxPool", w.op("Concat", *states, axis=0), kernel_shape=[2, 2], strides=[2, 2])
    reduced = w.op("Conv", pooled, w.weight("reduce_weight"), w.weight("reduce_bias"))
    tokens = w.op("Reshape", reduced, w.integers(-1, 8 * 44 * 44), name="tokens")  # (13 n, 15488)
    # One product for all: the queries that nobody needs cost less than taking the last tokens out.
    together = w.op("MatMul", tokens, w.weight("query_key_value_weight"), name="query_key_value")
    by_clip = w.op("Transpose", w.op("Reshape", together, w.integers(N_FRAMES, -1, 3 * _WIDTH)), perm=[1, 0, 2])
    by_clip = _to(w, by_clip, TensorProto.FLOAT)
    query = w.op("Slice", by_clip, w.integers(N_FRAMES - 1, 0), w.integers(N_FRAMES, _WIDTH), w.integers(1, 2))
    return query, w.op("Slice", by_clip, w.integers(_WIDTH), w.integers(3 * _WIDTH), w.integers(2))


def _bytes(w: GraphWriter, mode: InputMode) -> tuple[str, str]:
    return _project_by_time(w, quantised_tokens(w, mode))


def _conv2d(w: GraphWriter, mode: InputMode) -> tuple[str, str]:
    frames = w.op("Reshape", _frames(w, mode), w.integers(-1, CHANNELS[mode], 90, 90))
    features = w.op("Conv", frames, w.weight("conv_weight"), w.weight("conv_bias"))
    pooled = w.op("MaxPool", features, kernel_shape=[2, 2], strides=[2, 2])
    tokens = w.op("Reshape", pooled, w.integers(-1, N_FRAMES, 8 * 44 * 44), name="tokens")
    apex = w.op("Slice", tokens, w.integers(APEX), w.integers(APEX + 1), w.integers(1), name="asking")
    return _project(w, tokens, apex)


def _conv3d(w: GraphWriter, mode: InputMode) -> tuple[str, str]:
    channels = CHANNELS[mode]
    grid = w.integers(-1, N_FRAMES * channels, _GRID, _BLOCK, _GRID, _BLOCK)
    blocks = w.op("Transpose", w.op("Reshape", _frames(w, mode), grid), perm=[0, 2, 4, 1, 3, 5])
    blocks = w.op("Reshape", blocks, w.integers(-1, N_FRAMES, channels, _BLOCK, _BLOCK))
    blocks = w.op("Transpose", blocks, perm=[0, 2, 1, 3, 4])  # (n 9, C, 13, 30, 30)
    features = w.op("Conv", blocks, w.weight("conv_weight"), w.weight("conv_bias"))
    pooled = w.op("MaxPool", features, kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    tokens = w.op("Reshape", pooled, w.integers(-1, _GRID * _GRID, 8 * 4 * 13 * 13), name="tokens")
    return _project(w, tokens, tokens)


def _project_by_time(w: GraphWriter, tokens: str) -> tuple[str, str]:
    """Return what `_project` does of tokens (13, n, 15488), of which the last asks."""
    last = w.op("Slice", tokens, w.integers(N_FRAMES - 1), w.integers(N_FRAMES), w.integers(0), name="asking")
    query, key_value = _project(w, tokens, last)
    return w.op("Transpose", query, perm=[1, 0, 2]), w.op("Transpose", key_value, perm=[1, 0, 2])


def _project(w: GraphWriter, tokens: str, asking: str) -> tuple[str, str]:
    """Return the queries of the asking tokens and key beside value of all, in single precision, without biases."""
    query = w.op("MatMul", asking, w.weight("query_weight"), name="query")
    key_value = w.op("MatMul", tokens, w.weight("key_value_weight"), name="key_value")
    return _to(w, query, TensorProto.FLOAT), _to(w, key_value, TensorProto.FLOAT)


def _head(w: GraphWriter, query: str, key_value: str) -> None:
    """Attention of Q queries (n, Q, 64) over (n, T, 128), their mean, the classifier, the softmax."""
    single = TensorProto.FLOAT

    def linear(x: str, name: str) -> str:
        return w.op("Add", w.op("MatMul", x, w.weight(f"{name}_weight", single)), w.weight(f"{name}_bias", single))

    query = w.op("Add", query, w.weight("query_bias", single))
    if w.has("key_value_bias"):
        key_value = w.op("Add", key_value, w.weight("key_value_bias", single))
    key, value = w.ops("Split", key_value, outputs=2, axis=2)
    q = _heads(w, query, [0, 2, 1, 3])
    shares = w.op("Softmax", w.op("MatMul", q, _heads(w, key, [0, 2, 3, 1])), axis=-1, name="shares")
    mixed = w.op("Transpose", w.op("MatMul", shares, _heads(w, value, [0, 2, 1, 3])), perm=[0, 2, 1, 3])
    mixed = w.op("Reshape", mixed, w.integers(0, 0, -1))  # (n, Q, 64)
    token = w.op("ReduceMean", mixed, axes=[1], keepdims=0)
    w.op("Softmax", linear(w.op("Relu", linear(token, "hidden")), "out"), axis=-1, name=OUTPUT)


def _heads(w: GraphWriter, x: str, perm: list[int]) -> str:
    split: Any = w.op("Reshape", x, w.integers(0, 0, _N_HEADS, -1))  # (n, T, 4, 16)
    return w.op("Transpose", split, perm=perm)
