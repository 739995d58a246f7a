"""Models, losses, augmentations and datasets of a user's own: registered by a file or an installed package."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from registered import nothing_stays
from toy_clips import toy_clips, write_toy

from engines import build_cli, evaluate, train
from engines.manifest import read_manifest
from engines.select import open_engine
from mer import checkpoint, plugins
from mer.augment import flip
from mer.errors import MerError
from mer.models import registry

EXAMPLES = Path(__file__).parent.parent / "examples"
QUICK = ("--classes", "happiness,surprise", "--threads", "1", "--device", "cpu", "--input", "residual", "--batch", "8")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz", **toy_clips(5))


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """What a test registers is gone after it."""
    with nothing_stays():
        yield


def plugin(folder: Path, text: str) -> str:
    path = folder / f"plugin_{abs(hash(text))}.py"
    path.write_text(text)
    return str(path)


def test_an_own_model_with_own_loss_is_trained_evaluated_and_exported(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[list[str]] = []
    monkeypatch.setattr(build_cli, "main", built.append)
    (tmp_path / "settings.toml").write_text('model = "tiny"\nloss = "focal"\naugmentation = "shift"\nepochs = 2\n')
    own = ("--plugin", str(EXAMPLES / "own_model.py"), "--plugin", str(EXAMPLES / "own_loss.py"))
    options = (*QUICK, "--protocol", "holdout", "--config", str(tmp_path / "settings.toml"))
    assert train.main(["--clips", str(toy), *own, *options, "--build-plan", "--out", str(tmp_path / "run")]) is None
    assert built == [[str(tmp_path / "run/best.onnx"), "--out", str(tmp_path / "run/best.plan")]]
    settings = json.loads((tmp_path / "run/run.json").read_text())["settings"]
    assert (settings["loss"], settings["plugin"]) == ("focal", ["own_model.py", "own_loss.py"])
    weights = tmp_path / "run" / "best.safetensors"
    assert evaluate.main(["recognition", "--weights", str(weights), "--clips", str(toy), *own]) == 0
    network, configuration = checkpoint.load(weights)
    manifest = read_manifest(weights.with_suffix(".onnx"))
    assert (manifest.model, manifest.precision) == ("tiny", "fp32")
    assert manifest.deviation is not None
    assert manifest.deviation.reference == "torch float32"
    clips = toy_clips(1)["clips"][:3]
    with open_engine(weights.with_suffix(".onnx")) as engine, torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(clips)) / configuration.temperature, dim=1).numpy()
        assert np.allclose(engine.classify(clips), expected, atol=1e-5)


def test_processes_of_folds_load_the_plugin_and_an_interrupted_run_goes_on(toy: Path, tmp_path: Path) -> None:
    own = ("--plugin", str(EXAMPLES / "own_model.py"), "--model", "tiny", "--epochs", "1")
    given = ["--clips", str(toy), *own, *QUICK, "--protocol", "5fold", "--out", str(tmp_path / "run")]
    assert train.main([*given, "--jobs", "2"]) == 0
    (tmp_path / "run/fold-2/result.json").unlink()
    assert train.main(given) == 0
    assert (tmp_path / "run/fold-2/result.json").is_file()


def test_weights_of_an_unknown_model_name_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugins.load([EXAMPLES / "own_model.py"])
    network = registry.SYSTEMS["tiny"].load()(mode="gray", n_classes=2)
    checkpoint.save(tmp_path / "own.safetensors", network, checkpoint.Configuration("tiny", "gray", ("a", "b")))
    del registry._SYSTEMS["tiny"]
    with pytest.raises(MerError, match="name the file that registers it with --plugin"):
        checkpoint.load(tmp_path / "own.safetensors")


def test_an_installed_package_registers_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("own", "own_model", plugins.GROUP)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    monkeypatch.setattr(plugins, "_installed", set())
    plugins.load(())
    assert "tiny" in registry.networks()


def test_a_network_of_ones_own_keeps_the_weights_that_it_draws_itself() -> None:
    from mer.models import networks

    class Ones(torch.nn.Linear):
        def __init__(self, *, mode: str, n_classes: int) -> None:
            super().__init__(3, n_classes)
            torch.nn.init.ones_(self.weight)

    registry.register("ones", registry.System("network", Ones))
    made = networks.create("ones", mode="gray", n_classes=2)
    assert made.state_dict()["weight"].tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("1 / 0\n", (), r"failed \(ZeroDivisionError"),
        ("", ("--loss", "focal"), r"--loss is 'focal'; choose one of cross-entropy; one of your own needs --plugin"),
        ("", ("--model", "tiny"), r"--model is 'tiny'"),
        (
            "import mer\nmer.register_loss('mean', lambda logits, targets: logits.mean())\n",
            ("--loss", "mean"),
            r"loss 'mean' returned shape \(\) for 8 clips; expected one number a clip",
        ),
        (
            "import mer\nmer.register_augmentation('less', lambda clip, draw: clip[:5])\n",
            ("--augmentation", "less", "--oversample", "2"),
            r"augmentation 'less' returned \(5, 90, 90\), uint8; expected \(13, 90, 90\), uint8",
        ),
    ],
)
def test_what_is_wrong_with_ones_own_is_said(
    text: str, options: tuple[str, ...], said: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = () if "--model" in options else ("--model", "conv3d")
    given = ["--clips", str(toy), *QUICK, *model, "--epochs", "1", "--protocol", "holdout", *options]
    assert train.main([*given, "--plugin", plugin(tmp_path, text), "--out", str(tmp_path / "run")]) in (1, 2)
    assert re.search(said, capsys.readouterr().err.replace("\n", " "))


def test_a_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"mine\.py is not a Python file; give"):
        plugins.load([tmp_path / "mine.py"])


def test_a_file_called_as_a_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("")
    with pytest.raises(MerError, match="a module 'json' exists already; rename the file"):
        plugins.load([tmp_path / "json.py"])


def test_an_own_augmentation_makes_the_same_clip_of_the_same_seed() -> None:
    plugins.register_augmentation("mirror", lambda clip, _draw: flip(clip))
    clip = toy_clips(1)["clips"][0]
    assert np.array_equal(plugins.augmented(clip, (1, 2), "mirror"), flip(clip))
    plugins.load([EXAMPLES / "own_loss.py"])
    assert np.array_equal(plugins.augmented(clip, (3,), "shift"), plugins.augmented(clip, (3,), "shift"))
