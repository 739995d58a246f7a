"""MMEW, 90 fps: `MMEW_Micro_Exp.xlsx` and `Micro_Expression/<emotion>/S01-01-001/1.jpg`.

Format after public loaders. Classes: happiness, disgust, fear, surprise, sadness (the five of
`mer.labels.CLASSES`), anger and others. In the published table 16 rows lack an apex or offset or have a wrong one.
"""

from pathlib import Path
from typing import Final

from mer.data.annotation import ALSO, Annotations, annotate
from mer.data.layout import find_file, find_folder, subfolders
from mer.data.tables import Columns, padded, read_workbook, rows_with_header
from mer.labels import CLASSES

FPS: Final = 90.0
LABELS: Final = frozenset((*CLASSES, "anger", "others"))

_COLUMNS: Final[Columns] = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame",),
    "apex": ("ApexFrame",),
    "offset": ("OffsetFrame",),
    "label": ("Estimated Emotion",),
}


def read(root: Path) -> Annotations:
    """Read the annotations of MMEW; see `mer.data.annotation.Annotations`."""
    table = find_file(root, "MMEW_Micro_Exp.xlsx", "MMEW_Micro_Exp*.xlsx")
    folder = find_folder(root, "Micro_Expression")
    clips: dict[str, list[Path]] = {}
    for emotion in subfolders(folder):
        for clip in subfolders(emotion):
            clips.setdefault(clip.name.casefold(), []).append(clip)
    rows = []
    for row in rows_with_header(table, read_workbook(table), _COLUMNS, optional=ALSO):
        label, clip_name = row.text("label"), row.text("clip")
        published = folder / label / clip_name
        rows.append(
            annotate(
                row,
                subject=f"S{padded(row.text('subject').upper().removeprefix('S'), 2)}",
                clip=clip_name,
                paths=(published, *(p for p in clips.get(clip_name.casefold(), []) if p != published)),
                fps=FPS,
            )
        )
    return Annotations(rows, [table], f"{folder}/<emotion>/S01-01-001/1.jpg", labels=LABELS)
