"""Several datasets in one run: who is who, which class is which, and figures pooled and for each part."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from composite_trees import cut_toys, three
from sklearn.metrics import f1_score, recall_score
from toy_clips import toy_clips, write_toy

from engines import evaluate
from mer import splits, train
from mer.data import cli as data_cli

QUICK = ("--model", "mdmo", "--threads", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return three(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def finished(datasets: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over all three, one subject left out at a time."""
    out = tmp_path_factory.mktemp("runs") / "run"
    options = ("--classes", "composite", "--protocol", "loso")
    assert train.main([*datasets, *QUICK, *options, "--out", str(out)]) == 0
    return out


def rows_of(run: Path) -> list[dict[str, str]]:
    rows = []
    for path in sorted(run.glob("*/predictions.csv")):
        with path.open(newline="") as file:
            rows += list(csv.DictReader(file))
    return rows


def test_equal_numbers_in_different_datasets_are_different_people(finished: Path) -> None:
    folds, _ = splits.load(finished / "folds.json")
    assert sorted(name for fold in folds for name in fold.test) == [
        *("casme2.01", "casme2.02", "casme2.03", "samm.001", "samm.002", "samm.003"),
        *("smic-hs.s01", "smic-hs.s03", "smic-hs.s04"),
    ]


def test_predictions_name_dataset_subject_clip_truth_and_prediction(finished: Path) -> None:
    rows = rows_of(finished)
    assert len(rows) == 27
    [row] = [row for row in rows if row["clip"] == "EP01_02"]
    assert (row["fold"], row["dataset"], row["subject"]) == ("subject-casme2.02", "casme2", "casme2.02")
    assert row["truth"] == "negative"
    best = max(("negative", "positive", "surprise"), key=lambda name: float(row[name]))
    assert row["prediction"] == best


@pytest.mark.parametrize("name", ["casme2", "samm", "smic-hs", "all"])
def test_figures_of_each_part_are_those_that_scikit_learn_computes(finished: Path, name: str) -> None:
    rows = [row for row in rows_of(finished) if name in ("all", row["dataset"])]
    truth, predicted = ([row[key] for row in rows] for key in ("truth", "prediction"))
    with (finished / "datasets.csv").open(newline="") as file:
        [line] = [line for line in csv.DictReader(file) if line["dataset"] == name]
    assert int(line["clips"]) == len(rows)
    assert float(line["uf1"]) == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert float(line["uar"]) == pytest.approx(recall_score(truth, predicted, average="macro"))
    assert float(line["accuracy"]) == pytest.approx(np.mean(np.array(truth) == np.array(predicted)))


def test_the_table_has_a_line_for_each_part(finished: Path) -> None:
    text = (finished / "table.md").read_text()
    assert "### By dataset" in text
    assert "| mdmo | smic-hs | 9 | 3 |" in text
    assert "casme2 + samm + smic-hs" in text


