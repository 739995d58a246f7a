"""`mer-build-trt`: from a checkpoint or an ONNX file to a TensorRT plan with its manifest."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from engines.manifest import manifest_path
from engines.runtime.registry import BUILT
from engines.select import SHIPPED_MODEL, plan_folder
from mer import option_help
from mer.cli import command
from mer.errors import MerError, UsageError
from mer.parser import Parser
from mer.terminal import open_console
from mer.text import printable

_ENDING: Final = "ending at the library's next step; the same signal again ends at once, and what was timed is lost"
_NOT_ENDING: Final = (
    "this TensorRT cannot be ended halfway (10 and newer can): it builds on to its end; the same signal again ends at "
    "once; what was timed so far is kept"
)


class Interrupted(Exception):
    """A build that was ended by a signal.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class BuildProgress:
    """Draws the phases of a build as nested bars. See `engines.tensorrt_api.BuildListener`.

    Args:
        progress: Where to draw.
    """

    def __init__(self, progress: Progress) -> None:
        self.monitor: Any = None
        self.cancelled_by = 0
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._depth: dict[str | None, int] = {None: -1}

    @property
    def stopping(self) -> bool:
        """Whether a signal asked for the end."""
        return bool(self.cancelled_by)

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """Add a bar below its parent's."""
        self._depth[phase] = self._depth.get(parent, 0) + 1
        self._tasks[phase] = self._progress.add_task("  " * self._depth[phase] + printable(phase), total=max(steps, 1))

    def step(self, phase: str, step: int) -> bool:
        """Move a bar on; end the build if it was interrupted."""
        if phase in self._tasks:
            self._progress.update(self._tasks[phase], completed=step + 1)
        return not self.cancelled_by

    def finish(self, phase: str) -> None:
        """Take a bar away."""
        if phase in self._tasks:
            self._progress.remove_task(self._tasks.pop(phase))


@command("mer-build-trt", interrupted="interrupted; nothing was written")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        return _build(_parser().parse_args(argv))
    except Interrupted as interrupted:
        print(
            "mer-build-trt: interrupted; no plan was written. Kernel times measured so far are kept for the next build",
            file=sys.stderr,
        )
        return 128 + interrupted.number


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="mer-build-trt",
        description="Build a TensorRT plan with its manifest from a checkpoint or an ONNX file.",
        examples=("mer-build-trt", "mer-build-trt runs/mmew/best.safetensors --out mmew.plan --max-batch 8"),
    )
    parser.add_argument(
        "model",
        type=Path,
        nargs="?",
        default=SHIPPED_MODEL,
        metavar="MODEL",
        help=".safetensors or .onnx file; of a network of your own its .onnx file (default: the shipped model)",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="PLAN",
        help=f"{option_help.OUT} (default: in the user's cache, where --engine auto finds it)",
    )
    parser.add_argument("--verbose", action="store_true", help="print the layers of the network and the plan's kernels")
    plan = parser.add_argument_group("plan")
    plan.add_argument(
        "--library",
        choices=("auto", *BUILT),
        default="auto",
        help="library that builds the plan; 'auto' takes the one that is installed",
    )
    plan.add_argument(
        "--precision",
        choices=("fp16", "fp32"),
        help=f"{option_help.PRECISION} (default: fp16; fp32 for a network of your own)",
    )
    plan.add_argument("--max-batch", type=int, default=1, metavar="N", help="maximum batch size, 1 to 1024")
    plan.add_argument(
        "--compute-capability",
        action="append",
        default=[],
        metavar="X.Y",
        help="with tensorrt-rtx: GPU generation to build for; may be repeated (default: all that it supports)",
    )
    building = parser.add_argument_group("building")
    building.add_argument("--level", type=int, choices=range(6), help="optimisation level (default: the library's)")
    building.add_argument(
        "--timing-cache",
        type=Path,
        metavar="FILE",
        help="file that keeps measured kernel times (default: in the user's cache)",
    )
    building.add_argument(
        "--workspace-mib",
        type=int,
        metavar="N",
        help="GPU memory for trying kernels, in MiB (default: the library's)",
    )
    return parser


def _build(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.max_batch <= 1024:
        raise UsageError(f"--max-batch {arguments.max_batch} given; expected 1 to 1024")
    if arguments.workspace_mib is not None and arguments.workspace_mib < 1:
        raise UsageError(f"--workspace-mib {arguments.workspace_mib} given; expected at least 1")
    if arguments.out is not None and arguments.out.suffix != ".plan":
        raise UsageError(f"--out {arguments.out} given; expected a name that ends in .plan")
    try:
        from engines import build
    except ModuleNotFoundError as error:
        raise MerError(
            f"building needs the Python module {error.name}; `pip install 'mer-live[trt]'` or 'mer-live[rtx]'"
        ) from error
    from engines.source import read_source

    api = build.choose_api(arguments.library)
    source = read_source(arguments.model)
    precision: Literal["fp16", "fp32"] = arguments.precision or ("fp32" if source.traced else "fp16")
    output = arguments.out or plan_folder() / f"{source.manifest.model}-{api.backend}-{precision}.plan"
    options = build.BuildOptions(
        precision=precision,
        max_batch=arguments.max_batch,
        level=arguments.level,
        workspace_bytes=None if arguments.workspace_mib is None else arguments.workspace_mib << 20,
        timing_cache=arguments.timing_cache or plan_folder().parent / f"timing-{api.backend}-{api.version}.cache",
        compute_capabilities=tuple(arguments.compute_capability),
    )
    console = open_console(stderr=True)
    console.print(f"building {arguments.model} with {api.backend} {api.version}, {precision}", highlight=False)
    started = time.perf_counter()
    with _progress(console) as listener:
        built = build.build_plan(source, output, api, options, listener)
    seconds = time.perf_counter() - started
    out = open_console()
    if arguments.verbose:
        table = Table("layer", "type", "output", "element", title="network")
        for row in built.layers:
            table.add_row(*row)
        out.print(table)
        kernels = Table("kernel", "type", "input", title="plan")
        for kernel in built.kernels:
            kernels.add_row(kernel.name, kernel.kind, "half" if kernel.half else "single")
        if built.kernels:
            out.print(kernels)
    measured = built.manifest.deviation
    parity = (
        f"relative error {measured.relative:.1e} against {measured.reference}"
        if measured
        else (f"predictions not compared: {built.parity_skipped_reason}")
    )
    for port in built.ports:
        print(printable(f"  {port.name}: {port.dtype} {port.shape}"))
    print(printable(f"{output}: {len(built.content) / 1e6:.1f} MB in {seconds:.1f} s; {parity}"))
    if built.unchecked_reason:
        print(printable(f"not known whether all kernels are in half precision: {built.unchecked_reason}"))
    print(printable(manifest_path(output)))
    return 0


@contextmanager
def _progress(console: Console) -> Iterator[BuildProgress]:
    """Draw bars where the library reports phases, a spinner with the elapsed time in any case; end on Ctrl-C, SIGTERM.

    An exception out of a callback would pass through the library's own code, so a signal only sets a mark.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        listener = BuildProgress(progress)
        progress.add_task("building", total=None)

        def cancel(number: int, _frame: FrameType | None) -> None:
            listener.cancelled_by = number
            signal.signal(number, signal.SIG_DFL)
            console.print(_ENDING if listener.monitor is not None else _NOT_ENDING, highlight=False)

        before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield listener
        except MerError:
            if listener.cancelled_by:
                raise Interrupted(listener.cancelled_by) from None
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
