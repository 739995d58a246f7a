"""Training runs from the command line on toy clips: outcome, leaks, resuming."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from toy_clips import CLASSES, toy_clips, write_toy

from engines import evaluate
from mer import checkpoint, splits, train
from mer.config import TrainSettings
from mer.errors import MerError
from mer.evaluation.report import Row, row_of_run, to_markdown
from mer.models import networks
from mer.training import data as data_module
from mer.training import fold as fold_module
from mer.training import loop, predictions
from mer.training.forward import FastForward, plan_forward
from mer.training.steps import Examples

SMALL = ("--model", "conv3d", "--input", "residual", "--threads", "1", "--device", "cpu")
QUICK = (*SMALL, "--classes", ",".join(CLASSES), "--batch", "4", "--warmup", "0")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz")


@pytest.fixture(scope="module")
def finished(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a five-fold run over four epochs."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    assert train.main(["--clips", str(toy), "--out", str(out), *QUICK, "--epochs", "4"]) == 0
    return out


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of three people."""
    return write_toy(tmp_path_factory.mktemp("toy") / "three.npz", **toy_clips(3, 3))


@pytest.fixture(scope="module")
def short(three: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over two epochs, with a fold for each of the three."""
    out = tmp_path_factory.mktemp("runs") / "short"
    assert run_it(three, out, "--protocol", "loso", "--epochs", "2") == 0
    return out


def run_it(clips: Path, out: Path, *options: str) -> int:
    return train.main(["--clips", str(clips), "--out", str(out), *QUICK, *options])


def assert_the_same_predictions(run: Path, as_in: Path) -> None:
    found = sorted(path.relative_to(as_in) for path in as_in.glob("*/predictions.csv"))
    assert len(found) == 3
    assert [path for path in found if (run / path).read_bytes() != (as_in / path).read_bytes()] == []


def accuracy(out: Path) -> float:
    [row] = json.loads((out / "metrics.json").read_text())
    return float(row["figures"]["accuracy"]["value"])


def test_a_run_leaves_what_it_promises(finished: Path) -> None:
    files = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    parts = ("log.csv", "predictions.csv", "result.json")
    kept = list(finished.glob("fold-*/best.safetensors"))
    assert len(kept) == 1
    assert files == {
        *("run.json", "folds.json", "log.csv", "curves.png", "metrics.json", "table.md", "table.csv", "table.tex"),
        *("confusion.png", "reliability.png", "best.safetensors"),
        *(f"fold-{number}/{name}" for number in range(1, 6) for name in parts),
        f"{kept[0].parent.name}/best.safetensors",
    }


def test_the_spots_are_found_on_people_never_seen(finished: Path) -> None:
    assert accuracy(finished) > 0.8


def test_every_clip_is_reported_once_by_a_fold_that_never_saw_its_person(finished: Path) -> None:
    folds, _ = splits.load(finished / "folds.json")
    together = predictions.join([predictions.load(finished / fold.name / "predictions.csv") for fold in folds])
    assert sorted(together.positions.tolist()) == list(range(36))
    tested = {fold.name: set(fold.test) for fold in folds}
    assert all(subject in tested[fold] for subject, fold in zip(together.subjects, together.folds))


def test_the_checkpoint_knows_where_it_comes_from(finished: Path) -> None:
    _, configuration = checkpoint.load(finished / "best.safetensors")
    assert (configuration.model, configuration.mode, configuration.classes) == ("conv3d", "residual", CLASSES)
    assert configuration.training["data"] == "toy"
    assert configuration.training["settings"]["protocol"] == "5fold"
    results = [json.loads(path.read_text()) for path in finished.glob("fold-*/result.json")]
    best = min(results, key=lambda result: result["validation_loss"])
    assert configuration.temperature == best["temperature"]
    assert configuration.none_threshold == best["none_threshold"]


def test_the_log_has_a_line_an_epoch(finished: Path) -> None:
    with (finished / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["fold"], row["epoch"]) for row in rows] == [
        (f"fold-{k}", str(e)) for k in range(1, 6) for e in range(1, 5)
    ]


def test_curves_are_a_picture(finished: Path) -> None:
    picture = cv2.imread(str(finished / "curves.png"))
    assert picture is not None
    assert picture.std() > 5


def test_the_table_has_the_papers_figures_only_on_the_papers_data(finished: Path) -> None:
    text = (finished / "table.md").read_text()
    assert "| conv3d | residual | 5fold | toy | 3 | 36 | 6 |" in text
    assert "(paper)" not in text
    row = row_of_run(finished)
    on_mmew = Row({**row.system, "data": "mmew"}, row.figures)
    assert "| convlstm (paper) |" in to_markdown([on_mmew])


def test_weights_on_the_clips_they_were_trained_on_are_said_to_be(
    finished: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--weights", str(finished / "best.safetensors"), "--clips", str(toy), "--threads", "1", "--json"]
    assert evaluate.main(["recognition", *given]) == 0
    assert "(these very clips: figures say nothing)" in capsys.readouterr().out


def test_saved_folds_give_the_same_figures_to_the_digit(short: Path, three: Path, tmp_path: Path) -> None:
    folds = ("--protocol", "loso", "--folds", str(short / "folds.json"))
    assert run_it(three, tmp_path / "again", "--epochs", "2", *folds) == 0
    assert_the_same_predictions(tmp_path / "again", short)


def test_a_finished_run_is_not_trained_again(finished: Path, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (finished / "best.safetensors").stat().st_mtime_ns, accuracy(finished)
    assert run_it(toy, finished, "--epochs", "4") == 0
    assert "fold-5: done before" in capsys.readouterr().out
    assert accuracy(finished) == before[1]


def test_shuffled_labels_are_answered_at_chance(toy: Path, tmp_path: Path) -> None:
    shuffled = np.random.default_rng(0).permutation(toy_clips()["labels"])
    path = write_toy(tmp_path / "shuffled.npz", labels=shuffled)
    assert run_it(path, tmp_path / "run", "--epochs", "4") == 0
    assert 0.1 < accuracy(tmp_path / "run") < 0.57  # 1/3, and three standard deviations of 36 clips


def test_the_onset_frame_alone_is_answered_at_chance(tmp_path: Path) -> None:
    onset = np.repeat(toy_clips()["clips"][:, :1], 13, axis=1)
    path = write_toy(tmp_path / "onset.npz", clips=onset)
    assert run_it(path, tmp_path / "run", "--epochs", "4", "--input", "gray") == 0
    assert 0.1 < accuracy(tmp_path / "run") < 0.57


def test_copies_are_made_of_training_people_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy_clips()
    rare = np.flatnonzero((data["labels"] != "surprise") | (np.arange(36) % 4 == 1))
    path = write_toy(tmp_path / "rare.npz", **{name: array[rare] for name, array in data.items()})
    copied: list[set[str]] = []
    encode_all = data_module.encode_all

    def spy(clips: Any, copies: Any, *rest: Any, **options: Any) -> Any:
        sources = {str(data["subjects"][rare][copy.source]) for copy in copies if copy.seed}
        copied.extend([sources] if sources else [])
        return encode_all(clips, copies, *rest, **options)

    monkeypatch.setattr(fold_module, "encode_all", spy)
    assert run_it(path, tmp_path / "run", "--epochs", "1") == 0
    folds, _ = splits.load(tmp_path / "run" / "folds.json")
    assert len(copied) == len(folds)
    assert all(people <= set(fold.train) for people, fold in zip(copied, folds))


def interrupted_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make training stop, as by Ctrl-C, right after an epoch was saved; returns what undoes it."""
    save = loop.save_state

    def saving(path: Path, model: Any, optimiser: Any, history: loop.History, best: Any) -> None:
        save(path, model, optimiser, history, best)
        if len(history.epochs) == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", saving)
    return monkeypatch.undo


def test_an_interrupted_run_ends_as_if_it_had_not_been(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--epochs", "4", "--protocol", "holdout")
    assert run_it(toy, tmp_path / "whole", *options) == 0
    undo = interrupted_after(2, monkeypatch)
    assert run_it(toy, tmp_path / "broken", *options) == 130
    assert "repeat the command" in capsys.readouterr().err
    undo()
    assert run_it(toy, tmp_path / "broken", *options) == 0
    name = "fold-1/predictions.csv"
    assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "broken" / "fold-1" / "state.safetensors").exists()


def test_another_run_in_the_same_folder_is_refused(
    finished: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_it(toy, finished, "--epochs", "9") == 1
    assert "whose epochs is 4, now it is 9" in capsys.readouterr().err


def test_other_data_in_the_same_folder_are_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_toy(tmp_path / "toy.npz", clips=toy_clips(seed=1)["clips"])
    assert run_it(path, finished, "--epochs", "4") == 1
    assert "fingerprint" in capsys.readouterr().err


def test_patience_ends_a_fold(toy: Path, tmp_path: Path) -> None:
    assert (
        run_it(toy, tmp_path / "run", "--protocol", "holdout", "--lr", "1e-12", "--patience", "1", "--epochs", "30")
        == 0
    )
    result = json.loads((tmp_path / "run" / "fold-1" / "result.json").read_text())
    assert result["ended_by"] == "patience"
    assert result["epochs"] == result["best_epoch"] + 1


def test_time_ends_a_fold_and_keeps_the_best_epoch(toy: Path, tmp_path: Path) -> None:
    assert run_it(toy, tmp_path / "run", "--protocol", "holdout", "--max-minutes", "0.00001") == 0
    result = json.loads((tmp_path / "run" / "fold-1" / "result.json").read_text())
    assert (result["ended_by"], result["epochs"]) == ("time", 1)


def test_the_learning_rate_is_halved_without_gain() -> None:
    history, settings = loop.History(1e-3), TrainSettings(halve_after=2, patience=9)
    for number, loss in enumerate((1.0, 0.5, 0.6, 0.7, 0.8, 0.4, 0.9), 1):
        loop.advance(history, loop.Epoch(number, 1, 0, loss, 0, history.lr, 1, 1), settings)
    assert [epoch.lr for epoch in history.epochs] == [1e-3] * 4 + [5e-4] * 3
    assert history.best_epoch == 6
    assert history.ended_by == ""


def test_the_learning_rate_rises_during_the_warm_up() -> None:
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=9.0)
    rates = []
    for update in range(6):
        loop.set_rate(optimiser, 1.0, update=update, warmup=4)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_without_a_warm_up_the_rate_is_full_at_once() -> None:
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=9.0)
    loop.set_rate(optimiser, 1.0, update=0, warmup=0)
    assert optimiser.param_groups[0]["lr"] == 1.0


