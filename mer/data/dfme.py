"""DFME, 200, 300 and 500 fps: CSV files with one row per expression, which gives its rate.

Where the frames are is not documented: a recording is any folder or video called as in the column Filename
below the root. Classes: happiness, anger, contempt, disgust, fear, sadness, surprise, others.
"""

from pathlib import Path
from typing import Final

from mer.data.annotation import ALSO, Annotations, annotate
from mer.data.layout import find_files, index_recordings, pick_recordings
from mer.data.tables import Columns, Row, read_csv, rows_with_header
from mer.errors import MerError
from mer.labels import CLASSES

LABELS: Final = frozenset((*CLASSES, "anger", "contempt", "others"))

_COLUMNS: Final[Columns] = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame",),
    "apex": ("ApexFrame",),
    "offset": ("OffsetFrame",),
    "label": ("Emotion",),
    "fps": ("Fps",),
}


def read(root: Path) -> Annotations:
    """Read the annotations of DFME; see `mer.data.annotation.Annotations`."""
    tables, table_rows = _tables(root)
    index = index_recordings(root)
    rows = []
    for row in table_rows:
        subject, clip = row.text("subject"), row.text("clip")
        fps, faults = rate(row)
        rows.append(
            annotate(
                row,
                subject=subject,
                paths=pick_recordings(index, root, subject=subject, name=clip),
                fps=fps,
                faults=faults,
            )
        )
    return Annotations(rows, tables, f"{root}/.../<Filename>/*.jpg", labels=LABELS)


def rate(row: Row) -> tuple[float | None, tuple[str, ...]]:
    """Return the frame rate in a row's column `fps`, None if it is empty, and what is wrong with it."""
    text = row.text("fps")
    if not text:
        return None, ()
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if 1.0 <= fps <= 100_000.0:
        return fps, ()
    return None, (f"fps {text!r} is not a frame rate in frames per second",)


def _tables(root: Path) -> tuple[list[Path], list[Row]]:
    """Read every CSV file that has the columns: parts of the dataset are annotated in files of their own."""
    tables: list[Path] = []
    rows: list[Row] = []
    refusals: list[MerError] = []
    for path in find_files(root, "*.csv"):
        try:
            rows += rows_with_header(
                path, {"": read_csv(path)}, _COLUMNS, shown=str(path.relative_to(root)), optional=ALSO
            )
        except MerError as error:
            refusals.append(error)
        else:
            tables.append(path)
    if tables:
        return tables, rows
    if refusals:
        raise refusals[0]
    raise MerError(f"{root}: no CSV file in it or two levels below; expected the annotation files as published")
