import contextlib
import os
from pathlib import Path

import pytest
from toy_clips import CLASSES, toy_clips

from mer.files import in_place_when_written, remove_half_files, write_atomically


def test_what_a_killed_process_had_written_of_a_file_goes_after_an_hour(tmp_path: Path) -> None:
    for name, age_s in (
        (".a[1].json.0123abcd.part", 7200),
        (".a[1].json.4567cdef.part", 0),
        (".b.json.89ab.part", 7200),
    ):
        (tmp_path / name).write_text("half")
        now_s = (tmp_path / name).stat().st_mtime
        os.utime(tmp_path / name, (now_s, now_s - age_s))
    write_atomically(tmp_path / "a[1].json", "whole")
    left = {".a[1].json.4567cdef.part", ".b.json.89ab.part"}  # somebody may be writing it; another file's
    assert {path.name for path in tmp_path.iterdir()} == {"a[1].json", *left}


def test_what_a_killed_training_had_half_written_goes_when_it_is_taken_up(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    from mer.config import TrainSettings
    from mer.training.claim import claim
    from mer.training.data import ClipData

    settings = TrainSettings(classes=CLASSES)
    data = ClipData(**toy_clips(2, 3), name="toy")
    claim(tmp_path, data, settings)
    half = tmp_path / "fold-1/.state.safetensors.0123abcd.part"
    half.parent.mkdir()
    half.write_text("half")
    (half.parent / "state.safetensors").write_text("whole")
    claim(tmp_path, data, settings)
    assert [path.name for path in half.parent.iterdir()] == ["state.safetensors"]


def test_a_file_that_is_written_piece_by_piece_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    path.write_text("before")
    with contextlib.suppress(KeyboardInterrupt), in_place_when_written(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["clips.npz"]
    assert path.read_text() == "before"
    with in_place_when_written(path) as part:
        part.write_text("after")
    assert path.read_text() == "after"


def test_what_a_killed_process_had_begun_of_a_large_file_is_removed(tmp_path: Path) -> None:
    part = in_place_when_written(tmp_path / "clips.npz").__enter__()
    part.write_bytes(b"half")
    remove_half_files(tmp_path)
    assert list(tmp_path.iterdir()) == []
