"""Pictures in pixels: which terminals get them, and what really goes to a pseudo-terminal."""

import base64
import importlib.util
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeClock, event, update
from rich.cells import cell_len
from rich.console import Console
from rich.region import Region
from test_terminal import ENTER, LEAVE, PROGRAM, session

from mer.errors import UsageError
from realtime.screen import graphics
from realtime.screen.graphics import Pictures, choose
from realtime.update import Update

BEGIN, END = b"\x1b[?2026h", b"\x1b[?2026l"
KITTY = re.compile(rb"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\")
SIXEL = re.compile(rb"\x1bP[0-9;]*q[^\x1b]*\x1b\\")
MOVED = re.compile(rb"\x1b\[(\d+);(\d+)H")


def terminal(*, colours: bool = True) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system="truecolor" if colours else None)


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "sixel"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "xterm-kitty", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "blocks"),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux"}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_a_terminal_is_known_by_its_environment(
    environment: dict[str, str], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("textual_image", reason="textual-image (extra `pictures`) is not installed")
    monkeypatch.setattr(graphics, "_cell_wh", lambda console: (10, 20))
    assert choose("auto", terminal(), environment).mode == mode


def test_a_pipe_and_a_terminal_without_colours_get_no_pixels() -> None:
    assert choose("auto", Console(file=io.StringIO()), {"TERM": "xterm-kitty"}).mode == "blocks"
    assert choose("auto", terminal(colours=False), {"TERM": "xterm-kitty"}).mode == "blocks"


def test_sixel_needs_to_know_how_large_cells_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert choose("auto", terminal(), {"TERM": "foot"}).mode == "blocks"
    assert choose("sixel", terminal(), {"TERM": "foot"}).mode == "sixel"


def test_sixel_without_its_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "mer-live[pictures]" in choose("auto", terminal(), {"TERM": "foot"}).reason
    with pytest.raises(UsageError, match=r"mer-live\[pictures\]"):
        choose("sixel", terminal(), {})


def screen_of(drawn: bytes) -> bytes:
    return drawn[drawn.index(ENTER) : drawn.rindex(LEAVE)]


def covered(screen: bytes) -> set[tuple[int, int]]:
    """Return the cells that text was written to after the first picture, row and column from 1."""
    cells = set()
    for part in re.split(rb"(?=\x1b\[\d+;\d+H)", screen[re.search(rb"\x1b_G|\x1bP", screen).start() :]):  # type: ignore[union-attr]
        moved = MOVED.match(part)
        if moved is None or b"\x1b_G" in part or b"\x1bP" in part:
            continue
        row, column = int(moved[1]), int(moved[2])
        text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", part).decode()
        cells |= {(row, column + n) for n in range(cell_len(text))}
    return cells


def run(tmp_path: Path, mode: str) -> bytes:
    program = PROGRAM.replace(
        "realtime.commands.live.main(sys.argv[1:])",
        f"realtime.commands.live.main([*sys.argv[1:], '--pictures', '{mode}'])",
    )
    with session(tmp_path, program=program) as pty:
        begin = b"\x1b_Ga=T" if mode == "kitty" else b"\x1bP"
        pty.until(b"happiness")
        pty.until(begin)  # the face
        pty.until(begin, after=pty.drawn.index(begin) + 1)  # and the strip, with the name of its event or just before
        pty.press("q")
        assert pty.wait() == 0
        assert pty.was_given_back()
        return pty.drawn


def test_kitty_gets_a_picture_in_its_panel_and_is_told_to_forget_it(tmp_path: Path) -> None:
    drawn = run(tmp_path, "kitty")
    screen = screen_of(drawn)
    sent = [dict(pair.split("=") for pair in keys.decode().split(",")) for keys, _ in KITTY.findall(screen)]
    faces = [keys for keys in sent if keys.get("a") == "T" and keys["c"] == "24"]
    assert faces
    assert {(keys["c"], keys["r"]) for keys in faces} == {("24", "12")}
    assert len({keys["i"] for keys in faces}) == 1  # each replaces the one before
    strips = [keys for keys in sent if keys.get("a") == "T" and keys["c"] != "24"]
    assert len(strips) == 1  # drawn once, because it has not changed
    forgotten = {keys["i"] for keys in sent if keys.get("a") == "d"}
    assert forgotten >= {faces[0]["i"], strips[0]["i"]}
    assert screen.rindex(b"a=d") > screen.rindex(b"a=T")
    assert all(keys["q"] == "2" for keys in sent)  # the terminal must not answer: that would be read as keys


