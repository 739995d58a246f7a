"""Networks to be tried on data: checkpoints and ONNX files behind one face."""

import hashlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.files import from_json
from mer.missing import needed
from mer.onnx_runs import first_output
from mer.preprocess import InputMode, check_mode
from mer.probabilities import checked_probabilities

SHIPPED: Final = "shipped"
_SHIPPED_FILE: Final = Path("weights", "convlstm.onnx")
_PART: Final = 8


@dataclass(frozen=True, slots=True)
class Network:
    """A network ready to answer.

    Attributes:
        name: What it is called in tables.
        mode: Input mode.
        classes: In the order of the probabilities.
        none_threshold: Probability below which "none" would be answered.
        parameters: Numbers that training adjusted.
        trained_on: Name of the training data.
        probabilities: From encoded clips (N, 13, 90, 90[, 3]) uint8 to (N, C), calibrated.
        fingerprint: Of the training data, see `mer.training.data.ClipData.fingerprint`; empty if it is not known.
    """

    name: str
    mode: InputMode
    classes: tuple[str, ...]
    none_threshold: float
    parameters: int
    trained_on: str
    probabilities: Callable[[NDArray[np.uint8]], NDArray[np.float64]]
    fingerprint: str = ""


def open_network(weights: str) -> Network:
    """Open a network.

    Args:
        weights: "shipped", or the path of a .safetensors checkpoint or of an .onnx file whose JSON lies beside it.

    Raises:
        MerError: If it does not exist or cannot be used.
    """
    path = shipped_path() if weights == SHIPPED else Path(weights)
    if not path.is_file():
        raise MerError(f"{path} does not exist; give 'shipped', a .safetensors checkpoint or an .onnx file")
    if path.suffix == ".onnx":
        return _from_onnx(path)
    with needed(str(path)):
        return _from_checkpoint(path)


def shipped_path() -> Path:
    """Return where the shipped model lies; the package that holds it is looked up, not imported.

    Raises:
        MerError: If that package is not installed.
    """
    found = importlib.util.find_spec("engines")
    if found is None or not found.submodule_search_locations:
        raise MerError("the package with the shipped model is not installed; give a .safetensors or .onnx file")
    return Path(found.submodule_search_locations[0]) / _SHIPPED_FILE


def _from_checkpoint(path: Path) -> Network:
    import torch  # late: not part of the core installation

    from mer import checkpoint
    from mer.models.networks import parameter_count
    from mer.training.calibrate import softmax

    model, configuration = checkpoint.load(path)

    def probabilities(clips: NDArray[np.uint8]) -> NDArray[np.float64]:
        with torch.inference_mode():
            parts = [model(torch.from_numpy(clips[i : i + _PART])) for i in range(0, len(clips), _PART)]
        return softmax(torch.cat(parts).double().numpy(), temperature=configuration.temperature)

    return Network(
        f"{configuration.model} ({path.name})",
        check_mode(configuration.mode),
        configuration.classes,
        configuration.none_threshold,
        parameter_count(model),
        configuration.training_data,
        probabilities,
        str(configuration.training.get("fingerprint", "")),
    )


def _from_onnx(path: Path) -> Network:
    import onnxruntime

    manifest, content = _manifest(path), path.read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest.get("sha256"):
        raise MerError(f"{path} is not the file that {path.name}.json describes; export it again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(os.cpu_count() or 1, 4)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, which have no common name
        raise MerError(f"{path} cannot be used: {error}; export it again") from error
    source = session.get_inputs()[0].name

    def probabilities(clips: NDArray[np.uint8]) -> NDArray[np.float64]:
        chunks = [clips[i : i + _PART] for i in range(0, len(clips), _PART)]
        parts = [first_output(session, {source: chunk}, source=str(path)) for chunk in chunks]
        answers = np.concatenate(parts).astype(np.float64)
        return checked_probabilities(answers, clips=len(clips), classes=len(manifest["classes"]), source=str(path))

    try:
        return Network(
            f"{manifest['model']} ({path.name})",
            check_mode(str(manifest["mode"])),
            tuple(str(name) for name in manifest["classes"]),
            float(manifest["none_threshold"]),
            int(manifest["parameters"]),
            str(manifest["training_data"]),
            probabilities,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MerError(f"{path}.json is damaged ({error!r}); export the model again") from error


def _manifest(path: Path) -> Any:
    beside = path.with_name(path.name + ".json")
    try:
        manifest = from_json(beside.read_text(encoding="utf-8"))
    except OSError as error:
        raise MerError(f"{beside} cannot be read: {error.strerror}; an .onnx file needs its JSON beside it") from error
    except ValueError as error:
        raise MerError(f"{beside} is damaged: {error}; export the model again") from error
    if not isinstance(manifest, dict):
        raise MerError(f"{beside} is damaged: expected an object; export the model again")
    return manifest
