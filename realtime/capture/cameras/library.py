"""Loading the libraries of laboratory cameras, which is done only for cameras that are named."""

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mer import missing


@contextmanager
def library(what: str) -> Iterator[None]:
    """Say what is missing where a library is imported, and let neither a warning nor Ctrl-C become an error meanwhile.

    Modules made by SWIG warn while they are loaded, and crash Python if the warning is raised as an error. They
    swallow the exception of a Ctrl-C or crash by it, so it takes effect once they are loaded.

    Args:
        what: What needs it; the message begins with it.

    Raises:
        MerError: If it is not installed or does not load.
        KeyboardInterrupt: If Ctrl-C was pressed meanwhile.
    """
    with missing.needed(what), _interrupted_afterwards(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Hold Ctrl-C back until the end of the block; only the main thread is told of it at all."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    held: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: held.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        before(signal.SIGINT, held[0])