def test_training_on_everybody_reports_the_validation_set_as_such(toy: Path, tmp_path: Path) -> None:
    assert run_it(toy, tmp_path / "run", "--protocol", "all", "--epochs", "2") == 0
    [row] = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert row["protocol"] == "all, on its validation subjects (optimistic)"
    folds, _ = splits.load(tmp_path / "run" / "folds.json")
    assert row["figures"]["subjects"] == len(folds[0].validation)


def test_what_is_made_from_weights_gets_their_path(toy: Path, tmp_path: Path) -> None:
    seen: list[Path] = []
    arguments = ["--clips", str(toy), "--out", str(tmp_path / "run"), *QUICK, "--protocol", "all", "--epochs", "1"]
    assert train.main(arguments, on_checkpoint=seen.append) == 0
    assert seen == [tmp_path / "run" / "best.safetensors"]
    assert checkpoint.load(seen[0])[1].classes == CLASSES


def test_a_loss_that_is_not_finite_stops_training(tmp_path: Path) -> None:
    model = networks.create("conv3d", mode="residual", n_classes=3)
    data = toy_clips(people=1)
    examples = Examples(data["clips"], np.zeros(6, np.int64))
    broken = FastForward(lambda clips: model(clips) * float("nan"), 8, "")
    watch = loop.Watch(lambda _done, _total: None, lambda _history: None)
    with pytest.raises(MerError, match="lower --lr"):
        loop.train_fold(
            model,
            broken,
            train=examples,
            validation=examples,
            settings=TrainSettings(),
            seed=(0,),
            state=tmp_path / "state.safetensors",
            watch=watch,
        )


