"""TIFF files of several pages as recordings."""

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from recordings import number_of, pictures

from mer.errors import MerError
from mer.media.stack import count_pages
from mer.media.video import FrameReader

FPS = 100.0


def grey(count: int) -> np.ndarray:
    return np.stack([image[..., 0] for image in pictures(count)])


def numbers_of(path: Path) -> list[int]:
    with FrameReader(path, fps=FPS, grey=True) as reader:
        frames = list(reader)
    assert [frame.time_s for frame in frames] == pytest.approx([n / FPS for n in range(len(frames))])
    return [number_of(frame.image) for frame in frames]


@pytest.mark.parametrize("form", [{}, {"compression": "zlib"}, {"bigtiff": True}, {"byteorder": ">"}])
def test_every_page_is_a_frame(tmp_path: Path, form: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", grey(60), photometric="minisblack", metadata=None, **form)
    assert numbers_of(tmp_path / "a.tif") == list(range(60))


def test_what_opencv_writes_is_read(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "a.TIFF"), list(grey(60)))
    assert numbers_of(tmp_path / "a.TIFF") == list(range(60))


def test_pages_may_have_colours(tmp_path: Path) -> None:
    images = np.full((3, 48, 64, 3), (200, 100, 10), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", images, photometric="rgb", metadata=None)
    with FrameReader(tmp_path / "a.tif", fps=FPS, grey=True) as reader:
        assert [frame.image[0, 0].tolist() for frame in reader] == [[10, 100, 200]] * 3


def test_twelve_bits_in_sixteen_are_taken_as_twelve(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", grey(8).astype(np.uint16) << 4, photometric="minisblack", metadata=None)
    with FrameReader(tmp_path / "a.tif", fps=FPS, grey=True) as reader:
        frames = list(reader)
    assert all(np.array_equal(frame.image, wanted) for frame, wanted in zip(frames, grey(8)))
    assert "taken as 12 bits" in reader.notes[0]


def test_a_file_is_read_and_not_changed(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "a.tif"), list(grey(5)))
    before = (tmp_path / "a.tif").read_bytes()
    numbers_of(tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes() == before


def test_the_rate_that_imagej_wrote_is_taken(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", grey(5), imagej=True, metadata={"axes": "TYX", "finterval": 0.005})
    with FrameReader(tmp_path / "a.tif") as reader:
        assert reader.nominal_fps == pytest.approx(200.0)


def test_a_rate_beside_the_file_is_taken(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "a.tif"), list(grey(5)))
    (tmp_path / "fps").write_text("120\n")
    with FrameReader(tmp_path / "a.tif") as reader:
        assert reader.nominal_fps == 120.0


def test_without_a_rate_it_is_asked_for(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "a.tif"), list(grey(5)))
    with pytest.raises(MerError, match="give --fps"):
        FrameReader(tmp_path / "a.tif")


def test_a_single_page_is_not_a_recording(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), grey(1)[0])
    with pytest.raises(MerError, match="single picture"):
        FrameReader(tmp_path / "a.tif", fps=FPS)


def test_smaller_copies_are_not_frames(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for image in grey(4):
            tiff.write(image, photometric="minisblack", metadata=None)
            tiff.write(image[::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    assert numbers_of(tmp_path / "a.tif") == list(range(4))


def test_a_page_of_another_size_is_a_gap_and_counted(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for n, image in enumerate(grey(8)):
            tiff.write(image[:24] if n == 0 else image, photometric="minisblack", metadata=None)
    with FrameReader(tmp_path / "a.tif", fps=FPS, grey=True) as reader:
        times_s = [frame.time_s for frame in reader]
    assert times_s == pytest.approx([n / FPS for n in range(1, 8)])
    assert reader.absent == 1
    assert "1 of 8 pages (1) cannot be decoded or differ in size" in reader.notes[0]


def test_a_file_that_was_cut_off_says_so(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for image in grey(40):
            tiff.write(image, photometric="minisblack", metadata=None)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: len(content) // 2])
    with FrameReader(tmp_path / "a.tif", fps=FPS, grey=True) as reader:
        frames = list(reader)
    assert 10 < len(frames) < 30
    assert any("cut off" in note for note in reader.notes)


def test_many_pages_in_one_directory_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", grey(1)[0], photometric="minisblack", description="ImageJ=1.53\nimages=60\n")
    assert count_pages(tmp_path / "a.tif") == 60
    with pytest.raises(MerError, match="holds 60 pages in a form that only ImageJ reads"):
        FrameReader(tmp_path / "a.tif", fps=FPS)


def test_pages_of_a_thousand_megapixels_are_refused(tmp_path: Path) -> None:
    entries = struct.pack("<HHIIHHII", 256, 4, 1, 40_000, 257, 4, 1, 40_000)
    first, second = (struct.pack("<H", 2) + entries + struct.pack("<I", at) for at in (38, 0))
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + first + second)
    with pytest.raises(MerError, match="megapixels"):
        FrameReader(tmp_path / "a.tif", fps=FPS)


@pytest.mark.parametrize("content", [b"II*\0", b"II*\0\xff\xff\xff\xff", b"nothing", b"II*\0" + struct.pack("<I", 4)])
def test_what_is_not_a_tiff_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(MerError, match="is not a TIFF file"):
        FrameReader(tmp_path / "a.tif", fps=FPS)
