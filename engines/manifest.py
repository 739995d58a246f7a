"""The JSON file beside each engine: what it is, what it expects, where it fits.

An engine file is never loaded without its manifest and a matching hash. Both are data: nothing in
them is run or looked up. The hash tells a damaged or exchanged file, not a malicious author.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face.geometry import CLIP_SIZE
from mer.files import from_json, read_at_most, write_atomically
from mer.labels import NONE_LABEL
from mer.preprocess import CHANNELS, InputMode, check_mode
from mer.sampling import N_FRAMES

SCHEMA: Final = 1
INPUT: Final = "clips"
OUTPUT: Final = "probabilities"
MAX_ENGINE_BYTES: Final = 2 << 30
"""ONNX files cannot be larger (protobuf), and the networks of this project have megabytes."""
MAX_MANIFEST_BYTES: Final = 1_000_000

Backend = Literal["onnx", "tensorrt", "tensorrt-rtx"]
Precision = Literal["fp32", "fp16", "fp16-weights", "int8"]
"""fp16-weights: stored in half, computed in single precision; int8: recurrence in whole numbers, the rest as that."""
Layout = Literal["gates", "joint", "bytes"]
"""How a graph is written; see `engines.graph`."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a TensorRT plan fits; a plan runs nowhere else.

    Attributes:
        tensorrt_version: Full version of the library that built it.
        gpu: Name of the GPU it was built on; empty for TensorRT-RTX, which compiles on the target.
        compute_capabilities: "9.0" for example; the GPU's, or those asked of TensorRT-RTX (empty: any it supports).
        source_sha256: Hash of the ONNX file or checkpoint it was made from.
        max_batch: Largest batch.
    """

    tensorrt_version: str
    gpu: str
    compute_capabilities: tuple[str, ...]
    source_sha256: str
    max_batch: int


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far an engine's probabilities are from a reference on the same clips.

    Attributes:
        reference: What it was compared with.
        clips: How many.
        relative: Largest difference of the centred log-probabilities over their largest magnitude.
        absolute: Largest difference of a probability.
    """

    reference: str
    clips: int
    relative: float
    absolute: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything live code needs to know about an engine.

    Attributes:
        file: Name of the engine file beside the manifest.
        sha256: Its hash.
        backend: Which library loads it.
        model: conv3d, conv2d or convlstm.
        parameters: Numbers that training adjusted (folding makes the file hold fewer).
        mode: Encoding of the input.
        classes: Names in the order of the output.
        none_threshold: Probability of the best class below which none is predicted.
        temperature: Already inside the graph: softmax(logits / temperature).
        precision: Of the weights and the arithmetic.
        opset: ONNX opset.
        training_data: What the weights were trained on.
        versions: Library name to version, of those that made the file.
        deviation: Measured error, or None where nothing could run the engine.
        target: For TensorRT plans.
        spotter_weight: Power to which the spotter's own probabilities count in those of an event, 0 for not at all.
    """

    file: str
    sha256: str
    backend: Backend
    model: str
    parameters: int
    mode: InputMode
    classes: tuple[str, ...]
    none_threshold: float
    temperature: float
    precision: Precision
    opset: int
    training_data: str
    versions: Mapping[str, str] = field(default_factory=dict)
    deviation: Deviation | None = None
    target: Target | None = None
    spotter_weight: float = 0.0

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """Shape of one encoded clip, without the batch."""
        return clip_shape(self.mode)


def clip_shape(mode: InputMode) -> tuple[int, ...]:
    """Return (13, 90, 90), with a trailing 3 for the modes of three channels."""
    channels = CHANNELS[mode]
    return (N_FRAMES, CLIP_SIZE, CLIP_SIZE) + ((channels,) if channels > 1 else ())


def check_clips(clips: NDArray[np.uint8], manifest: Manifest) -> None:
    """Refuse anything but a non-empty uint8 batch of the manifest's shape.

    Raises:
        MerError: If the clips do not fit.
    """
    if clips.dtype != np.uint8 or clips.ndim < 1 or clips.shape[1:] != manifest.clip_shape or len(clips) == 0:
        raise MerError(
            f"clips of shape {clips.shape}, {clips.dtype} given; engine {manifest.file} with input "
            f"{manifest.mode!r} needs (N, {', '.join(map(str, manifest.clip_shape))}), uint8, N >= 1"
        )


def manifest_path(engine: Path) -> Path:
    """Return where the manifest of an engine file lies: its name with .json appended.

    Appended, not exchanged, so that model.onnx and model.plan can share a folder.
    """
    return engine.with_name(engine.name + ".json")


def sha256(data: bytes) -> str:
    """Return the hash of an engine file's content."""
    return hashlib.sha256(data).hexdigest()


