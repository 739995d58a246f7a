"""Tables and pictures of systems side by side, each line with its protocol and data."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from mer.errors import MerError
from mer.evaluation import by_dataset, latex, paper
from mer.evaluation.summary import summarise
from mer.files import from_json, write_atomically
from mer.missing import needed
from mer.text import csv_text
from mer.training import predictions
from mer.training.predictions import Predictions

COLUMNS: Final = (
    *("system", "input", "protocol", "data", "classes", "clips", "subjects"),
    *("accuracy", "UF1", "UAR", "ECE", "parameters", "s/epoch"),
)
_SHOWN: Final = ("system", "input", "protocol", "data", "accuracy", "UF1", "UAR", "ECE", "parameters", "s/epoch")
_FIGURES: Final = {"accuracy": "accuracy", "UF1": "uf1", "UAR": "uar"}


@dataclass(frozen=True, slots=True)
class Row:
    """A system on a set of data.

    Attributes:
        system: What was tried: system (and a note on it), input, protocol, data; parameters,
            seconds_per_epoch, train_seconds and ms_per_clip, means over the folds, None where there is
            nothing to say.
        figures: See `mer.evaluation.summary.summarise`.
    """

    system: Mapping[str, Any]
    figures: Mapping[str, Any]


def row_of_run(run: Path) -> Row:
    """Compute the figures of a finished run from the predictions it kept.

    Raises:
        MerError: If the folder holds no finished run.
    """
    described = _json(run / "run.json")
    results = [_json(run / name / "result.json") for name in _finished_folds(run)]
    settings = described["settings"]
    protocol = settings["protocol"]
    system = {
        "system": settings["model"],
        "note": _note(settings),
        "input": settings["input"],
        "protocol": "all, on its validation subjects (optimistic)" if protocol == "all" else protocol,
        "data": described["data"]["name"],
        "parameters": results[0]["parameters"],
        "seconds_per_epoch": _mean(results, "seconds_per_epoch"),
        "train_seconds": _mean(results, "train_seconds"),
        "ms_per_clip": _mean(results, "ms_per_clip"),
        "folder": run.resolve().name,  # metrics.json is handed on: no full path
    }
    return Row(system, summarise(predictions_of_run(run)))


def settings_of_run(run: Path) -> dict[str, Any]:
    """Return what run.json says: settings, data and software.

    Raises:
        MerError: If there is none.
    """
    return dict(_json(run / "run.json"))


def predictions_of_run(run: Path) -> Predictions:
    """Return the predictions of all folds of a finished run.

    Raises:
        MerError: If the folder holds no finished run.
    """
    return predictions.join([predictions.load(run / name / "predictions.csv") for name in _finished_folds(run)])


def all_done(run: Path) -> bool:
    """Return whether a folder holds a finished run."""
    try:
        return bool(_finished_folds(run))
    except MerError:
        return False


def _finished_folds(run: Path) -> list[str]:
    folds = [str(fold["name"]) for fold in _json(run / "folds.json")["folds"]]
    if unfinished := [name for name in folds if not (run / name / "result.json").is_file()]:
        raise MerError(
            f"{run}: {len(unfinished)} of {len(folds)} folds are not finished, the first is {unfinished[0]}; "
            "repeat the mer-train command to continue"
        )
    return folds


def _note(settings: Mapping[str, Any]) -> str:
    if settings["model"] != "elrcn":
        return "begun with given weights" if settings.get("init") else ""
    return "given VGG-16" if settings.get("init") else "random VGG-16"


def _mean(results: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [result[name] for result in results if result.get(name) is not None]
    return sum(values) / len(values) if values else None


def write_files(folder: Path, rows: Sequence[Row]) -> None:
    """Write metrics.json, table.md, table.csv and table.tex, and a confusion and a reliability picture of each row.

    Where a row has several datasets, datasets.csv holds the figures of each.
    """
    with needed("--out"):
        from mer.evaluation.pictures import draw_confusion, draw_reliability  # late: needs matplotlib

    write_atomically(folder / "metrics.json", to_json(rows))
    write_atomically(folder / "table.md", to_markdown(rows))
    write_atomically(folder / "table.csv", to_csv(rows))
    write_atomically(folder / "table.tex", to_latex(rows))
    if any(row.figures["datasets"] for row in rows):
        write_atomically(folder / "datasets.csv", by_dataset.to_csv(_named(rows)))
    for number, row in enumerate(rows, 1):
        suffix = f"-{number}" if len(rows) > 1 else ""
        draw_confusion(folder / f"confusion{suffix}.png", row.figures, title=_title(row))
        draw_reliability(folder / f"reliability{suffix}.png", row.figures, title=_title(row))


def to_json(rows: Sequence[Row]) -> str:
    """Return all figures of all systems as a JSON text."""
    return json.dumps([{**row.system, "figures": dict(row.figures)} for row in rows], indent=1, allow_nan=False) + "\n"


def to_csv(rows: Sequence[Row]) -> str:
    """Return one line a system; intervals in columns of their own, shares as fractions."""
    names = [f"{figure}{end}" for figure in _FIGURES.values() for end in ("", "_low", "_high")]
    head = ("system", "input", "protocol", "data", "classes", "clips", "subjects")
    columns = [*head, *names, "ece", "parameters", "seconds_per_epoch"]
    lines = []
    for row in rows:
        cells = _cells(row)
        values = [row.figures[f][end] for f in _FIGURES.values() for end in ("value", "low", "high")]
        ends = [row.system.get("parameters"), row.system.get("seconds_per_epoch")]
        lines.append(dict(zip(columns, [*(cells[name] for name in head), *values, row.figures["ece"], *ends])))
    return csv_text(columns, lines)


def to_latex(rows: Sequence[Row]) -> str:
    """Return tables for a paper: systems, then each by dataset; one table for each data and protocol."""
    groups: dict[tuple[str, str], list[by_dataset.Named]] = {}
    for row in rows:
        cells = _cells(row)
        name = f"{cells['system']}, {cells['input']}"
        groups.setdefault((cells["data"], cells["protocol"]), []).append((name, row.figures))
    tables = [latex.of_systems(own, data=data, protocol=protocol) for (data, protocol), own in groups.items()]
    return "\n".join(tables)


def to_markdown(rows: Sequence[Row]) -> str:
    """Return the table in the paper's layout, on MMEW beside the paper's figures, then recalls and confusions."""
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    lines += [_line([_cells(row)[name] for name in COLUMNS]) for row in rows]
    lines += [_line([cells[name] for name in COLUMNS]) for cells in _paper_cells(rows)]
    lines.append(
        "\nOurs with 95 % intervals by bootstrap over subjects, percent. UF1 and UAR from counts summed over folds."
    )
    lines += by_dataset.to_markdown(_named(rows))
    for row in rows:
        lines += ["", f"### {_title(row)}", "", *_confusion_lines(row)]
        if composite := row.figures["composite"]:
            lines.append(
                f"\nMEGC2019 composite ({composite['clips']} clips, predictions mapped to 3 classes): accuracy "
                f"{composite['accuracy']:.3f}, UF1 {composite['uf1']:.3f}, UAR {composite['uar']:.3f}."
            )
    if not _on_papers_data(rows):
        return "\n".join(lines) + "\n"
    lines += ["", "### The paper's convlstm on MMEW (percent of the row)", ""]
    lines += [_line(["", *paper.TABLE_2_CLASSES]), _line(["---"] * (1 + len(paper.TABLE_2_CLASSES)))]
    lines += [_line([name, *row]) for name, row in zip(paper.TABLE_2_CLASSES, paper.TABLE_2_CONVLSTM)]
    return "\n".join(lines) + "\n"


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table and one confusion a system."""
    table = Table(title="Recognition, percent with 95 % intervals over subjects")
    for name in _SHOWN:
        number = name in _SHOWN[4:]
        table.add_column(
            "data (clips/classes)" if name == "data" else name,
            justify="right" if number else "left",
            no_wrap=number or name == "system",
        )
    lines = [(_cells(row), "bold") for row in rows] + [(cells, "dim") for cells in _paper_cells(rows)]
    for cells, style in lines:
        data = f"{cells['data']} ({cells['clips']}/{cells['classes']})"
        table.add_row(*({**cells, "data": data}[name] for name in _SHOWN), style=style)
    console.print(table)
    by_dataset.show(_named(rows), console)
    for row in rows:
        classes = row.figures["classes"]
        confusion = Table(title=f"{_title(row)}: true classes in rows")
        for name in ("", *classes, "recall"):
            confusion.add_column(name, justify="right")
        for name, counts in zip(classes, row.figures["confusion"]):
            confusion.add_row(name, *map(str, counts), _percent(row.figures["recall"][name]))
        console.print(confusion)


