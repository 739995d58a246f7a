"""The path of a head: where it is and how it is turned over time, read from a file or measured in a recording.

Files are CSV with the columns of COLUMNS, lines beginning with # left out of account. The paths of PATHS come with the
package; each names its source and licence in its first lines. They hold numbers that were measured in recordings of
real people, no pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face.pose import HeadPose
from mer.files import write_atomically

COLUMNS: Final = ("time_s", "x", "y", "scale", "yaw", "pitch", "roll")
"""Seconds; position of the point between the eyes in IOD; factor on size; radians. See `mer.face.pose.HeadPose`."""
MEASURED: Final = "measured"
MAX_SHIFT_IOD: Final = 0.9
MAX_TURN: Final = 0.4
"""Radians; a portrait that is turned further shows what no camera saw."""
_FOLDER: Final = Path(__file__).with_name("motion")
_MIN_ROWS: Final = 4
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadPath:
    """How a head moves.

    Attributes:
        times_s: (n,) increasing, from 0.
        poses: (n, 6) x, y, scale, yaw, pitch, roll.
        name: Where it comes from.
    """

    times_s: Times
    poses: NDArray[np.float64]
    name: str

    @property
    def seconds(self) -> float:
        """Length."""
        return float(self.times_s[-1])

    def at(self, times_s: Times) -> NDArray[np.float64]:
        """Return the (m, 6) poses at some times, smooth; a path that is too short is walked back and forth."""
        from scipy.interpolate import PchipInterpolator

        inside = self.seconds - np.abs(np.mod(times_s, 2.0 * self.seconds) - self.seconds)
        poses: NDArray[np.float64] = PchipInterpolator(self.times_s, self.poses, axis=0)(inside)
        return poses

    def stretch(self, times_s: Times, generator: np.random.Generator) -> list[HeadPose]:
        """Return the poses of a random stretch about their middle, within what a portrait can show."""
        start_s = float(generator.uniform(0.0, max(self.seconds - float(times_s[-1]), 0.0)))
        poses = self.at(start_s + times_s)
        middle = np.median(poses, axis=0)
        poses = poses - middle * [1, 1, 0, 1, 1, 1]
        poses[:, 2] /= middle[2]
        poses[:, :2] = _limited(poses[:, :2], MAX_SHIFT_IOD)
        poses[:, 3:] = _limited(poses[:, 3:], MAX_TURN)
        poses[:, 2] = np.exp(_limited(np.log(poses[:, 2]), np.log(1.4)))
        return [HeadPose(*(float(value) for value in pose)) for pose in poses]

    @property
    def speeds(self) -> NDArray[np.float64]:
        """(n - 1,) speed of the point between the eyes, IOD per second."""
        speed: NDArray[np.float64] = np.hypot(*np.diff(self.poses[:, :2], axis=0).T) / np.diff(self.times_s)
        return speed


def built_in() -> list[str]:
    """Return the names of the paths that come with the package."""
    return sorted(file.stem.removeprefix("head-") for file in _FOLDER.glob("head-*.csv"))


def find_path(given: str, generator: np.random.Generator) -> HeadPath:
    """Return a head path.

    Args:
        given: A CSV file, the name of a path of the package, or "measured" for any of these.
        generator: Chooses.

    Raises:
        MerError: If there is no such file or it holds no path.
    """
    names = built_in()
    name = str(generator.choice(names)) if given == MEASURED else given
    return read_path(_FOLDER / f"head-{name}.csv" if name in names else Path(given))


def read_path(file: Path) -> HeadPath:
    """Read a path.

    Raises:
        MerError: If the file cannot be read or does not hold a path.
    """
    table = read_columns(file, COLUMNS)
    if len(table) < _MIN_ROWS or not (np.diff(table[:, 0]) > 0).all() or (table[:, 3] <= 0).any():
        raise MerError(
            f"{file} is not a head path: expected at least {_MIN_ROWS} rows, times that increase, scales over 0"
        )
    return HeadPath(table[:, 0] - table[0, 0], table[:, 1:], file.stem)


def write_path(file: Path, path: HeadPath, *, about: Sequence[str]) -> None:
    """Write a path.

    Args:
        file: CSV to write.
        path: What to write.
        about: Lines for the head of the file: what it was measured in.

    Raises:
        MerError: If the file cannot be written.
    """
    lines = [f"# {line}" for line in about] + [",".join(COLUMNS)]
    rows = np.column_stack([path.times_s, path.poses])
    lines += [f"{row[0]:.3f}," + ",".join(f"{value:.4f}" for value in row[1:]) for row in rows]
    write_atomically(file, "\n".join(lines) + "\n")


def path_from_poses(times_s: Times, poses: Sequence[HeadPose], *, name: str) -> HeadPath:
    """Return the path of poses in pixels: position in median IOD about the median position, angles as they are."""
    rows = np.array([(p.x, p.y, p.scale, p.yaw, p.pitch, p.roll) for p in poses])
    scale = float(np.median(rows[:, 2]))
    rows[:, :2] = (rows[:, :2] - np.median(rows[:, :2], axis=0)) / scale
    rows[:, 2] /= scale
    return HeadPath(times_s - times_s[0], rows, name)


def read_columns(file: Path, columns: Sequence[str]) -> NDArray[np.float64]:
    """Return (n, len(columns)) numbers of a CSV file, whose other columns and lines that begin with # are left out.

    Raises:
        MerError: If the file cannot be read, a column is missing or a cell is not a finite number.
    """
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line and line[0] != "#"]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise MerError(f"{file} cannot be read ({reason}); give a CSV file with columns {','.join(columns)}") from error
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    missing = [name for name in columns if name not in names]
    if missing:
        raise MerError(f"{file} has no column {missing[0]}; expected {','.join(columns)}")
    places = [names.index(name) for name in columns]
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split(",")
        try:
            row = [float(cells[place]) for place in places]
        except (ValueError, IndexError):
            row = [np.nan]
        if not np.isfinite(row).all():
            raise MerError(f"{file}, row {number}: expected a number in each of {','.join(columns)}")
        rows.append(row)
    return np.array(rows).reshape(-1, len(columns))


def _limited(values: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Return values that bend smoothly towards a limit instead of passing it."""
    size: NDArray[np.float64] = most * np.tanh(values / most)
    return size
