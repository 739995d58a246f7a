"""What a training step of each network costs in its several forms. Run: python tests/benchmarks/bench_training.py

The first form is the loop that a user of PyTorch would write: the network as it stands, single precision, Adam.
What a first epoch takes from recordings on is measured by bench_first_epoch.py.
"""

import argparse
import copy
import os
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as functional
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from mer.models import networks
from mer.training.forward import plan_forward

Logits = Callable[[Tensor], Tensor]
MODELS: Final = ("convlstm", "conv2d", "conv3d", "dtscnn", "htnet", "shallow-convlstm")
PLAIN: Final = "plain loop: eager float32"


@dataclass(frozen=True, slots=True)
class Form:
    """A way to do a step: the logits, the optimiser of the weights behind them, and how many clips at a time."""

    logits: Logits
    optimiser: torch.optim.Optimizer
    part: int


def autocast(network: Logits) -> Logits:
    """Return the network with its convolutions and products in bfloat16."""

    def logits(clips: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            answer = network(clips)
        return answer.float()

    return logits


def forms(network: nn.Module, batch: int, *, compile_whole: bool) -> dict[str, Form]:
    """Return the ways through a network by name, the plainest first; each has weights of its own."""

    def form(way: Callable[[nn.Module], Logits], part: int = batch, *, fused: bool = False) -> Form:
        own = copy.deepcopy(network)
        return Form(way(own), torch.optim.Adam(own.parameters(), fused=fused or None), part)

    found = {PLAIN: form(lambda own: own), "eager bfloat16": form(autocast)}
    if compile_whole:
        found["torch.compile float32"] = form(lambda own: torch.compile(own, dynamic=False))
        found["torch.compile bfloat16"] = form(lambda own: autocast(torch.compile(own, dynamic=False)))
    own = copy.deepcopy(network)
    plan = plan_forward(own, torch.device("cpu"))
    optimiser = torch.optim.Adam([p for p in own.parameters() if p.requires_grad], fused=True)
    found[f"mer-train: {plan.description}"] = Form(plan.logits, optimiser, plan.part)
    return found


def step(form: Form, clips: Tensor, truth: Tensor) -> float:
    """Do one update; return its seconds."""
    started = time.perf_counter()
    form.optimiser.zero_grad()
    for at in range(0, len(clips), form.part):
        part = slice(at, at + form.part)
        loss = functional.cross_entropy(form.logits(clips[part]), truth[part], reduction="sum")
        (loss / len(clips)).backward()  # type: ignore[no-untyped-call]
    form.optimiser.step()
    return time.perf_counter() - started


def measure(model: str, *, batch: int, rounds: int, compile_whole: bool) -> dict[str, list[float]]:
    """Return the seconds of steps by form, the forms in turns, so that other load on the machine meets all alike."""
    torch.manual_seed(0)
    ways = forms(networks.create(model, mode="flow", n_classes=5), batch, compile_whole=compile_whole)
    clips = torch.randint(100, 140, (batch, 13, 90, 90, 3), dtype=torch.uint8)
    truth = torch.randint(0, 5, (batch,))
    for form in ways.values():  # compile, allocate
        step(form, clips, truth)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, form in ways.items():
            seconds[name].append(step(form, clips, truth))
    return seconds


def main() -> None:
    """Print a table: median, fastest and slowest step, and the ratio of medians to the plain loop."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--compile-whole", action="store_true", help="torch.compile of the whole network too: minutes")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    title = f"Forward, backward, Adam; batch {given.batch}, {given.threads} threads, {given.rounds} rounds in turn"
    table = Table("model", "way", "median s", "fastest", "slowest", "times the plain loop", title=title)
    for model in given.models:
        found = measure(model, batch=given.batch, rounds=given.rounds, compile_whole=given.compile_whole)
        plain = statistics.median(found[PLAIN])
        for name, values in found.items():
            middle = statistics.median(values)
            seconds = (f"{value:.3f}" for value in (middle, min(values), max(values)))
            table.add_row(model if name == PLAIN else "", name, *seconds, f"{plain / middle:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
