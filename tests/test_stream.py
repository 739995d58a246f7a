"""Streams of the network: what is read, and what is refused in which words."""

import base64
import socket
import threading
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import number_of, pictures
from videos import write
from web_server import Answer, answering, response

import realtime.capture.multipart
import realtime.capture.web
from mer.errors import MerError
from realtime.capture.live_source import LiveSource
from realtime.capture.source import open_source
from realtime.capture.stream import NetworkStream

JPEGS = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures(12)]
MULTIPART = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=--mark\r\n\r\n"


def part(content: bytes, *, length: int | None = None) -> bytes:
    stated = len(content) if length is None else length
    return f"--mark\r\nContent-Type: image/jpeg\r\nContent-Length: {stated}\r\n\r\n".encode() + content + b"\r\n"


def numbers_of(stream: NetworkStream) -> list[int]:
    return [number_of(picture.image) for picture in iter(stream.read, None)]


def always(*blocks: bytes) -> Answer:
    return lambda path, headers: iter(blocks)


def test_parts_with_and_without_a_length_are_read() -> None:
    bare = [b"--mark\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n" for jpeg in JPEGS[6:]]
    with answering(always(MULTIPART, *map(part, JPEGS[:6]), *bare, b"--mark--\r\n")) as host:
        stream = NetworkStream(f"http://{host}/")
        assert numbers_of(stream) == list(range(12))
    assert (stream.undecodable, stream.error) == (0, "")


def test_parts_that_are_not_jpegs_are_left_out_and_counted() -> None:
    others = [cv2.imencode(suffix, pictures(1)[0])[1].tobytes() for suffix in (".png", ".tif", ".webp", ".jp2")]
    with answering(always(MULTIPART, part(JPEGS[0]), *map(part, others), part(JPEGS[1]))) as host:
        stream = NetworkStream(f"http://{host}/")
        assert numbers_of(stream) == [0, 1]
    assert stream.undecodable == 4


def test_a_part_that_claims_too_much_ends_the_stream() -> None:
    with answering(always(MULTIPART, part(JPEGS[0]), part(b"", length=3_000_000_000))) as host:
        stream = NetworkStream(f"http://{host}/")
        assert numbers_of(stream) == [0]
    assert "a part claims 3000000000 bytes; expected 64 MB at most" in stream.error


def test_a_part_without_a_boundary_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime.capture.multipart, "MAX_BYTES", 1 << 20)

    def endless(path: str, headers: dict[str, str]) -> Iterator[bytes]:
        yield MULTIPART + part(JPEGS[0]) + b"--mark\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff"
        yield from repeat(bytes(1 << 16))

    with answering(endless) as host:
        stream = NetworkStream(f"http://{host}/")
        assert numbers_of(stream) == [0]
    assert stream.error == "a part does not end within 1 MB"


def test_a_live_source_says_why_its_stream_ended() -> None:
    with answering(always(MULTIPART, *map(part, JPEGS), part(b"", length=3_000_000_000))) as host:
        source = open_source(f"http://{host}/", fps=50.0)
        assert isinstance(source, LiveSource)
        assert len(list(source)) == 12
    assert any("a part claims" in note for note in source.notes)


def test_a_server_that_sends_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime.capture.web, "TIMEOUT_S", 0.2)
    gone = threading.Event()

    def silent(path: str, headers: dict[str, str]) -> Iterator[bytes]:
        gone.wait(20.0)
        yield b""

    with answering(silent) as host, pytest.raises(MerError, match=r"no answer in 0.2 s"):
        NetworkStream(f"http://{host}/")
    gone.set()


def test_a_server_that_sends_its_headers_drop_by_drop_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime.capture.web, "TIMEOUT_S", 0.3)
    gone = threading.Event()

    def dripping(path: str, headers: dict[str, str]) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while not gone.wait(0.05):
            yield b"X-Y: z\r\n"

    with answering(dripping) as host, pytest.raises(MerError, match=r"no answer in 0.3 s"):
        NetworkStream(f"http://{host}/")
    gone.set()


