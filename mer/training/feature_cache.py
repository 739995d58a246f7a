"""Features of clips on disk, so that what takes time is worked out once; bounded, safe with many processes.

Entries are named by the content of the clip and by what was made of it, so they never go stale and
folds, systems and runs can share a folder. They show how a face moves: the folder is that of the run, or
the one that `--cache` names, and no other.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LIMIT_BYTES: Final = 1 << 30
"""1 GiB: more than 3,000 clips of flow, or 24,000 of LBP-TOP."""
_KEPT_SHARE: Final = 0.9
_CHECK_EVERY: Final = 64
_ABANDONED_S: Final = 3600.0


class FeatureCache:
    """Arrays by content; those used least recently go first when there are too many.

    Args:
        folder: Made when the first entry is written.
        limit_bytes: Size that the folder is brought back under at the first of every 64 entries that are written.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._written = 0

    def get(
        self, make: Callable[[NDArray[np.uint8]], NDArray[Any]], key: str, images: NDArray[np.uint8]
    ) -> NDArray[Any]:
        """Return `make(images)`, from the cache if it is there.

        A cache that cannot be read or written is a slow one, not an error.

        Args:
            make: Works it out.
            key: What `make` does, with all its parameters and a version.
            images: A clip.
        """
        path = self._folder / f"{_name(key, images)}.npy"
        try:
            found: NDArray[Any] = np.load(path, allow_pickle=False)
            os.utime(path)
            return found
        except (OSError, ValueError, EOFError):  # not there, or damaged
            pass
        made = make(images)
        with contextlib.suppress(OSError):  # a full disk
            self._write(path, made)
        return made

    def _write(self, path: Path, array: NDArray[Any]) -> None:
        """Write under another name, then put it in place: other processes see whole entries only."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, array, allow_pickle=False)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        self._written += 1
        if self._written % _CHECK_EVERY == 1:
            self.trim()

    def trim(self) -> None:
        """Remove the entries used least recently, down to 90 % of the limit, if they are over it.

        What a process that was killed had begun to write goes too, after an hour.
        """
        for part in self._folder.glob(".*.part"):
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > _ABANDONED_S:
                    part.unlink()
        entries = []
        for path in self._folder.glob("*.npy"):
            with contextlib.suppress(OSError):  # another process was quicker
                about = path.stat()
                entries.append((about.st_mtime_ns, about.st_size, path))
        total = sum(size for _, size, _ in entries)
        if total <= self._limit_bytes:
            return
        for _, size, path in sorted(entries):
            path.unlink(missing_ok=True)
            total -= size
            if total <= _KEPT_SHARE * self._limit_bytes:
                return


def _name(key: str, images: NDArray[np.uint8]) -> str:
    digest = hashlib.blake2b(digest_size=20)
    digest.update(f"{key}\0{images.dtype.str}\0{images.shape}\0".encode())
    digest.update(np.ascontiguousarray(images).data)
    return f"{key}-{digest.hexdigest()}"
