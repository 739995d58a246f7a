"""What a TensorRT engine is made from: a checkpoint or one of our ONNX files."""

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from engines.manifest import Manifest, load_pair, sha256
from engines.protocol import Arrays
from mer.errors import MerError
from mer.missing import needed
from mer.preprocess import check_mode


@dataclass(frozen=True, slots=True)
class Source:
    """A model, independent of the library that will run it.

    Attributes:
        arrays: What `engines.graph.build_graph` needs.
        manifest: Everything known about the model; its `file` and `sha256` are those of the source.
    """

    arrays: Arrays
    manifest: Manifest


def read_source(path: Path) -> Source:
    """Read a .safetensors checkpoint (needs torch) or an .onnx file with its manifest (does not).

    Raises:
        MerError: If it is neither, is damaged, or a library for reading it is missing.
    """
    if path.suffix not in (".onnx", ".safetensors"):
        raise MerError(f"cannot build from {path}: give a .safetensors checkpoint or an .onnx file with its manifest")
    with needed(f"reading {path}"):
        return _from_onnx(path) if path.suffix == ".onnx" else _from_checkpoint(path)


def _from_onnx(path: Path) -> Source:
    from engines.graph import read_arrays  # onnx is not part of the core installation

    manifest, content = load_pair(path)
    return Source(read_arrays(content), manifest)


def _from_checkpoint(path: Path) -> Source:
    from engines.folding import fold  # torch is not part of the core installation
    from mer import checkpoint
    from mer.models.networks import parameter_count

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