def _named(rows: Sequence[Row]) -> list[by_dataset.Named]:
    return [(_cells(row)["system"], row.figures) for row in rows]


def _cells(row: Row) -> dict[str, str]:
    figures = row.figures
    parameters, seconds = row.system.get("parameters"), row.system.get("seconds_per_epoch")
    return {
        "system": f"{row.system['system']} ({note})" if (note := row.system.get("note")) else str(row.system["system"]),
        **{name: str(row.system[name]) for name in ("input", "protocol", "data")},
        "classes": str(len(figures["classes"])),
        "clips": str(figures["clips"]),
        "subjects": str(figures["subjects"]),
        **{column: latex.interval(figures[name]) for column, name in _FIGURES.items()},
        "ECE": f"{100 * figures['ece']:.1f}",
        "parameters": f"{parameters:,}" if parameters else "",
        "s/epoch": f"{seconds:.1f}" if seconds else "",
    }


def _paper_cells(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return the paper's figures, which are of MMEW, beside rows on MMEW; beside other data they compare nothing."""
    if not _on_papers_data(rows):
        return []
    fixed = {"input": "", "protocol": paper.PROTOCOL, "data": paper.DATA, "classes": "5", "clips": "226"}
    empty = dict.fromkeys(COLUMNS, "")
    return [
        {**empty, **fixed, "system": f"{r.system} (paper)", "accuracy": str(r.accuracy), "parameters": r.parameters}
        for r in paper.TABLE_1
    ]


def _on_papers_data(rows: Sequence[Row]) -> bool:
    return any(str(row.system["data"]).casefold() == paper.DATA.casefold() for row in rows)


def _confusion_lines(row: Row) -> list[str]:
    classes = row.figures["classes"]
    lines = [_line(["", *classes, "recall %"]), _line(["---"] * (len(classes) + 2))]
    for name, counts in zip(classes, row.figures["confusion"]):
        lines.append(_line([name, *counts, _percent(row.figures["recall"][name])]))
    return lines


def _title(row: Row) -> str:
    return f"{row.system['system']}, {row.system['input']}, {row.system['data']}, {row.system['protocol']}"


def _percent(share: float | None) -> str:
    return "" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _json(path: Path) -> Any:
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error.strerror}; give the folder of a mer-train run") from error
    except ValueError as error:
        raise MerError(f"{path} is damaged: {error}; train again") from error
