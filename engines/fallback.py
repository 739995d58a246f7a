"""An engine that is replaced while the session runs when it fails, by the one that every machine can run."""

from collections.abc import Callable
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from engines.manifest import Manifest
from engines.protocol import Engine
from mer.errors import MerError
from mer.preprocess import InputMode


class FallbackEngine:
    """Classifies with one engine, and with a reserve from the first failure on. See `engines.protocol.Engine`.

    Args:
        engine: Owned, and closed with this one.
        reserve: Opens the engine to go on with; must have the same classes and input.
        on_failure: Called once, with a sentence that says what failed and what goes on.

    Attributes:
        name: Library and device of the engine in use.
        manifest: Its manifest.
        choice_reason: Why it was chosen.
    """

    def __init__(self, engine: Engine, *, reserve: Callable[[], Engine], on_failure: Callable[[str], None]) -> None:
        self._use(engine)
        self._reserve: Callable[[], Engine] | None = reserve
        self._on_failure = on_failure

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self._engine.classes

    @property
    def mode(self) -> InputMode:
        """Encoding of the clips."""
        return self._engine.mode

    @property
    def none_threshold(self) -> float:
        """Probability that the best class must reach."""
        return self._engine.none_threshold

    def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, n_classes) float32 probabilities, from the reserve if the engine fails.

        Raises:
            MerError: If the reserve cannot be used or fails as well.
        """
        try:
            return self._engine.classify(clips)
        except Exception as error:  # CUDA, TensorRT and ONNX Runtime share no type of error
            if self._reserve is None:
                raise MerError(f"engine {self.name} failed ({error}); give another one with --engine") from error
            self._replace(error)
        return self.classify(clips)

    def close(self) -> None:
        """Close the engine in use."""
        self._engine.close()

    def _use(self, engine: Engine) -> None:
        self._engine = engine
        self.name: str = engine.name
        self.manifest: Manifest = engine.manifest
        self.choice_reason: str = engine.choice_reason

    def _replace(self, error: Exception) -> None:
        failed, open_reserve = self._engine, self._reserve
        if open_reserve is None:
            raise RuntimeError("there is no second reserve")  # not reachable: `classify` looks first
        self._reserve = None
        reserve = open_reserve()
        if (reserve.classes, reserve.mode) != (failed.classes, failed.mode):
            reserve.close()
            raise MerError(
                f"engine {failed.name} failed ({error}), and {reserve.name} predicts other classes; "
                "give another one with --engine"
            ) from error
        self._use(reserve)
        failed.close()
        self._on_failure(f"engine {failed.name} failed ({error}); going on with {reserve.name}")

    def __enter__(self) -> "FallbackEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
