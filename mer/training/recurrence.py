"""The ConvLSTM's recurrence with a backward pass of its own: what makes training on a CPU bearable.

Automatic differentiation of the 13 steps keeps and moves far more than the chain rule needs. Here
everything between two convolutions is one pass over memory, tanh and sigmoid are a ratio of
polynomials, each thread works on a clip of its own, and the buffers are kept from step to step.
Arrays are channels-last, in the type of the convolutions (bfloat16 where the processor multiplies
it); cells and sums stay float32.

Reference: Shi et al., "Convolutional LSTM network", NeurIPS 2015, equation 3, without peepholes.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import torch
import torch.nn.functional as functional
from torch import Tensor

from mer.models.convlstm import STATE_CHANNELS, STATE_SIZE, ConvLstmLayer

_PIXELS: Final = STATE_SIZE * STATE_SIZE
_GATES: Final = 4 * STATE_CHANNELS
_COLUMN_STEP: Final = 16
"""Columns of the patch matrix are filled up to a multiple of this, the width of a vector register."""
_BEYOND: Final = 4.97
"""Where the approximation of tanh reaches 1; its error is below 1e-4 everywhere."""


def fast_tanh(x: Tensor) -> Tensor:
    """Return tanh of float32 to within 1e-4: Lambert's continued fraction, cut after the seventh term."""
    x = x.clamp(-_BEYOND, _BEYOND)
    v = x * x
    return x * (135135.0 + v * (17325.0 + v * (378.0 + v))) / (135135.0 + v * (62370.0 + v * (3150.0 + 28.0 * v)))


def fast_sigmoid(x: Tensor) -> Tensor:
    """Return the logistic function of float32 to within 5e-5."""
    return 0.5 + 0.5 * fast_tanh(0.5 * x)


def cell_forward(
    before: tuple[Tensor, Tensor], cell_before: Tensor, gates: tuple[Tensor, ...], cell: Tensor, state: Tensor
) -> None:
    """Do one step between the convolutions, M pixels at once.

    Args:
        before: (M, 128) from the input and from the state: input, forget, output gate, candidate.
        cell_before: (M, 32) float32 cell of the step before.
        gates: Four (M, 32), overwritten by the activated gates.
        cell: (M, 32) float32, overwritten by the cell.
        state: (M, 32), overwritten by the hidden state.
    """
    a, b, c, d = (before[0].float() + before[1].float()).tensor_split(4, dim=1)
    take, keep, show, candidate = fast_sigmoid(a), fast_sigmoid(b), fast_sigmoid(c), fast_tanh(d)
    new_cell = keep * cell_before + take * candidate
    for kept, new in zip(gates, (take, keep, show, candidate)):
        kept.copy_(new)
    cell.copy_(new_cell)
    state.copy_(show * fast_tanh(new_cell))


def cell_backward(
    gates: tuple[Tensor, ...],
    cells: tuple[Tensor, Tensor],
    d_states: tuple[Tensor, Tensor],
    d_cell: Tensor,
    d_before: tuple[Tensor, ...],
) -> None:
    """Apply the chain rule to `cell_forward`.

    Args:
        gates: Four (M, 32) activated gates.
        cells: (M, 32) float32, cell of the step before and of this one.
        d_states: (M, 32) gradient of the hidden state from the tokens and from the next step.
        d_cell: (M, 32) float32 gradient of the cell from the next step, overwritten by that for the step before.
        d_before: Four (M, 32), overwritten by the gradients of the gates before their activation.
    """
    take, keep, show, candidate = (gate.float() for gate in gates)
    shape = fast_tanh(cells[1])
    d_hidden = d_states[0].float() + d_states[1].float()
    d_now = d_cell + d_hidden * show * (1.0 - shape * shape)
    d_before[0].copy_(d_now * candidate * take * (1.0 - take))
    d_before[1].copy_(d_now * cells[0] * keep * (1.0 - keep))
    d_before[2].copy_(d_hidden * shape * show * (1.0 - show))
    d_before[3].copy_(d_now * take * (1.0 - candidate * candidate))
    d_cell.copy_(d_now * keep)


