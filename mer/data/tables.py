"""Annotation tables as the datasets publish them: workbooks and CSV files, with all their habits.

Header on row 14, ten rows of text first, no header at all, blank columns, numbers stored as text.
"""

import csv
import datetime
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError

Cell = str | int | float | None
Grid = list[list[Cell]]
Columns = Mapping[str, tuple[str, ...]]
"""Our name of a column, and the names it goes by in the file, preferred first."""

_HEADER_SEARCH_ROWS: Final = 40
_MAX_CELLS: Final = 10_000_000
"""Cells up to the last one in use: one far out makes a sheet of some kilobytes as large as memory."""
_BLANK: Final = frozenset({"", "/", "-", "--", "nan", "none", "null", "n/a", "na"})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an annotation table.

    Attributes:
        where: File and row, as a spreadsheet program shows it, for messages.
        cells: What each of our columns holds.
    """

    where: str
    cells: dict[str, Cell]

    def text(self, column: str) -> str:
        """Return a cell as text without surrounding blanks; `7.0` reads `7`, an empty cell reads as nothing."""
        return cell_text(self.cells.get(column))


def cell_text(cell: Cell) -> str:
    """Return a cell as text: whole numbers without a point, nothing for an empty cell."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


def cell_frame(cell: Cell) -> int | None:
    """Return the frame number in a cell, or None where it is blank, `/` or the like.

    Raises:
        ValueError: If the cell holds anything else that is not a whole number.
    """
    text = cell_text(cell)
    if text.casefold() in _BLANK:
        return None
    value = float(text)
    if not value.is_integer():
        raise ValueError(text)
    return int(value)


def padded(text: str, width: int) -> str:
    """Return a subject number with its leading zeros, which spreadsheets drop; other text as it is."""
    return text.zfill(width) if text.isdecimal() else text


def read_workbook(path: Path) -> dict[str, Grid]:
    """Return every sheet of an xlsx file as rows of cells.

    What stands in a cell that was merged downwards counts for each of its rows, as a reader of the sheet sees it.

    Raises:
        MerError: If the file is not a workbook or openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise MerError(
            f"{path}: reading a workbook needs openpyxl, which is not installed; "
            "expected the extra for training: pip install 'mer-live[train]'"
        ) from error
    try:
        with warnings.catch_warnings():
            # Published files hold extensions (data validation, default styles) that openpyxl warns of and skips.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(path, data_only=True)
        cells = {sheet.title: sheet.max_row * sheet.max_column for sheet in book.worksheets}
        if (most := max(cells.values(), default=0)) > _MAX_CELLS:
            raise ValueError(f"a sheet of it spans {most:,} cells, expected at most {_MAX_CELLS:,}")
    except Exception as error:  # openpyxl meets a damaged file with whatever its parsers raise
        raise MerError(
            f"{path}: this is not a readable xlsx workbook ({error}); expected the annotation file as published; "
            "open an .xls file in a spreadsheet program and save it as .xlsx"
        ) from error
    return {sheet.title: _grid(sheet) for sheet in book.worksheets}


def _grid(sheet: Any) -> Grid:
    """Return the cells of a sheet; one cell over several rows stands in all of them."""
    grid = [[_plain(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    for merged in sheet.merged_cells.ranges:
        column, first = merged.min_col - 1, merged.min_row - 1
        for row in range(merged.min_row, min(merged.max_row, len(grid))):
            grid[row][column] = grid[first][column]
    return grid


def read_csv(path: Path) -> Grid:
    """Return a CSV file (UTF-8, comma or semicolon) as rows of cells, all text.

    Raises:
        MerError: If the file cannot be read as text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = ";" if first.count(";") > first.count(",") else ","
        return [list[Cell](row) for row in csv.reader(text.splitlines(), delimiter=delimiter)]
    except (OSError, ValueError, csv.Error) as error:
        raise MerError(
            f"{path}: cannot be read as a CSV file ({error}); expected UTF-8 text; save it as such"
        ) from error


