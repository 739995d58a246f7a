"""Tables for papers are LaTeX: parsed here, and compiled where there is a LaTeX."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pylatexenc.latexwalker import LatexWalker

from mer.evaluation import latex, over_seeds, paired
from mer.evaluation.over_seeds import OverSeeds
from mer.evaluation.report import Row, to_latex
from mer.evaluation.summary import summarise
from mer.evaluation.table1 import Line, Setting
from mer.evaluation.table1 import to_latex as table1_latex
from mer.training.predictions import Predictions

NAME = r"50 % of {a_b} & c # $d ~ ^ \ <e>"
"""A name with everything that means something to LaTeX."""


def predictions() -> Predictions:
    draw = np.random.default_rng(0)
    n = 24
    datasets = np.array(["casme2"] * 12 + ["smic-hs"] * 12)
    subjects = np.array([f"{name}.{i % 4}" for i, name in enumerate(datasets)])
    clips = np.arange(n).astype(np.str_)
    shares = draw.dirichlet(np.ones(3), n)
    truth, positions = draw.integers(0, 3, n), np.arange(n, dtype=np.int64)
    classes = ("negative", "positive", "surprise")
    return Predictions(classes, truth, shares, datasets, subjects, clips, subjects, positions, np.zeros(n))


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    figures = summarise(predictions())
    system = {"system": NAME, "input": "flow", "protocol": "loso", "data": NAME, "parameters": 5, "folder": "x"}
    row = Row({**system, "seconds_per_epoch": 1.0, "train_seconds": 1.0, "ms_per_clip": 2.0}, figures)
    setting = Setting("loso", NAME, ("negative", "positive", "surprise"), 24, 8, 24, 1)
    lines = [Line("conv2d", row, "", "flow"), Line("htnet", None, NAME, "flow")]
    seeds = [OverSeeds(dict(system), (0, 1), dict.fromkeys(("accuracy", "uf1", "uar"), (0.5, 0.6)))]
    compared = paired.compare([("a_b", predictions()), ("c&d", predictions())])
    return {
        "table": to_latex([row, row]),
        "table1": table1_latex(lines, setting),
        "seeds": over_seeds.to_latex(seeds),
        "paired": paired.to_latex(compared),
    }


@pytest.mark.parametrize("name", ["table", "table1", "seeds", "paired"])
def test_every_table_is_whole(name: str, tables: dict[str, str]) -> None:
    nodes, _, length = LatexWalker(tables[name], tolerant_parsing=False).get_latex_nodes()
    assert length == len(tables[name])
    environments = [node.environmentname for node in nodes if hasattr(node, "environmentname")]
    assert environments
    assert set(environments) == {"table"}


def test_rows_have_as_many_cells_as_columns() -> None:
    text = latex.table(("a", "b"), [["1 & 2", "3"]], caption="c")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [line.replace(r"\&", "").count("&") for line in rows] == [1, 1]
    assert r"\begin{tabular}{lr}" in text


def test_parts_of_a_composite_have_a_table_of_their_own(tables: dict[str, str]) -> None:
    assert tables["table"].count(r"\begin{table}") == 2
    assert "casme2 & 12" in tables["table"]


def test_the_tables_compile(tables: dict[str, str], tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed")
    for name, text in tables.items():
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    inputs = "\n".join(rf"\input{{{name}}}" for name in tables)
    document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{inputs}\end{{document}}"
    (tmp_path / "paper.tex").write_text(document, encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stdout[-2000:]
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
