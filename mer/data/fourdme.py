"""4DME, grey micro-expression videos, 60 fps: `4DME*.xlsx` and folders of `Frame_000001826.jpg`.

Format after public loaders; only the table's columns and the frames' names are known, so recordings are found by
the folder's name anywhere below the root. Classes: positive, negative, surprise, repression, others; rows with
a combination of them keep it as it is.
"""

from pathlib import Path
from typing import Final

from mer.data.annotation import ALSO, Annotations, annotate
from mer.data.layout import find_file, index_recordings, pick_recordings
from mer.data.tables import Columns, read_workbook, rows_with_header

FPS: Final = 60.0
LABELS: Final = frozenset(("positive", "negative", "surprise", "repression", "others"))

_COLUMNS: Final[Columns] = {
    "subject": ("sub_ID",),
    "clip": ("fold_name",),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "label": ("Emotion",),
}


def read(root: Path) -> Annotations:
    """Read the annotations of 4DME; see `mer.data.annotation.Annotations`."""
    table = find_file(root, "4DME*micro*.xlsx", "4DME*.xlsx")
    index = index_recordings(root)
    rows = []
    for row in rows_with_header(table, read_workbook(table), _COLUMNS, optional=ALSO):
        subject, clip = row.text("subject"), row.text("clip")
        rows.append(
            annotate(
                row,
                subject=subject,
                paths=pick_recordings(index, root, subject=subject, name=clip),
                fps=FPS,
            )
        )
    return Annotations(rows, [table], f"{root}/.../<sub_ID>/<fold_name>/Frame_000001826.jpg", labels=LABELS)