def rows_with_header(
    path: Path,
    grids: Mapping[str, Grid],
    columns: Columns,
    *,
    sheet: str = "",
    shown: str = "",
    optional: Columns | None = None,
) -> list[Row]:
    """Find the header row, wherever it is, and return the rows below it.

    Args:
        path: The file, for messages.
        grids: Its sheets; a CSV file is one sheet without a name.
        columns: What to look for. Case, blanks and punctuation in the file's names do not matter.
        sheet: The sheet to look in first.
        shown: What rows shall be called after, if not the file's name.
        optional: Columns that may be missing.

    Returns:
        The rows that are not empty, in the file's order.

    Raises:
        MerError: If no sheet has a row with all columns; the message names those that are missing.
    """
    best: tuple[int, str, list[Cell], list[str]] = (-1, "", [], [])
    for name in sorted(grids, key=lambda name: name != sheet):
        for index, cells in enumerate(grids[name][:_HEADER_SEARCH_ROWS]):
            places, missing = _match_header(cells, columns)
            if not missing:
                places |= _match_header(cells, optional or {})[0]
                return _rows_below(f"{shown or path.name}{f' {name}' if name else ''} row", grids[name], index, places)
            if len(places) > best[0]:
                best = (len(places), name, cells, missing)
    _, name, cells, missing = best
    missing = missing or [names[0] for names in columns.values()]
    found = ", ".join(cell_text(c) for c in cells if cell_text(c)) or "nothing"
    raise MerError(
        f"{path}{f', sheet {name!r}' if name else ''}: column {_quoted(missing)} is missing; "
        f"the nearest header row reads: {found}; use the annotation file as published, or write a manifest CSV"
    )


def rows_by_position(path: Path, name: str, grid: Grid, columns: Sequence[str], *, numeric: Sequence[str]) -> list[Row]:
    """Return the rows of a sheet that has no header.

    Args:
        path: The file, for messages.
        name: The sheet, for messages.
        grid: Its cells.
        columns: Our names of its columns from the left.
        numeric: Columns of which one at least holds a number in a row of data; titles and notes are skipped.

    Raises:
        MerError: If no row fits.
    """
    rows = []
    for index, cells in enumerate(grid):
        values = [*cells, *[None] * len(columns)]
        row = Row(f"{path.name} {name} row {index + 1}", dict(zip(columns, values, strict=False)))
        if any(_is_number(row.cells.get(column)) for column in numeric):
            rows.append(row)
    if not rows:
        raise MerError(
            f"{path}, sheet {name!r}: no row has numbers in column {_quoted(list(numeric))}; "
            f"expected the columns {', '.join(columns)}, from the left and without a header"
        )
    return rows


def _plain(value: Any) -> Cell:
    if value is None or isinstance(value, str | int | float):
        return value
    # A spreadsheet may have turned "1-2" into a date; as text it shows up in the report instead of crashing.
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _plain_name(cell: Cell) -> str:
    return re.sub(r"[^0-9a-z]", "", cell_text(cell).casefold())


def _match_header(cells: Sequence[Cell], columns: Columns) -> tuple[dict[str, int], list[str]]:
    names = [_plain_name(cell) for cell in cells]
    places: dict[str, int] = {}
    missing = []
    for column, aliases in columns.items():
        place = next((names.index(_plain_name(a)) for a in aliases if _plain_name(a) in names), None)
        if place is None:
            missing.append(aliases[0])
        else:
            places[column] = place
    return places, missing


def _rows_below(where: str, grid: Grid, header: int, places: Mapping[str, int]) -> list[Row]:
    def picked(cells: Sequence[Cell]) -> dict[str, Cell]:
        return {column: cells[place] if place < len(cells) else None for column, place in places.items()}

    rows, names = [], picked(grid[header])
    for index, cells in enumerate(grid[header + 1 :], start=header + 2):
        row = picked(cells)
        if all(not cell_text(cell) or cell == names[column] for column, cell in row.items()):
            continue  # nothing, or a header of merged cells, two rows high
        rows.append(Row(f"{where} {index}", row))
    return rows


def _is_number(cell: Cell) -> bool:
    try:
        return cell_frame(cell) is not None
    except ValueError:
        return False


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
