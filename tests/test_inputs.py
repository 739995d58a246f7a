from pathlib import Path

import pytest

from realtime.recordings.inputs import find_recordings


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def folders(arguments: list[Path], out: Path) -> list[str]:
    search = find_recordings(arguments, out)
    assert search.errors == ()
    return [recording.folder.relative_to(out).as_posix() for recording in search.recordings]


def test_a_file_is_a_recording_whatever_its_name_ends_in(tmp_path: Path) -> None:
    assert folders([touch(tmp_path / "a.bin")], tmp_path / "out") == ["a.bin"]


def test_a_folder_of_pictures_is_one_recording(tmp_path: Path) -> None:
    for n in (1, 2):
        touch(tmp_path / f"shots/{n}.png")
    assert folders([tmp_path / "shots"], tmp_path / "out") == ["shots"]


def test_a_folder_is_searched_and_its_tree_kept(tmp_path: Path) -> None:
    for name in ("02/a.mp4", "01/a.MP4", "01/notes.txt", "03/shots/1.jpg", "03/shots/2.jpg"):
        touch(tmp_path / "study" / name)
    assert folders([tmp_path / "study"], tmp_path / "out") == ["01/a", "02/a", "03/shots"]


def test_a_video_beside_pictures_makes_a_folder_one_of_videos(tmp_path: Path) -> None:
    touch(tmp_path / "study/a.mp4")
    touch(tmp_path / "study/thumbnail.jpg")
    assert folders([tmp_path / "study"], tmp_path / "out") == ["a"]


def test_neither_results_nor_hidden_files_are_taken_for_recordings(tmp_path: Path) -> None:
    for name in ("a.mp4", ".hidden.mp4", "out/a/clips/event-001.mp4", "old/summary.json", "old/events.jsonl"):
        touch(tmp_path / name)
    touch(tmp_path / "old/clips/event-001.mp4")
    assert folders([tmp_path], tmp_path / "out") == ["a"]


def test_a_pattern_reaches_into_folders(tmp_path: Path) -> None:
    for name in ("01/a.mp4", "01/b.txt", "02/c.mp4"):
        touch(tmp_path / name)
    assert folders([tmp_path / "**/*"], tmp_path / "out") == ["a", "c"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    assert folders([touch(tmp_path / "take[1].mp4")], tmp_path / "out") == ["take[1]"]


def test_what_is_named_twice_is_done_once(tmp_path: Path) -> None:
    file = touch(tmp_path / "a.mp4")
    assert folders([file, tmp_path, file], tmp_path / "out") == ["a"]


def test_recordings_that_differ_in_their_suffix_keep_it(tmp_path: Path) -> None:
    files = [touch(tmp_path / name) for name in ("a.mp4", "a.avi", "b.mp4")]
    assert folders(files, tmp_path / "out") == ["a.mp4", "a.avi", "b"]


def test_one_name_in_two_places_gets_the_folders_in_front(tmp_path: Path) -> None:
    files = [touch(tmp_path / name) for name in ("x/a.mp4", "y/a.mp4", "y/a.avi")]
    assert folders(files, tmp_path / "out") == ["x/a", "y/a", "a.avi"]


@pytest.mark.parametrize(("argument", "message"), [("empty", "holds no recording"), ("*.mp4", "in quotes")])
def test_what_names_no_recording_is_told_and_spoils_nothing_else(tmp_path: Path, argument: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    search = find_recordings([tmp_path / argument, touch(tmp_path / "x/a.mp4")], tmp_path / "out")
    assert [recording.path.name for recording in search.recordings] == ["a.mp4"]
    assert message in str(search.errors[0])
