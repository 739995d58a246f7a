"""`mer-evaluate recognition`: runs, checkpoints and ONNX files on toy clips."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from toy_clips import CLASSES, toy_clips, write_toy

from engines import evaluate
from engines.export import export_network
from mer import checkpoint
from mer.checkpoint import Configuration
from mer.errors import MerError
from mer.evaluation.report import Row, to_csv, to_markdown, write_files
from mer.evaluation.summary import summarise
from mer.models import networks
from mer.training import predictions
from mer.training.predictions import Predictions


def predictions_of(truth: list[int], predicted: list[int], classes: tuple[str, ...] = CLASSES) -> Predictions:
    n = len(truth)
    shares = np.full((n, len(classes)), 0.1 / (len(classes) - 1))
    shares[np.arange(n), predicted] = 0.9
    return Predictions(
        classes,
        np.array(truth, np.int64),
        shares,
        np.full(n, "toy"),
        np.array([f"P{i % 3}" for i in range(n)]),
        np.array([f"clip-{i}" for i in range(n)]),
        np.array([f"fold-{1 + i % 2}" for i in range(n)]),
        np.arange(n, dtype=np.int64),
        np.full(n, 0.5),
    )


TRUTH, ANSWERS = [0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 0, 2]
SYSTEM = {"system": "conv3d", "input": "gray", "protocol": "5fold", "data": "toy", "parameters": 1234567}


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A finished run of two folds, as mer-train leaves it."""
    out = tmp_path / "run"
    given = predictions_of(TRUTH, ANSWERS)
    folds = []
    for name in ("fold-1", "fold-2"):
        inside = given.folds == name
        part = Predictions(
            CLASSES, *(getattr(given, field)[inside] for field in given.__dataclass_fields__ if field != "classes")
        )
        predictions.save(out / name / "predictions.csv", part)
        (out / name / "result.json").write_text(json.dumps({"parameters": 1234567, "seconds_per_epoch": 2.5}))
        folds.append({"name": name})
    (out / "folds.json").write_text(json.dumps({"folds": folds}))
    settings = {"model": "conv3d", "input": "gray", "protocol": "5fold"}
    (out / "run.json").write_text(json.dumps({"settings": settings, "data": {"name": "toy"}}))
    return out


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network, as checkpoint and as ONNX file."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    model = networks.create("conv3d", mode="residual", n_classes=3).eval()
    configuration = Configuration("conv3d", "residual", CLASSES, 2.0, 0.4, {"data": "nothing"})
    checkpoint.save(folder / "untrained.safetensors", model, configuration)
    export_network(model, configuration, folder / "untrained.onnx", precision="fp32")
    return folder / "untrained.safetensors"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz")


