"""JPEG pictures, single and in Motion JPEG, read as their luma."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from recordings import number_of, pictures, write_folder, write_video
from videos import write

from mer.media.decoder import MAX_DAMAGED
from mer.media.jpeg import in_colour, luma
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


def test_other_videos_are_read_as_their_luma_too_and_keep_their_colours(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(20))
    with FrameReader(path, grey=True) as grey_reader, FrameReader(path) as reader:
        grey, usual = list(grey_reader), list(reader)
    assert [number_of(frame.image) for frame in grey] == list(range(20))
    assert {frame.image.shape for frame in grey} == {(48, 64)}
    for frame, other in zip(grey, usual):
        assert np.array_equal(in_colour(frame), other.image)
        assert np.abs(frame.image.astype(int) - cv2.cvtColor(other.image, cv2.COLOR_BGR2GRAY)).mean() < 3.0


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
    assert "3 pictures (3.jpg, 5.jpg, 7.jpg) left out: they cannot be decoded" in reader.notes


def test_a_grey_picture_has_three_equal_colours(tmp_path: Path) -> None:
    with FrameReader(write_folder(tmp_path / "f", pictures(8), suffix=".jpg"), fps=50.0, grey=True) as reader:
        frame = next(iter(reader))
    colours = in_colour(replace(frame, jpeg=None))
    assert colours.shape == (48, 64, 3)
    assert all(np.array_equal(colours[..., i], frame.image) for i in range(3))


def packets(count: int) -> list[bytes]:
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures(count)]


def test_packets_of_motion_jpeg_are_the_files_that_were_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", pictures(10), codec="mjpeg", pix_fmt="yuvj420p")
    with av.open(str(path)) as container:
        written = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    with FrameReader(path, grey=True) as reader:
        frames = list(reader)
    assert [frame.jpeg.tobytes() for frame in frames if frame.jpeg is not None] == written
    for frame, jpeg in zip(frames, written):
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        assert np.array_equal(frame.image, decoded)


@pytest.mark.parametrize("bad", [b"no picture", cv2.imencode(".png", pictures(1)[0])[1].tobytes(), packets(1)[0][:20]])
def test_packets_that_are_not_whole_jpegs_are_left_out_and_counted(tmp_path: Path, bad: bytes) -> None:
    path = write(tmp_path / "a.mkv", pictures(10), codec="mjpeg", pix_fmt="yuvj420p", before=[(4, bad), (7, bad)])
    with FrameReader(path, grey=True) as reader:
        assert [number_of(frame.image) for frame in reader] == list(range(10))
    assert reader.undecodable == 2
    assert "2 packets are damaged and could not be decoded" in reader.notes


def test_nothing_but_damaged_packets_is_the_end(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.mkv",
        pictures(10),
        codec="mjpeg",
        pix_fmt="yuvj420p",
        before=[(9, b"no picture")] * MAX_DAMAGED,
    )
    with FrameReader(path, grey=True) as reader:
        assert len(list(reader)) == 9
    assert any("500 packets in a row could not be decoded" in note for note in reader.notes)


def test_motion_jpeg_that_is_turned_is_decoded_and_turned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(10), codec="mjpeg", pix_fmt="yuvj420p", turn_deg=90)
    with FrameReader(path, grey=True) as reader:
        frames = list(reader)
    assert {frame.image.shape for frame in frames} == {(64, 48)}
    assert all(frame.jpeg is None for frame in frames)
    assert in_colour(frames[3]).shape == (64, 48, 3)


def huge(jpeg: bytes) -> bytes:
    """Return a small JPEG whose header claims 729 megapixels."""
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 5] + struct.pack(">HH", 27000, 27000) + jpeg[at + 9 :]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(100),
        huge(packets(1)[0]),
        *[cv2.imencode(suffix, pictures(1)[0])[1].tobytes() for suffix in (".png", ".tif", ".bmp", ".jp2", ".webp")],
    ],
)
def test_no_luma_of_what_is_not_a_jpeg_or_too_large(content: bytes) -> None:
    assert luma(np.frombuffer(content, np.uint8)) is None
