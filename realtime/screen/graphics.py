"""Pictures in pixels where the terminal can show them: kitty's graphics protocol, and Sixel.

What a terminal can do is told by its environment, never by asking it: an answer that comes late would be read as
keys, and over ssh, in tmux and in pipes nobody answers. Sixel data come from textual-image (extra `pictures`). Of that
library only the encoder is used: what it has for Rich asks the terminal as soon as it is imported, and writes past
the console, so that a picture could not be exchanged together with the text around it.

https://sw.kovidgoyal.net/kitty/graphics-protocol/, https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

import base64
import importlib.util
import math
import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.region import Region

from mer.errors import UsageError
from realtime.messages import Event
from realtime.screen.face_view import face_picture
from realtime.screen.panels import has_colours, strip_place
from realtime.update import Update

Mode = Literal["kitty", "sixel", "blocks", "none"]
MODES: Final = ("auto", "kitty", "sixel", "blocks", "none")
_KITTY_TERMS: Final = frozenset({"xterm-kitty", "xterm-ghostty"})
_SIXEL_TERMS: Final = frozenset({"foot", "foot-extra", "mlterm", "contour"})
_SIXEL_PROGRAMS: Final = frozenset({"WezTerm", "mintty"})
_VT340_CELL_WH: Final = (10, 20)
"""Pixels of a cell where the terminal does not tell."""
_MAX_PX: Final = 320
"""Side of the largest picture of a face; the crop itself has 240 pixels."""
_SHARE: Final = 8.0
"""A picture is drawn again no sooner than after so many times what drawing it took ..."""
_LONGEST_S: Final = 2.0
"""... but after this time in any case: the first takes longer, because a library is loaded."""
_CHUNK: Final = 4096
_SIXEL_COLOURS: Final = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """How pictures are shown, and why."""

    mode: Mode
    reason: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture on the screen.

    Attributes:
        number: Tells it from the other pictures.
        area: Cells that it covers, counted from 0.
        content: What makes the terminal draw it at the cursor.
    """

    number: int
    area: Region
    content: str


def choose(asked: str, console: Console, environment: Mapping[str, str]) -> Choice:
    """Return how to show pictures.

    Args:
        asked: One of MODES.
        console: The terminal.
        environment: Variables that tell which terminal it is.

    Raises:
        UsageError: If Sixel is asked for and its library is missing.
    """
    has_sixel = importlib.util.find_spec("textual_image") is not None
    if asked == "sixel" and not has_sixel:
        raise UsageError("--pictures sixel needs textual-image; install it with: pip install 'mer-live[pictures]'")
    if asked in ("kitty", "sixel", "blocks", "none"):
        return Choice(asked, "asked for")  # type: ignore[arg-type]
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if not console.is_terminal or not has_colours(console):
        return Choice("blocks", "no terminal with colours")
    if "TMUX" in environment or "STY" in environment or term.startswith(("tmux", "screen")):
        return Choice("blocks", "inside tmux or screen")
    if "SSH_CONNECTION" in environment or "SSH_TTY" in environment:
        return Choice("blocks", "over ssh")
    if term in _KITTY_TERMS or program == "ghostty":
        return Choice("kitty", f"{term or program} knows kitty's graphics protocol")
    if term in _SIXEL_TERMS or program in _SIXEL_PROGRAMS:
        if not has_sixel:
            return Choice("blocks", "for Sixel: pip install 'mer-live[pictures]'")
        if _cell_wh(console) is None:
            return Choice("blocks", "the terminal does not report the size of its cells")
        return Choice("sixel", f"{program or term} knows Sixel")
    return Choice("blocks", f"TERM={term} is not known to show pictures; --pictures sixel or kitty insists")


