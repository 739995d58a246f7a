"""Settings of a training run from a TOML file and from options."""

from pathlib import Path

import pytest

from mer.config import TrainSettings, load_settings
from mer.errors import MerError, UsageError
from mer.models import registry


def test_a_file_of_settings_is_overruled_by_options(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('model = "conv2d"\nlr = 0.01\nbatch = 4\nclasses = ["a", "b"]\n')
    settings = load_settings(path, {"batch": 8, "epochs": None})
    assert settings == TrainSettings(model="conv2d", lr=0.01, batch=8, classes=("a", "b"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("learning_rate = 1", "learning_rate does not exist"),
        ("patiens = 1", "did you mean 'patience'"),
        ('epochs = "ten"', "expected int"),
        ("epochs = true", "expected int"),
        ("epochs = 0", "at least 1"),
        ('input = "thermal"', "residual"),
        ("classes = [1, 2]", "list of names"),
        ("epochs = ", "not valid TOML"),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(MerError, match=named) as caught:
        load_settings(path, {})
    assert not isinstance(caught.value, UsageError)


def test_a_missing_file_of_settings_is_named(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"run\.toml cannot be read"):
        load_settings(tmp_path / "run.toml", {})


def test_models_named_in_the_settings_exist() -> None:
    for name in ("conv3d", "conv2d", "convlstm"):
        assert load_settings(None, {"model": name}).model in registry.EXPORTED
