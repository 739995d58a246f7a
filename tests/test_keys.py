import sys
import threading
from pathlib import Path

import pytest
from fakes import FakePipeline, event, update

from realtime.screen.keys import Keys


def pressed_s(folder: Path, *, label: str = "happiness") -> str:
    keys = Keys(
        FakePipeline(),
        stop=threading.Event(),
        on_mark=lambda mark: None,
        source="caf\udce9",
        save_dir=folder,
    )
    keys.update(update(160, 0.8, events=(event(1, label=label),)))
    return keys("s")


def test_a_saved_event_does_not_replace_that_of_an_earlier_session(tmp_path: Path) -> None:
    pressed_s(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert "-2.png and .json" in pressed_s(tmp_path, label="fear")
    assert len(list(tmp_path.iterdir())) == 4
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_saved_picture_is_for_its_owner_only(tmp_path: Path) -> None:
    pressed_s(tmp_path / "kept")
    (picture,) = (tmp_path / "kept").glob("*.png")
    assert picture.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_a_picture_is_not_saved_through_a_link(tmp_path: Path) -> None:
    pressed_s(tmp_path)
    (picture,) = tmp_path.glob("*.png")
    name = picture.name
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    pressed_s(tmp_path)
    assert not (tmp_path / "nowhere").exists()
