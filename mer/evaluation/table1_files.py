"""The files of Table 1."""

from collections.abc import Sequence
from pathlib import Path

from mer.evaluation import by_dataset
from mer.evaluation.table1 import Line, Setting, named, to_csv, to_json, to_latex, to_markdown
from mer.files import write_atomically


def write_table(folder: Path, lines: Sequence[Line], setting: Setting) -> None:
    """Write table1.md, .csv, .json and .tex, table1.png and table2.png; datasets.csv where there are several."""
    from mer.evaluation.table1_pictures import draw_table_1, draw_table_2  # late: needs matplotlib

    write_atomically(folder / "table1.md", to_markdown(lines, setting))
    write_atomically(folder / "table1.csv", to_csv(lines, setting))
    write_atomically(folder / "table1.json", to_json(lines, setting))
    write_atomically(folder / "table1.tex", to_latex(lines, setting))
    if any(figures["datasets"] for _, figures in named(lines)):
        write_atomically(folder / "datasets.csv", by_dataset.to_csv(named(lines)))
    draw_table_1(folder / "table1.png", lines, setting)
    draw_table_2(folder / "table2.png", lines, setting)
