"""Spoilt files for the commands that read them, and a process that takes what they do to a program. Seeded."""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from recordings import pictures

ROOT: Final = Path(__file__).parent.parent
DEFECTS: Final = (
    "the process that replayed it died",
    "unexpected error",
    "Traceback",
)
"""What mer-replay says when a recording took its process down or met a defect."""
_FONTS: Final = Path(tempfile.gettempdir(), "mer-live-fuzz-fonts")
"""For matplotlib, which mediapipe imports, and which keeps a list of fonts in the home folder otherwise."""
_WORKER: Final = """
import contextlib, importlib, io, json, sys, traceback
answers = sys.stdout
for line in sys.stdin:
    module, *arguments = json.loads(line)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = importlib.import_module(module).main(arguments)
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            code = 1
            traceback.print_exc()
    answers.write(json.dumps([code, said.getvalue()]) + "\\n")
    answers.flush()
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code, negative for a signal, None if it had to be ended.
        said: Both of its outputs.
    """

    code: int | None
    said: str

    @property
    def verdict(self) -> str:
        """What came of the file: "read", "refused", "crashed" or "hung"."""
        if self.code is None:
            return "hung"
        told = "error:" in self.said
        defect = any(words in self.said for words in DEFECTS)
        if defect or self.code not in (0, 1, 2, 3) or (self.code and not told):  # 70 is a defect that was contained
            return "crashed"
        return "refused" if self.code else "read"


class Worker:
    """A process that runs `main(arguments)` of one module after another; a new one if it dies or hangs.

    Args:
        folder: Its working folder.
        limit_s: Longest that a call may take.
    """

    def __init__(self, folder: Path, *, limit_s: float) -> None:
        self._folder = folder
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, module: str, *arguments: str | Path) -> Ended:
        """Call `main` of a module."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([module, *map(str, arguments)]).encode() + b"\n")
        process.stdin.flush()
        hung = threading.Event()

        def end() -> None:
            hung.set()
            process.kill()

        timer = threading.Timer(self._limit_s, end)
        timer.start()
        answer = process.stdout.readline()
        timer.cancel()
        timer.join()
        if answer.endswith(b"\n") and not hung.is_set():
            code, said = json.loads(answer)
            return Ended(code, said)
        self.close()
        return Ended(None if hung.is_set() else process.returncode, "")

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # of the libraries; what Python says is caught inside
            cwd=self._folder,
            env=environment(self._folder),
        )
        return self._process


def run_alone(program: str, *arguments: str | Path, folder: Path, limit_s: float) -> Ended:
    """Run a command in a process of its own."""
    command = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired as error:
        return Ended(None, (error.stdout or b"").decode("utf-8", "replace"))
    return Ended(done.returncode, done.stdout.decode("utf-8", "replace"))


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a command; its home and its temporary files lie beside its folder, to be watched."""
    home, temporary = folder.parent / "home", folder.parent / "temporary"
    for path in (home, temporary):
        path.mkdir(exist_ok=True)
    places = {"HOME": str(home), "TMPDIR": str(temporary), "MPLCONFIGDIR": str(_FONTS)}
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "400", **places}


def listing(top: Path, *, without: Path) -> dict[str, str]:
    """Return every file below a folder with a hash of its content, but for those below `without`."""
    return {
        str(path): sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(top.rglob("*"))
        if path != without and without not in path.parents
    }


def spoil(data: bytes, drawn: random.Random, *, other: bytes) -> tuple[str, bytes]:
    """Return what was done to a file's content, and the content.

    Args:
        data: The content.
        drawn: Decides.
        other: Content of a file of another kind, to splice.
    """
    spoilt = bytearray(data)
    # Structure is at the beginning and the end, where half of the damage goes.
    edge = min(len(data), 2048)

    def place() -> int:
        where = drawn.random()
        return (
            drawn.randrange(edge)
            if where < 0.35
            else len(data) - 1 - drawn.randrange(edge)
            if where < 0.5
            else drawn.randrange(len(data))
        )

    kind = drawn.choice(("bit flips", "bit flips", "truncated", "spliced header", "zeroed", "inserted", "empty"))
    if kind == "bit flips":
        for _ in range(drawn.choice((1, 4, 16, 64, 256))):
            spoilt[place()] ^= 1 << drawn.randrange(8)
    elif kind == "truncated":
        del spoilt[place() :]
    elif kind == "spliced header":
        length = drawn.choice((8, 32, 128, 1024))
        spoilt[:length] = other[:length]
    elif kind == "zeroed":
        start, length = place(), drawn.choice((4, 64, 1024))
        spoilt[start : start + length] = bytes(len(spoilt[start : start + length]))
    elif kind == "inserted":
        start = place()
        spoilt[start:start] = drawn.randbytes(drawn.choice((1, 7, 512)))
    else:
        spoilt.clear()
    return kind, bytes(spoilt)


