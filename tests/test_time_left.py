"""How long a run still takes is said for all of its folds, from its first epoch on."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from mer import splits
from mer.config import TrainSettings
from mer.splits import Fold
from mer.training import estimate, watching
from mer.training.estimate import Cost, FoldSize
from mer.training.loop import Epoch, History

FOLDS = [Fold(f"fold-{number}", ("a",), ("b",), (f"c{number}",)) for number in range(1, 5)]


def history_of(*seconds: float) -> History:
    return History(1e-3, epochs=[Epoch(n, 1, 0, 1, 0, 1e-3, s, 9) for n, s in enumerate(seconds, 1)])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run of four folds, of which the first is done."""
    splits.save(tmp_path / "folds.json", FOLDS, protocol="5fold", seed=0)
    (tmp_path / "fold-1").mkdir()
    (tmp_path / "fold-1/result.json").write_text(json.dumps({}))
    return tmp_path


def test_an_epoch_says_what_is_left_of_the_fold_and_of_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with watching.batches_shown(Console(), "fold-2", TrainSettings(epochs=10), run) as watch:
        watch.epoch(history_of(6.0, 6.0))
    assert "at most 48 s left, 3 min with 2 other folds" in capsys.readouterr().out


def test_a_limit_in_minutes_counts(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with watching.batches_shown(Console(), "fold-2", TrainSettings(epochs=10, max_minutes=0.5), run) as watch:
        watch.epoch(history_of(6.0))
    assert "at most 24 s left, 84 s with 2 other folds" in capsys.readouterr().out


def test_folds_side_by_side_are_estimated_from_the_first_epoch_of_one(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("mer.training.watching.time.monotonic", lambda: now[0])
    look = watching.first_epoch_said(run, [fold.name for fold in FOLDS], TrainSettings(epochs=10), 2, Console())
    now[0] = 3.0
    look()
    assert capsys.readouterr().out == ""
    watching.write_log(run, "fold-2", history_of(8.0))
    now[0] = 6.0
    look()
    look()
    assert capsys.readouterr().out == "8.0 s an epoch; at most 2 min for 3 folds, 2 at a time\n"


def test_an_estimate_counts_steps_validation_and_jobs() -> None:
    cost = Cost(encode_s=0.0, step_s=0.5, parameters=1000, clip_bytes=10**6, peak_bytes=10**9)
    folds = [FoldSize(60, 4, 24, 12), FoldSize(30, 2, 24, 42)]
    text = estimate.lines(TrainSettings(epochs=10, batch=8), folds, cost, jobs=2, threads=1)
    assert text[0] == "protocol 5fold: 2 folds; training 30 to 60 clips and 2 to 4 augmented ones, " + (
        "validation 24, test 12 to 42"
    )
    assert text[2] == "memory: about 1.2 GB for each fold at a time, 2 at a time"
    assert text[3].startswith("at most 10 epochs of 4 to 8 steps, batch size 8; 0.50 s a step")
    assert text[4].startswith("time: up to about 45 s a fold and 35 s for all, 2 at a time")
