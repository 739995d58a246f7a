"""Three look-alike datasets through MEGC2019's protocol from one command, checked against scikit-learn.

    mer-synth corpus --faces FACES --out a --shape 48 --seed 201 --amplitude 0.8 4 --rates 200
    python tests/benchmarks/bench_megc2019.py a b c --out DIR

a, b and c become CASME II, SAMM and SMIC-HS. Everything is synthetic.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from look_alikes import casme2, clips_of, samm, smic
from sklearn.metrics import accuracy_score, f1_score, recall_score

NAMES = ("casme2", "samm", "smic-hs")
CLASSES = ("negative", "positive", "surprise")
_SAME = 1e-9


def main() -> None:
    """Write the look-alikes, train, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs=3)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--oversample", default="1")
    parser.add_argument("--threads", default="1")
    given = parser.parse_args()
    roots = {name: given.out / name for name in NAMES}
    for root, corpus, write in zip(roots.values(), given.corpora, (casme2, samm, smic)):
        if not root.exists():
            write(root, clips_of(corpus))
    data = [word for name, root in roots.items() for word in ("--dataset", f"{name}={root}")]
    config = given.out / "lr.toml"
    config.write_text("batch = 8\npatience = 4\nhalve-after = 2\n[conv2d]\nlr = 4e-4\n", encoding="utf-8")
    shared = [*data, "--classes", "composite", "--protocol", "loso", "--epochs", str(given.epochs), "--device", "cpu"]
    shared += ["--oversample", given.oversample, "--threads", given.threads, "--cache", str(given.out / "clips.npz")]
    print(run("mer.data.cli", "check", *data, "--list", "megc2019")[-1500:])
    dry = ["--model", "conv2d", "--batch", "8", "--patience", "4", "--halve-after", "2", "--lr", "4e-4", "--dry-run"]
    estimate = run("engines.train", *shared, *dry, "--out", str(given.out / "dry"))
    print(*re.findall(r".*(?:folds;|epochs of|time:).*", estimate), sep="\n")
    started = time.monotonic()
    table = given.out / "table"
    options = ["--models", "conv2d,mdmo", "--config", str(config), "--out", str(table)]
    printed = run("engines.evaluate", "table1", *shared, *options)
    print(printed[-3000:])
    print(f"both models: {(time.monotonic() - started) / 60:.1f} minutes")
    for system in ("conv2d", "mdmo"):
        compare(table, system)


def run(module: str, *arguments: str) -> str:
    """Run a command of ours and return what it printed."""
    answer = subprocess.run(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if answer.returncode:
        raise SystemExit(answer.stdout)
    return answer.stdout


def compare(table: Path, system: str) -> None:
    """Print our figures beside those that scikit-learn computes from the predictions."""
    rows: list[dict[str, str]] = []
    for path in sorted((table / system).glob("*/predictions.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    ours = json.loads((table / "table1.json").read_text(encoding="utf-8"))
    figures = next(entry for entry in ours["systems"] if entry["system"] == system)["figures"]
    parts: dict[str, Any] = {"all": figures} | {part["dataset"]: part for part in figures["datasets"]}
    result = next(json.loads(path.read_text()) for path in (table / system).glob("*/result.json"))
    print(f"{system}: {result.get('train_seconds', 0):.1f} s in the first fold")
    for name, part in parts.items():
        chosen = [row for row in rows if name in ("all", row["dataset"])]
        truth, found = ([row[key] for row in chosen] for key in ("truth", "prediction"))
        labels = [label for label in CLASSES if label in (*truth, *found)]
        expected = {
            "accuracy": accuracy_score(truth, found),
            "uf1": f1_score(truth, found, labels=labels, average="macro"),
            "uar": recall_score(truth, found, labels=[label for label in CLASSES if label in truth], average="macro"),
        }
        equal = all(abs(part[key]["value"] - value) < _SAME for key, value in expected.items())
        shown = ", ".join(f"{key} {value:.4f}" for key, value in expected.items())
        people = len({row["subject"] for row in chosen})
        print(f"{system} {name}: {len(chosen)} clips, {people} people; scikit-learn {shown}; ours equal: {equal}")


if __name__ == "__main__":
    main()
