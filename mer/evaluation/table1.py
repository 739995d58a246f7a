"""The paper's Table 1 and Table 2 on somebody's data: ours beside the paper's, as Markdown, CSV and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mer.evaluation import by_dataset, latex, paper
from mer.evaluation.report import Row
from mer.text import csv_text

COLUMNS: Final = (
    *("system", "paper %", "accuracy %", "UF1 %", "UAR %", "paper's size", "parameters"),
    *("s/fold", "ms/clip", "input", "protocol", "data (clips/classes)"),
)
CSV_COLUMNS: Final = (
    *("system", "note", "status", "input", "protocol", "data", "classes", "clips", "subjects", "reported"),
    *(f"{figure}{end}" for figure in ("accuracy", "uf1", "uar") for end in ("", "_low", "_high")),
    *("parameters", "train_seconds", "ms_per_clip", "paper_accuracy", "paper_parameters", "settings", "reason"),
)
_PAPER: Final[Mapping[str, paper.PaperRow]] = {row.system.lower(): row for row in paper.TABLE_1}


@dataclass(frozen=True, slots=True)
class Line:
    """A system of the table.

    Attributes:
        name: A key of `mer.models.registry.SYSTEMS`.
        row: Its figures; None if it did not come to an end.
        reason: Why not.
        input: What it is shown.
        changed: Settings of training that are not the defaults, in words.
    """

    name: str
    row: Row | None
    reason: str
    input: str
    changed: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all systems of a table have in common.

    Attributes:
        protocol: How people are divided.
        data: What the data are called.
        classes: Class names.
        clips: Number of clips.
        subjects: Number of people.
        reported: Clips that a fold reports: all but for protocol holdout.
        jobs: Folds that ran at a time, which makes seconds longer; 0 if a cluster decided.
    """

    protocol: str
    data: str
    classes: tuple[str, ...]
    clips: int
    subjects: int
    reported: int
    jobs: int


def paper_accuracy(name: str) -> int | None:
    """Return the accuracy of a system in the paper, percent; None if it is not there."""
    return _PAPER[name].accuracy if name in _PAPER else None


def to_json(lines: Sequence[Line], setting: Setting) -> str:
    """Return setting, figures and reasons as a JSON text."""
    entries = [
        {
            "system": line.name,
            "note": _note(line),
            "status": "done" if line.row else "failed",
            "reason": line.reason,
            "settings_changed": line.changed,
            "paper": {"accuracy_percent": paper_accuracy(line.name), "parameters": _paper_parameters(line.name)},
            **({**line.row.system, "figures": dict(line.row.figures)} if line.row else {"input": line.input}),
        }
        for line in lines
    ]
    about = {name: getattr(setting, name) for name in setting.__dataclass_fields__}
    return json.dumps({**about, "systems": entries}, indent=1, allow_nan=False) + "\n"


def to_csv(lines: Sequence[Line], setting: Setting) -> str:
    """Return one line a system; shares as fractions, the paper's accuracy in percent as it prints it."""
    rows = []
    for line in lines:
        cells: dict[str, Any] = {
            "system": line.name,
            "status": "done" if line.row else "failed",
            "input": line.input,
            "protocol": setting.protocol,
            "data": setting.data,
            "classes": len(setting.classes),
            "clips": setting.clips,
            "subjects": setting.subjects,
            "reported": setting.reported,
            "paper_accuracy": paper_accuracy(line.name),
            "paper_parameters": _paper_parameters(line.name),
            "settings": line.changed,
            "reason": line.reason,
        }
        if line.row is not None:
            for figure in ("accuracy", "uf1", "uar"):
                found = line.row.figures[figure]
                cells |= {figure: found["value"], f"{figure}_low": found["low"], f"{figure}_high": found["high"]}
            cells |= {name: line.row.system.get(name) for name in ("parameters", "train_seconds", "ms_per_clip")}
        rows.append(cells)
    return csv_text(CSV_COLUMNS, rows)


