"""Several seeds over the same folds: mean and spread, by hand and from one command."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from toy_clips import toy_clips, write_toy

from engines import evaluate
from mer import splits, train

QUICK = ("--model", "conv3d", "--input", "residual", "--classes", "happiness,surprise", "--threads", "1")
ALSO = ("--device", "cpu", "--batch", "8", "--epochs", "1", "--protocol", "5fold")


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with two seeds."""
    folder = tmp_path_factory.mktemp("seeds")
    toy = write_toy(folder / "toy.npz", **toy_clips(5))
    out = folder / "run"
    assert train.main(["--clips", str(toy), *QUICK, *ALSO, "--seed", "3", "--repeats", "2", "--out", str(out)]) == 0
    return out


def accuracies(out: Path) -> list[float]:
    return [float(row["figures"]["accuracy"]["value"]) for row in json.loads((out / "metrics.json").read_text())]


def test_mean_and_spread_are_those_of_the_runs(repeated: Path) -> None:
    with (repeated / "seeds.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    found = accuracies(repeated)
    assert row["seeds"] == "3 4"
    assert float(row["accuracy_mean"]) == pytest.approx(np.mean(found))
    assert float(row["accuracy_sd"]) == pytest.approx(np.std(found, ddof=1))
    assert (float(row["accuracy_min"]), float(row["accuracy_max"])) == pytest.approx((min(found), max(found)))


def test_all_seeds_have_the_folds_of_the_first(repeated: Path) -> None:
    folds = [splits.load(repeated / f"seed-{seed}" / "folds.json")[0] for seed in (3, 4)]
    assert folds[0] == folds[1]
    assert (repeated / "best.safetensors").read_bytes() == (repeated / "seed-3/best.safetensors").read_bytes()


def test_runs_that_differ_in_their_seed_are_put_together_afterwards(
    repeated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(repeated / f"seed-{seed}") for seed in (3, 4)]
    assert evaluate.main(["recognition", *runs, "--out", str(tmp_path)]) == 0
    assert "Over seeds" in capsys.readouterr().out
    assert (tmp_path / "seeds.csv").read_bytes() == (repeated / "seeds.csv").read_bytes()


def test_a_table_has_its_systems_over_seeds(tmp_path: Path) -> None:
    toy = write_toy(tmp_path / "toy.npz", **toy_clips(5))
    given = ["table1", "--clips", str(toy), "--models", "mdmo", "--classes", "happiness,surprise", "--threads", "1"]
    assert evaluate.main([*given, "--repeats", "2", "--device", "cpu", "--out", str(tmp_path / "table")]) == 0
    with (tmp_path / "table/seeds.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["system"], row["seeds"]) == ("mdmo", "0 1")
    found = [json.loads((tmp_path / f"table/seed-{n}/table1.json").read_text())["systems"][0] for n in (0, 1)]
    accuracy = np.mean([entry["figures"]["accuracy"]["value"] for entry in found])
    assert float(row["accuracy_mean"]) == pytest.approx(accuracy)


def test_only_the_best_fold_keeps_its_weights(repeated: Path) -> None:
    kept = list((repeated / "seed-3").glob("fold-*/best.safetensors"))
    results = list(repeated.glob("seed-3/*/result.json"))
    losses = {path.parent.name: json.loads(path.read_text())["validation_loss"] for path in results}
    assert [path.parent.name for path in kept] == [min(losses, key=losses.__getitem__)]
