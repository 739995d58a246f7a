"""SAMM Long Videos, 200 fps: `SAMM_LongVideos_V*_Release.xlsx` and `SAMM_longvideos/006_1/006_1_0001.jpg`.

Format after public loaders: ten rows of text come before the table. It has no emotions; where the table of
SAMM (`SAMM_Micro_FACS_Codes_v2.xlsx`) lies beside it, micro-expressions get theirs from there by file name.
"""

from pathlib import Path
from typing import Final

from mer.data import samm
from mer.data.annotation import ALSO, UNLABELLED, Annotations, annotate
from mer.data.casme_sq import expression_kind, require_types
from mer.data.layout import find_file, find_folder, subfolders
from mer.data.tables import Columns, Row, padded, read_workbook, rows_by_position, rows_with_header
from mer.errors import MerError

FPS: Final = 200.0
LABELS: Final = samm.LABELS | {UNLABELLED}

_COLUMNS: Final[Columns] = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset", "Onset Frame"),
    "apex": ("Apex", "Apex Frame"),
    "offset": ("Offset", "Offset Frame"),
    "type": ("Type", "Micro"),
}
_PLACES: Final = ("subject", "clip", "code", "onset", "apex", "offset", "duration", "type", "units", "notes")


def read(root: Path) -> Annotations:
    """Read the annotations of SAMM-LV, macro-expressions included; see `mer.data.annotation.Annotations`."""
    table = find_file(root, "SAMM_LongVideos_V*_Release.xlsx", "SAMM_LongVideos*.xlsx")
    folder = find_folder(root, "SAMM_longvideos")
    emotions, note = _emotions(root)
    rows = []
    for row in _rows(table):
        clip = row.text("clip")
        kind, faults = expression_kind(row.text("type"))
        recording = "_".join(clip.split("_")[:2])
        rows.append(
            annotate(
                row,
                subject=padded(row.text("subject") or clip.split("_")[0], 3),
                paths=(folder / recording,),
                fps=FPS,
                label=emotions.get(clip, UNLABELLED) if kind == "micro" else UNLABELLED,
                kind=kind,
                faults=faults,
            )
        )
    return Annotations(
        rows,
        [table],
        f"{folder}/006_1/006_1_0001.jpg",
        labels=LABELS,
        long_recordings={(path.name.split("_")[0], path.name): path for path in subfolders(folder)},
        notes=[note],
    )


def _rows(table: Path) -> list[Row]:
    """Read the table by its header, or by the order of its ten columns where the header is worded otherwise."""
    sheets = read_workbook(table)
    try:
        return rows_with_header(table, sheets, _COLUMNS, optional=ALSO)
    except MerError as no_header:
        sheet = next(iter(sheets))
        try:
            return require_types(table, rows_by_position(table, sheet, sheets[sheet], _PLACES, numeric=("onset",)))
        except MerError:
            raise no_header from None


def _emotions(root: Path) -> tuple[dict[str, str], str]:
    try:
        table = find_file(root, *samm.TABLES)
    except MerError:
        return {}, f"no {samm.TABLES[0]} beside the long videos: all micro-expressions are {UNLABELLED!r}"
    rows = rows_with_header(table, read_workbook(table), samm.LABEL_COLUMNS, sheet=samm.SHEET)
    return {row.text("clip"): row.text("label") for row in rows}, f"emotions of micro-expressions from {table.name}"