def rows(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert evaluate.main(["recognition", "--json", *options]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_figures_of_a_run_by_hand(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [row] = rows(capsys, str(finished))
    figures = row["figures"]
    assert figures["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 2]]
    assert figures["accuracy"]["value"] == pytest.approx(6 / 8)
    assert figures["uar"]["value"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert figures["uf1"]["value"] == pytest.approx((4 / 6 + 4 / 5 + 4 / 5) / 3)
    assert figures["recall"] == {"happiness": pytest.approx(2 / 3), "disgust": 1.0, "surprise": pytest.approx(2 / 3)}
    assert [fold["clips"] for fold in figures["folds"]] == [4, 4]
    assert (row["protocol"], row["data"], row["parameters"]) == ("5fold", "toy", 1234567)


def test_the_table_names_protocol_and_data(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["recognition", str(finished)]) == 0
    text = capsys.readouterr().out
    for word in ("conv3d", "5fold", "toy", "75.0", "1,234,567"):
        assert word in text
    assert "(paper)" not in text


def test_files_are_written(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert evaluate.main(["recognition", str(finished), str(finished), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        *("metrics.json", "table.md", "table.csv", "table.tex", "confusion-1.png", "confusion-2.png"),
        *("reliability-1.png", "reliability-2.png"),
    }
    picture = cv2.imread(str(out / "confusion-1.png"))
    assert picture is not None
    assert picture.std() > 5


def test_csv_can_be_read_by_machines() -> None:
    [row] = csv.DictReader(io.StringIO(to_csv([Row(SYSTEM, summarise(predictions_of(TRUTH, ANSWERS)))])))
    assert float(row["accuracy"]) == pytest.approx(0.75)
    assert float(row["accuracy_low"]) <= 0.75 <= float(row["accuracy_high"])
    assert row["parameters"] == "1234567"


def test_markdown_tables_are_rectangular() -> None:
    text = to_markdown([Row(SYSTEM, summarise(predictions_of(TRUTH, ANSWERS)))])
    first = [line for line in text.split("\n\n")[0].splitlines() if line.startswith("|")]
    assert len(first) == 2 + 1
    assert len({line.count("|") for line in first}) == 1
    assert "| disgust | 0 | 2 | 0 | 100.0 |" in text


def test_none_counts_what_the_threshold_would_silence() -> None:
    given = predictions_of(TRUTH, ANSWERS)
    given.none_thresholds[2] = given.none_thresholds[3] = 0.95
    assert summarise(given)["none"] == {"right_silenced": 1, "wrong_silenced": 1, "right": 6, "wrong": 2}


def test_composite_of_five_classes_by_hand() -> None:
    classes = ("happiness", "disgust", "fear", "surprise", "sadness")
    found = summarise(predictions_of([0, 1, 2, 3, 4, 0], [0, 2, 4, 3, 3, 1], classes))["composite"]
    assert found["clips"] == 6
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["recall"] == {"negative": pytest.approx(2 / 3), "positive": 0.5, "surprise": 1.0}
    assert found["uf1"] == pytest.approx((4 / 6 + 2 / 3 + 2 / 3) / 3)


def test_others_are_left_out_of_the_composite_but_are_no_right_answer() -> None:
    classes = ("happiness", "surprise", "others")
    found = summarise(predictions_of([0, 1, 2, 0], [0, 1, 2, 2], classes))["composite"]
    assert found["clips"] == 3
    assert found["accuracy"] == pytest.approx(2 / 3)


def test_predictions_come_back_from_disk(tmp_path: Path) -> None:
    given = predictions_of(TRUTH, ANSWERS)
    predictions.save(tmp_path / "predictions.csv", given)
    found = predictions.load(tmp_path / "predictions.csv")
    assert summarise(found) == summarise(given)


def test_a_checkpoint_on_any_clips(network: Path, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [row] = rows(capsys, "--weights", str(network), "--clips", str(toy), "--threads", "1")
    assert row["system"] == "conv3d (untrained.safetensors)"
    assert row["protocol"] == "fixed weights, trained on nothing"
    assert row["figures"]["clips"] == 36
    model, _ = checkpoint.load(network)
    with torch.no_grad():
        predicted = model(torch.from_numpy(toy_clips()["clips"])).argmax(1).tolist()
    right = sum(CLASSES[answer] == label for answer, label in zip(predicted, toy_clips()["labels"]))
    assert row["figures"]["accuracy"]["value"] == pytest.approx(right / 36)


def test_the_onnx_file_answers_like_its_checkpoint(network: Path, toy: Path) -> None:
    clips: Any = toy_clips()["clips"][:10]
    paths = str(network), str(network.with_suffix(".onnx"))
    torch_one, onnx_one = (evaluate.open_network(path, threads=1) for path in paths)
    assert (onnx_one.mode, onnx_one.classes, onnx_one.none_threshold) == ("residual", CLASSES, 0.4)
    assert np.allclose(torch_one.probabilities(clips), onnx_one.probabilities(clips), atol=1e-3)


def test_runs_and_weights_share_a_table(
    finished: Path, network: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(capsys, str(finished), "--weights", str(network.with_suffix(".onnx")), "--clips", str(toy))
    assert [row["system"] for row in found] == ["conv3d", "conv3d (untrained.onnx)"]


def test_composite_adds_up_probabilities_and_takes_other_emotions(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = toy_clips()["labels"].astype("U12")
    labels[labels == "disgust"] = "anger"
    path = write_toy(tmp_path / "anger.npz", labels=labels)
    [row] = rows(capsys, "--weights", str(network), "--clips", str(path), "--composite")
    assert row["figures"]["classes"] == ["negative", "positive", "surprise"]
    assert row["figures"]["clips"] == 36


def test_clips_of_other_classes_are_left_out_and_counted(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = toy_clips()["labels"].astype("U12")
    labels[labels == "disgust"] = "anger"
    [row] = rows(capsys, "--weights", str(network), "--clips", str(write_toy(tmp_path / "a.npz", labels=labels)))
    assert (row["figures"]["clips"], row["left_out"]) == (24, 12)
    assert row["figures"]["recall"]["disgust"] is None


def test_a_manifest_of_videos_is_read(network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way is tried with real faces in the tests of clips; here the data's error must arrive."""
    assert (
        evaluate.main(
            ["recognition", "--weights", str(network), "--dataset", "manifest", "--root", str(tmp_path / "no.csv")]
        )
        == 1
    )
    assert "no such file" in capsys.readouterr().err


def test_an_unfinished_run_is_named(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finished / "fold-2" / "result.json").unlink()
    assert evaluate.main(["recognition", str(finished)]) == 1
    assert "1 of 2 folds are not finished" in capsys.readouterr().err


def test_a_folder_without_a_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["recognition", str(tmp_path)]) == 1
    assert "run.json cannot be read" in capsys.readouterr().err


def test_an_onnx_file_without_its_json_is_refused(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "alone.onnx"
    path.write_bytes(network.with_suffix(".onnx").read_bytes())
    with pytest.raises(MerError, match="has no manifest"):
        evaluate.open_network(str(path), threads=1)


def test_an_onnx_file_that_was_exchanged_is_refused(network: Path, tmp_path: Path) -> None:
    source = network.with_suffix(".onnx")
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes() + b" ")
    (tmp_path / f"{source.name}.json").write_bytes(source.with_name(f"{source.name}.json").read_bytes())
    with pytest.raises(MerError, match="damaged or another one"):
        evaluate.open_network(str(path), threads=1)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--weights", "shipped"),
        ("run", "--clips", "a.npz"),
        ("--weights", "shipped", "--dataset", "mmew"),
        ("--weights", "shipped", "--clips", "a.npz", "--dataset", "mmew", "--root", "."),
        ("--weights", "shipped", "--clips", "a.npz", "--threads", "0"),
    ],
)
def test_options_without_sense_exit_with_2(options: tuple[str, ...]) -> None:
    assert evaluate.main(["recognition", *options]) == 2


def test_pictures_of_one_row_have_plain_names(tmp_path: Path) -> None:
    write_files(tmp_path, [Row(SYSTEM, summarise(predictions_of(TRUTH, ANSWERS)))])
    assert (tmp_path / "confusion.png").is_file()
    assert (tmp_path / "reliability.png").is_file()