def test_classes_that_are_left_out_are_named_with_their_counts(
    datasets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--classes", "composite", "--protocol", "holdout", "--out", str(tmp_path))
    assert train.main([*datasets, *QUICK, *options]) == 0
    assert "left out by the choice of classes: others 3" in capsys.readouterr().out


def test_one_dataset_is_left_out_at_a_time(datasets: list[str], tmp_path: Path) -> None:
    options = ("--classes", "composite", "--protocol", "lodo", "--out", str(tmp_path))
    assert train.main([*datasets, *QUICK, *options]) == 0
    assert {row["fold"]: row["dataset"] for row in rows_of(tmp_path)} == {
        "dataset-casme2": "casme2",
        "dataset-samm": "samm",
        "dataset-smic-hs": "smic-hs",
    }


def test_all_systems_of_a_table_are_shown_for_each_part(datasets: list[str], tmp_path: Path) -> None:
    options = [
        "table1",
        *datasets,
        "--models",
        "mdmo",
        "--classes",
        "composite",
        "--protocol",
        "lodo",
        "--threads",
        "1",
    ]
    places = ("--out", str(tmp_path), "--device", "cpu", "--threads", "1")
    assert evaluate.main([*options, *places]) == 0
    assert "| mdmo | casme2 | 9 | 3 |" in (tmp_path / "table1.md").read_text()
    assert (tmp_path / "datasets.csv").read_text().count("\n") == 5


def test_trained_weights_are_evaluated_on_several_datasets(
    datasets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--weights", "shipped", "--composite", "--threads", "1")
    assert evaluate.main(["recognition", *datasets, *options, "--json", "--out", str(tmp_path)]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert [part["dataset"] for part in row["figures"]["datasets"]] == ["casme2", "samm", "smic-hs"]
    with (tmp_path / "predictions-1.csv").open(newline="") as file:
        assert {row["clip"] for row in csv.DictReader(file)} >= {"EP01_01", "001_3_1", "s3_sur_01"}


def run_toy(tmp_path: Path, *options: str, **changes: Any) -> Path:
    path = write_toy(tmp_path / "toy.npz", **changes)
    out = tmp_path / "run"
    assert train.main(["--clips", str(path), *QUICK, "--protocol", "holdout", *options, "--out", str(out)]) == 0
    return out


def test_the_order_of_classes_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours = run_toy(tmp_path / "a", "--classes", "happiness,disgust,surprise")
    theirs = run_toy(tmp_path / "b", "--classes", "surprise,happiness,disgust")
    names = ("fold-1/predictions.csv", "folds.json")
    assert [(ours / name).read_bytes() for name in names] == [(theirs / name).read_bytes() for name in names]


def test_labels_are_mapped_before_classes_are_chosen(tmp_path: Path) -> None:
    labels = toy_clips()["labels"].astype("U20")
    labels[labels == "disgust"] = "repression"
    out = run_toy(tmp_path, "--classes", "happiness,disgust", "--map", "repression=disgust", labels=labels)
    assert {row["truth"] for row in rows_of(out)} == {"happiness", "disgust"}


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (("--map", "contempt=disgust"), "no clip is labelled 'contempt'", 1),
        (("--map", "contempt"), "not of the form LABEL=CLASS", 2),
        (("--map", "disgust=fear,disgust=anger"), "give one class", 2),
        (("--protocol", "lodo"), "leaves one dataset out", 1),
        (("--list", "megc2019"), "--list goes with it", 2),
    ],
)
def test_a_selection_without_sense_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str, code: int
) -> None:
    clips = ("--clips", str(write_toy(tmp_path / "toy.npz")), "--classes", "happiness,disgust,surprise")
    assert train.main([*clips, *QUICK, *options, "--out", str(tmp_path / "run")]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dataset", "casme2=a", "--dataset", "casme2=b"), "given twice"),
        (("--dataset", "casme2=a", "--dataset", "samm"), "has no path"),
        (("--dataset", "casme2=a", "--root", "b"), "--root goes with a single"),
        (("--dataset", "casme=a"), "not a dataset"),
        (("--dataset", "manifest=a/x.csv", "--dataset", "manifest=b/x.csv"), "'x' is given twice"),
    ],
)
def test_datasets_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    assert train.main([*options, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_several_datasets_are_checked_at_once(datasets: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert data_cli.main(["check", *datasets[:6], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["datasets"]
    assert [(one["dataset"], one["clips"]) for one in found] == [("casme2", 12), ("samm", 9), ("smic-hs", 9)]


def test_a_dry_run_says_what_a_run_takes_and_trains_nothing(
    datasets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--classes", "composite", "--protocol", "loso", "--model", "conv3d", "--epochs", "7", "--batch", "4")
    places = ("--out", str(tmp_path / "run"), "--threads", "1")
    assert train.main([*datasets, *options, *places, "--dry-run", "--jobs", "3", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "27 clips of 9 subjects, negative 9, positive 9, surprise 9" in said
    assert re.search(
        r"protocol loso: 9 folds; training [\d to]+ clips and 0 augmented ones, validation .*, test 3", said
    )
    assert "conv3d, input flow" in said
    assert re.search(r"at most 7 epochs of [\d to]+ steps, batch size 4", said)
    assert "for all, 3 at a time" in said
    assert not (tmp_path / "run").exists()


def test_the_paper_is_followed_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    options = ("--model", "conv3d", "--classes", "happiness,disgust,surprise", "--epochs", "1")
    ours = run_toy(tmp_path / "a", *options)
    papers = run_toy(tmp_path / "b", *options, "--as-in-paper")
    settings = [json.loads((run / "run.json").read_text())["settings"] for run in (ours, papers)]
    assert [(one["input"], one["warmup"]) for one in settings] == [("flow", 100), ("gray", 0)]


def test_a_check_compares_with_the_list_of_megc2019(datasets: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert data_cli.main(["check", *datasets[:6], "--list", "megc2019", "--json"]) == 0
    remarks = json.loads(capsys.readouterr().out)["megc2019"]
    parts = [text for text in remarks if text.startswith("megc2019, ")]
    assert [re.sub(r"\d+ of", "n of", text.partition(";")[0]) for text in parts] == [
        "megc2019, casme2: n of 145 clips, n of 24 people",
        "megc2019, samm: n of 133 clips, n of 28 people",
        "megc2019, smic-hs: n of 164 clips, n of 16 people",
    ]
    assert "smic-hs: 9 of 164 clips, 3 of 16 people; negative 3 of 70, positive 3 of 51" in parts[2]


def test_the_list_of_megc2019_stands_for_its_classes_and_protocol(
    datasets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_toys(datasets[:6], tmp_path / "clips.npz", listed=True)
    options = ("--list", "megc2019", "--cache", str(tmp_path / "clips.npz"), "--out", str(tmp_path / "run"))
    assert train.main([*datasets[:6], *QUICK, *options, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "are not in the list: " in said
    assert "protocol loso: 3 folds" in said
    assert "9 clips of 3 subjects, negative 3, positive 3, surprise 3" in said
