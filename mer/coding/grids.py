"""Tables of coding programs as rows of cells: text in their usual encodings, .xlsx and .ods."""

import csv
import zipfile
import zlib
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from mer.data.tables import Cell, Grid, read_workbook
from mer.errors import MerError
from mer.files import read_at_most

MAX_BYTES: Final = 64_000_000
_MAX_CELLS: Final = 2_000_000
_BAD_ARCHIVE: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What Python's zipfile ends in: damage, unknown versions and methods, a password."""
_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


def read_grids(path: Path) -> dict[str, Grid]:
    """Return the sheets of a table; a text is one without a name.

    Raises:
        MerError: If it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return read_workbook(path)
    try:
        if suffix == ".ods":
            return _ods(path)
        return {"": text_grid(path)}
    except (OSError, ValueError, csv.Error, KeyError, *_BAD_ARCHIVE) as error:
        reason = getattr(error, "strerror", None) or error
        raise MerError(f"{path}: cannot be read as a table ({reason}); expected text, .xlsx or .ods") from error


def text_grid(path: Path) -> Grid:
    """Return a text with tabs, semicolons or commas between its cells; UTF-8, UTF-16 with a mark, or else Latin-1."""
    lines = decoded(read_at_most(path, MAX_BYTES)).splitlines()
    head = "\n".join(lines[:20])
    delimiter = max("\t;,", key=head.count)
    return [list[Cell](row) for row in csv.reader(lines, delimiter=delimiter)]


def decoded(data: bytes) -> str:
    """Return text in the encoding that its first bytes name, UTF-8, or Latin-1 if it is not that."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def safe_xml(data: bytes) -> ElementTree.Element:
    """Return the root of XML that may not define entities, which could grow without end.

    Raises:
        ValueError: If it defines any, or is not XML.
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("it defines a document type, which none of these formats does")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ValueError(f"it is not XML ({error})") from error


def _ods(path: Path) -> dict[str, Grid]:
    """Return the sheets of an OpenDocument spreadsheet (ISO/IEC 26300)."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("content.xml")
        if entry.file_size > MAX_BYTES:
            raise ValueError(f"it has {entry.file_size:,} bytes unpacked, expected at most {MAX_BYTES:,}")
        with archive.open(entry) as file:
            root = safe_xml(file.read(MAX_BYTES + 1))
    sheets: dict[str, Grid] = {}
    cells = 0
    for table in root.iter(f"{_TABLE}table"):
        grid: Grid = []
        for row in table.iter(f"{_TABLE}table-row"):
            made = _row(row)
            repeated = int(row.get(f"{_TABLE}number-rows-repeated", "1")) if made else 1
            cells += max(len(made), 1) * repeated
            if cells > _MAX_CELLS:
                raise ValueError(f"it spans more than {_MAX_CELLS:,} cells")
            grid += [list(made) for _ in range(repeated)]
        sheets[table.get(f"{_TABLE}name", "")] = grid
    return sheets


def _row(row: ElementTree.Element) -> list[Cell]:
    made: list[Cell] = []
    empty = 0
    for cell in row:
        if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            continue
        repeated = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
        value = _value(cell)
        if value is None:  # a sheet may end with a thousand empty cells
            empty += repeated
            continue
        if len(made) + empty + repeated > _MAX_CELLS:
            raise ValueError(f"it spans more than {_MAX_CELLS:,} cells")
        made += [None] * empty + [value] * repeated
        empty = 0
    return made


def _value(cell: ElementTree.Element) -> Cell:
    if cell.get(f"{_OFFICE}value-type") in ("float", "percentage", "currency"):
        return float(cell.get(f"{_OFFICE}value", "nan"))
    paragraphs = ["".join(part.itertext()) for part in cell if not part.tag.endswith("annotation")]
    return "\n".join(paragraphs) if paragraphs else None
