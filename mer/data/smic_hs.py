"""SMIC-HS, 100 fps: `SMIC-HS-E_annotation_2019.xlsx` and `SMIC_all_cropped/HS`.

Format after public loaders; frames are `s1/micro/<emotion>/s1_ne_01/reg_image*.bmp`. Classes:
positive, negative, surprise. No apex is annotated.
"""

from pathlib import Path
from typing import Final

from mer.data.annotation import Annotations, annotate
from mer.data.layout import find_file, find_folder
from mer.data.tables import Columns, padded, read_workbook, rows_with_header

FPS: Final = 100.0
LABELS: Final = frozenset(("positive", "negative", "surprise"))

_COLUMNS: Final[Columns] = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetF", "OnsetFrame", "Onset"),
    "offset": ("OffsetF", "OffsetFrame", "Offset"),
    "label": ("Emotion",),
}


def read(root: Path) -> Annotations:
    """Read the annotations of SMIC-HS; see `mer.data.annotation.Annotations`."""
    table = find_file(root, "SMIC-HS-E_annotation_2019.xlsx", "SMIC-HS-E_annotation*.xlsx")
    folder = find_folder(root, "SMIC_all_cropped/HS", "SMIC_all_raw/HS", "SMIC-HS-E", "HS")
    rows = []
    for row in rows_with_header(table, read_workbook(table), _COLUMNS):
        number = row.text("subject").casefold().removeprefix("s")
        number = str(int(number)) if number.isdecimal() else number
        clip, label = row.text("clip"), row.text("label")
        homes = [folder / f"s{n}" for n in (number, padded(number, 2))]
        rows.append(
            annotate(
                row,
                subject=f"s{padded(number, 2)}",
                # Cropped and raw releases sort clips by emotion; the release for spotting does not.
                paths=(*(h / "micro" / label.casefold() / clip for h in homes), *(h / clip for h in homes)),
                fps=FPS,
            )
        )
    return Annotations(
        rows, [table], f"{folder}/s1/micro/<emotion>/s1_ne_01/reg_image*.bmp", labels=LABELS, has_apex=False
    )