def to_json(manifest: Manifest) -> str:
    """Return the manifest as the JSON text that lies beside the engine."""
    content = asdict(manifest) | {
        "schema": SCHEMA,
        "input": {
            "name": INPUT,
            "dtype": "uint8",
            "shape": ["n", *manifest.clip_shape],
            "mode": manifest.mode,
            "frames": N_FRAMES,
            "size_px": CLIP_SIZE,
            "normalisation": "inside the graph",
        },
        "output": {"name": OUTPUT, "dtype": "float32", "shape": ["n", len(manifest.classes)]},
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def write_pair(engine: Path, content: bytes, manifest: Manifest) -> None:
    """Write engine and manifest, each complete or not at all, the manifest last.

    A crash between the two leaves an engine whose hash does not match, which is refused on load.

    Raises:
        MerError: If the folder cannot be written.
    """
    write_atomically(engine, content)
    write_atomically(manifest_path(engine), to_json(manifest).encode())


def read_manifest(engine: Path) -> Manifest:
    """Return the manifest beside an engine file.

    Raises:
        MerError: If the engine or its manifest does not exist, or the manifest is not one of ours.
    """
    path = manifest_path(engine)
    if not engine.is_file():
        raise MerError(f"engine {engine} does not exist; build one with mer-build-trt or export one from a checkpoint")
    if not path.is_file():
        raise MerError(
            f"engine {engine} has no manifest: expected {path.name} beside it; copy both files or build it again"
        )
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes")
        return _parse(from_json(path.read_bytes()))
    except (ValueError, TypeError, KeyError, RecursionError, OSError, MerError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MerError(f"manifest {path} cannot be used: {why}; build the engine again") from error


def load_pair(engine: Path) -> tuple[Manifest, bytes]:
    """Return manifest and content of an engine file; the bytes are those that were hashed.

    Raises:
        MerError: If either is missing, the manifest is not valid or the hash differs.
    """
    manifest = read_manifest(engine)
    try:
        content = read_at_most(engine, MAX_ENGINE_BYTES)
    except OSError as error:
        raise MerError(f"engine {engine} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise MerError(f"engine {engine} cannot be used: {error}; build it again") from error
    digest = sha256(content)
    if digest != manifest.sha256:
        raise MerError(
            f"engine {engine} ({len(content)} bytes) has sha256 {digest[:16]}..., its manifest says "
            f"{manifest.sha256[:16]}...; the file is truncated, damaged or another one. Build it again"
        )
    return manifest, content


def _parse(content: Any) -> Manifest:
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    if content.get("schema") != SCHEMA:
        raise ValueError(f"its schema is {content.get('schema')!r}, this version reads {SCHEMA}")
    classes = _strings(content, "classes")
    if len(classes) < 2 or len(set(classes)) != len(classes) or NONE_LABEL in classes:
        raise ValueError(f"its classes {list(classes)} are not two or more different names other than {NONE_LABEL!r}")
    mode = check_mode(_typed(content, "mode", str))
    manifest = Manifest(
        file=_typed(content, "file", str),
        sha256=_digest(content, "sha256"),
        backend=_choice(content, "backend", get_args(Backend)),
        model=_typed(content, "model", str),
        parameters=_typed(content, "parameters", int),
        mode=mode,
        classes=classes,
        none_threshold=_number(content, "none_threshold", 0.0, 1.0),
        temperature=_number(content, "temperature", 1e-3, 1e3),
        precision=_choice(content, "precision", get_args(Precision)),
        opset=_typed(content, "opset", int),
        versions={str(k): str(v) for k, v in _typed(content, "versions", dict).items()},
        training_data=_typed(content, "training_data", str),
        deviation=_deviation(content.get("deviation")),
        target=_target(content.get("target")),
        spotter_weight=_number(content, "spotter_weight", 0.0, 1.0) if "spotter_weight" in content else 0.0,
    )
    if (manifest.target is None) != (manifest.backend == "onnx"):
        raise ValueError(f"backend {manifest.backend!r} and its target do not go together")
    expected = from_json(to_json(manifest))
    for part in ("input", "output"):
        if content.get(part) != expected[part]:
            raise ValueError(f"its {part} {content.get(part)} is not {expected[part]}")
    return manifest


def _deviation(content: Any) -> Deviation | None:
    if content is None:
        return None
    if not isinstance(content, dict):
        raise ValueError(f"its deviation {content!r} is not an object")
    return Deviation(
        reference=_typed(content, "reference", str),
        clips=_typed(content, "clips", int),
        relative=_number(content, "relative", 0.0, float("inf")),
        absolute=_number(content, "absolute", 0.0, 1.0),
    )


def _target(content: Any) -> Target | None:
    if content is None:
        return None
    if not isinstance(content, dict):
        raise ValueError(f"its target {content!r} is not an object")
    max_batch = _typed(content, "max_batch", int)
    if not 1 <= max_batch <= 1024:
        raise ValueError(f"max_batch {max_batch} is not between 1 and 1024")
    return Target(
        tensorrt_version=_typed(content, "tensorrt_version", str),
        gpu=_typed(content, "gpu", str),
        compute_capabilities=_strings(content, "compute_capabilities"),
        source_sha256=_digest(content, "source_sha256"),
        max_batch=max_batch,
    )


def _typed(content: dict[str, Any], key: str, kind: type) -> Any:
    value = content[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"its {key} {value!r} is not of type {kind.__name__}")
    return value


def _choice(content: dict[str, Any], key: str, choices: tuple[Any, ...]) -> Any:
    if content[key] not in choices:
        raise ValueError(f"its {key} {content[key]!r} is not one of {', '.join(choices)}")
    return content[key]


def _digest(content: dict[str, Any], key: str) -> str:
    value: str = _typed(content, key, str)
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError(f"its {key} is not 64 hexadecimal digits")
    return value


def _number(content: dict[str, Any], key: str, low: float, high: float) -> float:
    value = content[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"its {key} {value!r} is not a number from {low} to {high}")
    return float(value)


def _strings(content: dict[str, Any], key: str) -> tuple[str, ...]:
    values = _typed(content, key, list)
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"its {key} are not all text")
    return tuple(values)
