import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.media.kinds import VIDEO_SUFFIXES
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


@pytest.mark.parametrize(("argument", "message"), [("empty", "contains no recording"), ("*.mp4", "in quotes")])
def test_what_names_no_recording_is_told_and_spoils_nothing_else(tmp_path: Path, argument: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    search = find_recordings([tmp_path / argument, touch(tmp_path / "x/a.mp4")], tmp_path / "out")
    assert [recording.path.name for recording in search.recordings] == ["a.mp4"]
    assert message in str(search.errors[0])


def stack(path: Path, *, pages: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwritemulti(str(path), [np.zeros((8, 8), np.uint8)] * pages)
    return path


def test_a_picture_above_videos_hides_none_of_them(tmp_path: Path) -> None:
    for name in ("layout.png", "S01/a.mp4", "S02/b.mp4"):
        touch(tmp_path / "study" / name)
    search = find_recordings([tmp_path / "study"], tmp_path / "out")
    assert [recording.path.name for recording in search.recordings] == ["a.mp4", "b.mp4"]
    assert search.notes == (f"{tmp_path / 'study'}: 1 file was skipped: 1 .png",)


def test_frames_above_videos_are_a_recording_beside_them(tmp_path: Path) -> None:
    for n in range(1, 31):
        touch(tmp_path / f"study/S01/img{n}.jpg")
    touch(tmp_path / "study/S01/extra/a.mp4")
    assert folders([tmp_path / "study"], tmp_path / "out") == ["S01.frames", "S01/extra/a"]


def test_a_few_pictures_above_videos_are_passed_over(tmp_path: Path) -> None:
    for name in ("plan1.jpg", "plan2.jpg", "S01/a.mp4"):
        touch(tmp_path / "study" / name)
    assert folders([tmp_path / "study"], tmp_path / "out") == ["S01/a"]


@pytest.mark.parametrize("suffix", [*VIDEO_SUFFIXES, ".MOV"])
def test_a_video_is_found_whatever_it_ends_in(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path / f"study/a{suffix}")
    assert folders([tmp_path / "study"], tmp_path / "out") == ["a"]


@pytest.mark.parametrize("suffix", ["ts", "m2ts", "flv", "3gp", "ogv", "dv", "vob", "gif", "mjpeg", "h264", "mxf"])
def test_these_endings_are_those_of_videos(suffix: str) -> None:
    assert f".{suffix}" in VIDEO_SUFFIXES


def test_what_was_passed_over_is_named_by_kind(tmp_path: Path) -> None:
    for name in (*(f"{n}.txt" for n in range(10)), "b.docx", "c/d.docx", "README", "a.mp4", ".hidden", "fps"):
        touch(tmp_path / "study" / name)
    search = find_recordings([tmp_path / "study"], tmp_path / "out")
    assert search.notes == (f"{tmp_path / 'study'}: 13 files were skipped: 10 .txt, 2 .docx, 1 without suffix",)


def test_of_a_pattern_too(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.txt"):
        touch(tmp_path / name)
    search = find_recordings([tmp_path / "*"], tmp_path / "out")
    assert search.notes == (f"{tmp_path / '*'}: 1 file was skipped: 1 .txt",)


def test_a_folder_without_recordings_says_what_is_in_it(tmp_path: Path) -> None:
    touch(tmp_path / "study/one.jpg")
    search = find_recordings([tmp_path / "study"], tmp_path / "out")
    assert "no folder of frames; 1 file was skipped: 1 .jpg" in str(search.errors[0])


def test_a_tiff_of_several_pages_is_a_recording_and_of_one_page_a_frame(tmp_path: Path) -> None:
    stack(tmp_path / "study/a.tif", pages=3)
    for n in (1, 2):
        stack(tmp_path / f"study/frames/{n}.tif", pages=1)
    assert folders([tmp_path / "study"], tmp_path / "out") == ["a", "frames"]


def test_results_are_called_what_the_user_calls_the_recording(tmp_path: Path) -> None:
    content = touch(tmp_path / "annex/SHA256E-s1--00.mp4")
    (tmp_path / "study").mkdir()
    for name in ("sub-01_face.mp4", "sub-02_face.mp4"):
        (tmp_path / "study" / name).symlink_to(content)
    assert folders([tmp_path / "study"], tmp_path / "out") == ["sub-01_face", "sub-02_face"]
    assert folders([tmp_path / "study/sub-01_face.mp4"], tmp_path / "out") == ["sub-01_face"]
    search = find_recordings([tmp_path / "study"], tmp_path / "out")
    assert [recording.path.name for recording in search.recordings] == ["sub-01_face.mp4", "sub-02_face.mp4"]


def test_a_link_without_a_target_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study/a.mp4").symlink_to("not fetched")
    assert folders([tmp_path / "study"], tmp_path / "out") == ["a"]


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere/a.mp4")
    touch(tmp_path / "study/real/b.mp4")
    (tmp_path / "study/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "study/again").symlink_to(tmp_path / "study/real")
    search = find_recordings([tmp_path / "study"], tmp_path / "out")
    found = [recording.folder.relative_to(tmp_path / "out").as_posix() for recording in search.recordings]
    assert found == ["real/b", "linked/a"]
    assert "searched under another name: again" in search.notes[0]


@pytest.mark.parametrize("target", [".", "..", "../..", "/", "loop"])
def test_links_in_a_circle_are_cut(tmp_path: Path, target: str) -> None:
    touch(tmp_path / "study/S01/a.mp4")
    (tmp_path / "study/loop").symlink_to(target)
    search = find_recordings([tmp_path / "study"], tmp_path / "out")
    assert [recording.path.name for recording in search.recordings] == ["a.mp4"]
    assert search.notes


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a.mp4", "b.avi"), ["a", "b"]),
        (("sub-01.ses-1.mp4", "sub-01.ses-2.mp4"), ["sub-01.ses-1", "sub-01.ses-2"]),
        (("take.2024-01-01", "take.2024-01-02"), ["take.2024-01-01", "take.2024-01-02"]),
        (("a.mp4", "a.avi", "a/b.mp4"), ["a.mp4", "a.avi", "b"]),
        (("x/a.mp4", "y/a.mp4"), ["x/a", "y/a"]),
        (("x/s/a.mp4", "y/s/a.mp4", "z/a.mp4"), ["x/s/a", "y/s/a", "z/a"]),
        (("a.mp4", "x/a.mp4.mkv"), ["a", "a.mp4"]),
    ],
)
def test_no_two_results_have_one_name(tmp_path: Path, names: tuple[str, ...], expected: list[str]) -> None:
    found = folders([touch(tmp_path / name) for name in names], tmp_path / "out")
    assert len(set(found)) == len(found)
    assert [name.removeprefix(f"{tmp_path.name}/") for name in found] == expected


def test_results_of_one_recording_are_not_inside_those_of_another(tmp_path: Path) -> None:
    for name in ("study/a.mp4", "study/a/b.mp4"):
        touch(tmp_path / name)
    assert folders([tmp_path / "study"], tmp_path / "out") == ["a.mp4", "a/b"]


def test_a_folder_of_frames_keeps_all_of_its_name(tmp_path: Path) -> None:
    for folder in ("sub-01.ses-1", "sub-01.ses-2", "rest.mp4"):
        for n in (1, 2):
            touch(tmp_path / f"study/{folder}/{n}.png")
    arguments = [tmp_path / "study/sub-01.ses-1"]
    assert folders(arguments, tmp_path / "out") == ["sub-01.ses-1"]
    assert folders([tmp_path / "study"], tmp_path / "out") == ["rest.mp4", "sub-01.ses-1", "sub-01.ses-2"]


@pytest.mark.parametrize("name", ["...mp4", ".mp4", "..png"])
def test_a_name_of_nothing_but_dots_and_suffix_is_refused(tmp_path: Path, name: str) -> None:
    search = find_recordings([touch(tmp_path / name)], tmp_path / "out")
    assert search.recordings == ()
    assert "leaves no name for its results" in str(search.errors[0])


@pytest.mark.parametrize("argument", [".", "..", "sub/..", "../study"])
def test_the_folder_one_is_in_has_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str) -> None:
    for n in (1, 2):
        touch(tmp_path / f"study/{n}.png")
        touch(tmp_path / f"study/sub/{n}.txt")
    monkeypatch.chdir(tmp_path / ("study/sub" if argument == ".." else "study"))
    assert folders([Path(argument)], tmp_path / "out") == ["study"]


def test_a_name_with_a_colon_or_brackets_stays_whole(tmp_path: Path) -> None:
    names = ["S01:rest", "Talk [dQw4w9WgXcQ] [b]", "a\nb"]
    assert folders([touch(tmp_path / f"{name}.mp4") for name in names], tmp_path / "out") == names


def test_a_folder_that_cannot_be_read_is_told_and_spoils_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "study/S01/a.mp4")
    touch(tmp_path / "study/S02/b.mp4")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "S01":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    search = find_recordings([tmp_path / "study"], tmp_path / "out")
    assert [recording.path.name for recording in search.recordings] == ["b.mp4"]
    assert "S01 cannot be searched (Permission denied)" in str(search.errors[0])


def test_a_pipe_called_like_a_video_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "study/a.mp4")
    os.mkfifo(tmp_path / "study/b.mp4")
    assert folders([tmp_path / "study"], tmp_path / "out") == ["a"]