@dataclass(slots=True)
class Recurrence:
    """The two cell functions, compiled or not, the threads they run on and the memory they work in.

    Each thread takes a clip of its own: threads that share the work of one convolution wait for each
    other thousands of times a second, and for long when the processor has other work as well. The sums
    are the same for any number of threads. The memory belongs to one forward pass until its backward
    pass is done.

    Attributes:
        forward: `cell_forward` or its compiled form.
        backward: `cell_backward` or its compiled form.
        dtype: Type of the convolutions.
        threads: Clips worked on side by side.
        pool: Where they are worked on.
        buffers: Memory by name, grown when a larger batch comes.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    dtype: torch.dtype
    threads: int
    pool: ThreadPoolExecutor
    buffers: dict[str, Tensor] = field(default_factory=dict)

    def states(self, layer: ConvLstmLayer, frames: Tensor) -> Tensor:
        """Return the hidden states after each frame; they live in the kept memory.

        Args:
            layer: Whose weights are used and given gradients.
            frames: (N, T, C, 90, 90) float; gets no gradient.

        Returns:
            (T * N, 32, 88, 88) of `dtype`, channels-last.
        """
        conv = layer.input_conv
        weights = conv.weight, conv.bias, layer.state_conv.weight
        flat: Tensor = _Unrolled.apply(self, frames.detach(), *weights)  # type: ignore[no-untyped-call]
        return _channels_first(flat.flatten(0, 1))

    def buffer(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return memory of the given shape, the same again on every call: fresh pages cost more than the sums."""
        size = math.prod(shape)
        kept = self.buffers.get(name)
        if kept is None or kept.numel() < size or kept.dtype != dtype:
            kept = self.buffers[name] = torch.empty(size, dtype=dtype)
        return kept[:size].view(shape)

    def each_clip(self, work: Callable[[int, int], None], n: int) -> None:
        """Call `work(clip, slot)` for n clips; no two calls at a time share a slot.

        Raises:
            BaseException: What `work` raised first.
        """
        clips = iter(range(n))

        def take(slot: int) -> None:
            with torch.no_grad():
                for clip in clips:  # shared: whoever is free takes the next
                    work(clip, slot)

        for future in [self.pool.submit(take, slot) for slot in range(min(self.threads, n))]:
            future.result()


def recurrence(
    forward: Callable[..., None], backward: Callable[..., None], dtype: torch.dtype, *, threads: int
) -> Recurrence:
    """Return a `Recurrence` with threads that do not split up their work any further."""
    pool = ThreadPoolExecutor(threads, "convlstm", initializer=torch.set_num_threads, initargs=(1,))
    return Recurrence(forward, backward, dtype, threads, pool)


