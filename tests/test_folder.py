"""Folders of pictures as recordings: gaps, sizes, depths and what is left out."""

import resource
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from recordings import number_of, pictures, write_folder

from mer.errors import MerError
from mer.media.picture import Depth
from mer.media.size import MAX_PIXELS
from mer.media.video import FrameReader

FPS = 100.0


def read(path: Path, *, grey: bool = True) -> tuple[list[float], list[int], str]:
    """Return times, numbers of the pictures, and the notes as one text."""
    with FrameReader(path, fps=FPS, grey=grey) as reader:
        frames = list(reader)
    return [frame.time_s for frame in frames], [number_of(frame.image) for frame in frames], "\n".join(reader.notes)


def write_deep(folder: Path, images: list[np.ndarray], *, suffix: str = ".png") -> Path:
    folder.mkdir()
    for n, image in enumerate(images):
        assert cv2.imwrite(str(folder / f"{n:04d}{suffix}"), image)
    return folder


def grey(count: int) -> list[np.ndarray]:
    return [image[..., 0] for image in pictures(count)]


def test_apple_doubles_are_not_frames(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(10), suffix=".jpg")
    for file in list(folder.iterdir()):
        (folder / f"._{file.name}").write_bytes(b"\0\5\26\7" + bytes(60))
    times_s, numbers, notes = read(folder)
    assert times_s == pytest.approx([n / FPS for n in range(10)])
    assert (numbers, notes) == (list(range(10)), "")


def test_missing_numbers_are_a_gap(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(30))
    for n in (*range(11, 16), 20):
        (folder / f"{n}.png").unlink()
    with FrameReader(folder, fps=FPS) as reader:
        times_s = [frame.time_s for frame in reader]
    assert times_s == pytest.approx([n / FPS for n in range(30) if n not in (*range(10, 15), 19)])
    assert reader.absent == 6
    assert reader.notes == ("6 frames are missing by their numbers, in 2 gaps, the longest from 0.100 to 0.150 s",)


def test_a_picture_that_cannot_be_decoded_is_a_gap_and_counted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(10))
    (folder / "4.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with FrameReader(folder, fps=FPS) as reader:
        times_s = [frame.time_s for frame in reader]
    assert times_s == pytest.approx([n / FPS for n in range(10) if n != 3])
    assert (reader.absent, reader.left_out) == (1, 1)


def test_what_a_thousand_pictures_lack_is_one_note(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(5))
    for n in range(6, 1000):
        (folder / f"{n}.png").write_bytes(b"junk")
    _, numbers, notes = read(folder)
    assert numbers == list(range(5))
    assert notes == "994 pictures (6.png, 7.png, 8.png, ...) left out: they cannot be decoded"


def test_the_size_that_most_pictures_have_is_that_of_the_recording(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(12))
    others = write_folder(tmp_path / "other", pictures(3, size_wh=(32, 32)))
    for n in (1, 2, 3):
        shutil.copy(others / f"{n}.png", folder)
    times_s, numbers, notes = read(folder)
    assert numbers == list(range(3, 12))
    assert times_s[0] == pytest.approx(3 / FPS)
    assert "3 pictures (1.png, 2.png, 3.png) left out: they differ in size" in notes


def test_jpeg_and_png_may_be_mixed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(6))
    cv2.imwrite(str(folder / "7.jpg"), pictures(7)[6])
    assert read(folder)[1] == list(range(7))


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".pgm", ".png"])
def test_grey_pictures_in_other_formats_are_frames(tmp_path: Path, suffix: str) -> None:
    _, numbers, notes = read(write_deep(tmp_path / "f", grey(8), suffix=suffix))
    assert (numbers, notes) == (list(range(8)), "")


def test_ppm_is_in_colour(tmp_path: Path) -> None:
    images = [np.full((48, 64, 3), (10, 100, 200), np.uint8)] * 3
    with FrameReader(write_deep(tmp_path / "f", images, suffix=".ppm"), fps=FPS) as reader:
        assert next(iter(reader)).image[0, 0].tolist() == [10, 100, 200]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_samples_are_scaled_by_the_bits_that_are_used(tmp_path: Path, bits: int, suffix: str) -> None:
    images = [image.astype(np.uint16) << (bits - 8) for image in grey(8)]
    folder = write_deep(tmp_path / "f", images, suffix=suffix)
    with FrameReader(folder, fps=FPS, grey=True) as reader:
        frames = list(reader)
    assert all(np.array_equal(frame.image, wanted) for frame, wanted in zip(frames, grey(8)))
    if suffix != ".pgm" or bits > 8:  # OpenCV writes 16 bits as 16 bits, whatever is in them
        assert f"taken as {bits} bits a sample" in reader.notes[0]


