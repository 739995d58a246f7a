"""What a training step of the ConvLSTM costs in its several forms. Run: python tests/benchmarks/bench_training.py"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as functional
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from mer.models import networks
from mer.training.forward import plan_forward

Logits = Callable[[Tensor], Tensor]


def autocast(network: Logits) -> Logits:
    """Return the network with its convolutions and products in bfloat16."""

    def logits(clips: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            answer = network(clips)
        return answer.float()

    return logits


def forms(network: nn.Module, *, compile_whole: bool) -> dict[str, Logits]:
    """Return the ways through the network by name, the plainest first."""
    plan = plan_forward(network, torch.device("cpu"))
    found: dict[str, Logits] = {"eager float32": network, "eager bfloat16": autocast(network)}
    if compile_whole:
        found["torch.compile float32"] = torch.compile(network, dynamic=False)
        found["torch.compile bfloat16"] = autocast(torch.compile(network, dynamic=False))
    return {**found, f"mer-train: {plan.description}": plan.logits}


def step(logits: Logits, optimiser: torch.optim.Optimizer, clips: Tensor, truth: Tensor) -> float:
    """Do one update; return its seconds."""
    started = time.perf_counter()
    optimiser.zero_grad()
    functional.cross_entropy(logits(clips), truth).backward()
    optimiser.step()
    return time.perf_counter() - started


def main() -> None:
    """Print a table: median, fastest and slowest step, and the ratio of medians to eager float32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--compile-whole", action="store_true", help="torch.compile of the whole network too: minutes")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    network = networks.create("convlstm", mode="residual", n_classes=5)
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    clips = torch.randint(100, 140, (given.batch, 13, 90, 90), dtype=torch.uint8)
    truth = torch.randint(0, 5, (given.batch,))
    ways = forms(network, compile_whole=given.compile_whole)
    for logits in ways.values():  # compile, allocate
        step(logits, optimiser, clips, truth)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):  # in turn, so that other load on the machine meets all alike
        for name, logits in ways.items():
            seconds[name].append(step(logits, optimiser, clips, truth))
    plain = statistics.median(seconds["eager float32"])
    title = f"Forward, backward, Adam; batch {given.batch}, {given.threads} threads, {given.rounds} rounds in turn"
    table = Table("way", "median s", "fastest", "slowest", "times eager float32", title=title)
    for name, values in seconds.items():
        middle = statistics.median(values)
        table.add_row(name, *(f"{v:.2f}" for v in (middle, min(values), max(values))), f"{plain / middle:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
