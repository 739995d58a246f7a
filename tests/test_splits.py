"""Folds: people are never shared, classes are spread, bad folds are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from mer import splits
from mer.errors import MerError
from mer.splits import Fold

CLASSES = ("happiness", "disgust", "fear", "surprise", "sadness")
MMEW = (36, 72, 16, 89, 13)


def corpus(seed: int = 0) -> tuple[list[str], list[str]]:
    """Return subjects and labels of 226 clips in the proportions of MMEW, thrown among 36 people."""
    rng = np.random.default_rng(seed)
    labels = [name for name, count in zip(CLASSES, MMEW) for _ in range(count)]
    people = [f"S{i:02d}" for i in range(36)]
    return [*people, *(people[i] for i in rng.integers(0, 36, len(labels) - 36))], list(rng.permutation(labels))


@pytest.mark.parametrize("protocol", splits.PROTOCOLS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nobody_is_in_two_parts_and_nobody_is_left_out(protocol: splits.Protocol, seed: int) -> None:
    subjects, labels = corpus()
    datasets = [f"D{int(name[1:]) % 3}" for name in subjects]
    for fold in splits.make_folds(subjects, labels, protocol, seed=seed, datasets=datasets):
        parts = [*fold.train, *fold.validation, *fold.test]
        assert sorted(parts) == sorted(set(subjects))
        assert fold.train
        assert fold.validation


def test_five_folds_report_everybody_once() -> None:
    subjects, labels = corpus()
    folds = splits.make_folds(subjects, labels, "5fold", seed=0)
    assert len(folds) == 5
    assert sorted(name for fold in folds for name in fold.test) == sorted(set(subjects))


def test_loso_reports_one_at_a_time() -> None:
    subjects, labels = corpus()
    folds = splits.make_folds(subjects, labels, "loso", seed=0)
    assert [fold.test for fold in folds] == [(name,) for name in sorted(set(subjects))]
    assert folds[0].name == "subject-S00"


def test_all_reports_nobody() -> None:
    [fold] = splits.make_folds(*corpus(), "all", seed=0)
    assert fold.test == ()


def test_classes_are_spread_evenly() -> None:
    subjects, labels = corpus()
    folds = splits.make_folds(subjects, labels, "5fold", seed=0)
    for name, count in zip(CLASSES, MMEW):
        inside = [sum(s in fold.test and label == name for s, label in zip(subjects, labels)) for fold in folds]
        assert max(abs(n - count / 5) for n in inside) <= max(3, 0.25 * count / 5)


def test_the_validation_set_is_a_sixth_and_knows_the_frequent_classes() -> None:
    subjects, labels = corpus()
    for fold in splits.make_folds(subjects, labels, "5fold", seed=0):
        clips = [label for s, label in zip(subjects, labels) if s in fold.validation]
        assert 15 <= len(clips) <= 50
        assert {"happiness", "disgust", "surprise"} <= set(clips)


def test_the_same_seed_gives_the_same_folds() -> None:
    subjects, labels = corpus()
    assert splits.make_folds(subjects, labels, "5fold", seed=3) == splits.make_folds(subjects, labels, "5fold", seed=3)


def test_the_order_of_clips_does_not_matter() -> None:
    subjects, labels = corpus()
    turned = splits.make_folds(subjects[::-1], labels[::-1], "5fold", seed=0)
    assert turned == splits.make_folds(subjects, labels, "5fold", seed=0)


@pytest.mark.parametrize(("protocol", "least"), [("5fold", 5), ("loso", 3), ("holdout", 3), ("all", 2)])
def test_too_few_people_are_refused(protocol: splits.Protocol, least: int) -> None:
    people = [f"S{i}" for i in range(least)]
    subjects, labels = people * 2, ["a"] * least + ["b"] * least
    assert splits.make_folds(subjects, labels, protocol, seed=0)
    fewer = [(s, label) for s, label in zip(subjects, labels) if s != "S0"]
    with pytest.raises(MerError, match=f"{least - 1} subject"):
        splits.make_folds([s for s, _ in fewer], [label for _, label in fewer], protocol, seed=0)


def test_a_class_of_one_person_cannot_be_trained_and_reported() -> None:
    subjects = [f"S{i}" for i in range(6)] * 2 + ["S0"]
    labels = ["a"] * 6 + ["b"] * 6 + ["rare"]
    with pytest.raises(MerError, match="no subject of the training set shows 'rare'"):
        splits.make_folds(subjects, labels, "5fold", seed=0)


def test_folds_come_back_from_disk(tmp_path: Path) -> None:
    folds = splits.make_folds(*corpus(), "5fold", seed=0)
    splits.save(tmp_path / "folds.json", folds, protocol="5fold", seed=0)
    assert splits.load(tmp_path / "folds.json") == (folds, "5fold")


SUBJECTS, LABELS = ["a", "b", "c", "d"] * 2, ["x"] * 4 + ["y"] * 4


@pytest.mark.parametrize(
    ("folds", "named"),
    [
        ([Fold("f", ("a", "b"), ("c",), ("b", "d"))], "'b' is in two sets"),
        ([Fold("f", ("a", "c"), ("b", "c"), ("d",))], "'c' is in two sets"),
        ([Fold("f", ("a", "b"), ("c",), ())], "'d' is in no set"),
        ([Fold("f", ("a", "b"), ("c",), ("d", "e"))], "'e' is not in the data"),
        ([Fold("f", ("a", "b"), ("c",), ("d",)), Fold("g", ("a", "b"), ("c",), ("d",))], "in the test set of 2 folds"),
    ],
)
def test_leaking_folds_are_refused(folds: list[Fold], named: str) -> None:
    with pytest.raises(MerError, match=named):
        splits.check(folds, SUBJECTS, LABELS)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "not a folds.json"),
        ("[]", "not a folds.json"),
        (json.dumps({"format": 1, "protocol": "5fold", "folds": [{"name": "f"}]}), "train"),
        (json.dumps({"format": 2, "protocol": "5fold", "folds": []}), "0 fold"),
        (json.dumps({"format": 1, "protocol": "5fold", "folds": []}), "format 1"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "folds.json"
    path.write_text(content)
    with pytest.raises(MerError, match=named):
        splits.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="cannot be read"):
        splits.load(tmp_path / "folds.json")
