"""CAS(ME)^3 part A, 30 fps: `cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx` and `spNO.1/b/color/175.jpg`.

All numbers of the table are text. Classes: happiness (in the table: happy), disgust, fear, surprise, sadness
(sad), anger, others. A recording holds several expressions, so a clip is called `b@175` after its onset.
Known faults: onset is apex in 55 rows; 72 rows last longer than 2 s, one 24 s.
"""

import re
from pathlib import Path
from typing import Final

from mer.data.annotation import ALSO, Annotations, annotate
from mer.data.layout import find_file, find_parent, subfolders
from mer.data.tables import Columns, read_workbook, rows_with_header
from mer.labels import CLASSES

FPS: Final = 30.0
LABELS: Final = frozenset((*CLASSES, "anger", "others"))

_COLUMNS: Final[Columns] = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "label": ("emotion",),
}


def read(root: Path) -> Annotations:
    """Read the annotations of CAS(ME)^3 part A; see `mer.data.annotation.Annotations`."""
    table = find_file(root, "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "cas(me)3_part_A_ME*.xlsx")
    folder = find_parent(root, r"spNO\.\d+", example="spNO.1")
    folders = {subject.name.casefold(): subject for subject in subfolders(folder)}
    recordings = {name: subfolders(subject) for name, subject in folders.items()}
    rows = []
    for row in rows_with_header(table, read_workbook(table), _COLUMNS, optional=ALSO):
        subject, name = row.text("subject"), row.text("clip")
        home = folders.get(subject.casefold(), folder / subject)
        # Where a recording was cut into one folder per expression, these are called b, b2, b3.
        parts = [r for r in recordings.get(subject.casefold(), []) if re.fullmatch(re.escape(name) + r"\d+", r.name)]
        rows.append(
            annotate(
                row,
                subject=subject,
                clip=f"{name}@{row.text('onset')}",
                paths=(home / name / "color", *(part / "color" for part in parts)),
                fps=FPS,
            )
        )
    return Annotations(rows, [table], f"{folder}/spNO.1/b/color/175.jpg", labels=LABELS)
