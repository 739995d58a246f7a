"""Torch: the engine for development, straight from a checkpoint. Live and replay never load it by themselves."""

from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray

from engines.manifest import Manifest, check_clips, sha256
from engines.probabilities import checked_probabilities
from engines.protocol import DEFAULT_THREADS
from mer import checkpoint
from mer.errors import MerError
from mer.models.networks import parameter_count
from mer.preprocess import InputMode, check_mode


def version() -> str:
    """Return the version of PyTorch."""
    return str(torch.__version__)


class TorchEngine:
    """Runs a checkpoint eagerly, on the GPU where there is one. See `engines.protocol.Engine`.

    A checkpoint carries its own description, so there is no manifest beside it.

    Args:
        path: A .safetensors file written by mer-train.
        threads: Torch's threads, for the whole process.

    Raises:
        MerError: If it is not a checkpoint.
    """

    choice_reason = ""

    def __init__(self, path: Path, *, threads: int = DEFAULT_THREADS) -> None:
        network, configuration = checkpoint.load(path)
        torch.set_num_threads(threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.name = f"torch-{self._device.type}"
        self._network = network.to(self._device)
        self.manifest = Manifest(
            file=path.name,
            sha256=sha256(path.read_bytes()),
            backend="onnx",
            model=configuration.model,
            parameters=parameter_count(network),
            mode=check_mode(configuration.mode),
            classes=configuration.classes,
            none_threshold=configuration.none_threshold,
            temperature=configuration.temperature,
            precision="fp32",
            opset=0,
            versions={"torch": torch.__version__},
            training_data=configuration.training_data,
        )
        self.classify(np.zeros((1, *self.manifest.clip_shape), np.uint8))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.manifest.classes

    @property
    def mode(self) -> InputMode:
        """Encoding of the clips."""
        return self.manifest.mode

    @property
    def none_threshold(self) -> float:
        """Probability that the best class must reach."""
        return self.manifest.none_threshold

    def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, n_classes) float32 probabilities of encoded clips.

        Raises:
            MerError: If PyTorch fails or the outputs are not probabilities.
        """
        check_clips(clips, self.manifest)
        try:
            with torch.inference_mode():
                logits = self._network(torch.from_numpy(np.ascontiguousarray(clips)).to(self._device))
                shares: NDArray[np.float32] = torch.softmax(logits / self.manifest.temperature, dim=1).cpu().numpy()
        except RuntimeError as error:  # CUDA's are of this kind, too
            raise MerError(f"{self.name} failed on a batch of {len(clips)} ({error}); try another --engine") from error
        return checked_probabilities(
            shares, clips=len(clips), classes=len(self.classes), source=f"engine {self.manifest.file}"
        )

    def close(self) -> None:
        """Do nothing: the memory goes with the engine."""

    def __enter__(self) -> "TorchEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
