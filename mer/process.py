"""What a process of ours asks of the libraries it has loaded. Commands and their workers do; importing never does."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

NO_USAGE_DATA: Final = {"ORT_DISABLE_TELEMETRY": "1"}
"""ONNX Runtime from 1.29 on sends usage data and keeps an identifier in the user's cache unless this is set before."""


def settle() -> None:
    """Keep OpenCV, if it is loaded, to one thread and silent.

    Its own threads take turns with those of the stages instead of adding to them: pictures are small, and waking a
    thread for a part of one costs more processor time than it saves (measured: a sixth of the whole pipeline).
    """
    cv2 = sys.modules.get("cv2")
    if cv2 is None:
        return
    cv2.setNumThreads(1)
    set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # the former up to OpenCV 4.10
    set_log_level(0)


@contextmanager
def no_usage_data() -> Iterator[None]:
    """Load or start ONNX Runtime in the body of a `with` statement, and it sends nothing; the environment stays."""
    added = {name: value for name, value in NO_USAGE_DATA.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
