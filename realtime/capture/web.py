"""Addresses of the web: who answers, what with, and only what was asked for; every refusal in a sentence."""

import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Final
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from mer.errors import MerError
from mer.media.container import names_other_files

TIMEOUT_S: Final = 5.0
"""For an answer to begin, and for each picture or block of it."""
HEAD_BYTES: Final = 512
_MAX_REDIRECTS: Final = 5
_STATUS: Final = {
    403: "refuses access (403 Forbidden); does the user it was opened with have the right to see the video?",
    404: "knows no such address (404 Not Found); is the path right?",
    503: "is busy or not ready (503 Service Unavailable); do others watch it already?",
}


class Response:
    """The body of an answer, read as it comes and, if the server allows it, from any position.

    Args:
        url: http:// or https://, with user name and password if the server asks for them.

    Attributes:
        content_type: Such as "video/mp4", lower case.
        boundary: Of the parts of a multipart answer, empty if there is none.
        length: Bytes of the whole, None for a stream without an end.
        head: How the body begins.

    Raises:
        MerError: If nobody answers, or not with what was asked for.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._at = 0
        self._answer = _answer(url)
        headers = self._answer.headers
        self.content_type = headers.get_content_type() if "Content-Type" in headers else ""
        self.boundary = (headers.get_boundary() or "").lstrip("-")
        self.length = int(text) if (text := headers.get("Content-Length", "")).isdecimal() else None
        self._from_anywhere = self.length is not None and headers.get("Accept-Ranges", "") == "bytes"
        self.head = b""
        if not self.content_type.startswith("multipart/"):
            with _in_words(url):
                self.head = self._answer.read(HEAD_BYTES)
            self._refuse_other_than_video()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes from here, none at the end; waits for TIMEOUT_S at most."""
        found = self.head[self._at : self._at + size] or self._answer.read1(size)
        self._at += len(found)
        return found

    def seekable(self) -> bool:
        """Return whether `seek` can be called."""
        return self._from_anywhere

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to another position; the next bytes are asked for anew."""
        position = offset + {0: 0, 1: self._at, 2: self.length or 0}[whence]
        if position != self._at and not (position <= len(self.head) and self._at <= len(self.head)):
            self._answer.close()
            self._answer = _answer(self._url, first_byte=max(position, len(self.head)))
        self._at = position
        return position

    def close(self) -> None:
        """Hang up; safe to call twice."""
        self._answer.close()

    def _refuse_other_than_video(self) -> None:
        kind = names_other_files(self.head)
        if kind is None and self.content_type.endswith(("mpegurl", "sdp", "dash+xml", "smil+xml")):
            kind = "a playlist or description"
        if kind is not None:
            self._refuse(f"answers with {kind}, which pulls in other addresses; give the address of the video itself")
        text = self.head.lstrip().lower()
        if self.content_type == "text/html" or text.startswith((b"<!doctype html", b"<html")):
            self._refuse("answers with a web page (HTML) instead of video; its stream has another address")
        if self.content_type.startswith("image/") and self.content_type not in ("image/gif", "image/apng"):
            self._refuse("answers with a single picture; give the address of its stream")
        if not self.head:
            self._refuse("answers with nothing; is the camera switched on?")

    def _refuse(self, why: str) -> None:
        self.close()
        raise MerError(f"{self._url} {why}")


def _answer(url: str, *, first_byte: int = 0) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    headers = {"User-Agent": "mer-live", "Icy-MetaData": "0"}
    if first_byte:
        headers["Range"] = f"bytes={first_byte}-"
    line = _Line()
    opener = _opener(bare, parts.username, parts.password, line)
    overdue = threading.Timer(TIMEOUT_S, line.cut)  # servers may send a byte of their headers now and then
    overdue.daemon = True
    overdue.start()
    with _in_words(url, line):
        try:
            answer: http.client.HTTPResponse = opener.open(
                urllib.request.Request(bare, headers=headers), timeout=TIMEOUT_S
            )
            if line.is_cut:
                raise TimeoutError
        finally:
            overdue.cancel()
        if first_byte and answer.status != http.client.PARTIAL_CONTENT:
            raise MerError(f"{url} does not send the requested part of the video; download it first")
        return answer


class _Line:
    """The connections of one question, which can be cut from outside."""

    def __init__(self) -> None:
        self.is_cut = False
        self._sockets: list[socket.socket] = []

    def add(self, connected: socket.socket) -> None:
        self._sockets.append(connected)

    def cut(self) -> None:
        self.is_cut = True
        for each in self._sockets:
            with suppress(OSError):  # closed already
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def _in_words(url: str, line: _Line | None = None) -> Iterator[None]:
    """Turn what urllib raises into one sentence."""
    try:
        yield
    except HTTPError as error:
        error.close()
        raise MerError(f"{url} {_status_in_words(error, has_user='@' in urlsplit(url).netloc)}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = TimeoutError() if line is not None and line.is_cut else getattr(error, "reason", error)
        raise MerError(f"{url} cannot be opened: {_network_in_words(reason)}") from None


def _status_in_words(error: HTTPError, *, has_user: bool) -> str:
    if error.code == 401:
        given = "rejects the user name and password in the address" if has_user else "asks for user name and password"
        return f"{given} (401 Unauthorized); give them as http://USER:PASSWORD@HOST/..."
    return _STATUS.get(error.code, f"answers {error.code} {error.reason}; expected video")


def _network_in_words(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate cannot be trusted ({reason.verify_message}); if it is your own camera's, save the "
            "certificate and name the file in the variable SSL_CERT_FILE"
        )
    if isinstance(reason, TimeoutError):
        return f"no answer in {TIMEOUT_S:g} s; is its server running?"
    if isinstance(reason, socket.gaierror):
        return "there is no host of this name; is it spelt right, and is this machine connected?"
    if isinstance(reason, OSError):
        return f"{reason.strerror or reason}; is its server running?"
    return f"the answer is not HTTP ({type(reason).__name__}); is its server running, and is this its port?"


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects that stay on the host that the user named."""

    max_redirections = _MAX_REDIRECTS
    max_repeats = _MAX_REDIRECTS

    def http_error_302(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage) -> Any:
        target = urljoin(req.full_url, headers.get("Location") or headers.get("URI") or "")
        here, there = urlsplit(req.full_url), urlsplit(target)
        if there.scheme not in ("http", "https"):
            raise MerError(
                f"{req.full_url} redirects to {target}, which is not an address of the web; it was not opened"
            )
        if there.hostname != here.hostname or (here.scheme, there.scheme) == ("https", "http"):
            raise MerError(
                f"{req.full_url} redirects to another host ({there.scheme}://{there.netloc}); it was not followed: if "
                "you trust it, give that address"
            )
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener(url: str, user: str | None, password: str | None, line: _Line) -> urllib.request.OpenerDirector:
    """Return what opens http and https, and nothing else."""
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if user is not None:
        known.add_password(None, url, unquote(user), unquote(password or ""))
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(line),
        _Https(line),
        _SameHost(),
        urllib.request.HTTPDigestAuthHandler(known),
        urllib.request.HTTPBasicAuthHandler(known),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Http(urllib.request.HTTPHandler):
    """HTTP on a line that can be cut."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def http_open(self, req: Any) -> http.client.HTTPResponse:
        line = self._line

        class Kept(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                line.add(self.sock)

        return self.do_open(Kept, req)


class _Https(urllib.request.HTTPSHandler):
    """The same over TLS; certificates are checked."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def https_open(self, req: Any) -> http.client.HTTPResponse:
        line = self._line

        class Kept(http.client.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                line.add(self.sock)

        return self.do_open(Kept, req, context=ssl.create_default_context())
