"""The ConvLSTM in whole numbers of 8 bits, for processors: its convolutions in a third of their time.

Frames and states are bytes, weights seven bits with a scale for each output channel. Seven, because processors
without VNNI saturate the sum of two products of eight (ONNX Runtime, "Quantize ONNX models"): so all give the same
numbers. Only what enters a convolution and what leaves it is rounded; the rest is in single precision.

The ranges are those of the activations, so nothing has to be calibrated: a sigmoid is flat beyond GATE_RANGE, and a
state is a sigmoid times a hyperbolic tangent. The candidate has the finest steps: what rounding takes from it at rest
is the same in all pixels and frames, and adds up.

References:
    Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
    CVPR 2018.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.graph_writer import GraphWriter
from engines.manifest import INPUT
from engines.protocol import Arrays
from mer.preprocess import CHANNELS, InputMode
from mer.sampling import N_FRAMES

GATE_RANGE: Final = 6.4
CANDIDATE_RANGE: Final = 1.6
"""Where sums of the gates and of the candidate are cut off: within 0.002 and 0.08 of the ends of their activations."""
_ZERO: Final = 128
_STEPS: Final = 127
"""The byte that stands for zero, and the steps on either side of it."""
_STATE_STEP: Final = 1.0 / _STEPS
_WEIGHT_STEPS: Final = 63
_CANDIDATE: Final = 3
"""Its place among the gates."""
_FRAME_CHANNELS: Final = 8
"""Channels of the frame beside the 32 of the state. The frame's own are repeated with a share of their weights each,
which are larger than the state's: so both fit one scale. Multiples of four are fastest."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate's convolution in whole numbers.

    Attributes:
        weight: (32, channels of state and frame, 3, 3) int8.
        scale: (32,) float32, what a step of each output channel's weights is worth.
        bias: (32,) int32, in units of scale times a step of the state.
    """

    weight: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.int32]


def quantised_gates(arrays: Arrays, mode: InputMode) -> list[Gate]:
    """Return input, forget and output gate and the candidate of the network whose arrays are given."""
    channels = _repeated(mode)
    share = (arrays["input_scale"] / _STATE_STEP / np.bincount(channels))[channels]  # bytes as if they were states
    of_frame = arrays["input_weight"][:, channels] * share[:, None, None]
    weight = np.concatenate([arrays["state_weight"], of_frame], axis=1).astype(np.float64)
    scale = np.maximum(np.abs(weight).max(axis=(1, 2, 3)), np.finfo(np.float32).tiny) / _WEIGHT_STEPS
    whole = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
    # by the rounded weights, so that a frame at rest adds nothing: its rounding would be the same in all pixels
    at_rest = whole[:, -_FRAME_CHANNELS:].sum(axis=(2, 3)) @ (
        _ZERO - arrays["input_shift"][channels].astype(np.float64)
    )
    bias = arrays["input_bias"] / (scale * _STATE_STEP) + at_rest
    parts = (whole, scale.astype(np.float32), np.rint(bias).astype(np.int32))
    return [Gate(*gate) for gate in zip(*(np.split(part, 4) for part in parts))]


def quantised_tokens(w: GraphWriter, mode: InputMode) -> str:
    """Write everything up to the tokens (13, n, 15488), time outside the batch, and return their name."""
    w.keep("input_weight", "state_weight", "input_bias", "input_scale", "input_shift")  # for `read_arrays`
    step, zero = w.constant("state_step", np.float32(_STATE_STEP)), w.constant("zero", np.uint8(_ZERO))
    gates = quantised_gates(w.arrays, mode)
    cell = state = ""
    pooled = []
    for t, x in enumerate(w.ops("Split", _frames(w, mode), outputs=N_FRAMES, axis=0, name="frame")):
        if state:
            padded = w.op("Pad", state, w.integers(0, 0, 1, 1, 0, 0, 1, 1), zero)
            x = w.op("Concat", padded, x, axis=1)
        take, keep, show, candidate = (_activated(w, x, gates[i], i, step=t) for i in range(4))
        update = w.op("Mul", take, candidate)
        cell = w.op("Add", w.op("Mul", keep, cell), update) if cell else update
        state = w.op("QuantizeLinear", w.op("Mul", show, w.op("Tanh", cell)), step, zero, name=f"state{t}")
        pooled.append(w.op("MaxPool", state, kernel_shape=[2, 2], strides=[2, 2]))
    together = w.op("DequantizeLinear", w.op("Concat", *pooled, axis=0), step, zero)
    reduced = w.op("Conv", together, w.weight("reduce_weight"), w.weight("reduce_bias"))
    return w.op("Reshape", reduced, w.integers(N_FRAMES, -1, 8 * 44 * 44), name="tokens")


def _repeated(mode: InputMode) -> NDArray[np.int64]:
    return np.resize(np.arange(CHANNELS[mode]), _FRAME_CHANNELS)


def _frames(w: GraphWriter, mode: InputMode) -> str:
    """Return the frames as they come, uint8 (13 n, 8, 90, 90), time outside the batch."""
    clips = INPUT if CHANNELS[mode] > 1 else w.op("Unsqueeze", INPUT, w.integers(4))
    by_time = w.op("Transpose", clips, perm=[1, 0, 4, 2, 3])
    channels = w.op("Gather", by_time, w.integers(*_repeated(mode).tolist()), axis=2)
    return w.op("Reshape", channels, w.integers(-1, _FRAME_CHANNELS, 90, 90))


def _activated(w: GraphWriter, x: str, gate: Gate, number: int, *, step: int) -> str:
    """Convolve and activate one gate; in the first step, without a state, x is the frame alone."""
    activation, width = ("Tanh", CANDIDATE_RANGE) if number == _CANDIDATE else ("Sigmoid", GATE_RANGE)
    out_step = w.constant(f"{activation.lower()}_step", np.float32(width / _STEPS))
    weight = gate.weight if step else gate.weight[:, -_FRAME_CHANNELS:]
    total = w.op(
        "QLinearConv",
        *(x, "state_step", "zero"),
        w.constant(f"gate{number}_weight" if step else f"gate{number}_frame_weight", weight),
        w.constant(f"gate{number}_scale", gate.scale),
        w.constant("weight_zero", np.zeros(len(gate.scale), np.int8)),
        *(out_step, "zero"),
        w.constant(f"gate{number}_bias", gate.bias),
    )
    return w.op(activation, w.op("DequantizeLinear", total, out_step, "zero"), name=f"step{step}.gate{number}")
