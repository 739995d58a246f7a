from pathlib import Path
from typing import Any

import pytest

from mer.errors import MerError
from mer.face import model_file
from mer.face.model_file import find_face_model
from realtime.commands import doctor


@pytest.fixture
def carried() -> Any:
    """Return the model of the installed package."""
    return find_face_model()


def test_the_installed_package_carries_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MER_FACE_MODEL", raising=False)

    assert find_face_model().name == "face_landmarker.task"


def test_a_file_with_other_content_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "face_landmarker.task"
    fake.write_bytes(b"not a model")

    with pytest.raises(MerError, match="sha256"):
        find_face_model(fake)


def test_the_environment_variable_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_FACE_MODEL", str(tmp_path / "nowhere.task"))

    with pytest.raises(MerError, match=r"nowhere\.task does not exist"):
        find_face_model()


@pytest.fixture
def without_carrier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, carried: Any) -> None:
    """Leave an empty cache as the only place to look in."""
    monkeypatch.delenv("MER_FACE_MODEL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(model_file, "CARRIER_PACKAGE", "mer_live_no_such_package")


@pytest.mark.usefixtures("without_carrier")
def test_without_any_source_nothing_is_downloaded_and_the_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("the network was used unasked"))

    with pytest.raises(MerError, match=r"--face-model or MER_FACE_MODEL.*mer-doctor --download-face-model"):
        find_face_model()


@pytest.mark.usefixtures("without_carrier")
def test_a_download_is_asked_for_and_found_from_then_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], carried: Any
) -> None:
    monkeypatch.setattr(model_file, "MODEL_URL", carried.as_uri())

    assert doctor.main(["--download-face-model", "--json"]) == 0
    assert find_face_model() == tmp_path / "cache/mer-live/face_landmarker.task"


@pytest.mark.usefixtures("without_carrier")
def test_no_more_than_a_bound_is_read_and_nothing_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, carried: Any
) -> None:
    monkeypatch.setattr(model_file, "MODEL_URL", carried.as_uri())
    monkeypatch.setattr(model_file, "MAX_MODEL_BYTES", 1_000_000)

    with pytest.raises(MerError, match="sent more than 1 MB"):
        model_file.download_face_model()
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("without_carrier")
def test_a_download_of_something_else_is_refused_and_nothing_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other.task").write_bytes(b"not a model")
    monkeypatch.setattr(model_file, "MODEL_URL", (tmp_path / "other.task").as_uri())

    with pytest.raises(MerError, match="sha256"):
        model_file.download_face_model()
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("without_carrier")
def test_a_server_that_cannot_be_reached_is_one_sentence_of_mer_doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(model_file, "MODEL_URL", "http://127.0.0.1:9/face_landmarker.task")

    assert doctor.main(["--download-face-model"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
