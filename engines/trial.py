"""Opens an ONNX file of the user's in a process that can be ended, before this one opens it.

A graph is a program: it may hold an endless loop, ask for more memory than there is or take its process down, and
ONNX Runtime hears no Ctrl-C meanwhile. Run as `python -m engines.trial MODEL.onnx`.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from engines.onnx_runs import RUN_LIMIT_S
from engines.protocol import DEFAULT_THREADS
from engines.runtime.registry import RUNTIMES
from mer.errors import MerError

LIMIT_S: Final = 2.0 * RUN_LIMIT_S
"""Longest trial: starting Python, optimising the graph and one clip."""


def try_out(path: Path) -> None:
    """Open an engine and let it classify one clip in another process.

    Raises:
        MerError: If that does not work, takes longer than LIMIT_S, or the process dies.
    """
    command = [sys.executable, "-m", "engines.trial", str(path.absolute())]
    root = Path(__file__).parents[1]  # so that it finds this package, whichever folder is the current one
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False, cwd=root
        )
    except subprocess.TimeoutExpired as error:
        raise MerError(
            f"engine {path} was not opened within {LIMIT_S:g} s; its graph may hold an endless loop, export it again"
        ) from error
    message = done.stdout.decode(errors="replace").strip().replace(str(path.absolute()), str(path))
    if done.returncode and message:
        raise MerError(message)
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise MerError(f"engine {path} ended the process that opened it ({done.returncode}: {last}); export it again")


def main(argv: list[str]) -> int:
    """Open the engine named; what is wrong with it goes to the standard output."""
    try:
        RUNTIMES["onnxruntime"].open(Path(argv[0]), threads=DEFAULT_THREADS).close()
    except MerError as error:
        print(error)
        return MerError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
