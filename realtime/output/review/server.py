"""The review pages of a folder of results, served to this computer only; decisions are written beside the results.

Whoever opens a page needs the token in its address, which is made anew for each run. Requests under another host name
(DNS rebinding) or from pages of other origins are refused. Addresses hold the number of a recording, never a path.
"""

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from mer.data.reviews import (
    MAX_REVIEW_BYTES,
    Results,
    read_results,
    read_review,
    results_id,
    review_from,
    reviews_of,
)
from mer.errors import MerError
from mer.files import from_json, read_at_most, write_atomically
from realtime.output.report.markup import page, tag
from realtime.output.review.page import REVIEW_HTML
from realtime.output.review.reviewed import REVIEWED_CSV, file_name, reviewed_table

_MAX_PAGE_BYTES: Final = 1_000_000_000
_PATIENCE_S: Final = 30.0
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: Of HTTP.
        reason: What to say.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def reviewable(folder: Path) -> list[Results]:
    """Return the results below a folder, or in it, that have a review page.

    Raises:
        MerError: If there are none.
    """
    top = folder.resolve()
    pages = sorted(path for path in folder.rglob(REVIEW_HTML) if path.resolve().is_relative_to(top))
    if not pages:
        raise MerError(
            f"{folder} holds no {REVIEW_HTML}; run `mer-replay RECORDING --out {folder} --review`, "
            "or give the folder that it wrote"
        )
    return [read_results(path.parent) for path in pages]


class ReviewServer(ThreadingHTTPServer):
    """Serves the pages on loopback.

    Args:
        results: Those with a review page.
        port: To listen on, 0 for any that is free.

    Attributes:
        address: What to open in a browser, token included.

    Raises:
        OSError: If the port is taken.
    """

    daemon_threads = True

    def __init__(self, results: Sequence[Results], *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.results = results
        self.token = secrets.token_urlsafe(24)
        self.hosts = tuple(f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost"))
        self.address = f"http://{self.hosts[0]}/{self.token}/"
        self._writing = threading.Lock()

    def index(self) -> bytes:
        """Return the page that leads to those of the recordings."""
        table = tag("table", tag("caption", "Recordings"))
        table.append(tag("tr", *(tag("th", name, scope="col") for name in ("recording", "candidates", "decisions"))))
        for number, results in enumerate(self.results):
            link = tag("a", results.source.name, href=f"{number}/{REVIEW_HTML}")
            count = len(results.events) + len(results.rejected)
            done = ", ".join(f"{review.coder} {len(review.decisions)}" for review in reviews_of(results)) or "none yet"
            table.append(tag("tr", tag("td", link), tag("td", str(count)), tag("td", done)))
        head = tag("header", tag("p", "mer-live review", class_="kicker"), tag("h1", "Recordings to review"))
        return page("mer-live: review", head, tag("main", tag("section", table), id="main"))

    def decisions(self, results: Results) -> bytes:
        """Return what all coders decided about a recording, as their files have it."""
        files = [results.folder / file_name(review.coder) for review in reviews_of(results)]
        contents = [from_json(read_at_most(path, MAX_REVIEW_BYTES)) for path in files if path.is_file()]
        return json.dumps(contents, allow_nan=False).encode()

    def write(self, results: Results, body: bytes) -> str:
        """Write the decisions of a coder beside the results and the table of all anew.

        Returns:
            Name of the file.

        Raises:
            Refused: If they are damaged or about something else.
            MerError: If the disk refuses it.
        """
        try:
            content = from_json(body)
            review = review_from(content)
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"not written: {error}") from error
        if review.results != results_id(results.events, results.rejected):
            raise Refused(HTTPStatus.CONFLICT, "not written: the decisions are about other results; load the page anew")
        path = results.folder / file_name(review.coder)
        with self._writing:
            if path.exists() and (owner := read_review(path).coder) != review.coder:
                reason = f"not written: {path.name} belongs to {owner}; take another name"
                raise Refused(HTTPStatus.CONFLICT, reason)
            write_atomically(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
            write_atomically(results.folder / REVIEWED_CSV, reviewed_table(results, reviews_of(results)))
        return path.name


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: ReviewServer
    server_version = "mer-review"
    sys_version = ""
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *_: object) -> None:
        """Say nothing: addresses hold the token."""

    def _get(self) -> tuple[str, bytes]:
        results, what = self._asked()
        if results is None:
            return "text/html; charset=utf-8", self.server.index()
        if what == REVIEW_HTML:
            return "text/html; charset=utf-8", read_at_most(results.folder / REVIEW_HTML, _MAX_PAGE_BYTES)
        return "application/json", self.server.decisions(results)

    def _post(self) -> tuple[str, bytes]:
        results, what = self._asked()
        if results is None or what != "decisions":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "decisions are posted to the address of a recording")
        if self.headers.get("Origin") != f"http://{self.headers.get('Host')}":
            raise Refused(HTTPStatus.FORBIDDEN, "decisions come from the page itself")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_REVIEW_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MAX_REVIEW_BYTES:,} bytes")
        name = self.server.write(results, self.rfile.read(int(length)))
        return "text/plain; charset=utf-8", f"written to {name} beside the results".encode()

    def _asked(self) -> tuple[Results | None, str]:
        """Return what an address means: a recording and what of it, or None for the list of all."""
        if self.headers.get("Host") not in self.server.hosts:
            raise Refused(HTTPStatus.FORBIDDEN, "this server answers to 127.0.0.1 only")
        token, _, rest = self.path.lstrip("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "open the address that mer-review printed")
        number, _, what = rest.partition("/")
        if not rest:
            return None, ""
        if what not in (REVIEW_HTML, "decisions") or not (number.isascii() and number.isdecimal()):
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        if len(number) > 9 or int(number) >= len(self.server.results):
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such recording")
        return self.server.results[int(number)], what

    def _answer(self, work: Callable[[], tuple[str, bytes]]) -> None:
        status = HTTPStatus.OK
        try:
            kind, content = work()
        except Refused as refused:
            status, kind, content = refused.status, "text/plain; charset=utf-8", str(refused).encode()
        except (MerError, OSError, ValueError) as error:
            status, kind, content = HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", f"{error}".encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
