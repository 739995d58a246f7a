"""Loading the libraries of laboratory cameras, which is done only for cameras that are named."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from mer import missing


@contextmanager
def library(what: str) -> Iterator[None]:
    """Say what is missing where a library is imported, and let no warning become an error meanwhile.

    Modules made by SWIG warn while they are loaded, and crash Python if the warning is raised as an error.

    Args:
        what: What needs it; the message begins with it.

    Raises:
        MerError: If it is not installed or does not load.
    """
    with missing.needed(what), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
