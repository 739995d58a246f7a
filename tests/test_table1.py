"""`mer-evaluate table1` on toy clips: two quick systems under the same folds, resumed, repeated, failing."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import pytest
from toy_clips import CLASSES, toy_clips, write_toy

from engines import evaluate
from mer.config import TrainSettings, load_each
from mer.errors import MerError, UsageError
from mer.evaluation import paper
from mer.evaluation.table1 import Line, Setting, shares, to_markdown
from mer.evaluation.table1_command import ORDER
from mer.jobs.clock import Clock
from mer.models.registry import SYSTEMS
from mer.splits import Fold
from mer.training.context import RunContext
from mer.training.source import Source
from mer.training.tasks import Ended, FoldTask, do_fold

QUICK = ("--models", "mdmo,conv3d", "--classes", ",".join(CLASSES), "--threads", "1", "--device", "cpu")
TRAINED = (*QUICK, "--protocol", "loso", "--epochs", "1", "--batch", "4")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 clips of three people."""
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz", **toy_clips(3))


@pytest.fixture(scope="module")
def finished(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tables") / "run"
    assert evaluate.main(["table1", "--clips", str(toy), "--out", str(out), *TRAINED, "--jobs", "2"]) == 0
    return out


def figures(run: Path) -> dict[str, Any]:
    systems = json.loads((run / "table1.json").read_text())["systems"]
    return {s["system"]: [s["figures"][name] for name in ("accuracy", "uf1", "uar", "confusion")] for s in systems}


def test_all_files_are_there_and_every_system_has_the_same_folds(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == {
        *("mdmo", "conv3d", "features", "folds.json"),
        *("table1.md", "table1.csv", "table1.json", "table1.tex", "table1.png", "table2.png"),
    }
    folds = (finished / "folds.json").read_text()
    assert [(finished / name / "folds.json").read_text() for name in ("mdmo", "conv3d")] == [folds, folds]


def test_the_table_names_protocol_data_times_and_the_papers_figures(finished: Path) -> None:
    with (finished / "table1.csv").open(newline="") as file:
        mdmo, conv3d = csv.DictReader(file)
    assert (mdmo["system"], mdmo["protocol"], mdmo["data"], mdmo["paper_accuracy"]) == ("mdmo", "loso", "toy", "66")
    assert (conv3d["parameters"], conv3d["paper_parameters"], conv3d["status"]) == ("2134467", "28 M", "done")
    assert float(conv3d["train_seconds"]) > 0
    assert float(mdmo["ms_per_clip"]) > 0
    text = (finished / "table1.md").read_text()
    assert "toy: 18 clips of 3 people, 18 clips reported" in text
    assert "### conv3d, flow, toy, loso" in text
    assert "mdmo: none. conv3d: epochs 1, batch 4." in text


@pytest.mark.parametrize("name", ["table1.png", "table2.png"])
def test_pictures_show_something(finished: Path, name: str) -> None:
    picture = cv2.imread(str(finished / name))
    assert picture is not None
    assert picture.std() > 5


def test_the_folds_of_an_earlier_run_give_the_same_figures_to_the_digit(
    finished: Path, toy: Path, tmp_path: Path
) -> None:
    again = ["table1", "--clips", str(toy), "--out", str(tmp_path), *TRAINED, "--folds", str(finished / "folds.json")]
    assert evaluate.main(again) == 0
    assert figures(tmp_path) == figures(finished)
    names = [path.relative_to(finished) for path in finished.glob("*/*/predictions.csv")]
    assert len(names) == 6
    assert all((tmp_path / name).read_bytes() == (finished / name).read_bytes() for name in names)


def test_what_is_done_is_not_done_again(
    finished: Path, toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = figures(finished)
    lost = next((finished / "mdmo").glob("*/result.json"))
    lost.unlink()
    assert evaluate.main(["table1", "--clips", str(toy), "--out", str(finished), *TRAINED, "--json"]) == 0
    said = capsys.readouterr()
    assert "mdmo: 2 of 3 folds done before" in said.err
    assert f"1/1 mdmo {lost.parent.name}: done; all ended" in said.err
    assert json.loads(said.out)["protocol"] == "loso"
    assert figures(finished) == before


def test_a_system_that_fails_is_in_the_table_and_the_other_one_too(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "conv3d").mkdir()
    (tmp_path / "conv3d/run.json").write_text("this is no run")
    assert evaluate.main(["table1", "--clips", str(toy), "--out", str(tmp_path), *TRAINED, "--jobs", "2"]) == 3
    rows = {entry["system"]: entry for entry in json.loads((tmp_path / "table1.json").read_text())["systems"]}
    assert {name: entry["status"] for name, entry in rows.items()} == {"mdmo": "done", "conv3d": "failed"}
    assert "run.json cannot be used" in rows["conv3d"]["reason"]
    assert "| conv3d | 64 | failed: " in (tmp_path / "table1.md").read_text()


def test_other_settings_in_the_folder_of_a_table_are_refused(
    finished: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / "table1.md").read_bytes()
    options = ["table1", "--clips", str(toy), "--out", str(finished), *TRAINED, "--batch", "5"]
    assert evaluate.main(options) == 1
    assert "batch is 4, now it is 5" in capsys.readouterr().err
    assert (finished / "table1.md").read_bytes() == before


def test_a_fold_that_fails_says_why_and_the_others_of_its_run_are_left_out(tmp_path: Path) -> None:
    source = Source(tmp_path / "nothing.npz", (), False, "emotion", tmp_path / "cache.npz")
    shared = RunContext(TrainSettings("mdmo"), tmp_path / "mdmo", tmp_path / "features", source=source)
    first, second = (FoldTask(shared, Fold(f"fold-{number}", ("a",), ("b",), ("c",)), number) for number in (0, 1))
    ended = do_fold(first)
    assert ended.result is None
    assert "nothing.npz cannot be read" in ended.reason
    assert do_fold(second) == Ended(None)


def test_all_systems_stand_in_the_papers_order_and_have_one_place() -> None:
    assert sorted(ORDER) == sorted(SYSTEMS)
    in_paper = [row.system.lower() for row in paper.TABLE_1]
    assert [name for name in ORDER if name in in_paper] == in_paper


def test_rows_of_the_papers_table_2_are_percent() -> None:
    assert all(abs(sum(row) - 100) <= 1 for matrix in paper.TABLE_2.values() for row in matrix)


def test_counts_become_percent_of_their_row() -> None:
    assert shares([[1, 2], [0, 0]]) == [[33, 67], [None, None]]


def test_the_papers_confusions_stand_beside_ours_only_where_it_has_some() -> None:
    setting = Setting("loso", "synthetic data only: mer-synth corpus", ("a", "b"), 4, 2, 4, 1)
    text = to_markdown([Line("tlcnn", None, "no memory", "gray")], setting)
    assert "| tlcnn | 69 | failed: no memory |" in text
    assert "synthetic data only" in text
    assert "The paper's tlcnn" not in text


def test_the_time_left_is_that_of_the_same_system() -> None:
    now = [0.0]
    clock = Clock(["slow", "slow", "quick", "quick"], workers=1, now=lambda: now[0])
    now[0] = 100.0
    assert clock.ended(0, "slow") == 300.0
    now[0] = 110.0
    assert clock.ended(2, "quick") == 110.0


def test_a_table_of_a_system_overrules_the_file_and_options_overrule_both(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text('epochs = 9\nbatch = 8\ninput = "flow"\n[convlstm]\nepochs = 20\nlr = 0.01\n')
    found = load_each(path, {"batch": 4, "epochs": None}, ["convlstm", "elrcn", "lbp-top"])
    assert [(s.epochs, s.batch, s.lr) for s in found.values()] == [(20, 4, 0.01), (9, 4, 1e-5), (9, 4, 0.0)]
    assert [s.input for s in found.values()] == ["flow", "flow", "gray"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[convlstn]\nepochs = 1", "did you mean"),
        ("[convlstm]\nepoch = 1", r"\[convlstm\] epoch does not exist"),
        ("[convlstm]\nprotocol = 'loso'", "same for all"),
        ("model = 'conv2d'", "same for all"),
        ("[mdmo]\ninput = 'gray'", "makes its own input"),
    ],
)
def test_bad_files_of_settings_are_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "table.toml"
    path.write_text(text)
    with pytest.raises(MerError, match=named) as caught:
        load_each(path, {}, ["convlstm", "mdmo"])
    assert not isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--models", "resnet"), "'resnet' is not a model"),
        (("--epochs", "0"), "--epochs is 0"),
        (("--jobs", "0"), "--jobs is 0"),
        (("--dataset", "mmew"), "either --clips"),
        (("--cluster", "127.0.0.1:9"), "does not answer"),
    ],
)
def test_options_without_sense_exit_with_2(
    options: tuple[str, ...], named: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray" if "--cluster" in options else "torch")
    assert evaluate.main(["table1", "--clips", str(toy), "--out", str(tmp_path), *QUICK, *options]) == 2
    assert named in capsys.readouterr().err


def test_a_process_that_died_is_a_reason(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mer.training.tasks as tasks

    def died(given: Any, **_: Any) -> Any:
        yield 0, Ended(None, "the process that trained it died")
        yield from ((number, Ended(None)) for number in range(1, len(given)))

    monkeypatch.setattr(tasks, "each_fold", died)
    assert evaluate.main(["table1", "--clips", str(toy), "--out", str(tmp_path), *TRAINED, "--models", "mdmo"]) == 1
    assert "the process that trained it died" in (tmp_path / "table1.md").read_text()
    assert "left out" in capsys.readouterr().out
