"""The quickest way through a network during training, with the same weights and the same outputs."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mer.models.convlstm import ConvLstm, ConvLstmLayer
from mer.training.recurrence import Recurrence, cell_backward, cell_forward, recurrence


@dataclass(frozen=True, slots=True)
class FastForward:
    """How to get logits while training.

    Attributes:
        logits: From encoded clips (N, 13, 90, 90[, 3]) to (N, n_classes) float32 with gradients. One
            backward pass must follow before the next call.
        part: Clips at a time that suit the processor's memory; larger batches are added up.
        description: What runs, for the log.
    """

    logits: Callable[[Tensor], Tensor]
    part: int
    description: str


def plan_forward(model: nn.Module, device: torch.device) -> FastForward:
    """Choose how to run a network in training on this machine.

    Args:
        model: A network from `mer.models.networks.create`, on `device`.
        device: Where it lies.
    """
    if device.type == "cuda":
        return _on_gpu(model, device)
    dtype = torch.bfloat16 if multiplies_bfloat16() else torch.float32
    if not isinstance(model, ConvLstm):
        part = getattr(model, "clips_at_once", 32)
        if dtype == torch.bfloat16 and getattr(model, "quicker_in_bfloat16", False):
            return FastForward(partial(_in_bfloat16, model), part, "bfloat16")
        return FastForward(model, part, "plain float32")  # conv2d, conv3d: milliseconds a clip, nothing to gain
    run, how = _compiled(dtype)

    def logits(clips: Tensor) -> Tensor:
        states = run.states(model.lstm, model.normalise(clips))
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            tokens = torch.unflatten(model.token(states), 0, (-1, len(clips))).transpose(0, 1)
            answer: Tensor = model.head(tokens)
        return answer.float()

    return FastForward(logits, 8, f"own backward pass, {str(dtype).removeprefix('torch.')}, {how}")


def _in_bfloat16(model: nn.Module, clips: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        answer: Tensor = model(clips)
    return answer.float()


def multiplies_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 natively (AVX-512 BF16 or AMX)."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, probe, bool)()) for probe in probes)


def _compiled(dtype: torch.dtype) -> tuple[Recurrence, str]:
    """Compile the passes between the convolutions; without a C++ compiler they run as they stand."""
    threads = torch.get_num_threads()
    # A wrapper in C++ lets go of the interpreter while it computes, so that the threads do not wait for each other.
    options: dict[str, Any] = {"cpp.threads": 1, "cpp_wrapper": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's own
            forward = torch.compile(cell_forward, dynamic=False, options=options)
            backward = torch.compile(cell_backward, dynamic=False, options=options)
            fast = recurrence(forward, backward, dtype, threads=threads)
            _warm_up(fast)
    except Exception as error:  # whatever the tool chain raises, training goes on
        plain = recurrence(cell_forward, cell_backward, dtype, threads=threads)
        return plain, _not_compiled(error)
    return fast, "compiled"


def _warm_up(run: Recurrence) -> None:
    """Run two steps of one clip, both ways: the first call compiles."""
    run.states(ConvLstmLayer(1), torch.zeros(1, 2, 1, 90, 90)).float().sum().backward()  # type: ignore[no-untyped-call]
    run.buffers.clear()


def _on_gpu(model: nn.Module, device: torch.device) -> FastForward:
    run, how = torch.compile(model), "torch.compile"
    try:  # without a compiler or Triton it would fail at the first step
        torch.compile(_any_work)(torch.ones(2, device=device))
    except Exception as error:  # whatever the tool chain raises, training goes on
        run, how = model, _not_compiled(error)

    def logits(clips: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            answer: Tensor = run(clips)
        return answer.float()

    return FastForward(logits, 32, f"{how}, bfloat16, on the GPU")


def _any_work(numbers: Tensor) -> Tensor:
    return numbers.sin() + 1.0


def _not_compiled(error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
    return f"not compiled, which is slower (torch.compile failed: {reason})"
