"""What the pipeline knows about a classifier, whichever library runs it."""

from types import TracebackType
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engines.manifest import Manifest
from mer.preprocess import InputMode

DEFAULT_THREADS: Final = 1
"""A clip costs as much processor time with two, and nobody waits for it: one leaves a core to capture and spotting."""
Arrays = dict[str, NDArray[np.float32]]
"""Weights by name, as `engines.graph` writes them and `engines.folding` makes them."""


@runtime_checkable
class Engine(Protocol):
    """A loaded, warmed-up model: encoded clips in, class probabilities out.

    One thread at a time: an engine may be made in one thread and used in another, but two threads
    must never call `classify` at once, because its buffers are made once and used again.

    Attributes:
        name: Library and device, "onnxruntime-cpu" for example.
        manifest: What the file beside the model says about it.
        choice_reason: One sentence on why this engine was chosen over the others.
    """

    name: str
    manifest: Manifest
    choice_reason: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""

    @property
    def mode(self) -> InputMode:
        """Which encoding of a clip the model was trained on: the second argument of `mer.preprocess.encode`."""

    @property
    def none_threshold(self) -> float:
        """Probability that the best class must reach; below it the prediction is "none"."""

    def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return class probabilities of encoded clips.

        Args:
            clips: (N, 13, 90, 90) or, for the modes rgb and flow, (N, 13, 90, 90, 3) uint8, N >= 1.

        Returns:
            (N, n_classes) float32, each row summing to 1; a new array that the caller owns.

        Raises:
            MerError: If the clips have another shape or type.
        """

    def close(self) -> None:
        """Give back what the engine holds; calling it twice is harmless."""

    def __enter__(self) -> "Engine": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
