"""Anybody's data: a CSV with the columns subject, clip, path, fps, onset, apex, offset and label.

`path` is a video or a folder of frames, relative to the CSV. Onset, apex and offset are positions from 0, offset
included. `apex` may be empty; so may `fps` for a video, whose own time stamps are used then. Any label will do.
"""

from pathlib import Path
from typing import Final

from mer.data.annotation import ALSO, Annotations, annotate
from mer.data.dfme import rate
from mer.data.tables import Columns, read_csv, rows_with_header
from mer.errors import MerError

COLUMNS: Final = ("subject", "clip", "path", "fps", "onset", "apex", "offset", "label")


def read(root: Path) -> Annotations:
    """Read a manifest, or `manifest.csv` in a folder; see `mer.data.annotation.Annotations`."""
    table = root / "manifest.csv" if root.is_dir() else root
    if not table.is_file():
        raise MerError(f"{table}: no such file; expected a CSV with the columns {', '.join(COLUMNS)}")
    columns: Columns = {name: (name,) for name in COLUMNS}
    rows = []
    for row in rows_with_header(table, {"": read_csv(table)}, columns, optional=ALSO):
        fps, faults = rate(row)
        if not row.text("path"):
            faults += ("path is missing",)
        rows.append(
            annotate(
                row,
                subject=row.text("subject"),
                paths=(table.absolute().parent / row.text("path"),) if row.text("path") else (),
                fps=fps,
                faults=faults,
            )
        )
    return Annotations(rows, [table], "the column path says, relative to the CSV", has_apex=False, counting="from 0")