def test_a_fold_for_which_a_gpu_is_too_small_says_what_to_do(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 342.00 MiB.")

    monkeypatch.setattr("mer.training.network.train_fold", full)
    assert run_it(three, tmp_path, "--protocol", "loso", "--epochs", "1") == 1
    assert "fewer --jobs or a smaller --batch" in " ".join(capsys.readouterr().err.split())


def test_convlstm_learns_through_its_own_backward_pass() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = networks.create("convlstm", mode="residual", n_classes=3)
    plan = plan_forward(model, torch.device("cpu"))
    data = toy_clips(people=1, each=3)
    clips, truth = torch.from_numpy(data["clips"]), torch.arange(3)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(plan.logits(clips), truth)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    model.eval()
    with torch.no_grad():
        exact = model(clips)
        assert float((plan.logits(clips) - exact).abs().max() / exact.abs().max()) < 0.02


def test_folds_side_by_side_give_the_same_predictions(three: Path, short: Path, tmp_path: Path) -> None:
    assert run_it(three, tmp_path, "--protocol", "loso", "--epochs", "2", "--jobs", "2") == 0
    assert_the_same_predictions(tmp_path, short)


def test_a_console_of_a_file_gets_no_bars(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Console().is_terminal is False
    assert run_it(toy, tmp_path / "run", "--protocol", "all", "--epochs", "1") == 0
    assert "\r" not in capsys.readouterr().out
