"""Systems beside our three, trained from the command line on toy clips, and the cache of their features."""

import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from toy_clips import CLASSES, toy_clips, write_toy

import engines.train
from mer import train
from mer.config import TrainSettings
from mer.errors import MerError
from mer.models.mdmo import features_from_flow
from mer.models.registry import SYSTEMS
from mer.training import claim, loop, predictions, svm, watching
from mer.training import fold as fold_module
from mer.training.context import RunContext
from mer.training.data import read_npz, select
from mer.training.feature_cache import FeatureCache
from mer.training.inputs import input_of
from mer.training.steps import Examples
from mer.training.system import Task

COMMON = ("--classes", ",".join(CLASSES), "--threads", "1", "--device", "cpu")
SVMS = tuple(name for name, system in SYSTEMS.items() if system.kind == "svm")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 clips of four people."""
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz", **toy_clips(4))


def run_it(clips: Path, out: Path, *options: str) -> int:
    return train.main(["--clips", str(clips), "--out", str(out), *COMMON, *options])


@pytest.fixture(scope="module")
def lbp_run(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "lbp"
    assert run_it(toy, out, "--model", "lbp-top", "--protocol", "loso") == 0
    return out


def test_a_machine_on_features_leaves_answers_and_figures_but_no_weights(lbp_run: Path) -> None:
    files = {path.relative_to(lbp_run).as_posix() for path in lbp_run.rglob("*") if path.is_file()}
    folds = [entry["name"] for entry in json.loads((lbp_run / "folds.json").read_text())["folds"]]
    assert {name for name in files if not name.startswith("features/")} == {
        *(
            "run.json",
            "folds.json",
            "metrics.json",
            "table.md",
            "table.csv",
            "table.tex",
            "confusion.png",
            "reliability.png",
        ),
        *(f"{fold}/{name}" for fold in folds for name in ("predictions.csv", "result.json")),
    }


def test_the_table_says_what_a_machine_saw_and_has_no_parameters(lbp_run: Path) -> None:
    assert "| lbp-top | gray | loso | toy | 3 | 24 | 4 |" in (lbp_run / "table.md").read_text()
    [row] = json.loads((lbp_run / "metrics.json").read_text())
    assert row["parameters"] is None
    assert row["ms_per_clip"] > 0


def test_every_clip_is_answered_once_with_probabilities(lbp_run: Path) -> None:
    together = predictions.join([predictions.load(path) for path in sorted(lbp_run.glob("*/predictions.csv"))])
    assert sorted(together.positions.tolist()) == list(range(24))
    np.testing.assert_allclose(together.probabilities.sum(1), 1.0, atol=1e-6)


def test_mdmo_finds_the_place_of_a_motion(toy: Path, tmp_path: Path) -> None:
    assert run_it(toy, tmp_path / "run", "--model", "mdmo", "--protocol", "loso") == 0
    [row] = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (row["system"], row["input"]) == ("mdmo", "flow")
    assert row["figures"]["accuracy"]["value"] > 0.6  # chance is 1/3


def test_features_are_worked_out_once(lbp_run: Path, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in lbp_run.glob("*/result.json"):
        path.unlink()
    before = {path: path.read_bytes() for path in lbp_run.glob("*/predictions.csv")}

    def never(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError("worked out again")

    monkeypatch.setattr(fold_module, "ms_per_clip", lambda *_: 1.0)  # which is measured without the cache
    monkeypatch.setattr("mer.models.lbp_top.lbp_top", never)
    assert run_it(toy, lbp_run, "--model", "lbp-top", "--protocol", "loso") == 0
    assert {path: path.read_bytes() for path in before} == before


def test_a_fold_can_be_run_elsewhere_from_a_pickled_job(toy: Path, tmp_path: Path) -> None:
    settings = TrainSettings(model="mdmo", protocol="holdout", classes=CLASSES)
    data, truth = select(read_npz(toy), CLASSES)
    out, console = tmp_path / "run", Console(quiet=True)
    claim.claim(out, data, settings)
    [fold] = claim.claim_folds(out, data, settings, None)
    job = fold_module.prepare(RunContext(settings, out, out / "features"), data, truth, console=console)
    there, work = pickle.loads(pickle.dumps((job, fold_module.run_fold)))
    result = work(there, fold, 0)
    assert json.loads((out / fold.name / "result.json").read_text()) == result


def test_no_engine_is_promised_of_what_keeps_no_weights(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab.toml").write_text("halve_after = 2\n")
    options = ["--model", "mdmo", "--protocol", "holdout", "--epochs", "3", "--build-plan"]
    options += ["--config", str(tmp_path / "lab.toml")]
    assert engines.train.main(["--clips", str(toy), "--out", str(tmp_path / "run"), *COMMON, *options]) == 0
    said = capsys.readouterr().out
    assert "epochs, halve-after left aside" in said
    assert "weights: none" in said
    assert "engine: none" in said


@pytest.mark.parametrize("model", SVMS)
def test_an_input_that_a_system_does_not_take_is_refused(
    model: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_it(toy, tmp_path / "run", "--model", model, "--input", "residual") == 2
    assert f"{model} makes its own input" in capsys.readouterr().err


def test_an_unknown_system_in_the_settings_is_named() -> None:
    with pytest.raises(MerError, match=r"'lbptop'; choose one of lbp-top, .*conv3d"):
        TrainSettings(model="lbptop")


def test_input_and_rate_become_the_systems_own() -> None:
    assert (TrainSettings().input, TrainSettings().lr) == ("flow", 1e-3)
    assert TrainSettings(model="mdmo").input == "flow"


def task(features: Any, truth: Any, validation: Any, validation_truth: Any, tmp_path: Path) -> Task:
    settings = TrainSettings(model="mdmo", classes=CLASSES)
    examples = Examples(np.asarray(features, np.float32), np.asarray(truth))
    others = Examples(np.asarray(validation, np.float32), np.asarray(validation_truth))
    context = RunContext(settings, tmp_path, tmp_path / "features")
    return Task(examples, others, context, (0, 0), "fold-1", Console(quiet=True))


def test_a_machine_answers_a_class_it_has_never_seen_last(tmp_path: Path) -> None:
    features = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [1.0, 1.0], [0.9, 1.0], [1.0, 0.9]]
    fitted = svm.SvmSystem().fit(task(features, [0, 0, 0, 2, 2, 2], features, [0, 0, 0, 2, 2, 2], tmp_path))
    logits = fitted.logits(np.array([[0.0, 0.0], [1.0, 1.0]], np.float32))
    assert logits.argmax(1).tolist() == [0, 2]
    assert logits.argmin(1).tolist() == [1, 1]


def test_a_machine_decides_as_scikit_learns_own_polynomial_kernel_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(30) % 3
    features = (rng.normal(0, 1, (30, 5)) + truth[:, None]) * [1, 10, 100, 1, 1]
    fitted = svm.SvmSystem().fit(task(features, truth, features[:9], truth[:9], tmp_path))
    own = SVC(kernel="poly", degree=2, coef0=1.0, gamma="scale", C=fitted.course["C"])
    expected = make_pipeline(StandardScaler(), own).fit(features, truth).decision_function(features)
    np.testing.assert_allclose(fitted.logits(features.astype(np.float32)), expected, atol=1e-2)


def test_a_machine_with_one_class_to_learn_says_so(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="all training clips are of class 'disgust'"):
        svm.SvmSystem().fit(task([[0.0], [1.0]], [1, 1], [[0.0]], [1], tmp_path))


def count_calls(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    count_calls.calls += 1  # type: ignore[attr-defined]
    return np.arange(10) + int(images.ravel()[0])


@pytest.fixture
def clip() -> NDArray[np.uint8]:
    count_calls.calls = 0  # type: ignore[attr-defined]
    return np.full((13, 90, 90), 7, np.uint8)


def test_the_cache_gives_back_what_was_made(clip: NDArray[np.uint8], tmp_path: Path) -> None:
    for _ in range(3):
        np.testing.assert_array_equal(FeatureCache(tmp_path).get(count_calls, "key", clip), np.arange(10) + 7)
    assert count_calls.calls == 1  # type: ignore[attr-defined]


def test_other_content_and_other_parameters_are_other_entries(clip: NDArray[np.uint8], tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    other = clip.copy()
    other[12, 89, 89] = 0
    for key, images in (("key", clip), ("key", other), ("key-2", clip), ("key", clip.reshape(90, 13, 90))):
        cache.get(count_calls, key, images)
    assert count_calls.calls == len(list(tmp_path.glob("*.npy"))) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [b"", b"half of a", pickle.dumps({"a": 1})])
def test_a_damaged_entry_or_a_pickle_is_made_again(content: bytes, clip: NDArray[np.uint8], tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    cache.get(count_calls, "key", clip)
    [path] = tmp_path.iterdir()
    path.write_bytes(content)
    np.testing.assert_array_equal(cache.get(count_calls, "key", clip), np.arange(10) + 7)
    np.testing.assert_array_equal(np.load(path), np.arange(10) + 7)


def test_what_was_used_least_recently_goes_first(clip: NDArray[np.uint8], tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit_bytes=900)  # an entry has 208 bytes
    for number in range(6):
        cache.get(count_calls, f"key{number}", clip)
        [path] = tmp_path.glob(f"key{number}-*.npy")
        os.utime(path, (number, number))
    cache.get(count_calls, "key0", clip)  # used: now the newest
    cache.trim()
    assert {path.name[:4] for path in tmp_path.iterdir()} == {"key0", "key4", "key5"}


def test_what_a_killed_process_left_half_written_goes_after_an_hour(clip: NDArray[np.uint8], tmp_path: Path) -> None:
    for name in (".old.part", ".new.part"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".old.part", (0, 0))
    FeatureCache(tmp_path).get(count_calls, "key", clip)
    assert {path.name for path in tmp_path.glob(".*")} == {".new.part"}


def of_clip(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.full(1000, images.flat[0], np.uint8)


def read_all(folder: Path, order: int) -> bool:
    """Read 40 clips' entries through a cache that holds half of them, in an order of one's own."""
    cache = FeatureCache(folder, limit_bytes=20_000)
    right = []
    for number in np.random.default_rng(order).permutation(np.tile(np.arange(40), 8)):
        right.append(bool((cache.get(of_clip, "key", np.full((2, 2), number, np.uint8)) == number).all()))
    return len(right) == 320 and all(right)


def test_caches_share_a_folder_while_it_is_trimmed(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:  # each with a cache of its own, as in processes of their own
        assert all(pool.map(read_all, [tmp_path] * 4, range(4)))
    FeatureCache(tmp_path, limit_bytes=20_000).trim()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000


def test_logs_of_folds_become_one_in_the_order_of_the_folds(tmp_path: Path) -> None:
    epoch = loop.Epoch(1, 0.5, 0.5, 0.5, 0.5, 1e-3, 1.0, 1.0)
    for fold in ("fold-10", "fold-2", "fold-1"):
        watching.write_log(tmp_path, fold, loop.History(1e-3, epochs=[epoch]))
    assert [row["fold"] for row in watching.read_log(tmp_path / "log.csv")] == ["fold-1", "fold-2", "fold-10"]


def test_lines_of_folds_without_a_log_of_their_own_stay(tmp_path: Path) -> None:
    epoch = loop.Epoch(1, 0.5, 0.5, 0.5, 0.5, 1e-3, 1.0, 1.0)
    watching.write_log(tmp_path, "fold-1", loop.History(1e-3, epochs=[epoch, epoch]))
    (tmp_path / "fold-1" / "log.csv").unlink()  # as earlier versions left it
    watching.write_log(tmp_path, "fold-2", loop.History(1e-3, epochs=[epoch]))
    assert [row["fold"] for row in watching.read_log(tmp_path / "log.csv")] == ["fold-1", "fold-1", "fold-2"]


def test_a_cache_that_cannot_be_written_is_no_error(clip: NDArray[np.uint8], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = FeatureCache(tmp_path / "file").get(count_calls, "key", clip)
    np.testing.assert_array_equal(found, np.arange(10) + 7)


def test_a_clip_has_the_same_copies_in_every_fold() -> None:
    one, other = (fold_module.shared_by_folds(sources, 5) for sources in ([3, 4, 3], [7, 3]))
    assert [copy for copy in other if copy.source == 3] == one[:1]
    assert len({copy.seed for copy in one}) == 3


def test_features_of_flow_are_worked_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def spy(flow: NDArray[Any]) -> NDArray[Any]:
        calls.append(1)
        return features_from_flow(flow)

    monkeypatch.setattr("mer.models.mdmo.features_from_flow", spy)
    clip: Any = toy_clips(1, 1)["clips"][0]
    first, again = (input_of(TrainSettings(model="mdmo"), cache=tmp_path)(clip) for _ in range(2))
    assert np.array_equal(first, again)
    assert len(calls) == 1
