"""Speech, expressions, blinks and gaze of a real face: curves of a motion capture as what a portrait shows.

Files are CSV (or gzipped CSV) as Apple's ARKit face tracking and Live Link Face name the columns: one coefficient of 0
to 1 for each movement, and `time_s` or `Timecode`. The curves of the package name source and licence in their first
lines.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.synth.fields import UnitSide
from mer.synth.timeline import Timeline

MEASURED: Final = "measured"
_FOLDER: Final = Path(__file__).with_name("motion")
_TIMECODE_FRAMES: Final = 60.0
"""Live Link Face counts the frames of a second to this number, whatever the rate."""
_LEFT, _RIGHT = 1, -1  # "Left" is the person's left: the right half of the picture
_BOTH: Final = (_LEFT, _RIGHT)

SKIN: Final[dict[str, tuple[int, tuple[int, ...], float]]] = {
    "JawOpen": (26, _BOTH, 0.20),
    "MouthFunnel": (18, _BOTH, 0.06),
    "MouthPucker": (18, _BOTH, 0.10),
    "MouthShrugLower": (17, _BOTH, 0.06),
    "BrowInnerUp": (1, _BOTH, 0.10),
    **{
        f"{name}{'Left' if side == _LEFT else 'Right'}": (unit, (side,), size)
        for name, unit, size in (
            ("MouthSmile", 12, 0.15),
            ("MouthFrown", 15, 0.06),
            ("MouthStretch", 20, 0.08),
            ("MouthDimple", 20, 0.05),
            ("MouthLowerDown", 16, 0.08),
            ("MouthUpperUp", 10, 0.08),
            ("BrowDown", 4, 0.08),
            ("BrowOuterUp", 2, 0.10),
            ("CheekSquint", 6, 0.05),
            ("NoseSneer", 9, 0.06),
            ("EyeWide", 5, 0.03),
            ("EyeSquint", 7, 0.03),
        )
        for side in _BOTH
    },
}
"""Coefficient: action unit, sides, and displacement in IOD at a coefficient of 1."""
_BLINKS: Final = ("EyeBlinkRight", "EyeBlinkLeft")
"""Left eye of the picture first."""
_CLOSED: Final = 0.85
_GAZE: Final = ("EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "EyeLookDownLeft")
_GAZE_IOD: Final = (0.08, 0.05)
COLUMNS: Final = (*SKIN, *_BLINKS, *_GAZE)


@dataclass(frozen=True, slots=True)
class Curves:
    """Coefficients over time.

    Attributes:
        times_s: (n,) increasing, from 0.
        values: (n, len(COLUMNS)) coefficients.
        name: Where they come from.
    """

    times_s: NDArray[np.float64]
    values: NDArray[np.float64]
    name: str

    def play(self, timeline: Timeline, generator: np.random.Generator) -> None:
        """Have a portrait do what a random stretch of the curves shows; the median of each curve is its rest."""
        from scipy.interpolate import PchipInterpolator

        seconds = float(self.times_s[-1])
        start_s = float(generator.uniform(0.0, max(seconds - float(timeline.times_s[-1]), 0.0)))
        inside = seconds - np.abs(np.mod(start_s + timeline.times_s, 2.0 * seconds) - seconds)
        shown = PchipInterpolator(self.times_s, self.values, axis=0)(inside)
        rest = np.median(self.values, axis=0)
        course = {name: shown[:, k] - rest[k] for k, name in enumerate(COLUMNS)}
        for name, (unit, sides, size) in SKIN.items():
            weights: dict[UnitSide, NDArray[np.float64]] = {
                (unit, side): size * np.maximum(course[name], 0.0) for side in sides
            }
            timeline.add_units(weights)
        for eye, name in enumerate(_BLINKS):
            closed = course[name] / max(_CLOSED - rest[COLUMNS.index(name)], 0.1)
            timeline.closure[:, eye] = np.maximum(timeline.closure[:, eye], np.clip(closed, 0.0, 1.0))
        into, out, up, down = (course[name] for name in _GAZE)
        timeline.gaze += np.column_stack([_GAZE_IOD[0] * (out - into), _GAZE_IOD[1] * (down - up)])


def built_in() -> list[str]:
    """Return the names of the curves that come with the package."""
    return sorted(file.name.removeprefix("curves-").removesuffix(".csv.gz") for file in _FOLDER.glob("curves-*.csv.gz"))


def find_curves(given: str, generator: np.random.Generator) -> Curves:
    """Return curves.

    Args:
        given: A CSV file, the name of curves of the package, or "measured" for any of these.
        generator: Chooses.

    Raises:
        MerError: If there is no such file or it does not hold curves.
    """
    names = built_in()
    name = str(generator.choice(names)) if given == MEASURED else given
    return read_curves(_FOLDER / f"curves-{name}.csv.gz" if name in names else Path(given))


def read_curves(file: Path) -> Curves:
    """Read curves; columns that a file does not have stay at rest.

    Raises:
        MerError: If the file cannot be read or does not hold curves.
    """
    lines = [line for line in _text(file).splitlines() if line and line[0] != "#"]
    names = [_key(name) for name in lines[0].split(",")] if lines else []
    places = {name: names.index(_key(name)) for name in COLUMNS if _key(name) in names}
    clock = next((names.index(name) for name in ("times", "timecode") if name in names), None)
    if clock is None or not places:
        raise MerError(
            f"{file} does not hold curves of a face; expected a column time_s or Timecode and columns as ARKit names "
            f"them, such as {COLUMNS[0]}"
        )
    times_s, values = np.zeros(len(lines) - 1), np.zeros((len(lines) - 1, len(COLUMNS)))
    for row, line in enumerate(lines[1:]):
        cells = line.split(",")
        try:
            times_s[row] = _seconds(cells[clock])
            values[row, [COLUMNS.index(name) for name in places]] = [float(cells[k] or 0) for k in places.values()]
        except (ValueError, IndexError) as error:
            raise MerError(f"{file}, row {row + 2} is not a row of curves ({error})") from error
    times_s, first = np.unique(times_s, return_index=True)
    values = values[first]
    if len(times_s) < 4 or not np.isfinite(values).all() or np.abs(values).max() > 2.0:
        raise MerError(f"{file} does not hold curves of a face: expected 4 rows or more, coefficients from 0 to 1")
    return Curves(times_s - times_s[0], values, file.name.split(".")[0])


def _key(name: str) -> str:
    return name.strip().lower().replace("_", "")


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
        return (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise MerError(f"curves {file} cannot be read ({reason}); give a CSV file") from error


def _seconds(cell: str) -> float:
    if ":" not in cell:
        return float(cell)
    hours, minutes, seconds, frames = (float(part) for part in cell.split(":"))
    return 3600.0 * hours + 60.0 * minutes + seconds + frames / _TIMECODE_FRAMES