REFUSED = {
    "401": ("401 Unauthorized", {"WWW_Authenticate": 'Basic realm="x"'}, b"", "asks for user name and password"),
    "403": ("403 Forbidden", {}, b"", "refuses access"),
    "404": ("404 Not Found", {}, b"", "knows no such address"),
    "503": ("503 Service Unavailable", {}, b"", "is busy or not ready"),
    "418": ("418 I am a teapot", {}, b"", "answers 418 I am a teapot"),
    "a web page": ("200 OK", {"Content_Type": "text/html"}, b"<html>log in</html>", "answers with a web page"),
    "an untyped page": ("200 OK", {}, b"<!DOCTYPE html><p>", "answers with a web page"),
    "a snapshot": ("200 OK", {"Content_Type": "image/jpeg"}, JPEGS[0], "answers with a single picture"),
    "nothing": ("200 OK", {}, b"", "answers with nothing"),
    "text": ("200 OK", {"Content_Type": "text/plain"}, b"hello " * 500, "text/plain, which is not a video"),
    "HLS": ("200 OK", {}, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "a playlist .HLS., which pulls in other"),
    "ffconcat": ("200 OK", {}, b"ffconcat version 1.0\nfile '/etc/hostname'\n", "a list of files"),
    "SDP": ("200 OK", {}, b"v=0\no=- 0 0 IN IP4 1.2.3.4\nm=video 9 RTP/AVP 26\n", "a description of a session"),
    "a playlist by its type": ("200 OK", {"Content_Type": "application/x-mpegurl"}, b"hidden", "a playlist or"),
    "a redirect to a file": ("302 Found", {"Location": "file:///etc/hostname"}, b"", "redirects to file:///etc"),
    "a redirect elsewhere": ("302 Found", {"Location": "http://127.0.0.2:80/"}, b"", "redirects to another host"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_a_stream_is_refused_in_its_own_words(kind: str) -> None:
    status, headers, body, words = REFUSED[kind]
    with (
        answering(lambda path, given: response(status, body, **headers)) as host,
        pytest.raises(MerError, match=words),
    ):
        NetworkStream(f"http://{host}/a%03d")


def test_what_is_not_http_is_said_so() -> None:
    with (
        answering(always(b"SSH-2.0-OpenSSH_9\r\n\r\n")) as host,
        pytest.raises(MerError, match="the answer is not HTTP"),
    ):
        NetworkStream(f"http://{host}/")


def test_a_wrong_password_is_said_so_and_a_right_one_is_sent() -> None:
    def guarded(path: str, headers: dict[str, str]) -> Iterator[bytes]:
        if headers.get("authorization") == "Basic " + base64.b64encode(b"me:p@ss").decode():
            return iter([MULTIPART, part(JPEGS[0])])
        return response("401 Unauthorized", WWW_Authenticate='Basic realm="x"')

    with answering(guarded) as host:
        assert numbers_of(NetworkStream(f"http://me:p%40ss@{host}/")) == [0]
        with pytest.raises(MerError, match="rejects the user name and password"):
            NetworkStream(f"http://me:wrong@{host}/")


def test_a_redirect_on_the_same_host_is_followed() -> None:
    def moved(path: str, headers: dict[str, str]) -> Iterator[bytes]:
        if path != "/there":
            return response("302 Found", Location="/there")
        return iter([MULTIPART, part(JPEGS[3])])

    with answering(moved) as host:
        assert numbers_of(NetworkStream(f"http://{host}/")) == [3]


def test_redirects_in_circles_end() -> None:
    with (
        answering(lambda path, headers: response("302 Found", Location="/" + "x" * len(path))) as host,
        pytest.raises(MerError, match="answers 302"),
    ):
        NetworkStream(f"http://{host}/")


def test_a_video_file_behind_an_address_is_read_to_its_end(tmp_path: Path) -> None:
    content = write(tmp_path / "a.mp4", pictures(40, size_wh=(320, 240)), options={"crf": "4"}).read_bytes()

    def file(path: str, headers: dict[str, str]) -> Iterator[bytes]:
        first = int(headers.get("range", "bytes=0-")[6:-1])
        status = "206 Partial Content" if "range" in headers else "200 OK"
        left = content[first:]
        return response(status, left, Content_Length=str(len(left)), Accept_Ranges="bytes", Content_Type="video/mp4")

    with answering(file) as host, open_source(f"http://{host}/a.mp4") as source:
        assert isinstance(source, LiveSource)
        assert source.finite
        frames = list(source)
    assert [number_of(frame.image) for frame in frames] == list(range(40))
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx([0.02] * 39, abs=0.001)


def test_a_transport_stream_over_tcp_is_read_with_its_own_times(tmp_path: Path) -> None:
    content = write(tmp_path / "a.ts", pictures(60), options={"bf": "0"}).read_bytes()
    with answering_at_once(content) as host, open_source(f"tcp://{host}") as source:
        frames = list(source)
    assert len(frames) == 60
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx([0.02] * 59, abs=0.001)


def test_a_playlist_over_tcp_opens_nothing() -> None:
    with (
        answering_at_once(b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n" * 50) as host,
        pytest.raises(MerError, match="tcp://"),
    ):
        open_source(f"tcp://{host}")


class answering_at_once:
    """A server that sends the same to whoever connects, without being asked."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._server = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            try:
                connection.sendall(self._content)
            except OSError:
                return

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._thread.join(5.0)


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp"])
def test_a_port_without_a_server_is_said_so(scheme: str) -> None:
    with pytest.raises(MerError, match="is its server running"):
        open_source(f"{scheme}://127.0.0.1:9/x")


def test_an_rtsp_server_that_asks_for_a_password_is_said_so() -> None:
    def refuse(path: str, headers: dict[str, str]) -> Iterator[bytes]:
        answer = f'RTSP/1.0 401 Unauthorized\r\nCSeq: {headers["cseq"]}\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
        yield answer.encode()

    with answering(refuse) as host, pytest.raises(MerError, match=r"user name and password"):
        open_source(f"rtsp://{host}/x")
