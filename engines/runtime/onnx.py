"""ONNX Runtime on the CPU: the engine that every machine can run."""

from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.manifest import INPUT, OUTPUT, Manifest, check_clips, load_pair
from engines.onnx_runs import first_output
from engines.probabilities import checked_probabilities
from engines.protocol import DEFAULT_THREADS
from mer.errors import MerError
from mer.preprocess import InputMode
from mer.process import no_usage_data

with no_usage_data():
    import onnxruntime

CHUNK: Final = 4
"""Clips a run: larger batches do not fit the caches and take longer a clip (measured: README.md)."""


class OnnxRuntimeEngine:
    """Runs an exported ONNX file. See `engines.protocol.Engine`.

    Args:
        path: The .onnx file; its manifest lies beside it.
        threads: Threads that one run uses. They sleep between runs instead of spinning, so that
            capture and tracking keep their cores.

    Raises:
        MerError: If the file, its manifest or its hash does not fit, or ONNX Runtime refuses it.
    """

    name = "onnxruntime-cpu"
    choice_reason = ""

    def __init__(self, path: Path, *, threads: int = DEFAULT_THREADS) -> None:
        self.manifest, content = load_pair(path)
        if self.manifest.backend != "onnx":
            raise MerError(f"engine {path} is for {self.manifest.backend}, not an ONNX file")
        self._session: onnxruntime.InferenceSession | None = new_session(content, threads=threads, source=str(path))
        _check_interface(path, self._session, self.manifest)
        self.classify(np.zeros((1, *self.manifest.clip_shape), np.uint8))  # the first run allocates

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
            MerError: If the session is closed or fails, or its outputs are not probabilities.
        """
        check_clips(clips, self.manifest)
        if self._session is None:
            raise MerError(f"engine {self.name} is closed; open it again")
        source = f"engine {self.manifest.file}"
        chunks = [np.ascontiguousarray(clips[i : i + CHUNK]) for i in range(0, len(clips), CHUNK)]
        probabilities = np.concatenate([first_output(self._session, {INPUT: chunk}, source=source) for chunk in chunks])
        return checked_probabilities(probabilities, clips=len(clips), classes=len(self.classes), source=source)

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def __enter__(self) -> "OnnxRuntimeEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def new_session(content: bytes, *, threads: int = DEFAULT_THREADS, source: str) -> onnxruntime.InferenceSession:
    """Return a session on the CPU whose threads sleep when there is nothing to do.

    Args:
        content: The ONNX file.
        threads: Threads of one run.
        source: What to call the file in an error.

    Raises:
        MerError: If ONNX Runtime refuses it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors come as exceptions; warnings would tear the overlay
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        with no_usage_data():
            return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exception types share no base class of their own
        raise MerError(f"ONNX Runtime cannot load {source}: {error}; export it again") from error


def version() -> str:
    """Return the version of ONNX Runtime."""
    return str(onnxruntime.__version__)


def _check_interface(path: Path, session: onnxruntime.InferenceSession, manifest: Manifest) -> None:
    found = [(port.name, port.type, list(port.shape[1:])) for port in (*session.get_inputs(), *session.get_outputs())]
    expected = [
        (INPUT, "tensor(uint8)", list(manifest.clip_shape)),
        (OUTPUT, "tensor(float)", [len(manifest.classes)]),
    ]
    if found != expected:
        raise MerError(f"engine {path} has inputs and outputs {found}; its manifest promises {expected}")
