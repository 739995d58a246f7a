import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import event, update

from mer.errors import MerError
from mer.labels import CLASSES
from realtime.output.folder import RecordingFolder
from realtime.recordings.extras import PICTURES, REPLACED

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these links nor these modes")
SOURCE = Path("/videos/a.mp4")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file that is none of the program's business."""
    path = tmp_path / "secret"
    path.write_text("kept")
    return path


def opened(folder: Path, *, source: Path = SOURCE) -> RecordingFolder:
    return RecordingFolder(folder, source=source, classes=CLASSES, extras=REPLACED, pictures=PICTURES, private=True)


def finish(folder: Path, *files: str) -> None:
    with opened(folder) as results:
        results.update(update(160, 0.8, events=(event(1),)))
        results.finish({"source": str(SOURCE), "files": sorted(files)}, dict.fromkeys(files, b"content"))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_events_are_not_written_through_a_link(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/events.jsonl.part").symlink_to(secret)
    with pytest.raises(MerError, match=r"events\.jsonl\.part cannot be written .*remove it"):
        opened(tmp_path / "a")
    assert secret.read_text() == "kept"


def test_the_events_are_not_written_over_a_file_with_a_second_name(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/events.jsonl.part").hardlink_to(secret)
    with pytest.raises(MerError, match="one name"):
        opened(tmp_path / "a")
    assert secret.read_text() == "kept"


def test_a_pipe_in_the_place_of_the_events_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a/events.jsonl.part")
    with pytest.raises(MerError, match="remove it"):
        opened(tmp_path / "a")


@pytest.mark.parametrize("name", ["events.csv.part", "summary.json.part", "report.html.part"])
def test_a_link_beside_goes_and_what_it_leads_to_stays(tmp_path: Path, secret: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).symlink_to(secret)
    finish(tmp_path / "a", "report.html")
    assert secret.read_text() == "kept"
    assert names(tmp_path / "a") == {"events.csv", "events.jsonl", "rejected.csv", "summary.json", "report.html"}


def test_pictures_in_a_linked_folder_stay(tmp_path: Path) -> None:
    finish(tmp_path / "a", "clips/event-001.png")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/event-001.png").write_text("kept")
    for path in (tmp_path / "a/clips").iterdir():
        path.unlink()
    (tmp_path / "a/clips").rmdir()
    (tmp_path / "a/clips").symlink_to(tmp_path / "mine")
    with pytest.raises(MerError, match="clips is not a folder but a link"):
        opened(tmp_path / "a")
    assert (tmp_path / "mine/event-001.png").read_text() == "kept"


def test_results_do_not_go_into_a_linked_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MerError, match="is a link"):
        opened(tmp_path / "a")


def test_results_do_not_go_through_a_link_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")  # the folder of all results may be one
    (tmp_path / "elsewhere/sub").symlink_to(tmp_path)
    with pytest.raises(MerError, match="sub is a link"):
        RecordingFolder(tmp_path / "out/sub/a", source=SOURCE, classes=CLASSES, top=tmp_path / "out")
    RecordingFolder(tmp_path / "out/a", source=SOURCE, classes=CLASSES, top=tmp_path / "out").close()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("report.html", "events.csv"):
        (tmp_path / "a" / name).write_text("mine")
    with pytest.raises(MerError, match=r"not results of mer-replay \(events\.csv, report\.html\)"):
        opened(tmp_path / "a")
    assert names(tmp_path / "a") == {"report.html", "events.csv"}


def test_a_file_that_somebody_put_among_results_is_not_replaced(tmp_path: Path) -> None:
    finish(tmp_path / "a")
    (tmp_path / "a/report.html").write_text("mine")
    with pytest.raises(MerError, match=r"did not have \(report\.html\)"):
        opened(tmp_path / "a")
    assert (tmp_path / "a/report.html").read_text() == "mine"


def test_other_files_among_results_stay(tmp_path: Path) -> None:
    finish(tmp_path / "a", "report.html")
    (tmp_path / "a/notes.txt").write_text("mine")
    finish(tmp_path / "a")
    assert names(tmp_path / "a") == {"events.csv", "events.jsonl", "rejected.csv", "summary.json", "notes.txt"}


@pytest.mark.parametrize("listed", ["../secret", "clips/event-/../../../secret", "/etc/passwd", "secret"])
def test_an_edited_summary_removes_nothing(tmp_path: Path, secret: Path, listed: str) -> None:
    finish(tmp_path / "a")
    (tmp_path / "a/secret").write_text("kept")
    (tmp_path / "a/summary.json").write_text(json.dumps({"source": str(SOURCE), "files": [listed, 7, None]}))
    finish(tmp_path / "a")
    assert secret.read_text() == "kept"
    assert (tmp_path / "a/secret").read_text() == "kept"


@pytest.mark.parametrize("name", ["..", "."])
def test_a_folder_above_is_no_place_for_results(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(MerError, match="no name of its own"):
        opened(Path(f"{tmp_path}/out/{name}") if name == ".." else Path(name))


@pytest.mark.parametrize("name", ["report.html", "clips/event-001.png"])
def test_pictures_of_faces_are_for_their_owner_only(tmp_path: Path, name: str) -> None:
    finish(tmp_path / "a", name)
    assert mode(tmp_path / "a" / name) == 0o600
    assert mode((tmp_path / "a" / name).parent) == 0o700


def test_everything_else_is_as_the_umask_says(tmp_path: Path) -> None:
    finish(tmp_path / "a", "events.srt")
    usual = names(tmp_path / "a")
    assert {name: mode(tmp_path / "a" / name) for name in usual} == dict.fromkeys(usual, 0o640)


def test_what_a_killed_run_left_of_faces_is_removed(tmp_path: Path) -> None:
    finish(tmp_path / "a")
    (tmp_path / "a/clips").mkdir()
    for name in ("report.html.part", "clips/event-003.png.part", ".video.part.mp4"):
        (tmp_path / "a" / name).write_text("a face")
    with opened(tmp_path / "a"):
        assert names(tmp_path / "a") - {"events.jsonl.part", "summary.json.part"} == {
            "events.csv",
            "events.jsonl",
            "rejected.csv",
            "summary.json",
        }


def test_a_run_that_was_killed_early_can_be_done_again(tmp_path: Path) -> None:
    (tmp_path / "a/clips").mkdir(parents=True)
    for name in ("events.jsonl.part", "clips/event-001.png.part"):  # all that version 0.1.0 left
        (tmp_path / "a" / name).write_text("half")
    finish(tmp_path / "a")
    assert names(tmp_path / "a") == {"events.csv", "events.jsonl", "rejected.csv", "summary.json"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(5, "Input/output error")])
def test_a_run_that_was_stopped_while_its_files_took_their_places_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    replace = Path.replace

    def stopped_at_the_table(path: Path, target: Path) -> Path:
        if target.name == "events.csv":
            raise error
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stopped_at_the_table)
    with pytest.raises((KeyboardInterrupt, MerError)):
        finish(tmp_path / "a", "report.html")
    monkeypatch.setattr(Path, "replace", replace)
    finish(tmp_path / "a", "report.html")
    assert names(tmp_path / "a") == {"events.csv", "events.jsonl", "rejected.csv", "summary.json", "report.html"}


def test_a_run_that_failed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(tmp_path / "a"):
        raise ZeroDivisionError
    assert not (tmp_path / "a").exists()


def test_a_run_that_failed_leaves_the_earlier_result(tmp_path: Path) -> None:
    finish(tmp_path / "a", "report.html")
    before = {path: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    with pytest.raises(ZeroDivisionError), opened(tmp_path / "a"):
        raise ZeroDivisionError
    assert {path: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before
