"""Serves pictures as Motion JPEG over HTTP on loopback: the stream of the tests, with a real socket behind it."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@contextmanager
def serve(pictures: Sequence[NDArray[np.uint8]], *, fps: float = 0.0, rounds: int = 1, port: int = 0) -> Iterator[str]:
    """Yield the address of a server that sends all `pictures` to each client, `rounds` times, and then hangs up.

    Args:
        pictures: (H, W, 3) uint8 BGR.
        fps: Pictures sent a second; 0 is as fast as the client takes them.
        rounds: How often all are sent.
        port: To listen on, 0 for any that is free.
    """
    bodies = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]
    with serve_jpegs(bodies, times_s=lambda i: i / fps if fps else 0.0, total=rounds * len(bodies), port=port) as url:
        yield url


@contextmanager
def serve_jpegs(
    bodies: Sequence[bytes],
    *,
    times_s: Callable[[int], float],
    total: int,
    port: int = 0,
    sent: Callable[[int, float], None] = lambda number, time_s: None,
    late_s: float = math.inf,
) -> Iterator[str]:
    """Yield the address of a server that sends JPEG files in turns to each client, and then hangs up.

    Args:
        bodies: Contents of the files.
        times_s: When each picture, by its number from 0, is due, in seconds from the request.
        total: Pictures to send.
        port: To listen on, 0 for any that is free.
        sent: Told the number of each picture and when its sending began, by `time.monotonic`.
        late_s: A picture that is later than this, because the client does not take them, is left out.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            start_s = time.monotonic()
            try:
                for i in range(total):
                    early_s = start_s + times_s(i) - time.monotonic()
                    if early_s < -late_s:
                        continue
                    time.sleep(max(0.0, early_s))
                    body = bodies[i % len(bodies)]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
                    sent(i, time.monotonic())
                    self.wfile.write(head.encode() + body + b"\r\n")
                self.wfile.write(b"--frame--\r\n")
            except OSError:
                return  # the client went away

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/stream.mjpg"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
