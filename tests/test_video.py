import shutil
import struct
from pathlib import Path

import pytest
from recordings import number_of, pictures, write_folder, write_video

from mer.errors import MerError, UsageError
from mer.media.video import LOOK_AHEAD, FrameReader


def test_reads_every_frame_of_a_video_once_and_in_order(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(40))
    with FrameReader(path) as reader:
        frames = list(reader)
    assert [frame.index for frame in frames] == list(range(40))
    assert [number_of(frame.image) for frame in frames] == list(range(40))
    assert reader.frames_read == 40


def test_takes_times_from_the_container(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(30), fps=50.0)
    with FrameReader(path) as reader:
        times_s = [frame.time_s for frame in reader]
    assert times_s == pytest.approx([n / 50.0 for n in range(30)])
    assert reader.nominal_fps == pytest.approx(50.0)
    assert reader.rate_hz == pytest.approx(50.0)


def test_says_what_it_read(tmp_path: Path) -> None:
    with FrameReader(write_video(tmp_path / "a.mp4", pictures(20))) as reader:
        assert reader.size_wh == (64, 48)
        assert reader.claimed_frames == 20
        assert reader.description == "a.mp4 (64x48, 50 fps)"


def test_an_honest_recording_leaves_no_notes(tmp_path: Path) -> None:
    with FrameReader(write_video(tmp_path / "a.mp4", pictures(20))) as reader:
        list(reader)
    assert reader.notes == ()


def test_given_rate_overrides_the_container(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(30), fps=50.0)
    with FrameReader(path, fps=200.0) as reader:
        times_s = [frame.time_s for frame in reader]
    assert times_s == pytest.approx([n / 200.0 for n in range(30)])
    assert reader.nominal_fps == 200.0


def test_frames_cannot_be_written_to(tmp_path: Path) -> None:
    with FrameReader(write_video(tmp_path / "a.mp4", pictures(10))) as reader:
        frame = next(iter(reader))
    with pytest.raises(ValueError, match="read-only"):
        frame.image[0, 0, 0] = 1


def test_a_recording_shorter_than_the_look_ahead_is_read_whole(tmp_path: Path) -> None:
    count = LOOK_AHEAD - 3
    with FrameReader(write_video(tmp_path / "a.mp4", pictures(count))) as reader:
        assert len(list(reader)) == count


def test_notes_a_header_that_claims_more_frames_than_there_are(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", pictures(30))
    content = path.read_bytes()
    avih = content.index(b"avih") + 8
    strh = content.index(b"strh") + 8
    patched = bytearray(content)
    struct.pack_into("<I", patched, avih + 16, 120)
    struct.pack_into("<I", patched, strh + 32, 120)
    path.write_bytes(patched)
    with FrameReader(path) as reader:
        frames = list(reader)
    assert len(frames) == 30
    assert any("claims 120 frames, 30 could be decoded" in note for note in reader.notes)


def test_keeps_what_was_read_of_a_recording_that_breaks_off(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", pictures(60))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with FrameReader(path) as reader:
        frames = list(reader)
    assert 10 < len(frames) < 60
    assert [frame.index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("name", ["missing.mp4", "missing"])
def test_refuses_what_does_not_exist(tmp_path: Path, name: str) -> None:
    with pytest.raises(MerError, match="does not exist"):
        FrameReader(tmp_path / name)


def test_refuses_a_text_file_named_mp4(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video\n" * 100)
    with pytest.raises(MerError, match="cannot be opened as a video"):
        FrameReader(tmp_path / "a.mp4")


def test_refuses_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MerError, match="is empty"):
        FrameReader(tmp_path / "a.mp4")


def test_refuses_an_mp4_whose_index_is_missing(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", pictures(60)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MerError, match="cut off before its index"):
        FrameReader(tmp_path / "cut.mp4")


def test_refuses_a_single_picture(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(1))
    with pytest.raises(MerError, match="single picture"):
        FrameReader(folder / "1.png")


def test_says_nothing_on_stderr_about_bad_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(1000))
    with pytest.raises(MerError):
        FrameReader(tmp_path / "a.mp4")
    assert capfd.readouterr().err == ""


def test_reads_a_folder_in_natural_order(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(12))
    with FrameReader(folder, fps=100.0) as reader:
        frames = list(reader)
    assert [number_of(frame.image) for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 100.0 for n in range(12)])


@pytest.mark.parametrize("name", ["fps", "fps.txt"])
def test_takes_the_rate_of_a_folder_from_a_side_file(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "f", pictures(3), suffix=".jpg")
    (folder / name).write_text("200\n")
    with FrameReader(folder) as reader:
        assert [frame.time_s for frame in reader] == pytest.approx([0.0, 0.005, 0.01])


def test_refuses_a_folder_without_a_rate(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(3))
    with pytest.raises(MerError, match="give --fps"):
        FrameReader(folder)


@pytest.mark.parametrize("text", ["fast", "-5", "0", "nan", "", "1e-300", "1e9"])
def test_refuses_a_side_file_without_a_rate_in_it(tmp_path: Path, text: str) -> None:
    folder = write_folder(tmp_path / "f", pictures(3))
    (folder / "fps").write_text(text)
    with pytest.raises(MerError, match="plain number"):
        FrameReader(folder)


def test_refuses_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no pictures here")
    with pytest.raises(MerError, match="contains no frames"):
        FrameReader(tmp_path, fps=100.0)


def test_leaves_out_a_broken_picture_and_keeps_the_times_of_the_others(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(10))
    (folder / "4.png").write_text("broken")
    with FrameReader(folder, fps=100.0) as reader:
        times_s = [frame.time_s for frame in reader]
    assert times_s == pytest.approx([n / 100.0 for n in range(10) if n != 3])
    assert any("4.png" in note for note in reader.notes)


def test_leaves_out_a_picture_of_another_size(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(5))
    other = write_folder(tmp_path / "other", pictures(1, size_wh=(32, 32)))
    shutil.copy(other / "1.png", folder / "3.png")
    with FrameReader(folder, fps=100.0) as reader:
        assert len(list(reader)) == 4
    assert any("3.png" in note and "differ in size" in note for note in reader.notes)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_a_rate_that_is_none(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UsageError, match="not a frame rate"):
        FrameReader(tmp_path, fps=fps)


@pytest.mark.parametrize("fps", [0.0, -1.0, 1e-300, 1e9, float("nan")])
def test_refuses_a_rate_that_no_camera_has(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UsageError, match="not a frame rate"):
        FrameReader(write_video(tmp_path / "a.mp4", pictures(3)), fps=fps)


def test_refuses_time_stamps_that_no_camera_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", pictures(30), fps=50.0)
    content = bytearray(path.read_bytes())
    rate = content.index(b"strh") + 8 + 20  # dwScale and dwRate: frames/s is their quotient
    struct.pack_into("<II", content, rate, 1, 1_000_000)
    path.write_bytes(content)
    with pytest.raises(MerError, match=r"1e\+06 frames/s"):
        FrameReader(path)


def test_a_picture_that_claims_to_be_huge_is_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(8), suffix=".bmp")
    content = bytearray((folder / "3.bmp").read_bytes())
    struct.pack_into("<i", content, 18, 1 << 21)  # the width in a bitmap's header
    (folder / "3.bmp").write_bytes(content)
    with FrameReader(folder, fps=50.0) as reader:
        assert len(list(reader)) == 7
    assert any("3.bmp" in note and "megapixels" in note for note in reader.notes)
