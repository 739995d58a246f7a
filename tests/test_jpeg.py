"""JPEG pictures, single and in Motion JPEG, read as their luma."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import number_of, pictures, write_folder, write_video

from mer.media.jpeg import DAMAGED_MOST, JpegPackets, in_colour, luma, open_capture, read_picture
from mer.media.video import FrameReader


def coloured(count: int) -> list[np.ndarray]:
    """Return numbered pictures whose three colours differ."""
    return [np.stack([picture[..., 0], picture[..., 0] // 2, 255 - picture[..., 0]], -1) for picture in pictures(count)]


def test_motion_jpeg_is_read_as_its_luma_if_grey_is_enough(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", coloured(20))
    with FrameReader(path) as reader, FrameReader(path, grey=True) as grey_reader:
        usual, grey = list(reader), list(grey_reader)
    assert [(f.time_s, f.index) for f in grey] == [(f.time_s, f.index) for f in usual]
    assert grey_reader.size_wh == reader.size_wh
    for frame, other in zip(grey, usual):
        assert frame.image.shape == (48, 64)
        difference = frame.image.astype(int) - cv2.cvtColor(other.image, cv2.COLOR_BGR2GRAY)
        assert np.abs(difference).mean() < 2.0  # FFmpeg's and libjpeg's rounding
        assert np.abs(in_colour(frame).astype(int) - other.image).mean() < 3.0
        assert in_colour(other) is other.image


def test_other_videos_are_read_as_usual_though_grey_is_enough(tmp_path: Path) -> None:
    with FrameReader(write_video(tmp_path / "a.mp4", pictures(20)), grey=True) as reader:
        frames = list(reader)
    assert [number_of(frame.image) for frame in frames] == list(range(20))
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_of_a_folder_only_jpeg_pictures_are_read_as_their_luma(tmp_path: Path, suffix: str) -> None:
    folder = write_folder(tmp_path / "f", coloured(8), suffix=suffix)
    with FrameReader(folder, fps=50.0, grey=True) as reader:
        frames = list(reader)
    assert len(frames) == 8
    assert {frame.image.ndim for frame in frames} == {2 if suffix == ".jpg" else 3}
    for frame, original in zip(frames, coloured(8)):
        assert np.abs(in_colour(frame).astype(int) - original).mean() < 8.0


def unreadable(path: Path, read: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return `read`, but for a file that may not be read."""

    def refuse(file: Path, *args: object) -> np.ndarray:
        if file == path:
            raise PermissionError(13, "Permission denied", str(file))
        return read(file, *args)

    return refuse


def test_a_damaged_jpeg_in_a_folder_is_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "f", coloured(8), suffix=".jpg")
    (folder / "3.jpg").write_bytes(b"")
    (folder / "5.jpg").write_bytes(b"no picture")
    monkeypatch.setattr(np, "fromfile", unreadable(folder / "7.jpg", np.fromfile))
    with FrameReader(folder, fps=50.0, grey=True) as reader:
        assert len(list(reader)) == 5
    assert "3 pictures (3.jpg, 5.jpg, 7.jpg) left out: they cannot be decoded as pictures" in reader.notes


def test_a_grey_picture_has_three_equal_colours(tmp_path: Path) -> None:
    with FrameReader(write_folder(tmp_path / "f", pictures(8), suffix=".jpg"), fps=50.0, grey=True) as reader:
        frame = next(iter(reader))
    colours = in_colour(replace(frame, jpeg=None))
    assert colours.shape == (48, 64, 3)
    assert all(np.array_equal(colours[..., i], frame.image) for i in range(3))


class FakeCapture:
    """Delivers packets, and says of itself what it is told to."""

    def __init__(
        self, packets: list[bytes], *, size_wh: tuple[int, int] = (64, 48), turned: float = 0.0, code: str = "MJPG"
    ) -> None:
        self.released = False
        self._packets = [np.frombuffer(packet, np.uint8)[np.newaxis] for packet in packets]
        self._says = {
            cv2.CAP_PROP_FRAME_WIDTH: size_wh[0],
            cv2.CAP_PROP_FRAME_HEIGHT: size_wh[1],
            cv2.CAP_PROP_ORIENTATION_META: turned,
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*code),
        }

    def get(self, name: int) -> float:
        return self._says[name]

    def set(self, name: int, value: float) -> bool:
        return (name, value) == (cv2.CAP_PROP_FORMAT, -1)

    def release(self) -> None:
        self.released = True

    def read(self) -> tuple[bool, np.ndarray | None]:
        return (True, self._packets.pop(0)) if self._packets else (False, None)


def packets(count: int) -> list[bytes]:
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures(count)]


def test_packets_that_cannot_be_decoded_are_left_out() -> None:
    good = packets(3)
    reader = JpegPackets(FakeCapture([good[0], b"no picture", good[1][:20], good[2]]))
    assert reader.usable
    read = [picture for picture in iter(reader.read, None) if picture is not None]
    assert [number_of(grey) for grey, _ in read] == [0, 2]
    assert [jpeg.tobytes() for _, jpeg in read] == [good[0], good[2]]


def test_nothing_but_damaged_packets_is_the_end() -> None:
    good = packets(2)
    capture = FakeCapture([good[0], *[b"no picture"] * DAMAGED_MOST, good[1]])
    reader = JpegPackets(capture)
    assert reader.read() is not None
    assert reader.read() is None


@pytest.mark.parametrize(
    "capture",
    [
        FakeCapture([b"no picture"]),
        FakeCapture([]),
        FakeCapture(packets(1), size_wh=(64, 96)),  # two fields a packet
        FakeCapture(packets(1), turned=90.0),
    ],
)
def test_packets_that_are_no_whole_pictures_are_not_used(capture: FakeCapture) -> None:
    assert not JpegPackets(capture).usable


def test_no_luma_of_what_is_no_jpeg() -> None:
    assert luma(np.zeros(0, np.uint8)) is None
    assert luma(np.zeros(100, np.uint8)) is None


def test_a_capture_whose_packets_are_no_use_is_opened_again() -> None:
    captures = [FakeCapture([b"no picture"]), FakeCapture(packets(1))]
    first, second = captures
    capture, found = open_capture(lambda: captures.pop(0))
    assert (capture, found, first.released, second.released) == (second, None, True, False)
    assert read_picture(capture, found) is not None


def test_a_capture_of_something_else_is_opened_once() -> None:
    captures = [FakeCapture(packets(1), code="FMP4")]
    _, found = open_capture(lambda: captures.pop(0))
    assert (found, captures) == (None, [])
