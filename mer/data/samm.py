"""SAMM, 200 fps: `SAMM_Micro_FACS_Codes_v2.xlsx` and `006/006_1_2/006_05562.jpg`, four or five digits.

The table's sheet is `MICRO_ONLY` with the header on row 14; frames are counted absolutely in the source
video. Classes: anger, contempt, disgust, fear, happiness, others (in the table: Other), sadness, surprise.
"""

from pathlib import Path
from typing import Final

from mer.data.annotation import ALSO, Annotations, annotate
from mer.data.layout import find_file, find_parent
from mer.data.tables import Columns, padded, read_workbook, rows_with_header
from mer.labels import CLASSES

FPS: Final = 200.0
LABELS: Final = frozenset((*CLASSES, "anger", "contempt", "others"))
TABLES: Final = ("SAMM_Micro_FACS_Codes_v2.xlsx", "SAMM*Micro_FACS_Codes*.xlsx")
SHEET: Final = "MICRO_ONLY"
LABEL_COLUMNS: Final[Columns] = {"clip": ("Filename",), "label": ("Estimated Emotion",)}

_COLUMNS: Final[Columns] = {
    **LABEL_COLUMNS,
    "subject": ("Subject",),
    "onset": ("Onset Frame", "Onset"),
    "apex": ("Apex Frame", "Apex"),
    "offset": ("Offset Frame", "Offset"),
}


def read(root: Path) -> Annotations:
    """Read the annotations of SAMM; see `mer.data.annotation.Annotations`."""
    table = find_file(root, *TABLES)
    folder = find_parent(root, r"\d{3}", example="006")
    rows = []
    for row in rows_with_header(table, read_workbook(table), _COLUMNS, sheet=SHEET, optional=ALSO):
        subject = padded(row.text("subject"), 3)
        rows.append(
            annotate(
                row,
                subject=subject,
                paths=(folder / subject / row.text("clip"),),
                fps=FPS,
            )
        )
    return Annotations(rows, [table], f"{folder}/006/006_1_2/006_05562.jpg", labels=LABELS)
