"""Which pictures of a folder are frames, their order, and what their names say about gaps."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mer.errors import MerError
from mer.media.names import frame_files, in_playing_order, natural_key, number_frames

START = datetime(2024, 1, 1, 11, 59, 59)


def moments(count: int, *, step_ms: int = 33) -> list[datetime]:
    return [START + timedelta(milliseconds=step_ms * n) for n in range(count)]


def unpadded(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H.%M.%S}.{moment.microsecond // 1000}.png"


def decimal(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H.%M.%S}.{moment.microsecond:06d}".rstrip("0").rstrip(".") + ".png"


def as_python_writes(moment: datetime) -> str:
    return str(moment).replace(":", ".") + ".png"


def padded(moment: datetime) -> str:
    return f"cam2_{moment:%Y%m%d_%H%M%S}_{moment.microsecond // 1000:03d}.png"


def in_one_number(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}.png"


def epoch(moment: datetime) -> str:
    return f"{moment.timestamp()!r}.png"


def made(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("name_of", [unpadded, decimal, as_python_writes, padded, in_one_number, epoch])
def test_time_stamps_are_played_in_the_order_of_time(name_of: Any) -> None:
    names = [name_of(moment) for moment in moments(130)]
    assert in_playing_order(sorted(names, reverse=True)) == names


@pytest.mark.parametrize("name_of", [unpadded, decimal, as_python_writes, padded, in_one_number, epoch])
def test_time_stamps_tell_gaps_across_seconds_and_minutes(name_of: Any) -> None:
    names = [name_of(moment) for n, moment in enumerate(moments(130)) if not 50 <= n < 60]
    numbering = number_frames(names)
    assert numbering.positions == (*range(50), *range(60, 130))
    assert "one frame each was assumed" in numbering.note


def test_decimals_of_different_length_are_in_the_order_of_their_values() -> None:
    names = [f"2024-01-01 12.00.00.{part}.png" for part in ("05", "1", "15", "2", "5", "50", "55")]
    assert in_playing_order(sorted(names, reverse=True)) == names


def test_a_count_after_a_point_is_not_a_decimal() -> None:
    names = [f"take1.{n}.png" for n in range(1, 25)]
    assert in_playing_order(sorted(names, reverse=True)) == names


def test_numbers_that_tie_are_ordered_by_name_and_told() -> None:
    names = in_playing_order(["img01.png", "img2.png", "img1.png"])
    assert names == ["img01.png", "img1.png", "img2.png"]
    assert "do not number frames evenly" in number_frames(names).note


def test_a_superscript_digit_is_not_a_number() -> None:
    names = in_playing_order(["m²10.png", "m²9.png", "٣.png"])
    assert names == ["m²9.png", "m²10.png", "٣.png"]
    assert natural_key("²") == ((((1, 0, "²"),)), "²")


@pytest.mark.parametrize("step", [1, 2, 5, 1000])
def test_the_usual_step_of_the_numbers_is_one_frame(step: int) -> None:
    numbering = number_frames([f"img{step * n:06d}.jpg" for n in (0, 1, 2, 3, 6, 7, 8)])
    assert numbering.positions == (0, 1, 2, 3, 6, 7, 8)
    assert numbering.missing == 2
    assert (f"go up by {step}" in numbering.note) == (step > 1)


def test_numbers_may_stand_before_others_in_the_name() -> None:
    names = [f"frame_{n:04d}_{1704110400123 + 33 * n + n % 2}.png" for n in (1, 2, 3, 5, 6)]
    assert number_frames(names).positions == (0, 1, 2, 4, 5)


def test_names_with_a_remark_count_too() -> None:
    assert number_frames(["img1.png", "img2 (blink).png", "img3.png", "img6.png"]).positions == (0, 1, 2, 5)


@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "b.png", "c.png"],
        [f"take{take}_{n}.png" for take in (1, 2) for n in range(3)],
        ["3.png", "17.png", "18.png", "45.png", "145.png"],
        [f"{n}{'0' * 40}.png" for n in (1, 2, 5)][::-1],
    ],
)
def test_names_that_do_not_count_are_taken_as_consecutive_and_told(names: list[str]) -> None:
    numbering = number_frames(names)
    assert numbering.positions == tuple(range(len(names)))
    assert "taken as consecutive" in numbering.note


def test_hidden_files_are_not_frames(tmp_path: Path) -> None:
    folder = made(tmp_path / "f", "img1.jpg", "._img1.jpg", ".img0.jpg", "img2.jpg", "Thumbs.db")
    assert [file.name for file in frame_files(folder).files] == ["img1.jpg", "img2.jpg"]


def test_a_picture_without_a_number_among_numbered_ones_is_left_out_and_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "f", *(f"img{n}.jpg" for n in range(20)), "cover.jpg")
    found = frame_files(folder)
    assert len(found.files) == 20
    assert "cover.jpg" in found.notes[0]


def test_of_two_formats_of_each_frame_one_is_played(tmp_path: Path) -> None:
    folder = made(tmp_path / "f", *(f"img{n}.{suffix}" for n in range(3) for suffix in ("jpg", "png")), "img3.jpg")
    found = frame_files(folder)
    assert [file.name for file in found.files] == ["img0.jpg", "img1.jpg", "img2.jpg", "img3.jpg"]
    assert "3 pictures (img0.png, img1.png, img2.png) left out" in found.notes[0]


def test_a_link_without_a_target_is_a_frame_that_is_missing(tmp_path: Path) -> None:
    folder = made(tmp_path / "f", "a.png", "c.png")
    (folder / "b.png").symlink_to(tmp_path / "not fetched")
    assert [file.name for file in frame_files(folder).files] == ["a.png", "b.png", "c.png"]


def test_pipes_and_folders_are_not_frames(tmp_path: Path) -> None:
    folder = made(tmp_path / "f", "1.png")
    os.mkfifo(folder / "2.png")
    (folder / "3.png").mkdir()
    assert [file.name for file in frame_files(folder).files] == ["1.png"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="cannot be read"):
        frame_files(tmp_path / "none")
