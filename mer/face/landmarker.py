"""Face meshes of pictures, found by mediapipe in a process of its own.

The library sends usage data to Google when it can, and a crash of it would take a session down. Its process
(`mer.face.landmark_process`) gets an environment in which all its connections end on this machine, and is started
again if it dies.
"""

import mmap
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from multiprocessing.connection import Pipe
from pathlib import Path
from types import TracebackType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face.landmark_process import ANSWER, FACES, READY, REQUEST, STILL
from mer.face.model_file import find_face_model

N_LANDMARKS: Final = 478
MAX_PIXELS: Final = 50_000_000
"""Larger pictures are averaged down first: mediapipe ends its process from 2^31 / 3 pixels on."""
MAX_DEATHS: Final = 3
"""How often mediapipe's process may die within `DEATHS_S` before that is an error."""
DEATHS_S: Final = 10.0
START_TIMEOUT_S: Final = 60.0
ANSWER_TIMEOUT_S: Final = 60.0
"""A process that takes longer for one picture counts as dead."""

_EMPTY: Final = (64, 64, 3)
_CLOSE_TIMEOUT_S: Final = 5.0
_NOWHERE: Final = "http://127.0.0.1:9"
"""As its proxy, this address keeps mediapipe from sending anything, and from looking up where to."""
_PROXIES: Final = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NO_LIBRARY: Final = ": cannot open shared object file"


class Landmarker:
    """Face meshes of pictures that follow one another in time.

    The process starts at once and in the background; `wait` until it can take pictures, or let `detect` do so. Not
    safe for use from two threads at once. Use as a context manager, or call `close`.

    Args:
        model: A face_landmarker.task, or None to look for one as `find_face_model` says.
        min_confidence: mediapipe's detection, presence and tracking confidence, 0 to 1.
        faces: Maximum number of faces that are looked for in a picture.

    Attributes:
        processor_s: Processor time that the process of mediapipe has used, seconds.

    Raises:
        MerError: If no genuine model file can be found.
    """

    def __init__(self, model: Path | None = None, *, min_confidence: float = 0.5, faces: int = FACES) -> None:
        self.processor_s = 0.0
        self._arguments = (str(find_face_model(model)), str(min_confidence), str(faces))
        self._pictures = _SharedPictures()
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS + 1)
        self._news: deque[str] = deque()
        self._last_ms = 0
        self._start_ms = 0
        self._process: _Process | None = _Process(*self._arguments, pictures_fd=self._pictures.fd)

    @property
    def pid(self) -> int:
        """Number of the process of mediapipe."""
        return self._open_process().pid

    def wait(self) -> None:
        """Wait until pictures can come.

        Raises:
            MerError: If mediapipe cannot be started on this machine.
        """
        self._open_process().wait()

    def detect(self, image_bgr: NDArray[np.uint8], time_s: float) -> list[NDArray[np.float32]]:
        """Return the (478, 3) meshes in pixels of all faces found, the largest face first.

        The third column is depth: away from the camera, at the scale of the picture, from some plane inside the head.

        If mediapipe dies meanwhile, the picture counts as one without a face, and `news` says so.

        Args:
            image_bgr: (H, W, 3) uint8; more than `MAX_PIXELS` are averaged down by a whole factor first.
            time_s: Capture time; mediapipe wants whole, increasing milliseconds and gets them.

        Raises:
            MerError: If mediapipe cannot be started, or dies again and again.
        """
        self._last_ms = max(self._last_ms + 1, self._start_ms + round(time_s * 1000))
        return self._meshes(image_bgr, self._last_ms)

    def detect_still(self, image_bgr: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Do the same with a picture that stands alone and leaves no trace in what comes after it."""
        return self._meshes(image_bgr, STILL)

    def forget(self) -> None:
        """Go on with another recording as if freshly started: an empty picture ends the tracks of all faces."""
        self._start_ms = self._last_ms + 1
        self._last_ms = self._start_ms
        self._meshes(np.zeros(_EMPTY, np.uint8), self._start_ms)

    def news(self) -> tuple[str, ...]:
        """Return what has happened to mediapipe's process since the last call, in plain words."""
        return tuple(self._news.popleft() for _ in range(len(self._news)))

    def close(self) -> None:
        """End the process and free the memory; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.close()
            self._pictures.close()

    def __enter__(self) -> "Landmarker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_process(self) -> "_Process":
        if self._process is None:
            raise RuntimeError("the landmarker is closed")
        return self._process

    def _meshes(self, image_bgr: NDArray[np.uint8], time_ms: int) -> list[NDArray[np.float32]]:
        process = self._open_process()
        process.wait()
        height, width = self._pictures.put(_averaged_down(image_bgr))
        try:
            answer = process.ask(REQUEST.pack(time_ms, height, width))
        except _Died as death:
            self._start_again(str(death))
            return []
        (self.processor_s,) = ANSWER.unpack_from(answer)
        shares = np.frombuffer(answer, np.float32, offset=ANSWER.size).reshape(-1, N_LANDMARKS, 3)
        height, width = image_bgr.shape[:2]
        scale, corner = np.array([width, height, width], np.float32), np.array([0.5, 0.5, 0.0], np.float32)
        return sorted((mesh * scale - corner for mesh in shares), key=_area, reverse=True)

    def _start_again(self, why: str) -> None:
        self._open_process().close()
        self._deaths.append(time.monotonic())
        if len(self._deaths) > MAX_DEATHS and self._deaths[-1] - self._deaths[0] < DEATHS_S:
            raise MerError(
                f"mediapipe, which finds the face, died {len(self._deaths)} times within {DEATHS_S:.0f} s (the last "
                f"time it {why}); free some memory, convert the recording with another program, or install another "
                "version of mediapipe"
            )
        self._news.append(f"the face landmarker {why} and was started again")
        self._process = _Process(*self._arguments, pictures_fd=self._pictures.fd)


class Borrowed:
    """A landmarker for one recording, which the next one finds as if freshly started; starting one takes a second."""

    def __init__(self, landmarker: Landmarker) -> None:
        self._landmarker = landmarker
        self.detect, self.detect_still, self.news = landmarker.detect, landmarker.detect_still, landmarker.news

    def close(self) -> None:
        """Give it back."""
        self._landmarker.forget()


def detect_once(image_bgr: NDArray[np.uint8], *, model: Path | None = None) -> NDArray[np.float32] | None:
    """Return the (478, 2) mesh in pixels of the largest face of one picture, or None without a face."""
    with Landmarker(model) as landmarker:
        faces = landmarker.detect(image_bgr, 0.0)
    return faces[0][:, :2] if faces else None


class _Died(Exception):
    """The process is gone; the message says how, as what follows "it"."""


class _Process:
    """One run of `mer.face.landmark_process`."""

    def __init__(self, *arguments: str, pictures_fd: int) -> None:
        self._channel, theirs = Pipe()
        self._ready = False
        fds = (theirs.fileno(), pictures_fd)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mer.face.landmark_process", *arguments, *map(str, fds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # mediapipe's chatter, which no logging option reaches
            env=_environment(),
            pass_fds=fds,
            start_new_session=True,  # Ctrl-C is meant for the session, which may still need landmarks
        )
        theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> None:
        if self._ready:
            return
        try:
            said = self._receive(START_TIMEOUT_S)
        except _Died as death:
            raise MerError(f"mediapipe, which finds the face, {death} as it started; {_ADVICE}") from None
        if said != READY:
            raise MerError(_sentence(said.decode(errors="replace")))
        self._ready = True

    def ask(self, request: bytes) -> bytes:
        try:
            self._channel.send_bytes(request)
        except OSError:
            raise self._death() from None
        return self._receive(ANSWER_TIMEOUT_S)

    def close(self) -> None:
        self._channel.close()
        try:
            self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self, timeout_s: float) -> bytes:
        try:
            if not self._channel.poll(timeout_s):
                self._process.kill()
                raise _Died(f"did not answer for {timeout_s:.0f} s")
            return self._channel.recv_bytes()
        except (EOFError, OSError):
            raise self._death() from None

    def _death(self) -> _Died:
        try:
            code = self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return _Died("closed its channel")
        return _Died(f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}")


class _SharedPictures:
    """Memory into which pictures are written for the other process; it grows with them."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("pictures") if hasattr(os, "memfd_create") else _unnamed_file()
        self._memory = np.zeros(0, np.uint8)

    def put(self, image_bgr: NDArray[np.uint8]) -> tuple[int, int]:
        """Write a picture as RGB and return its height and width."""
        height, width = image_bgr.shape[:2]
        size = height * width * 3
        if size > len(self._memory):
            os.ftruncate(self.fd, size)
            self._memory = np.frombuffer(mmap.mmap(self.fd, size), np.uint8)
        cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB, dst=self._memory[:size].reshape(height, width, 3))
        return height, width

    def close(self) -> None:
        os.close(self.fd)
        self._memory = np.zeros(0, np.uint8)