def test_a_kitty_picture_holds_its_pixels() -> None:
    grey = update(1, 0.01)
    unmarked = replace(grey, crop=replace(grey.crop, landmarks_px=np.full((478, 2), -50.0, np.float32)))
    (placed,) = Pictures("kitty", terminal()).face(unmarked, Region(0, 3, 27, 13))
    chunks = KITTY.findall(placed.content.encode())
    keys = dict(pair.split("=") for pair in chunks[0][0].decode().split(","))
    pixels = zlib.decompress(base64.b64decode(b"".join(data for _, data in chunks)))
    assert len(pixels) == 3 * int(keys["s"]) * int(keys["v"])
    assert set(pixels) == {128}


def test_sixels_stand_in_their_panel(tmp_path: Path) -> None:
    pytest.importorskip("textual_image", reason="textual-image (extra `pictures`) is not installed")
    screen = screen_of(run(tmp_path, "sixel"))
    assert len(SIXEL.findall(screen)) >= 2
    assert b"\x1b[4;1H\x1bP" in screen
    assert screen.rindex(b"\x1b[2J") > screen.rindex(b"\x1bP")  # erased before the terminal is given back


@pytest.mark.parametrize("mode", ["kitty", "sixel"])
def test_pictures_change_together_with_the_text_and_text_stays_beside_them(tmp_path: Path, mode: str) -> None:
    if mode == "sixel":
        pytest.importorskip("textual_image", reason="textual-image (extra `pictures`) is not installed")
    screen = screen_of(run(tmp_path, mode))
    outside = re.sub(re.escape(BEGIN) + rb".*?" + re.escape(END), b"", screen, flags=re.DOTALL)
    assert b"a=T" not in outside
    assert b"\x1bP" not in outside
    assert b"\n" not in screen
    face = {(row, column) for row in range(4, 16) for column in range(1, 25)}
    last_wipe = screen[: screen.rindex(b"happiness")].rindex(b"\x1b[2J")
    assert not covered(screen[last_wipe:]) & face


def test_no_picture_is_drawn_where_none_is_wanted(tmp_path: Path) -> None:
    program = PROGRAM.replace(
        "realtime.commands.live.main(sys.argv[1:])",
        "realtime.commands.live.main([*sys.argv[1:], '--pictures', 'none'])",
    )
    with session(tmp_path, program=program) as pty:
        pty.until(b"face hidden")
        pty.until(b"pictures are hidden")
        pty.press("q")
        pty.wait()
    assert "▀".encode() not in pty.drawn


class Ticking:
    """A clock that is 0.1 s later each time it is read, so that drawing takes 0.1 s, the first time longer."""

    def __init__(self, first_s: float = 0.1) -> None:
        self._readings, self._later_s = 0, first_s - 0.1

    def __call__(self) -> float:
        self._readings += 1
        return 0.1 * self._readings + (self._later_s if self._readings > 1 else 0.0)


def faces() -> Iterator[Update]:
    """Return frames whose face is brighter each time."""
    for n in count():
        made = update(n, 0.1 * n)
        yield replace(made, crop=replace(made.crop, image=np.full_like(made.crop.image, n)))


def test_drawing_takes_an_eighth_of_the_time_at_most() -> None:
    pictures, panel = Pictures("kitty", terminal(), clock=Ticking()), Region(0, 0, 27, 13)
    contents = [pictures.face(face, panel)[0].content for face in islice(faces(), 20)]
    assert 2 <= len(set(contents)) <= 3


def test_a_first_picture_that_takes_long_does_not_hold_up_the_next() -> None:
    pictures, panel = Pictures("kitty", terminal(), clock=Ticking(first_s=60.0)), Region(0, 0, 27, 13)
    contents = [pictures.face(face, panel)[0].content for face in islice(faces(), 200)]
    assert len(set(contents)) > 5


def test_the_strip_is_drawn_again_for_a_new_event_only() -> None:
    pictures, panel = Pictures("kitty", terminal(), clock=FakeClock()), Region(0, 10, 80, 5)
    bright = event(2)
    bright = replace(bright, clip=replace(bright.clip, images=np.full((13, 90, 90), 200, np.uint8)))
    first, again, second = (pictures.strip(found, panel)[0] for found in (event(1), event(1), bright))
    assert first is again
    assert second.content != first.content
