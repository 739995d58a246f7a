"""CAS(ME)^2, 30 fps, long videos: `CAS(ME)^2code_final.xlsx` and `rawpic/s15/15_0101disgustingteeth/img001.jpg`.

Format after public loaders. The table has no header; an offset of 0 means that it is missing. The sheets
`naming rule1` (subject in folder names, folder, subject in the table) and `naming rule2` (film code, film in the table)
lead from a row to its recording. Classes are the column valence: positive, negative, surprise, others.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mer.data.annotation import Annotations, Kind, annotate
from mer.data.layout import find_file, find_folder, subfolders
from mer.data.tables import Grid, Row, cell_text, padded, read_workbook, rows_by_position
from mer.errors import MerError

FPS: Final = 30.0
LABELS: Final = frozenset(("positive", "negative", "surprise", "others"))

_COLUMNS: Final = ("subject", "clip", "onset", "apex", "offset", "units", "valence", "type", "self-report")


def read(root: Path) -> Annotations:
    """Read the annotations of CAS(ME)^2, macro-expressions included; see `mer.data.annotation.Annotations`."""
    table = find_file(root, "CAS(ME)^2code_final.xlsx", "*code_final*.xlsx")
    folder = find_folder(root, "rawpic", "cropped")
    recordings = {home.name.casefold(): subfolders(home) for home in subfolders(folder)}
    sheets = read_workbook(table)
    sheet = next(iter(sheets))
    subjects = {cell_text(row[2]): cell_text(row[1]).casefold() for row in _rule(sheets, 1) if len(row) > 2}
    films = {cell_text(row[1]).casefold(): padded(cell_text(row[0]), 4) for row in _rule(sheets, 2) if len(row) > 1}
    rows = []
    table_rows = rows_by_position(table, sheet, sheets[sheet], _COLUMNS, numeric=("onset", "offset"))
    for row in require_types(table, table_rows):
        home = _home(subjects.get(row.text("subject"), row.text("subject")), recordings)
        recording = _recording(row.text("clip"), films, recordings.get(home, []))
        kind, faults = expression_kind(row.text("type"))
        if recording is None:
            faults += (f"recording is missing: none of film {row.text('clip')!r} in {folder / home}",)
        rows.append(
            annotate(
                row,
                subject=home,
                paths=(recording,) if recording else (),
                fps=FPS,
                label=row.text("valence"),
                kind=kind,
                faults=faults,
            )
        )
    return Annotations(
        rows,
        [table],
        f"{folder}/s15/15_0101disgustingteeth/img001.jpg, found through the sheets 'naming rule1' and 'naming rule2'"
        + ("" if subjects and films else ", which this file does not have"),
        labels=LABELS,
        long_recordings={(home, path.name): path for home, paths in recordings.items() for path in paths},
    )


def expression_kind(text: str) -> tuple[Kind, tuple[str, ...]]:
    """Return whether a column `type` says micro or macro (`micro-expression`, `Micro - 1/2`), and what is wrong."""
    name = text.casefold()
    if name.startswith("macro"):
        return "macro", ()
    return "micro", () if name.startswith("micro") else (f"type {text!r} is neither micro nor macro",)


def require_types(table: Path, rows: list[Row]) -> list[Row]:
    """Return the rows of a table read by position if its column `type` is where it should be.

    Raises:
        MerError: If no row is micro or macro there.
    """
    if all(expression_kind(row.text("type"))[1] for row in rows):
        columns = ", ".join(rows[0].cells)
        raise MerError(
            f"{table}: column 'type' is missing: no row says micro or macro in it ({rows[0].where} says "
            f"{rows[0].text('type')!r}); expected the columns {columns}, from the left and without a header"
        )
    return rows


def _rule(sheets: Mapping[str, Grid], number: int) -> Grid:
    names = (name for name in sheets if re.sub(r"\W", "", name.casefold()) == f"namingrule{number}")
    return sheets.get(next(names, ""), [])


def _home(subject: str, recordings: Mapping[str, list[Path]]) -> str:
    """Return the folder of a subject, which the rules call `s15` or 15."""
    return next((name for name in (subject, f"s{subject}", f"s{padded(subject, 2)}") if name in recordings), subject)


def _recording(clip: str, films: Mapping[str, str], candidates: list[Path]) -> Path | None:
    """Find `15_0101disgustingteeth` by the code of the film `disgust1` that a clip `disgust1_2` belongs to."""
    film = re.sub(r"_\d+$", "", clip.casefold())
    code = films.get(film)
    for path in candidates:
        name = path.name.casefold()
        if code is not None and re.match(rf"(\d+_)?{re.escape(code)}", name):
            return path
        if name in (film, clip.casefold()) or re.sub(r"^\d+_(\d{4})?", "", name) == film:
            return path
    return None
