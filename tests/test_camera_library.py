"""Ctrl-C while the library of a laboratory camera is being loaded."""

import os
import signal

import pytest

from realtime.capture.cameras.library import library


def test_ctrl_c_waits_until_the_library_is_loaded() -> None:
    loaded: list[bool] = []

    def load() -> None:
        with library("--camera basler:0"):
            os.kill(os.getpid(), signal.SIGINT)
            loaded.append(True)

    with pytest.raises(KeyboardInterrupt):
        load()
    assert loaded
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
