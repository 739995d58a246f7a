"""The border of every command: what goes wrong is one sentence and an exit code, never a traceback.

Errors of the user, limits of the system, an output that takes nothing more, Ctrl-C; and unexpected errors, which are
a sentence as well, with the name of a private file that holds what is needed to fix them.
"""

import contextlib
import errno
import functools
import os
import platform
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Final, ParamSpec, TextIO

from mer.errors import Defect, MerError
from mer.media.source_name import source_name
from mer.process import settle
from mer.text import printable

Options = ParamSpec("Options")

INTERRUPTED: Final = 130
_OUTPUT_GONE: Final = {errno.EIO, errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""What printing ends with when the terminal was closed or the disk behind a redirection is full."""
_ADVICE: Final = {
    errno.ENOSPC: "free some space, or choose another disk",
    getattr(errno, "EDQUOT", errno.ENOSPC): "free some space, or choose another disk",
    errno.EMFILE: "allow more open files, for example with: ulimit -n 256",
    errno.ENFILE: "end other programs, or let the system have more open files",
    errno.ENOMEM: "end other programs, or use fewer --jobs",
    errno.EAGAIN: "end other programs, or allow more processes (ulimit -u)",
    errno.EROFS: "choose a place that can be written",
    errno.EIO: "look at the disk or the connection to it",
    errno.ELOOP: "links lead in a circle; remove one of them",
    errno.ENAMETOOLONG: "use a shorter name",
}
"""What to do about errors of the system that nothing in this program could have avoided."""


def command(
    program: str, *, interrupted: str = "interrupted"
) -> Callable[[Callable[Options, int]], Callable[Options, int]]:
    """Return the decorator of a `main` that returns an exit code.

    Args:
        program: Its name, which every message begins with.
        interrupted: What to say after Ctrl-C.
    """

    def decorate(main: Callable[Options, int]) -> Callable[Options, int]:
        @functools.wraps(main)
        def guarded(*given: Options.args, **named: Options.kwargs) -> int:
            return run(program, lambda: main(*given, **named), interrupted=interrupted)

        return guarded

    return decorate


def run(program: str, work: Callable[[], int], *, interrupted: str = "interrupted") -> int:
    """Do the work of a command and turn everything that may go wrong into a line and an exit code.

    Args:
        program: See `command`.
        work: Returns an exit code.
        interrupted: See `command`.

    Returns:
        What `work` returned; 1 or 2 after an error of the user, 1 if nobody reads the output or it takes nothing more,
        130 after Ctrl-C, 70 after an unexpected error.

    Raises:
        SystemExit: Of argparse, which has said why.
    """
    settle()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an ASCII terminal, and file names that are not UTF-8
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _whole(work)
    except BrokenPipeError:  # `... | head`; nothing more can be said, not even at exit
        redirect_to_devnull(sys.stdout)
        return 1
    except KeyboardInterrupt:
        _say_last(f"{program}: {interrupted}")
        return INTERRUPTED
    except Exception as error:
        failure = _output_error(error) or as_error(error)
        print_error(program, failure)
        return failure.exit_code
    return code


def _whole(work: Callable[[], int]) -> int:
    """Do the work and write all it printed, so that an output that takes nothing more is noticed here."""
    try:
        code = work()
    except SystemExit:
        _flush()
        raise
    _flush()
    return code


def _flush() -> None:
    if sys.stdout is not None:  # closed by whoever started the command
        sys.stdout.flush()


def as_error(error: BaseException, *, about: str = "") -> MerError:
    """Return whatever was raised as an error that can be told in a sentence; a defect leaves a report.

    Args:
        error: What was raised.
        about: What was being worked on; the message begins with it unless it is one of ours.
    """
    if isinstance(error, MerError):
        return error
    start = f"{about}: " if about else ""
    if isinstance(error, MemoryError):
        return MerError(f"{start}there is not enough memory for it; end other programs, or use fewer --jobs")
    if isinstance(error, RuntimeError) and "Symlink loop" in str(error):  # pathlib before Python 3.13
        return MerError(f"{start}{error}; {_ADVICE[errno.ELOOP]}")
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _ADVICE):
        what = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
        advice = _ADVICE.get(error.errno or 0, "give another file or folder, or make this one usable")
        return MerError(f"{start}{what}{error.strerror or error}; {advice}")
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Defect(f"{start}unexpected error ({reason}); this is a defect, please report it{_report(error)}")


def print_error(program: str, error: MerError) -> None:
    """Say on one line of the error output what cannot be used."""
    _say_last(f"{program}: error: {source_name(str(error))}")


def print_line(stream: TextIO, text: str) -> None:
    """Print a line; a terminal that is gone, or a full disk behind it, is no reason to end a session.

    Raises:
        BrokenPipeError: If it is a pipe that nobody reads.
    """
    try:
        print(printable(text), file=stream, flush=True)
    except BrokenPipeError:
        raise
    except OSError:
        redirect_to_devnull(stream)


def redirect_to_devnull(stream: TextIO) -> None:
    """Send what is still to be written to a stream nowhere, or Python would try again and complain as it ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def without_secrets(text: str) -> str:
    """Return text without passwords and queries of addresses, and without the name of the home folder."""
    text = re.sub(r"(://[^\s?'\"]*)\?[^\s'\"]*", r"\1?...", source_name(text))
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    return text.replace(home, "~") if len(home) > 1 else text


def _say_last(text: str) -> None:
    """Print a line to the error output; if that is gone, nothing can be said."""
    try:
        print_line(sys.stderr, text)
    except OSError:
        redirect_to_devnull(sys.stderr)


def _output_error(error: Exception) -> MerError | None:
    """Return what to say if the standard output takes nothing more, or a file did: Python does not say which."""
    if not isinstance(error, OSError) or error.errno not in _OUTPUT_GONE or error.filename is not None:
        return None
    redirect_to_devnull(sys.stdout)
    reason = f"the output, or a file that was being written, takes no more ({error.strerror})"
    return MerError(f"{reason}; give it a place with free space, or a terminal that stays open")


def _report(error: BaseException) -> str:
    """Write what is needed to mend a defect to a private file and return how a sentence goes on about it."""
    lines = (
        "Report of a defect in mer-live. Addresses are without passwords; please look it through before you send it.",
        f"command: {shlex.join(sys.argv)}",
        f"python {platform.python_version()}, {platform.platform()}",
        *(f"{name} {number}" for name, number in _versions().items()),
        "",
        *traceback.format_exception(error),
    )
    content = without_secrets("\n".join(lines)).encode("utf-8", "backslashreplace")
    try:
        handle, path = tempfile.mkstemp(prefix="mer-live-defect-", suffix=".txt")  # readable by its owner only
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError:
        return ""
    return f" with the file {path}"


def _versions() -> dict[str, str]:
    """Return the versions of this program and of what it needs, as far as they are installed."""
    import importlib.metadata  # late: brings the email package, and only a defect needs it

    found = {}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        needed = importlib.metadata.requires("mer-live") or []
        for name in ("mer-live", *dict.fromkeys(re.split(r"[^\w.-]", line)[0] for line in needed)):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found[name] = importlib.metadata.version(name)
    return found
