"""What was found in a dataset, for people and for programs."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from mer.data import faults
from mer.data.frames import Counting
from mer.data.resolve import Finding
from mer.data.sample import Sample


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `mer.data.check`.

    Attributes:
        name: Dataset.
        root: Where it was looked for.
        tables: Annotation files read.
        rows: Annotated expressions, good and bad, micro and macro.
        samples: Micro-expressions that can be used.
        macro: Macro-expressions found beside them.
        counting: How the annotation counts frames, as found out from the frames on disk.
        findings: What is wrong with rows, left out or kept.
        notes: What concerns the dataset as a whole.
    """

    name: str
    root: Path
    tables: tuple[Path, ...]
    rows: int
    samples: tuple[Sample, ...]
    macro: int
    counting: Counting
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def left_out(self) -> int:
        """Rows that are missing from `samples` because of a finding."""
        return len({finding.where for finding in self.findings if finding.left_out})

    @property
    def subjects(self) -> dict[str, int]:
        """Clips of each subject."""
        return dict(sorted(Counter(s.subject for s in self.samples).items()))

    @property
    def classes(self) -> dict[str, int]:
        """Clips of each class, most frequent first."""
        return dict(Counter(s.label for s in self.samples).most_common())

    @property
    def units(self) -> dict[str, int]:
        """Clips that show each action unit, in the order of their numbers; empty where none are annotated."""
        counts = Counter(unit for s in self.samples for unit in s.units)
        return {f"AU{unit}": counts[unit] for unit in sorted(counts)}

    @property
    def rates_hz(self) -> dict[str, int]:
        """Clips at each frame rate; `own` where the recording's time stamps are used."""
        return dict(Counter("own" if s.fps is None else f"{s.fps:g}" for s in self.samples).most_common())

    @property
    def durations_s(self) -> tuple[float, float, float] | None:
        """Shortest, median and longest time from onset to offset in seconds; None if no clip states its rate."""
        durations = [(s.offset - s.onset) / s.fps for s in self.samples if s.fps]
        return (min(durations), median(durations), max(durations)) if durations else None

    def to_json(self) -> dict[str, Any]:
        """Return everything but the samples as plain data."""
        durations = self.durations_s
        return {
            "dataset": self.name,
            "root": str(self.root),
            "tables": [str(path) for path in self.tables],
            "rows": self.rows,
            "clips": len(self.samples),
            "macro_expressions": self.macro,
            "rows_left_out": self.left_out,
            "without_apex": sum(s.apex is None for s in self.samples),
            "subjects": self.subjects,
            "classes": self.classes,
            "action_units": self.units,
            "rates_hz": self.rates_hz,
            "duration_s": dict(zip(("min", "median", "max"), durations)) if durations else None,
            "frames_counted": self.counting,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }

    def print(self, console: Console) -> None:
        """Print tables of what was found and of the rows with a finding."""
        table = Table(title=f"{self.name}: {self.root!s}", title_justify="left", show_header=False)
        table.add_column()
        table.add_column(overflow="fold")
        for name, value in self._summary():
            table.add_row(name, value)
        console.print(table)
        classes = Table("class", "clips", "subjects", title="Classes", title_justify="left")
        for label, count in self.classes.items():
            subjects = len({s.subject for s in self.samples if s.label == label})
            classes.add_row(label, str(count), str(subjects))
        console.print(classes)
        if self.units:
            shown = ", ".join(f"{unit} {count}" for unit, count in self.units.items())
            console.print(f"Action units: {shown}", highlight=False)
        for note in self.notes:
            console.print(f"Note: {note}")
        if not self.findings:
            console.print("No row is at fault.")
            return
        faults.show(self.findings, console)
        console.print(f"{self.left_out} of {self.rows} rows are left out.")

    def _summary(self) -> list[tuple[str, str]]:
        durations = self.durations_s
        per_subject = sorted(self.subjects.values()) or [0]
        apexless = sum(s.apex is None for s in self.samples)
        return [
            ("annotation", ", ".join(str(path) for path in self.tables)),
            ("rows", str(self.rows) + (f", of them {self.macro} macro-expressions" if self.macro else "")),
            ("clips", f"{len(self.samples)}, {apexless} without apex"),
            ("subjects", f"{len(self.subjects)} with {per_subject[0]} to {per_subject[-1]} clips"),
            ("frames per second", ", ".join(f"{rate} ({count})" for rate, count in self.rates_hz.items()) or "-"),
            (
                "onset to offset",
                f"{durations[0]:.3f} to {durations[2]:.3f} s, median {durations[1]:.3f} s" if durations else "-",
            ),
            ("frames counted", {"file names": "by the numbers in file names"}.get(self.counting, self.counting)),
        ]
