"""A dataset of your own, as every command reads it.

mer-data check --plugin own_dataset.py --dataset lab=/data/lab
"""

import csv
from pathlib import Path

from mer.data import Annotation, Annotations, register

EMOTIONS = {"h": "happiness", "d": "disgust", "s": "surprise"}


def read(root: Path) -> Annotations:
    """Read codes.csv: person, film, code of the emotion; onset, apex and offset as frames from 1."""
    table = root / "codes.csv"
    with table.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    rows = []
    for number, line in enumerate(lines, start=2):
        moments = {name: line[name] for name in ("onset", "apex", "offset")}
        film, label = root / "films" / line["film"], EMOTIONS.get(line["code"], line["code"])
        where = f"{table.name} row {number}"
        rows.append(Annotation(where, line["person"], line["film"], (film,), 200.0, **moments, label=label))
    return Annotations(rows, [table], "films/p01_a/0001.jpg", counting="from 1")


register("lab", read)