class _Unrolled(torch.autograd.Function):
    """All steps of all clips."""

    @staticmethod
    def forward(
        ctx: Any, run: Recurrence, frames: Tensor, input_weight: Tensor, input_bias: Tensor, state_weight: Tensor
    ) -> Tensor:
        n, steps = frames.shape[:2]
        dtype = run.dtype
        frames = frames.to(dtype)
        taps = input_weight[0].numel()
        width = -(-(taps + 1) // _COLUMN_STEP) * _COLUMN_STEP
        from_patches = torch.zeros(width, _GATES, dtype=dtype)
        from_patches[:taps] = input_weight.flatten(1).t()
        from_patches[taps] = input_bias
        state_kernel = state_weight.to(dtype).contiguous(memory_format=torch.channels_last)
        patches = run.buffer("patches", (n, steps, _PIXELS, width), dtype)
        gates = run.buffer("gates", (n, steps, 4, _PIXELS, STATE_CHANNELS), dtype)
        cells = run.buffer("cells", (n, steps + 1, _PIXELS, STATE_CHANNELS), torch.float32)
        states = run.buffer("states", (steps, n, STATE_SIZE, STATE_SIZE, STATE_CHANNELS), dtype)
        from_inputs = run.buffer("from_inputs", (run.threads, _PIXELS, _GATES), dtype)
        nothing = run.buffer("nothing", (_PIXELS, _GATES), dtype).zero_()

        def unroll(i: int, slot: int) -> None:
            _fill_patches(patches[i], frames[i])
            cells[i, 0].zero_()
            for t in range(steps):
                torch.mm(patches[i, t], from_patches, out=from_inputs[slot])
                from_state = nothing
                if t:
                    convolved = functional.conv2d(_channels_first(states[t - 1, i : i + 1]), state_kernel, padding=1)
                    from_state = _flat(convolved)
                run.forward(
                    (from_inputs[slot], from_state),
                    cells[i, t],
                    tuple(gates[i, t]),
                    cells[i, t + 1],
                    states[t, i].view(_PIXELS, STATE_CHANNELS),
                )

        run.each_clip(unroll, n)
        ctx.run, ctx.kept = run, (patches, state_kernel, gates, cells, states)
        ctx.input_shape = input_weight.shape
        return states.detach()

    @staticmethod
    def backward(ctx: Any, d_tokens: Tensor) -> tuple[None, None, Tensor, Tensor, Tensor]:
        run: Recurrence = ctx.run
        patches, state_kernel, gates, cells, states = ctx.kept
        n, steps, _, width = patches.shape
        dtype = run.dtype
        d_tokens = d_tokens.to(dtype).contiguous()
        d_patches = torch.zeros(n, width, _GATES)
        d_kernels = torch.zeros(n, *state_kernel.shape)
        d_befores = run.buffer("d_befores", (run.threads, _PIXELS, _GATES), dtype)
        d_cells = run.buffer("d_cells", (run.threads, _PIXELS, STATE_CHANNELS), torch.float32)
        nothing = run.buffer("nothing", (_PIXELS, STATE_CHANNELS), dtype).zero_()

        def unroll(i: int, slot: int) -> None:
            d_before, d_cell, d_later = d_befores[slot], d_cells[slot].zero_(), nothing
            d_gates = d_before.tensor_split(4, dim=1)
            convolved = _channels_first(d_before.view(1, STATE_SIZE, STATE_SIZE, _GATES))
            for t in reversed(range(steps)):
                run.backward(
                    tuple(gates[i, t]),
                    (cells[i, t], cells[i, t + 1]),
                    (d_tokens[t, i].view(_PIXELS, STATE_CHANNELS), d_later),
                    d_cell,
                    d_gates,
                )
                d_patches[i] += torch.mm(patches[i, t].t(), d_before)
                if t:
                    before = _channels_first(states[t - 1, i : i + 1])
                    d_state, d_kernel = _convolution_backward(convolved, before, state_kernel)
                    d_later = _flat(d_state)
                    d_kernels[i] += d_kernel

        run.each_clip(unroll, n)
        d_input, taps = d_patches.sum(0), ctx.input_shape[1:].numel()  # summed in order: the same every time
        return None, None, d_input[:taps].t().reshape(ctx.input_shape), d_input[taps], d_kernels.sum(0)


def _convolution_backward(d_output: Tensor, state: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of the state and of the 3 x 3 kernel of a same-padded convolution."""
    ones, wanted = [1, 1], [True, True, False]
    d_state, d_kernel, _ = torch.ops.aten.convolution_backward(
        d_output, state, kernel, None, ones, ones, ones, False, [0, 0], 1, wanted
    )
    return d_state, d_kernel


def _fill_patches(patches: Tensor, frames: Tensor) -> None:
    """Write the 3 x 3 neighbourhood of each pixel, a one for the bias and zeros.

    Args:
        patches: (T, 7744, K), overwritten.
        frames: (T, C, 90, 90).
    """
    steps, channels = frames.shape[:2]
    taps = 9 * channels
    windows = frames.unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 2, 3, 1, 4, 5)  # (T, 88, 88, C, 3, 3)
    patches[..., :taps] = windows.reshape(steps, _PIXELS, taps)
    patches[..., taps] = 1.0
    patches[..., taps + 1 :] = 0.0


def _channels_first(stored: Tensor) -> Tensor:
    return stored.permute(0, 3, 1, 2)


def _flat(convolved: Tensor) -> Tensor:
    return convolved.permute(0, 2, 3, 1).reshape(_PIXELS, -1)
