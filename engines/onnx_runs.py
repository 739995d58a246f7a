"""One run of ONNX Runtime that comes to an end, whatever the graph holds."""

import threading
from collections.abc import Mapping
from typing import Any, Final

from numpy.typing import NDArray

from mer.errors import MerError

RUN_LIMIT_S: Final = 30.0
"""Longest run, a hundred times what the slowest of our networks takes: a graph may hold a loop without an end."""


def first_output(session: Any, inputs: Mapping[str, NDArray[Any]], *, source: str) -> NDArray[Any]:
    """Return the first output of a graph, or end its run after RUN_LIMIT_S.

    Args:
        session: An onnxruntime.InferenceSession.
        inputs: Arrays by the names of the inputs.
        source: What to call the graph in an error.

    Raises:
        MerError: If ONNX Runtime fails or does not end in time.
    """
    import onnxruntime  # late: whoever evaluates something else does not load it

    options = onnxruntime.RunOptions()
    late = threading.Event()

    def end() -> None:
        late.set()
        options.terminate = True

    watch = threading.Timer(RUN_LIMIT_S, end)
    watch.daemon = True
    watch.start()
    try:
        output: NDArray[Any] = session.run(None, dict(inputs), options)[0]
    except Exception as error:  # its exception types share no base class of their own
        if late.is_set():
            why = f"did not return within {RUN_LIMIT_S:g} s; its graph may hold an endless loop, export it again"
        else:
            why = f"failed on a batch of {len(next(iter(inputs.values())))} ({error}); try another --engine"
        raise MerError(f"{source} {why}") from error
    finally:
        watch.cancel()
    return output
