"""Programs of ours that are forked from a process which has loaded the libraries, where most of their start would go.

What a user starts loads them by itself, so a test that runs programs this way starts each of them as users do, too.
"""

import importlib
import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

LIBRARIES = (
    "matplotlib.figure",
    "onnx.helper",
    "realtime.commands.live",
    "realtime.commands.replay",
    "sklearn.svm",
    "torch._dynamo",  # which the first optimizer loads
)


def run(
    entry: str,
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    *,
    on_line: Callable[[str, int], None] = lambda line, process: None,
    patience_s: float,
) -> tuple[int, str]:
    """Run a console script to its end.

    Args:
        entry: "module:function", as `pyproject.toml` names it.
        arguments: Those of the command line, without the program.
        folder: Where it runs.
        environment: Whole environment of the process.
        on_line: Called with each line of output and the number of the process.
        patience_s: Seconds to wait for its end after its last output.

    Returns:
        Its exit code, and what it wrote to either output.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_start, args=(entry, arguments, folder, environment, theirs))
    process.start()
    theirs.close()
    output = ""
    with os.fdopen(os.dup(ours.fileno()), encoding="utf-8", errors="replace") as lines:
        ours.close()
        for line in lines:
            output += line
            on_line(line, process.pid or 0)
    process.join(patience_s)
    if process.exitcode is None:
        process.kill()
        process.join()
    code = process.exitcode
    process.close()
    return (-1 if code is None else code), output


def _start(entry: str, arguments: Sequence[str], folder: Path, environment: dict[str, str], output: Connection) -> None:
    """Make a fork of the prepared process one that a shell has started, and run the program in it."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for fd in (1, 2):
        os.dup2(output.fileno(), fd)
    output.close()
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8", line_buffering=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    module, function = entry.split(":")
    sys.argv = [function, *arguments]
    sys.exit(getattr(importlib.import_module(module), function)())
