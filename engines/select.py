"""Opens the engine that was asked for, or the best that works here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engines.manifest import Manifest, read_manifest, sha256
from engines.protocol import DEFAULT_THREADS, Engine
from engines.runtime import cuda
from engines.runtime.registry import BUILT, NAMES, RUNTIMES, SUFFIXES, Runtime
from engines.trial import try_out
from mer.cache import cache_folder
from mer.errors import MerError

SHIPPED_MODEL: Final = Path(__file__).parent / "weights" / "convlstm.onnx"


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
            then ONNX Runtime); one of these by name; or the path of an engine's file, which is then opened or
            refused, never replaced.
        threads: Threads for the CPU.

    Raises:
        MerError: If what was asked for by name or path does not work here.
    """
    if choice == "auto":
        return _open_best(threads)
    if choice in NAMES:
        opened, reasons = _open_shipped((str(choice),), threads)
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
    if path.suffix not in SUFFIXES:
        raise MerError(
            f"engine {str(path)!r} is not known; give auto, {', '.join(NAMES)} or the path of a "
            f"{', '.join(SUFFIXES)} file"
        )
    runtime = _runtime_of(path)
    if runtime.suffix == ".onnx" and not _is_shipped(path):
        try_out(path)
    return runtime.open(path, threads=threads)


def _runtime_of(path: Path) -> Runtime:
    """Return what runs a file, by its name and manifest."""
    described = [runtime for runtime in RUNTIMES.values() if runtime.suffix == path.suffix and not runtime.backend]
    if described:
        return described[0]
    backend = read_manifest(path).backend
    return next(runtime for runtime in RUNTIMES.values() if runtime.backend == backend)


def _is_shipped(path: Path) -> bool:
    """Return whether a manifest promises the shipped weights; whether the file has them is checked on opening."""
    return read_manifest(path).sha256 == read_manifest(SHIPPED_MODEL).sha256


def _open_best(threads: int) -> Engine:
    opened, reasons = _open_shipped(BUILT, threads)
    if opened is not None:
        opened.choice_reason = f"{opened.name}: the fastest that works here"
        return opened
    engine = RUNTIMES["onnxruntime"].open(SHIPPED_MODEL, threads=threads)
    engine.choice_reason = f"{engine.name}: {'; '.join(reasons)}"
    return engine


def _open_shipped(names: Sequence[str], threads: int) -> tuple[Engine | None, list[str]]:
    """Return the first of some runtimes that runs the shipped weights here, or the reasons why none does."""
    if not set(names) <= set(BUILT):
        return RUNTIMES[names[0]].open(SHIPPED_MODEL, threads=threads), []
    return _open_plan(names, threads)


def _open_plan(names: Sequence[str], threads: int) -> tuple[Engine | None, list[str]]:
    """Return the first plan of the shipped weights that works, or the reasons why none does."""
    if missing := cuda.unavailable():
        return None, [missing]
    reasons: list[str] = []
    try:
        paths = sorted(plan_folder().glob("*.plan"))
    except MerError as error:
        return None, [str(error)]
    for name in names:
        for path in paths:
            try:
                manifest = read_manifest(path)
                if manifest.backend == RUNTIMES[name].backend:
                    _check_same_model(path, manifest)
                    return open_path(path, threads=threads), reasons
            except MerError as error:
                reasons.append(str(error))
    if not reasons:
        reasons.append(f"no {' or '.join(names)} plan in {plan_folder()}; build one with mer-build-trt")
    return None, list(dict.fromkeys(reasons))


def _check_same_model(path: Path, manifest: Manifest) -> None:
    shipped = read_manifest(SHIPPED_MODEL)
    if manifest.classes != shipped.classes or manifest.mode != shipped.mode:
        raise MerError(
            f"engine {path} predicts {', '.join(manifest.classes)} from {manifest.mode} input; the shipped model "
            f"predicts {', '.join(shipped.classes)} from {shipped.mode}; name it explicitly to use it"
        )
    if manifest.target is None or manifest.target.source_sha256 != sha256(SHIPPED_MODEL.read_bytes()):
        raise MerError(f"engine {path} was built from other weights than those shipped; build it again")
