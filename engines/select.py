"""Opens the engine that was asked for, or the best that works here."""

from pathlib import Path
from typing import Final

from engines.manifest import Manifest, read_manifest, sha256
from engines.protocol import Engine
from engines.runtime.onnx import DEFAULT_THREADS, OnnxRuntimeEngine
from engines.trial import try_out
from mer.cache import cache_folder
from mer.errors import MerError

SHIPPED_MODEL: Final = Path(__file__).parent / "weights" / "convlstm.onnx"
BACKENDS: Final = ("tensorrt", "tensorrt-rtx", "onnxruntime")
"""Names that `open_engine` takes beside "auto" and paths, the most wanted first."""
ENGINE_SUFFIXES: Final = (".plan", ".onnx", ".safetensors")


def plan_folder() -> Path:
    """Return where `mer-build-trt` puts plans and "auto" looks for them, in the user's cache.

    Raises:
        MerError: If the user has no home folder.
    """
    return cache_folder() / "engines"


def open_engine(choice: str | Path = "auto", *, threads: int = DEFAULT_THREADS) -> Engine:
    """Open an engine, warmed up; its `choice_reason` says why it is this one.

    Args:
        choice: "auto" for the best that works with the shipped weights (TensorRT, then TensorRT-RTX,
            then ONNX Runtime); one of these three by name; or the path of a .plan, .onnx or
            .safetensors file, which is then opened or refused, never replaced.
        threads: Threads for the CPU.

    Raises:
        MerError: If what was asked for by name or path does not work here.
    """
    if choice == "auto":
        return _open_best(threads)
    if choice == "onnxruntime":
        engine = OnnxRuntimeEngine(SHIPPED_MODEL, threads=threads)
        engine.choice_reason = f"{engine.name}: asked for"
        return engine
    if choice in BACKENDS:
        opened, reasons = _open_plan((str(choice),))
        if opened is None:
            raise MerError(f"engine {choice!r} cannot be used: {'; '.join(reasons)}")
        opened.choice_reason = f"{opened.name}: asked for"
        return opened
    opened = open_path(Path(choice), threads=threads)
    opened.choice_reason = f"{opened.name}: {choice} was asked for"
    return opened


def open_path(path: Path, *, threads: int = DEFAULT_THREADS) -> Engine:
    """Open one engine file with the library that its name and manifest call for.

    Raises:
        MerError: If it does not exist, is of another kind or does not fit this machine.
    """
    if path.suffix not in ENGINE_SUFFIXES:
        raise MerError(
            f"engine {str(path)!r} is not known; give auto, {', '.join(BACKENDS)} or the path of a "
            f"{', '.join(ENGINE_SUFFIXES)} file"
        )
    if path.suffix == ".safetensors":
        from engines.runtime.torch import TorchEngine  # torch is for development, never for live

        return TorchEngine(path, threads=threads)
    manifest = read_manifest(path)
    if manifest.backend == "onnx":
        if manifest.sha256 != read_manifest(SHIPPED_MODEL).sha256:  # whether the file has it is checked on opening
            try_out(path)
        return OnnxRuntimeEngine(path, threads=threads)
    from engines.runtime.tensorrt import TensorRtEngine  # wants cuda-python

    return TensorRtEngine(path)


def _open_best(threads: int) -> Engine:
    opened, reasons = _open_plan(("tensorrt", "tensorrt-rtx"))
    if opened is not None:
        opened.choice_reason = f"{opened.name}: the fastest that works here"
        return opened
    engine = OnnxRuntimeEngine(SHIPPED_MODEL, threads=threads)
    engine.choice_reason = f"{engine.name}: {'; '.join(reasons)}"
    return engine


def _open_plan(backends: tuple[str, ...]) -> tuple[Engine | None, list[str]]:
    """Return the first plan of the shipped weights that works, or the reasons why none does."""
    from engines.runtime import cuda

    missing = cuda.unavailable()
    if missing:
        return None, [missing]
    reasons: list[str] = []
    try:
        paths = sorted(plan_folder().glob("*.plan"))
    except MerError as error:
        return None, [str(error)]
    for backend in backends:
        for path in paths:
            try:
                manifest = read_manifest(path)
                if manifest.backend == backend:
                    _check_same_model(path, manifest)
                    return open_path(path), reasons
            except MerError as error:
                reasons.append(str(error))
    if not reasons:
        reasons.append(f"no {' or '.join(backends)} plan in {plan_folder()}; build one with mer-build-trt")
    return None, list(dict.fromkeys(reasons))


def _check_same_model(path: Path, manifest: Manifest) -> None:
    shipped = read_manifest(SHIPPED_MODEL)
    if manifest.classes != shipped.classes or manifest.mode != shipped.mode:
        raise MerError(
            f"engine {path} answers {', '.join(manifest.classes)} from {manifest.mode} input; the shipped model "
            f"answers {', '.join(shipped.classes)} from {shipped.mode}; name it explicitly to use it"
        )
    if manifest.target is None or manifest.target.source_sha256 != sha256(SHIPPED_MODEL.read_bytes()):
        raise MerError(f"engine {path} was built from other weights than those shipped; build it again")
