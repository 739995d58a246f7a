"""Cameras through a GenTL producer: "Viky", which the GenICam package carries for tests, moves a ball."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer.errors import MerError, UsageError
from realtime.capture.cameras import gentl, gentl_producers
from realtime.capture.cameras.base import Laboratory, Mode
from realtime.capture.live_source import LiveSource
from realtime.commands import live

genicam = pytest.importorskip("genicam", reason="genicam is not installed")
FOLDER = Path(genicam.__file__).parent
VIKY = FOLDER / "viky.cti"


def opened(name: str = "0", **asked: Any) -> gentl.GenicamCamera:
    return gentl.open_camera(name, Mode(laboratory=Laboratory(cti=VIKY), **asked))


def test_frames_come_numbered_and_stamped_on_arrival() -> None:
    with LiveSource(opened(fps=100.0, fourcc="Mono8", width=320, height=240), name="camera genicam:0") as source:
        got = [frame for _, frame in zip(range(20), source)]
        notes = source.notes
    assert all(frame.image.shape == (240, 320) for frame in got)
    assert all(np.diff([frame.time_s for frame in got]) > 0)
    assert "the producer gives no time stamps; frames are stamped on arrival" in notes


def test_a_frame_is_not_written_to_again() -> None:
    camera = opened(fps=200.0, fourcc="Mono8")
    frame = camera.read()
    assert frame is not None
    before = frame.image.copy()
    for _ in range(64):
        camera.read()
    camera.close()
    assert np.array_equal(frame.image, before)


def test_colours_are_those_of_a_frame() -> None:
    camera = opened(fourcc="RGBa8")
    frame = camera.read()
    camera.close()
    assert frame is not None
    assert frame.image.shape == (400, 400, 3)


def test_a_camera_that_is_taken_or_absent_is_said() -> None:
    camera = opened()
    with pytest.raises(MerError, match="not in use by another program"):
        opened()
    camera.close()
    with pytest.raises(MerError, match=r"no such camera, only genicam:0 \(Machine Vision Games Ltd. Viky\)"):
        opened("77")


def test_it_can_be_opened_again() -> None:
    for _ in range(2):
        camera = opened()
        assert camera.read() is not None
        camera.close()
        camera.close()


def test_what_the_camera_does_not_have_is_named() -> None:
    with pytest.raises(UsageError, match="this camera has RGBa8, Mono8"):
        opened(fourcc="Mono12")
    with pytest.raises(MerError, match="--exposure: this camera does not have an exposure"):
        opened(exposure_ms=2.0)
    with pytest.raises(UsageError, match="--camera-settings is not for GenICam producers"):
        gentl.open_camera("0", Mode(laboratory=Laboratory(cti=VIKY, camera_settings=Path("a.pfs"))))


def test_producers_are_found_in_the_folders_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(gentl_producers.PATH_VARIABLE, str(FOLDER))
    assert live.main(["--list-cameras", "genicam"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "genicam:0  Machine Vision Games Ltd. Viky"


def test_without_a_producer_the_message_says_where_one_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(gentl_producers.PATH_VARIABLE, raising=False)
    with pytest.raises(MerError, match=r"GENICAM_GENTL64_PATH is not set; install the camera maker's software"):
        gentl_producers.producers(None)


def test_a_folder_without_producers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gentl_producers.PATH_VARIABLE, str(tmp_path))
    with pytest.raises(MerError, match="hold none"):
        gentl_producers.producers(None)


def test_a_producer_for_another_processor_is_said(tmp_path: Path) -> None:
    content = bytearray(VIKY.read_bytes()[:64])
    content[18:20] = (8).to_bytes(2, "little")  # MIPS
    (tmp_path / "a.cti").write_bytes(content)
    with pytest.raises(MerError, match=r"a\.cti is for another processor, and this is"):
        gentl_producers.producers(tmp_path / "a.cti")


def test_a_producer_for_another_system_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.cti").write_bytes(b"MZ" + bytes(64))
    with pytest.raises(MerError, match="is not a GenTL producer for Linux"):
        gentl_producers.producers(tmp_path / "a.cti")


def test_a_producer_that_does_not_load_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.cti").write_bytes(VIKY.read_bytes()[:64])  # the header only
    with pytest.raises(MerError, match=r"a\.cti does not start .* install the maker's whole software"):
        gentl.open_camera("0", Mode(laboratory=Laboratory(cti=tmp_path / "a.cti")))
