import pytest

from mer.errors import MerError
from mer.face.model_file import find_face_model


def test_the_installed_package_carries_the_model(monkeypatch):
    monkeypatch.delenv("MER_FACE_MODEL", raising=False)

    assert find_face_model().name == "face_landmarker.task"


def test_a_file_with_other_content_is_refused(tmp_path):
    fake = tmp_path / "face_landmarker.task"
    fake.write_bytes(b"not a model")

    with pytest.raises(MerError, match="sha256"):
        find_face_model(fake)


def test_the_environment_variable_is_obeyed(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_FACE_MODEL", str(tmp_path / "nowhere.task"))

    with pytest.raises(MerError, match=r"nowhere\.task does not exist"):
        find_face_model()


def test_without_any_source_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("MER_FACE_MODEL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("mer.face.model_file.CARRIER_PACKAGE", "mer_live_no_such_package")
    monkeypatch.setattr("mer.face.model_file.MODEL_URL", "http://127.0.0.1:9/face_landmarker.task")

    with pytest.raises(MerError, match="--face-model or MER_FACE_MODEL"):
        find_face_model()
