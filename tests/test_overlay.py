import io
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from fakes import event, interval, update
from rich.console import Console

from realtime.messages import Totals
from realtime.screen import drawing
from realtime.screen import overlay as screen
from realtime.screen.history import History, Tabs
from realtime.screen.overlay import Header, Overlay
from realtime.screen.terminal import Terminal
from realtime.timing import Timing

SIZES = [(80, 24), (120, 34), (200, 60), (40, 12)]


def overlay_after(frames: int, *, warnings: tuple[str, ...] = (), face: str = "tracked") -> Overlay:
    totals, timing = Totals(), Timing()
    overlay = Overlay(
        Header(source="a.mp4 (640x480, 200 fps)", engine="fake", warnings=warnings, total_s=20.0),
        totals=totals,
        timing=timing,
        console=Console(file=io.StringIO()),
    )
    for n in range(frames):
        timing.add("total", 0.002)
        found = (event(1, first=n - 100, last=n - 40),) if n == 700 else ()
        turned_down = (interval(n - 80, n - 40, reason="blink"),) if n == 400 else ()
        if found:
            totals.events = 1
        if turned_down:
            totals.rejected["blink"] = 1
        overlay.update(
            update(n, n / 200.0, events=found, rejected=turned_down, motion=1.0 if 600 < n < 660 else 0.1, face=face)  # type: ignore[arg-type]
        )
    return overlay


def drawn(overlay: Overlay, width: int, height: int, *, colour: bool = True) -> list[str]:
    file = io.StringIO()
    console = Console(
        width=width,
        height=height,
        file=file,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        record=True,
    )
    console.print(overlay.render(width=width, height=height), height=height)
    return console.export_text().splitlines()


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("frames", [0, 1, 1000])
def test_fills_the_terminal_and_no_more(width: int, height: int, frames: int) -> None:
    lines = drawn(overlay_after(frames), width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("colours", ["truecolor", None])
def test_no_terminal_is_too_small(colours: Literal["truecolor"] | None) -> None:
    overlay = overlay_after(1000)
    for width in (*range(1, 12), 20, 34, 60):
        for height in (*range(1, 14), 17, 24):
            console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=colours)
            assert console.render_lines(overlay.render(width=width, height=height)), (width, height)


@pytest.mark.parametrize(("width", "height"), SIZES[:3])
def test_shows_source_states_events_latency_and_losses(width: int, height: int) -> None:
    text = "\n".join(drawn(overlay_after(1000), width, height))
    for wanted in (
        "a.mp4",
        "measured 200.0 fps",
        "tracked",
        "idle",
        "happiness",
        "60%",
        "p95",
        "dropped 0",
        "blink 1",
        "sensitivity 1.00",
    ):
        assert wanted in text


def test_says_where_the_latency_of_an_event_went() -> None:
    text = "\n".join(drawn(overlay_after(1000), 160, 40))
    assert "43 ms after it: evidence 40 + queue 0 + sampling 1 + engine 2" in text


def test_marks_events_and_rejected_candidates_below_the_curve() -> None:
    text = "\n".join(drawn(overlay_after(1000), 120, 34))
    assert "▲" in text
    assert "┤happiness" in text
    assert "┤blink" in text


def test_the_name_of_an_event_that_has_just_ended_stands_on_its_left() -> None:
    overlay = overlay_after(700)
    overlay.update(update(700, 3.5, events=(event(1, first=640, last=698),)))
    assert "happiness├" in "\n".join(drawn(overlay, 120, 34))


def test_says_what_is_synthetic() -> None:
    overlay = overlay_after(10, warnings=("synthetic recording", "model trained on synthetic data only"))
    text = "\n".join(drawn(overlay, 80, 24))
    assert "synthetic recording" in text
    assert "model trained on synthetic data only" in text


def test_draws_the_face_in_letters_where_there_are_no_colours() -> None:
    text = "\n".join(drawn(overlay_after(100), 80, 24, colour=False))
    assert "+++++" in text
    assert "▀" not in text


def test_says_that_there_is_no_face() -> None:
    assert "no face" in "\n".join(drawn(overlay_after(100, face="absent"), 80, 24))


