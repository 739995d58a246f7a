"""The same run with several seeds, over the folds of the first."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mer.files import write_atomically
from mer.training.context import RunContext, folder_of
from mer.training.data import ClipData
from mer.training.run import Workers, run


def repeat(
    data: ClipData,
    context: RunContext,
    times: int,
    *,
    folds_file: Path | None,
    console: Console,
    workers: Workers | None,
) -> Path | None:
    """Run several times; what was finished before is not run again.

    Args:
        data: Clips of any classes.
        context: As of the first run; `out` is the folder above all.
        times: How many runs; their seeds are that of the settings and those after it. A single one has no folder below.
        folds_file: Folds of an earlier run to use; None for those of the first run.
        console: Where progress goes.
        workers: Who does the folds.

    Returns:
        The best.safetensors in `out`, of several runs a copy of the first one's; None if the system keeps no weights.
    """
    if times == 1:
        return run(data, context, folds_file=folds_file, console=console, workers=workers)
    first: Path | None = None
    for number in range(times):
        seed = context.settings.seed + number
        own = replace(context, settings=replace(context.settings, seed=seed), out=folder_of(context.out, seed))
        console.print(f"seed {seed}, {number + 1} of {times}", highlight=False)
        path = run(data, own, folds_file=folds_file, console=console, workers=workers)
        folds_file = folds_file or own.out / "folds.json"
        if number == 0 and path is not None:
            first = context.out / path.name
            write_atomically(first, path.read_bytes())
    return first
