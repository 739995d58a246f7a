"""Serves pictures as Motion JPEG over HTTP on loopback: the stream of the tests, with a real socket behind it."""

import threading
import time
from collections.abc import Iterator, Sequence
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

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            start_s = time.monotonic()
            try:
                for i, body in enumerate(bodies * rounds):
                    if fps:
                        time.sleep(max(0.0, start_s + i / fps - time.monotonic()))
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
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