def _unnamed_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _environment() -> dict[str, str]:
    """Return the environment of mediapipe's process: ours, but with all connections led nowhere."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ours = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "PYTHONSAFEPATH": "1"}
    return kept | ours | dict.fromkeys(_PROXIES, _NOWHERE)


_ADVICE: Final = "`pip install --force-reinstall mediapipe`, and see mer-doctor"


def _sentence(said: str) -> str:
    """Return what to tell the user about a start that failed."""
    kind, _, text = said.partition(": ")
    if _NO_LIBRARY in text:
        library = text.partition(_NO_LIBRARY)[0]
        return (
            f"mediapipe, which finds the face, needs the system library {library}, which is missing; install it "
            "(Debian, Ubuntu: `apt install libegl1 libgles2`; Fedora: `dnf install libglvnd-egl libglvnd-gles`)"
        )
    if kind == "ModuleNotFoundError" and "mediapipe" in text:
        return "mediapipe, which finds the face, is not installed; `pip install mediapipe`"
    return f"mediapipe, which finds the face, cannot be started ({said}); {_ADVICE}"


def _averaged_down(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture, or the means of squares of it where it has more than `MAX_PIXELS`."""
    height, width = image_bgr.shape[:2]
    factor = int(np.ceil(np.sqrt(height * width / MAX_PIXELS)))
    if factor <= 1:
        return image_bgr
    size = (max(width // factor, 1), max(height // factor, 1))
    return cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _area(mesh: NDArray[np.float32]) -> float:
    return float(np.prod(np.ptp(mesh[:, :2], axis=0)))