_ODD_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    3.5,
    1e308,
    10**30,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x00",
    "../../sentinel/kept",
    "\ud800",
    [],
    [[]],
    {},
    {"a": 1},
    [None] * 3,
)


def spoil_json(data: bytes, drawn: random.Random) -> tuple[str, bytes]:
    """Return JSON, or one line of JSON lines, with one value replaced, removed or added anywhere in it."""
    lines = data.splitlines() if b"\n{" in data else [data]
    number = drawn.randrange(len(lines))
    whole = json.loads(lines[number])
    holder, keys = whole, []
    while isinstance(holder, (dict, list)) and holder:
        key = drawn.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        keys.append((holder, key))
        holder = holder[key]
        if drawn.random() < 0.25:
            break
    holder, key = keys[-1]
    if drawn.random() < 0.2:
        del holder[key]
        kind = "value removed"
    else:
        holder[key] = drawn.choice(_ODD_VALUES)
        kind = "value replaced"
    lines[number] = json.dumps(whole).encode()
    return kind, b"\n".join(lines) + b"\n"


def spoil_text(data: bytes, drawn: random.Random) -> tuple[str, bytes]:
    """Return a table or a file of settings with one field replaced or one line doubled or removed."""
    lines = data.split(b"\n")
    number = drawn.randrange(max(1, len(lines) - 1))
    odd = drawn.choice((b"", b"-1", b"1e999", b"nan", b"x", b'"', b"[", b"true", b"99999999999999999999", b"\xff\xfe"))
    done = drawn.choice(("field replaced", "field replaced", "line doubled", "line removed"))
    if done == "field replaced":
        mark = b"," if b"," in lines[number] else b"="
        fields = lines[number].split(mark)
        fields[drawn.randrange(len(fields))] = odd
        lines[number] = mark.join(fields)
    elif done == "line doubled":
        lines.insert(number, lines[number])
    else:
        del lines[number]
    return done, b"\n".join(lines)


def good_videos(folder: Path) -> dict[str, Path]:
    """Write a small video of each kind: Motion JPEG in AVI, MPEG-4 in MP4, MPEG-1 in MPG."""
    videos = {}
    for suffix, code in {".avi": "MJPG", ".mp4": "mp4v", ".mpg": "PIM1"}.items():
        videos[suffix] = folder / f"good{suffix}"
        writer = cv2.VideoWriter(str(videos[suffix]), cv2.VideoWriter.fourcc(*code), 25.0, (160, 120))
        assert writer.isOpened()
        for picture in pictures(20, size_wh=(160, 120)):
            writer.write(picture)
        writer.release()
    return videos


def spoilt_video(number: int, good: dict[str, Path], folder: Path, drawn: random.Random) -> tuple[str, Path]:
    """Write one spoilt video or folder of frames; return what it is and where."""
    kinds = [*good, "folder"]
    suffix = kinds[number % len(kinds)]
    if suffix == "folder":
        return _spoilt_folder(folder / f"{number:04d}", drawn)
    data = good[suffix].read_bytes()
    other = good[drawn.choice([one for one in good if one != suffix])].read_bytes()
    if drawn.random() < 0.1:
        wrong = drawn.choice([one for one in (*good, ".webm", ".wmv") if one != suffix])
        path = folder / f"{number:04d}{wrong}"
        path.write_bytes(drawn.choice((data, b"no video at all\n" * 40)))
        return "wrong extension", path
    kind, spoilt = spoil(data, drawn, other=other)
    path = folder / f"{number:04d}{suffix}"
    path.write_bytes(spoilt)
    return kind, path


def _spoilt_folder(path: Path, drawn: random.Random) -> tuple[str, Path]:
    """Write a folder of frames, one or all of them spoilt, or its frame rate."""
    path.mkdir()
    suffix = drawn.choice((".png", ".jpg", ".bmp"))
    contents = [cv2.imencode(suffix, picture)[1].tobytes() for picture in pictures(6)]
    other = cv2.imencode(".jpg" if suffix != ".jpg" else ".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    (path / "fps").write_text("25")
    which = drawn.choice(("one picture", "all pictures", "frame rate"))
    if which == "frame rate":
        (path / "fps").write_bytes(
            drawn.choice((b"", b"nan", b"-5", b"1e400", b"0", b"\xff\xff", b"25 fps", b"1e-300"))
        )
    for i, content in enumerate(contents):
        spoilt = which == "all pictures" or (which == "one picture" and i == 2)
        (path / f"{i}{suffix}").write_bytes(spoil(content, drawn, other=other)[1] if spoilt else content)
    return f"folder, {which}", path
