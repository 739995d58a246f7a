"""A user without a home folder and without an entry in the password file, as `docker run --user` makes one."""

import pwd
from pathlib import Path

import pytest

from engines import select
from mer.cache import cache_folder
from mer.errors import MerError
from mer.face import model_file
from realtime.commands import doctor


@pytest.fixture(autouse=True)
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError("getpwuid(): uid not found: 12345")

    for name in ("HOME", "XDG_CACHE_HOME", "MER_FACE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_the_face_model_is_found_in_its_package() -> None:
    assert model_file.find_face_model().name == "face_landmarker.task"


def test_without_a_face_model_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "CARRIER_PACKAGE", "mer_live_no_such_package")
    with pytest.raises(MerError, match="--face-model"):
        model_file.find_face_model()


def test_the_best_engine_is_opened() -> None:
    with select.open_engine("auto") as engine:
        assert engine.name == "onnxruntime-cpu"


def test_a_plan_has_no_place_and_the_message_says_what_to_set() -> None:
    with pytest.raises(MerError, match="set HOME or XDG_CACHE_HOME"):
        select.plan_folder()


def test_a_cache_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mer-live"


def test_mer_doctor_looks_at_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([]) == 0
    assert "can start" in capsys.readouterr().out
