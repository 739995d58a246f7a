"""Rows with something wrong: repeated faults summed for people, every one of them for programs."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from mer.data.resolve import Finding
from mer.text import csv_text

CSV_COLUMNS: Final = ("dataset", "row", "clip", "reason", "left_out")
_SUMMED_FROM: Final = 4
"""Rows with the same fault from which on they share a line."""
_NAMED: Final = 3
"""Rows and clips that such a line names; the others are counted."""


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print a table for each sheet, in which rows with the same fault share a line."""
    sheets: dict[str, list[Finding]] = {}
    for finding in findings:
        sheets.setdefault(_sheet_and_row(finding.where)[0], []).append(finding)
    summed = False
    for sheet, own in sheets.items():
        table = Table(title=f"Rows at fault in {sheet}", title_justify="left")
        for heading in ("row", "clip", "reason", "clip is"):
            table.add_column(heading, overflow="fold")  # a name cut short could not be found
        for line in summed_up(own):
            summed = summed or len(line) > 1
            first = line[0]
            rows, clips = _some([_sheet_and_row(f.where)[1] for f in line]), _some([f.clip for f in line])
            reason = first.reason if len(line) == 1 else f"{len(line)} rows such as: {first.reason}"
            table.add_row(rows, clips, reason, "left out" if first.left_out else "kept")
        console.print(table)
    if summed:
        console.print("Rows with the same fault share a line; --csv FILE lists every one.")


def summed_up(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Return groups of findings that differ in numbers and names only, each in the place of its first one.

    Less than four stay on their own.
    """
    groups: dict[tuple[str, bool], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_kind(finding), []).append(finding)
    lines = []
    for finding in findings:
        group = groups[_kind(finding)]
        if len(group) < _SUMMED_FROM:
            lines.append([finding])
        elif group[0] is finding:
            lines.append(group)
    return lines


def to_csv(findings: Mapping[str, Sequence[Finding]]) -> str:
    """Return a line for each finding of datasets by name."""
    rows = [
        {"dataset": name, "row": f.where, "clip": f.clip, "reason": f.reason, "left_out": f.left_out}
        for name, own in findings.items()
        for f in own
    ]
    return csv_text(CSV_COLUMNS, rows)


def _kind(finding: Finding) -> tuple[str, bool]:
    return re.sub(r"'[^']*'|/\S+|\d+(\.\d+)?", "…", finding.reason), finding.left_out


def _sheet_and_row(where: str) -> tuple[str, str]:
    sheet, found, row = where.rpartition(" row ")
    return (sheet, row) if found else (where, "")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(dict.fromkeys(names[:_NAMED]))
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