class Pictures:
    """Draws the face and the strip in pixels, again only if they have changed and not too often.

    Args:
        mode: "kitty" or "sixel"; with any other nothing is placed.
        console: The terminal.
        clock: Monotonic seconds.
    """

    def __init__(self, mode: Mode, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.mode = mode
        self._console = console
        self._drawn: dict[int, tuple[object, Placed, float]] = {}
        self._first_id = 16 * (os.getpid() % 0xFFFFFF)

    @property
    def in_pixels(self) -> bool:
        """Whether pictures are drawn here at all."""
        return self.mode in ("kitty", "sixel")

    def face(self, update: Update | None, panel: Region) -> list[Placed]:
        """Return the face, filling the left of its panel; none without a face."""
        rows = min(panel.height, (panel.width - 1) // 2)
        if not self.in_pixels or update is None or update.crop.state != "tracked" or rows < 1:
            return []
        area = Region(panel.x, panel.y, 2 * rows, rows)
        wide, high = self._cell_wh()
        side = min(area.width * wide, area.height * high, _MAX_PX)
        return [self._placed(1, (update.crop.index, area), area, lambda: face_picture(update, width=side, height=side))]

    def strip(self, event: Event | None, panel: Region) -> list[Placed]:
        """Return the pictures of an event, below their names; none without an event."""
        if not self.in_pixels or event is None or panel.height < 3:
            return []
        shown, size = strip_place(event, width=panel.width, height=panel.height)
        wide, high = self._cell_wh()
        rows = max(1, min(panel.height - 1, math.ceil(size * wide / high)))  # so that pictures stand below their names
        area = Region(panel.x + 1, panel.y + 1, size * len(shown), rows)
        side = max(1, min(size * wide, rows * high, 180))

        def image() -> NDArray[np.uint8]:
            small = [cv2.resize(event.clip.images[n], (side, side), interpolation=cv2.INTER_AREA) for n in shown]
            return np.repeat(np.concatenate(small, axis=1)[:, :, np.newaxis], 3, axis=2)

        return [self._placed(2, (event.number, area), area, image)]

    def forgotten(self) -> str:
        """Return what takes all pictures off the screen, beside erasing it."""
        self._drawn.clear()
        if self.mode != "kitty":
            return ""
        return "".join(f"\x1b_Ga=d,d=I,i={self._first_id + number},q=2\x1b\\" for number in (1, 2))

    def _placed(self, number: int, key: object, area: Region, image: Callable[[], NDArray[np.uint8]]) -> Placed:
        now_s = self._clock()
        if number in self._drawn:
            before, placed, next_s = self._drawn[number]
            if before == key or (placed.area == area and now_s < next_s):
                return placed
        encode = _kitty if self.mode == "kitty" else _sixel
        placed = Placed(number, area, encode(image(), area, self._first_id + number))
        self._drawn[number] = (key, placed, now_s + min(_SHARE * (self._clock() - now_s), _LONGEST_S))
        return placed

    def _cell_wh(self) -> tuple[int, int]:
        return _cell_wh(self._console) or _VT340_CELL_WH


def _kitty(image: NDArray[np.uint8], area: Region, number: int) -> str:
    """Return an (H, W, 3) uint8 RGB picture in kitty's protocol, scaled to its cells; it replaces the one before."""
    height, width = image.shape[:2]
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(image).tobytes(), 1)).decode("ascii")
    chunks = [data[n : n + _CHUNK] for n in range(0, len(data), _CHUNK)]
    keys = f"a=T,f=24,o=z,s={width},v={height},i={number},p=1,c={area.width},r={area.height},C=1,q=2,"
    parts = []
    for n, chunk in enumerate(chunks):
        parts.append(f"\x1b_G{keys if n == 0 else 'q=2,'}m={int(n < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts)


def _sixel(image: NDArray[np.uint8], _area: Region, _number: int) -> str:
    """Return an (H, W, 3) uint8 RGB picture as Sixels."""
    from PIL import Image
    from textual_image._sixel import SixelOptions, image_to_sixels

    return str(image_to_sixels(Image.fromarray(image), SixelOptions(colors=_SIXEL_COLOURS)))


def _cell_wh(console: Console) -> tuple[int, int] | None:
    """Return the pixels of a cell as the terminal's driver knows them; None if it does not."""
    try:
        import fcntl
        import struct
        import termios

        sizes = fcntl.ioctl(console.file.fileno(), termios.TIOCGWINSZ, bytes(8))
    except (ImportError, OSError, ValueError, AttributeError):
        return None
    rows, columns, wide, high = struct.unpack("HHHH", sizes)
    return (wide // columns, high // rows) if rows and columns and wide >= columns and high >= rows else None
