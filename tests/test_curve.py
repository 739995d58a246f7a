"""The line of marks below the motion curve."""

import io

import numpy as np
from fakes import event
from rich.console import Console

from realtime.screen.curve import Curve
from realtime.screen.history import Stretch

FPS = 200.0


def marks(*events: tuple[int, int, str], width: int = 61) -> str:
    """Return the line below a curve of five seconds for events of (first frame, last frame, label)."""
    times_s = np.arange(0, 5 * FPS) / FPS
    stretch = Stretch(times_s, np.zeros(len(times_s)), np.ones(len(times_s)))
    found = [event(n, first=first, last=last, label=label) for n, (first, last, label) in enumerate(events, start=1)]
    console = Console(file=io.StringIO(), width=width, height=8)
    console.print(Curve(stretch, found, [], seconds=5.0))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return str(lines[-2])


def heading(watchable: float | None, *, width: int) -> str:
    times_s = np.arange(0, 5 * FPS) / FPS
    stretch = Stretch(times_s, np.zeros(len(times_s)), np.full(len(times_s), 0.2))
    console = Console(file=io.StringIO(), width=width, height=8)
    console.print(Curve(stretch, [], [], seconds=5.0, watchable=watchable))
    return console.file.getvalue().splitlines()[0].rstrip()  # type: ignore[attr-defined, no-any-return]


def test_the_heading_says_what_can_be_seen() -> None:
    assert heading(0.83, width=100).endswith("stands out from 0.20; sees from 0.8 %")
    assert heading(7.0, width=100).endswith("; too much movement")
    assert heading(0.83, width=60) == "motion to 0.5 %, from 0.20; sees from 0.8 %"
    assert heading(0.83, width=30) == "sees from 0.8 %"
    assert heading(None, width=100).endswith("stands out from 0.20")


def test_a_name_stands_behind_its_interval() -> None:
    assert "▲" in marks((200, 260, "happiness"))
    assert marks((200, 260, "happiness")).rstrip().endswith("┤happiness")


def test_a_name_ends_where_the_next_interval_begins() -> None:
    line = marks((200, 260, "happiness"), (320, 380, "surprise"))
    assert line.count("├") == line.count("┤") == 2
    assert line.rstrip().endswith("┤surprise")
    between = line[line.index("┤") + 1 : line.rindex("├")]
    assert between
    assert "happiness".startswith(between)


def test_at_the_right_border_a_name_stands_before_its_interval() -> None:
    assert "sadness├" in marks((920, 980, "sadness"))


def test_the_latest_event_is_named_where_there_is_no_room_for_all() -> None:
    assert "┤fear├" in marks((620, 680, "happiness"), (820, 900, "fear"), width=41)


def test_two_names_have_a_gap_between_them() -> None:
    assert "┤hap fear├" in marks((520, 580, "happiness"), (820, 900, "fear"), width=41)


def test_an_interval_that_has_left_the_picture_takes_its_name_with_it() -> None:
    assert marks((-80, -20, "surprise")).strip() == ""