def test_exports_a_picture(tmp_path: Path) -> None:
    overlay_after(1000).export_svg(tmp_path / "o.svg", width=100, height=30)
    assert "happiness" in (tmp_path / "o.svg").read_text()


def test_the_first_picture_is_drawn_as_soon_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    overlay, ended = overlay_after(0), threading.Event()
    drawn = [threading.Event(), threading.Event()]
    ways = iter(drawn)
    render = overlay.render

    def watched(**size: Any) -> Any:
        shown = render(**size)
        if (way := next(ways, None)) is not None:
            way.set()
        return shown

    monkeypatch.setattr(screen, "FIRST_S", 60.0)
    monkeypatch.setattr(Terminal, "keys", lambda *_: str(ended.wait(60.0))[:0])  # the next redraw never comes
    monkeypatch.setattr(overlay, "render", watched)
    with overlay:
        assert drawn[0].wait(60.0)
        overlay.update(update(0, 0.0))
        assert drawn[1].wait(60.0)
        ended.set()


def test_leaves_no_thread_behind() -> None:
    with overlay_after(10):
        pass
    assert "overlay" not in [thread.name for thread in threading.enumerate()]


def test_an_error_while_drawing_is_raised_in_the_main_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    overlay = overlay_after(1)
    failed = threading.Event()

    def fail(**_: int) -> None:
        failed.set()
        raise RuntimeError("cannot draw")

    monkeypatch.setattr(overlay, "render", fail)
    with pytest.raises(RuntimeError, match="cannot draw"), overlay:
        failed.wait(60.0)


def test_gives_the_terminal_back_when_the_program_crashes() -> None:
    program = (
        "import sys, time; sys.path.insert(0, 'tests'); from test_overlay import *\n"
        "console = Console(force_terminal=True)\n"
        "overlay = Overlay(Header(source='x', engine='y'), totals=Totals(), timing=Timing(), console=console)\n"
        "with overlay:\n"
        "    overlay.update(update(0, 0.0)); time.sleep(0.3); 1 / 0\n"
    )
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color"}
    root = Path(__file__).parent.parent
    with subprocess.Popen([sys.executable, "-c", program], stdout=theirs, stderr=theirs, env=environment, cwd=root):
        os.close(theirs)
        output = _all_of(ours)
    os.close(ours)
    assert output.count(b"\x1b[?1049h") == output.count(b"\x1b[?1049l") == 1
    assert output.rindex(b"\x1b[?25h") > output.rindex(b"\x1b[?25l")
    assert b"ZeroDivisionError" in output[output.index(b"\x1b[?1049l") :]


def _all_of(descriptor: int) -> bytes:
    output = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux's way to say that the other end was closed
            return output
        if not part:
            return output
        output += part


def test_history_keeps_the_last_seconds_only() -> None:
    history = History()
    for n in range(30_000):
        history.add(update(n, n / 500.0))
    stretch = history.last(5.0)
    assert stretch.rate_hz == pytest.approx(500.0)
    assert stretch.times_s[-1] - stretch.times_s[0] == pytest.approx(5.0, abs=0.01)


def test_history_is_bounded() -> None:
    tabs = Tabs()
    for n in range(200):
        tabs.add(update(n, float(n), events=(event(n),), rejected=(interval(1, 9, reason="blink"),), notices=("x",)))
    history = tabs.history
    assert len(history.events) == len(history.rejected) == len(tabs.events) == len(tabs.notices) == 32
    assert history.events[-1].number == 199


def test_a_curve_reaches_the_top_and_the_bottom() -> None:
    lines = drawing.curve(np.array([0.0, 0.0, 1.0, 1.0]), width=2, height=2, top=1.0)
    assert lines == ["⠀⡏", "⣀⠇"]


def test_a_curve_has_gaps_where_there_is_nothing() -> None:
    lines = drawing.curve(np.full(8, np.nan), width=4, height=1, top=1.0)
    assert lines == ["⠀⠀⠀⠀"]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, "    "), (0.5, "██  "), (1.0, "████"), (7.0, "████"), (0.03125, "▏   ")]
)
def test_a_bar_is_filled_to_its_share(share: float, expected: str) -> None:
    assert drawing.bar(share, 4) == expected
