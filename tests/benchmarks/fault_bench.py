"""What the faults of bench_faults.py share: a recording, a server that streams it, sessions, lines of the table."""

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from driven import BIN, Command, Events, environment, free_port

EVENTS = 3
"""In the recording, all of which are found when nothing goes wrong."""
EVENT = re.compile(r"^\s*[\d.]+ s  event \d+: ", re.MULTILINE)
SERVER = (
    "import sys, time; sys.path[:0] = ['tests']\n"
    "import cv2; from mjpeg_server import serve\n"
    "video, pictures = cv2.VideoCapture(sys.argv[1]), []\n"
    "while (read := video.read())[0]: pictures.append(read[1])\n"
    "with serve(pictures, fps=100.0, rounds=1000, port=int(sys.argv[2])) as url:\n"
    "    print(url, flush=True)\n"
    "    time.sleep(36000)\n"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        fault: What was done.
        frames_lost: Of the frames that reached the computer, in words.
        events_lost: Confirmed events that are gone.
        outcome: What the command did.
        code: Its exit code or signal.
        fine: Whether this is the outcome that is documented.
    """

    fault: str
    frames_lost: str
    events_lost: int
    outcome: str
    code: str
    fine: bool


class Workbench:
    """A synthetic recording, a server that streams it over loopback, and sessions of `mer-live` on either.

    Args:
        folder: For everything that is written.
        kills: Rounds of kill -9.
    """

    def __init__(self, folder: Path, *, kills: int) -> None:
        self.folder = folder
        self.kills = kills
        self.recording = folder / "recording.mp4"
        made = ["recording", self.recording, "--fps", "100", "--seconds", "8", "--n-events", str(EVENTS), "--seed", "3"]
        subprocess.run(
            [BIN / "mer-synth", *made, "--distractors", "none"], check=True, env=environment(), capture_output=True
        )
        self._port = free_port()
        self._sessions = 0
        self.start_server()
        self.url = self._server.said.strip()

    def start_server(self) -> None:
        """Start the server that streams the recording, on the same port each time."""
        self._server = Command(sys.executable, "-c", SERVER, self.recording, str(self._port))
        self._server.until(lambda: "http" in self._server.said, "the stream server")

    def stop_server(self) -> None:
        """Kill the server."""
        self._server.process.kill()
        self._server.end()

    def events(self) -> Events:
        """Return the events file of a new session, in a folder of its own."""
        self._sessions += 1
        path = self.folder / f"session-{self._sessions}" / "events.jsonl"
        path.parent.mkdir()
        return Events(path)

    def live(self, events: Events, *more: str | Path, source: str | Path = "") -> Command:
        """Start `mer-live` with plain lines, on the stream unless a source is given."""
        given = ["--camera", source or self.url, "--events", events.path, "--no-overlay", *more]
        return Command(BIN / "mer-live", *given)

    def until_event(self, session: Command, events: Events) -> None:
        """Wait until an event has been told and written, and remember what the file holds."""
        session.until(lambda: len(events.lines) >= 1 and told(session) >= 1, "event 1")
        events.remember()


def told(session: Command) -> int:
    """Return how many events a session has told in plain lines."""
    return len(EVENT.findall(session.said))


def row(
    fault: str,
    session: Command,
    events: Events | None,
    outcome: str,
    code: int,
    fine: bool,
    *,
    frames: str | None = None,
    lost: int | None = None,
    told_count: int | None = None,
    errors: str = "",
) -> Row:
    """Return the line of a fault; a traceback is never fine."""
    if lost is None:
        lost = events.lost(told(session) if told_count is None else told_count) if events else 0
    fine = fine and not lost and "Traceback" not in session.said + errors
    if not fine:
        print(f"--- {fault}: exit code {code}; it said:\n{session.said[-3000:]}{errors[-3000:]}", file=sys.stderr)
    shown = signal.Signals(-code).name if code < 0 else str(code)
    return Row(fault, session.dropped if frames is None else frames, lost, outcome, shown, fine)
