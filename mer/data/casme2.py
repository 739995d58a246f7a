"""CASME II, 200 fps: `CASME2-coding-20190701.xlsx` and `CASME2-RAW/sub01/EP02_01f/img46.jpg`.

Classes: happiness, disgust, repression, surprise, fear, sadness, others. One apex of the published table is `/`.
"""

from pathlib import Path
from typing import Final

from mer.data.annotation import ALSO, Annotations, annotate
from mer.data.layout import find_file, find_folder
from mer.data.tables import Columns, padded, read_workbook, rows_with_header
from mer.labels import CLASSES

FPS: Final = 200.0
LABELS: Final = frozenset((*CLASSES, "repression", "others"))

_COLUMNS: Final[Columns] = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame",),
    "apex": ("ApexFrame",),
    "offset": ("OffsetFrame",),
    "label": ("Estimated Emotion",),
}


def read(root: Path) -> Annotations:
    """Read the annotations of CASME II; see `mer.data.annotation.Annotations`."""
    table = find_file(root, "CASME2-coding-*.xlsx")
    folder = find_folder(root, "CASME2-RAW", "CASME2_RAW_selected", "CASME2_RAW", "Cropped")
    rows = []
    for row in rows_with_header(table, read_workbook(table), _COLUMNS, optional=ALSO):
        subject = padded(row.text("subject").casefold().removeprefix("sub"), 2)
        rows.append(
            annotate(
                row,
                subject=subject,
                paths=(folder / f"sub{subject}" / row.text("clip"),),
                fps=FPS,
            )
        )
    return Annotations(rows, [table], f"{folder}/sub01/EP02_01f/img46.jpg", labels=LABELS)
