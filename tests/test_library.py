import re
import threading
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine, FakePipeline
from mjpeg_server import serve
from recordings import pictures, write_video

import realtime
import realtime.recognition
from mer.errors import MerError

DOCUMENT = Path(__file__).parent.parent / "docs/how-to/python.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
EXAMPLES = [program for program in PROGRAMS if "import realtime" in program]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    engines = [FakeEngine()]

    def made(*, rate_hz: float, **_: Any) -> FakePipeline:
        return FakePipeline(rate_hz=rate_hz, event_frames=(20,))

    monkeypatch.setattr(realtime.recognition, "Pipeline", made)
    monkeypatch.setattr(realtime.recognition, "open_engine", lambda choice: engines[0])
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return engines


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_video(tmp_path / "interview.mp4", pictures(60), fps=200.0)


def test_yields_the_events_of_a_recording(recording: Path) -> None:
    assert [(event.number, event.label) for event in realtime.events(recording)] == [(1, "happiness")]


def test_yields_an_update_for_every_frame(recording: Path) -> None:
    assert [update.crop.index for update in realtime.updates(str(recording))] == list(range(60))


def test_follows_a_stream_and_frees_it_on_break(stand_ins: list[FakeEngine]) -> None:
    with serve(pictures(60)) as url:
        updates = realtime.updates(url, fps=200.0)
        assert next(updates).crop.index == 0
        updates.close()
    assert stand_ins[0].closed
    assert "capture" not in [thread.name for thread in threading.enumerate()]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"nothing\.mp4"):
        next(realtime.events(tmp_path / "nothing.mp4"))


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_documented_examples_run(
    example: str, recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(recording.parent)
    exec(compile(example, str(DOCUMENT), "exec"), {})
    if "events(" in example:
        assert capsys.readouterr().out == "0.20 s  happiness  60%\n"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = realtime.nothing