def to_markdown(lines: Sequence[Line], setting: Setting) -> str:
    """Return both tables with what one has to know to read them."""
    beside = (
        f", with {setting.jobs} folds at a time"
        if setting.jobs > 1
        else (", on a cluster" if setting.jobs == 0 else "")
    )
    text = [
        "# Table 1",
        "",
        f"{setting.data}: {setting.clips} clips of {setting.subjects} people, {setting.reported} clips reported; "
        f"classes {', '.join(setting.classes)}; "
        f"protocol {setting.protocol}, the same subject-exclusive folds for every model (`folds.json`). "
        "Accuracy, UF1 and UAR in percent, with 95 % intervals by bootstrap over subjects; UF1 and UAR from counts "
        "summed over folds. "
        f"The paper's figures are of {paper.DATA} (226 clips, 5 classes, its own five folds): only its order of "
        "systems can be compared with ours, and that only as far as the intervals allow. Seconds to train a fold and "
        f"milliseconds to classify one clip were taken on the machine that ran the fold{beside}.",
        "",
        _line(COLUMNS),
        _line(["---"] * len(COLUMNS)),
        *(_line(_cells(line, setting)) for line in lines),
    ]
    if changed := {line.changed: [one.name for one in lines if one.changed == line.changed] for line in lines}:
        changes = [f"{', '.join(names)}: {words or 'none'}." for words, names in changed.items()]
        text += ["", "Settings of training other than the defaults. " + " ".join(changes)]
    text += by_dataset.to_markdown(named(lines))
    text += ["", "# Table 2", "", "Percent of the true class (rows) predicted as each class (columns)."]
    for line in lines:
        if line.row is None:
            continue
        text += ["", f"### {line.name}, {line.input}, {setting.data}, {setting.protocol}", ""]
        text += _matrix(line.row.figures["classes"], shares(line.row.figures["confusion"]))
        if line.name in paper.TABLE_2:
            text += ["", f"The paper's {line.name} on {paper.DATA}:", ""]
            text += _matrix(paper.TABLE_2_CLASSES, paper.TABLE_2[line.name])
    return "\n".join(text) + "\n"


def to_latex(lines: Sequence[Line], setting: Setting) -> str:
    """Return both tables for a paper."""
    caption = (
        f"{setting.data}: {setting.clips} clips of {setting.subjects} people, protocol {setting.protocol}. "
        f"{latex.INTERVALS} The paper's accuracies are of {paper.DATA} under its own folds."
    )
    text = latex.headed(latex.table(COLUMNS[:-2], [cells_shown(line, setting) for line in lines], caption=caption))
    if parts := by_dataset.rows(named(lines)):
        text += "\n" + latex.table(by_dataset.COLUMNS, parts, caption=f"By dataset. {latex.INTERVALS}", left=2)
    for line in lines:
        if line.row is None:
            continue
        classes, counts = line.row.figures["classes"], shares(line.row.figures["confusion"])
        rows = [[name, *("" if cell is None else cell for cell in row)] for name, row in zip(classes, counts)]
        about = f"{line.name}, {line.input}: percent of the true class (rows) predicted as each class (columns)."
        text += "\n" + latex.table(("", *classes), rows, caption=about)
    return text


def shares(counts: Sequence[Sequence[int]]) -> list[list[int | None]]:
    """Return counts in percent of their row, rounded; None in a row without clips."""
    rows = np.asarray(counts)
    totals = rows.sum(axis=1)
    return [
        [round(100 * count / total) if total else None for count in row]
        for row, total in zip(rows.tolist(), totals.tolist())
    ]


def named(lines: Sequence[Line]) -> list[by_dataset.Named]:
    """Return the figures of all systems that have any, by name."""
    return [(line.name, line.row.figures) for line in lines if line.row is not None]


def cells_shown(line: Line, setting: Setting) -> list[str]:
    """Return a line of the table on the screen: COLUMNS without protocol and data."""
    return _cells(line, setting)[:-2]


def _cells(line: Line, setting: Setting) -> list[str]:
    accuracy = paper_accuracy(line.name)
    note = _note(line)
    head = [f"{line.name} ({note})" if note else line.name, "" if accuracy is None else str(accuracy)]
    tail = [line.input, setting.protocol, f"{setting.data} ({setting.reported}/{len(setting.classes)})"]
    parameters = _paper_parameters(line.name)
    if line.row is None:
        return [*head, f"failed: {line.reason}", "", "", parameters, "", "", "", *tail]
    system, figures = line.row.system, line.row.figures
    return [
        *head,
        *(latex.interval(figures[name]) for name in ("accuracy", "uf1", "uar")),
        parameters,
        f"{system['parameters']:,}" if system["parameters"] else "",
        "" if system["train_seconds"] is None else f"{system['train_seconds']:.1f}",
        "" if system["ms_per_clip"] is None else f"{system['ms_per_clip']:.1f}",
        *tail,
    ]


def _note(line: Line) -> str:
    return str(line.row.system.get("note", "")) if line.row else ""


def _paper_parameters(name: str) -> str:
    return _PAPER[name].parameters if name in _PAPER else ""


def _matrix(classes: Sequence[str], rows: Sequence[Sequence[int | None]]) -> list[str]:
    lines = [_line(["", *classes]), _line(["---"] * (len(classes) + 1))]
    return lines + [_line([name, *("" if cell is None else cell for cell in row)]) for name, row in zip(classes, rows)]


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"
