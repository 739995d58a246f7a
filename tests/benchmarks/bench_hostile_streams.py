"""What mer-live's sources do with servers that mean no good: no exception of another kind, no crash, no hang.

Run: python tests/benchmarks/bench_hostile_streams.py [--streams 500] [--seed 0]. A server on loopback answers each
request with something spoilt: parts of Motion JPEG with flipped bits, wrong lengths, no boundary, pictures of other
formats or of enormous size, videos cut off or changed, headers without end, redirects in circles and to elsewhere,
playlists. Each is opened and read to its end, or for 200 frames, in a process of its own for every 25.

Prints how many were read and refused with a message, and ends with exit code 1 after any other exception, a process
that died, or one that took longer than LIMIT_S.
"""

import argparse
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fuzzing import spoil  # noqa: E402
from recordings import pictures, write_video  # noqa: E402
from web_server import answering, response  # noqa: E402

from mer.errors import MerError  # noqa: E402
from realtime.capture.source import open_source  # noqa: E402

BATCH = 25
LIMIT_S = 30.0
"""Longest that one stream may hold a process."""
MAX_FRAMES = 200
_PARTS = "multipart/x-mixed-replace; boundary=b"


def hostile(drawn: random.Random, video: bytes) -> Iterator[bytes]:
    """Yield an answer."""
    jpegs = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures(4)]
    kind = drawn.choice(
        ("parts", "parts", "parts", "other picture", "huge", "video", "video", "headers", "redirect", "text")
    )
    if kind == "parts":
        _, body = spoil(b"".join(_part(jpeg) for jpeg in jpegs * 5), drawn, other=video)
        yield from response(
            "200 OK", body, Content_Type=drawn.choice((_PARTS, "multipart/x-mixed-replace", "image/jpeg"))
        )
    elif kind == "other picture":
        suffix = drawn.choice((".png", ".tiff", ".webp", ".jp2", ".bmp"))
        other = cv2.imencode(suffix, pictures(1)[0])[1].tobytes()
        yield from response("200 OK", _part(other) * 5, Content_Type=_PARTS)
    elif kind == "huge":
        size = struct.pack(">HH", drawn.choice((27_000, 65_000)), 27_000)
        at = jpegs[0].index(b"\xff\xc0") + 5
        huge = jpegs[0][:at] + size + jpegs[0][at + 4 :]
        yield from response("200 OK", _part(huge, length=drawn.choice((len(huge), 2**31, -1))) * 3, Content_Type=_PARTS)
    elif kind == "video":
        _, body = spoil(video, drawn, other=jpegs[0])
        yield from response("200 OK", body, Content_Type=drawn.choice(("video/mp4", "application/octet-stream")))
    elif kind == "headers":
        yield (
            b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * drawn.choice((10, 10**5, 10**6)) + drawn.choice((b"", b"\r\n\r\n"))
        )
    elif kind == "redirect":
        target = drawn.choice(("/again", "file:///etc/passwd", "http://127.0.0.2:9/", "ftp://127.0.0.1/", "//[::1", ""))
        yield from response(drawn.choice(("301 Moved", "302 Found", "308 Permanent")), Location=target)
    else:
        text = drawn.choice(
            (b"<html>no</html>", b"#EXTM3U\n/etc/passwd\n", b"ffconcat version 1.0\nfile a\n", b"v=0\r\n", b"")
        )
        yield from response(
            drawn.choice(("200 OK", "200", "500 No", "999 ?")), text, Content_Type=drawn.choice(("", "video/mp4"))
        )


def _part(content: bytes, *, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return f"--b\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n".encode() + content + b"\r\n"


def read(first: int, last: int, seed: int) -> None:
    """Read streams one after the other and print a word for each."""
    with tempfile.TemporaryDirectory() as folder:
        video = write_video(Path(folder) / "v.mp4", pictures(12)).read_bytes()
    for number in range(first, last):
        with answering(lambda *_: hostile(random.Random(f"{seed} {number}"), video)) as host:  # noqa: B023
            try:
                source = open_source(f"http://{host}/{number}")
                frames = sum(1 for _ in islice(source, MAX_FRAMES))
                source.close()
                print(f"read {number} {frames}", flush=True)
            except MerError:
                print(f"refused {number}", flush=True)
            except Exception as error:
                print(f"failed {number} {error!r}", flush=True)


def main() -> int:
    """Read all streams; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        read(*given.part, given.seed)
        return 0
    counts: Counter[str] = Counter()
    for first in range(0, given.streams, BATCH):
        last = min(first + BATCH, given.streams)
        counts += one_process(first, last, given.seed)
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return 1 if counts.keys() - {"read", "refused"} else 0


def one_process(first: int, last: int, seed: int) -> Counter[str]:
    """Return how the streams of one process ended."""
    command = [sys.executable, __file__, "--seed", str(seed), "--part", str(first), str(last)]
    started_s = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S * (last - first), check=False)
        lines, died = done.stdout.splitlines(), done.returncode != 0
    except subprocess.TimeoutExpired as error:
        print(f"streams {first} to {last}: hung after {time.monotonic() - started_s:.0f} s")
        lines, died = (error.stdout or b"").decode().splitlines(), False
    counts = Counter(line.split()[0] for line in lines)
    for line in lines:
        if line.startswith("failed"):
            print(line)
    counts["crashed" if died else "hung"] += last - first - len(lines)
    return +counts


if __name__ == "__main__":
    raise SystemExit(main())