def test_bits_are_looked_for_all_over_the_recording(tmp_path: Path) -> None:
    dark = [np.full((48, 64), 300, np.uint16)] * 40
    bright = [np.full((48, 64), 4000, np.uint16)] * 40
    with FrameReader(write_deep(tmp_path / "f", dark + bright), fps=FPS, grey=True) as reader:
        values = [int(frame.image[0, 0]) for frame in reader]
    assert set(values[:40]) == {19}
    assert set(values[40:]) == {250}


def test_larger_samples_than_were_seen_are_clipped_and_counted() -> None:
    depth = Depth(lambda: [])
    assert depth.to_8_bits(np.full((2, 2), 1000, np.uint16))[0, 0] == 250
    assert depth.to_8_bits(np.full((2, 2), 5000, np.uint16))[0, 0] == 255
    assert depth.clipped == 1


def test_floating_point_from_0_to_1_is_scaled(tmp_path: Path) -> None:
    images = [image.astype(np.float32) / 255 for image in grey(5)]
    images[2][0, 0] = np.nan
    _, numbers, notes = read(write_deep(tmp_path / "f", images, suffix=".tif"))
    assert numbers == list(range(5))
    assert "floating-point" in notes


def test_colour_is_wanted_of_grey_pictures_too(tmp_path: Path) -> None:
    with FrameReader(write_deep(tmp_path / "f", grey(3), suffix=".tif"), fps=FPS) as reader:
        assert next(iter(reader)).image.shape == (48, 64, 3)


def test_a_picture_of_a_thousand_megapixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "f", pictures(4))
    header = struct.pack(">II5B", 32_000, 32_000, 8, 2, 0, 0, 0)
    (folder / "5.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(4))
    decoded: list[int] = []
    decode = cv2.imdecode

    def counting(content: Any, flags: int) -> Any:
        decoded.append(len(content))
        return decode(content, flags)

    monkeypatch.setattr(cv2, "imdecode", counting)
    _, numbers, notes = read(folder)
    assert numbers == list(range(4))
    assert len(decoded) == 4
    assert f"more than {MAX_PIXELS // 1_000_000} megapixels" in notes


def test_a_single_picture_is_not_a_recording(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"contains a single frame, 1\.png; expected all frames"):
        FrameReader(write_folder(tmp_path / "f", pictures(1)), fps=FPS)


def test_a_tiff_of_several_pages_among_frames_is_left_out_and_named(tmp_path: Path) -> None:
    folder = write_deep(tmp_path / "f", grey(5), suffix=".tif")
    cv2.imwritemulti(str(folder / "0005.tif"), grey(3))
    _, numbers, notes = read(folder)
    assert numbers == list(range(5))
    assert "0005.tif) left out: they have several pages" in notes


def test_a_folder_that_goes_away_is_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(30))
    with FrameReader(folder, fps=FPS) as reader:
        frames = iter(reader)
        next(frames)
        shutil.rmtree(folder)
        with pytest.raises(MerError, match="went away"):
            list(frames)


def test_a_name_with_a_newline_is_a_name(tmp_path: Path) -> None:
    assert read(write_folder(tmp_path / "a\nb\x1b[31m", pictures(5)))[1] == list(range(5))


def test_frames_whose_names_are_not_utf_8_are_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(3))
    for n in (1, 2, 3):
        (folder / f"{n}.png").rename(folder / f"\udcff{n}.png")
    assert read(folder)[1] == list(range(3))


def test_a_link_in_a_circle_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(MerError, match="cannot be opened"):
        FrameReader(tmp_path / "a", fps=FPS)


def test_a_link_without_a_target_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(".git/annex/objects/x")
    with pytest.raises(MerError, match=r"is a link to .git/annex/objects/x, which does not exist"):
        FrameReader(tmp_path / "a.mp4")


def test_few_open_files_are_enough(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(100))
    code = f"""
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
from pathlib import Path
from mer.media.video import FrameReader
print(len(list(FrameReader(Path({str(folder)!r}), fps=100))))
"""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 40
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "100"


def test_twenty_thousand_pictures_are_listed_without_opening_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").mkdir()
    one = cv2.imencode(".jpg", pictures(1)[0])[1].tobytes()
    (tmp_path / "one.jpg").write_bytes(one)
    for n in range(20_000):
        (tmp_path / f"f/{n}.jpg").hardlink_to(tmp_path / "one.jpg")
    opened: list[object] = []
    fromfile = np.fromfile

    def noting(file: Any, kind: Any) -> Any:
        opened.append(file)
        return fromfile(file, kind)

    monkeypatch.setattr(np, "fromfile", noting)
    with FrameReader(tmp_path / "f", fps=FPS) as reader:
        assert reader.claimed_frames == 20_000
    assert len(opened) < 400
