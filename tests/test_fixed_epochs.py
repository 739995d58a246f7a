"""Training without a validation set: fixed epochs on everybody but the test set. And the curves of a run."""

import csv
import json
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from toy_clips import toy_clips, write_toy

from mer import splits, train
from mer.training.watching import draw_curves

QUICK = ("--model", "conv3d", "--input", "residual", "--classes", "happiness,surprise", "--threads", "1")
ALSO = ("--device", "cpu", "--batch", "8", "--epochs", "3", "--protocol", "holdout", "--no-validation")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz", **toy_clips(5, 3))


@pytest.fixture(scope="module")
def fixed(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "fixed"
    assert train.main(["--clips", str(toy), *QUICK, *ALSO, "--patience", "1", "--out", str(out)]) == 0
    return out


def test_everybody_but_the_test_set_is_trained_on(fixed: Path) -> None:
    ((fold,), _) = splits.load(fixed / "folds.json")
    assert fold.validation == ()
    assert len(fold.train) + len(fold.test) == 5


def test_all_epochs_are_done_at_one_rate_and_nothing_is_calibrated(fixed: Path) -> None:
    result = json.loads((fixed / "fold-1/result.json").read_text())
    assert (result["epochs"], result["best_epoch"], result["ended_by"]) == (3, 3, "epochs")
    assert (result["temperature"], result["none_threshold"]) == (1.0, 0.0)
    with (fixed / "fold-1/log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["validation_loss"] for row in rows} == {""}
    assert len({row["lr"] for row in rows}) == 1


def test_folds_with_a_validation_set_lend_their_test_sets(fixed: Path, toy: Path, tmp_path: Path) -> None:
    ((fold,), _) = splits.load(fixed / "folds.json")
    train_, validation = fold.train[:-1], fold.train[-1:]
    splits.save(tmp_path / "f.json", [splits.Fold("fold-1", train_, validation, fold.test)], protocol="holdout", seed=0)
    given = ["--clips", str(toy), *QUICK, *ALSO, "--folds", str(tmp_path / "f.json"), "--out", str(tmp_path / "run")]
    assert train.main(given) == 0
    assert (tmp_path / "run/fold-1/predictions.csv").read_bytes() == (fixed / "fold-1/predictions.csv").read_bytes()


def test_folds_without_a_validation_set_need_the_option(
    fixed: Path, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = ("--folds", str(fixed / "folds.json"))
    given = ["--clips", str(toy), *QUICK, *ALSO[:-1], *folds, "--out", str(tmp_path / "run")]
    assert train.main(given) == 1
    assert "folds without a validation set; give --no-validation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "mdmo", "--protocol", "holdout"), "mdmo chooses its C on the validation set"),
        (("--model", "conv3d", "--protocol", "all"), "protocol 'all' reports on the validation set"),
    ],
)
def test_what_needs_a_validation_set_says_so(
    options: tuple[str, ...], said: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--clips", str(toy), "--no-validation", *options, "--out", str(tmp_path / "run")]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("log", "last"), [(2, "b"), (9, "a colour for each of 9 folds")])
def test_curves_say_which_line_is_which_and_count_whole_epochs(
    log: int, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_given, **_named: drawn.append(figure))
    names = "abcdefghi"[:log]
    rows = [f"{name},{epoch},1.0,0.5,1.1,0.4,0.001,1,1\n" for name in names for epoch in (1, 2)]
    header = "fold,epoch,loss,accuracy,validation_loss,validation_accuracy,lr,seconds,clips_per_s\n"
    (tmp_path / "log.csv").write_text(header + "".join(rows))
    draw_curves(tmp_path / "curves.png", tmp_path / "log.csv")
    axes: Axes = drawn[0].axes[0]
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["training", "validation"]
    assert texts[-1] == last
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
