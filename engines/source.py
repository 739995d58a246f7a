"""What a TensorRT engine is made from: a checkpoint, or an ONNX file with its manifest."""

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from engines.manifest import Manifest, load_pair, sha256
from engines.protocol import Arrays
from mer.errors import MerError
from mer.missing import needed
from mer.models.registry import EXPORTED, OURS
from mer.preprocess import check_mode


@dataclass(frozen=True, slots=True)
class Source:
    """A model, independent of the library that will run it.

    Attributes:
        arrays: What `engines.graph.build_graph` needs; empty for a network of a user's own.
        manifest: Everything known about the model; its `file` and `sha256` are those of the source.
        traced: The ONNX file of a user's own network, as torch's exporter wrote it; empty for one of ours.
    """

    arrays: Arrays
    manifest: Manifest
    traced: bytes = b""


def read_source(path: Path) -> Source:
    """Read a .safetensors checkpoint (needs torch) or an .onnx file with its manifest (does not).

    Raises:
        MerError: If it is neither, is damaged, or a library for reading it is missing.
    """
    if path.suffix not in (".onnx", ".safetensors"):
        raise MerError(f"cannot build from {path}: give a .safetensors checkpoint or an .onnx file with its manifest")
    with needed(f"reading {path}"):
        return _from_onnx(path) if path.suffix == ".onnx" else _from_checkpoint(path)


def read_ours(path: Path) -> Source:
    """Read one of our own models, of which every runtime and precision can be made.

    Raises:
        MerError: If it is a user's network, or cannot be read.
    """
    source = read_source(path)
    if source.traced:
        raise MerError(f"{path} holds model {source.manifest.model!r}; give one of {', '.join(EXPORTED)}")
    return source


def _from_onnx(path: Path) -> Source:
    from engines.graph import read_arrays  # onnx is not part of the core installation

    manifest, content = load_pair(path)
    return Source(read_arrays(content), manifest) if manifest.model in EXPORTED else Source({}, manifest, content)


def _from_checkpoint(path: Path) -> Source:
    from engines.folding import fold  # torch is not part of the core installation
    from mer import checkpoint
    from mer.models.networks import parameter_count

    model = checkpoint.read(path, "weights")[1].get("model")
    if model not in OURS:
        raise MerError(
            f"{path} holds model {model!r}, which is not one of ours; give the .onnx file that mer-train or "
            "`python -m engines.export --plugin FILE` wrote of it"
        )
    network, configuration = checkpoint.load(path)
    mode = check_mode(configuration.mode)
    manifest = Manifest(
        file=path.name,
        sha256=sha256(path.read_bytes()),
        backend="onnx",
        model=configuration.model,
        parameters=parameter_count(network),
        mode=mode,
        classes=configuration.classes,
        none_threshold=configuration.none_threshold,
        temperature=configuration.temperature,
        precision="fp32",
        opset=0,
        versions={"torch": importlib.metadata.version("torch")},
        training_data=configuration.training_data,
    )
    return Source(fold(network, model=configuration.model, mode=mode, temperature=configuration.temperature), manifest)
