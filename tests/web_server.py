"""A web server on loopback that answers as a test says, whatever HTTP would have it say."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[str, dict[str, str]], Iterator[bytes]]
"""Yields what is sent for a path and the headers of the request, their names in lower case."""


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Yield the host and port of a server; each connection of HTTP is answered once and closed."""
    server = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while (lines := _request(connection)) is not None:
                    fields = (line.partition(":") for line in lines[1:])
                    headers = {name.lower(): value.strip() for name, _, value in fields}
                    for block in answer(lines[0].split()[1], headers):
                        connection.sendall(block)
                    if "HTTP" in lines[0]:  # the others keep the connection
                        return
            except OSError:
                return  # the client went away

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=serve, args=[connection], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for connection in connections:
            connection.close()
        thread.join()


def response(status: str, body: bytes = b"", **headers: str) -> Iterator[bytes]:
    """Yield a whole answer; underscores in the names of headers stand for hyphens."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    yield ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _request(connection: socket.socket) -> list[str] | None:
    text = b""
    while b"\r\n\r\n" not in text:
        block = connection.recv(4096)
        if not block:
            return None
        text += block
    return text.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
