from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeEngine

from realtime.recordings import workers
from realtime.recordings.tally import Outcome

JOB: Any = SimpleNamespace(engine="auto", face_model=None, people=1, recording=SimpleNamespace(path=Path("a.mp4")))


class FakeLandmarker:
    """Counts what becomes of it."""

    def __init__(self, model: Path | None, *, faces: int) -> None:
        self.closed = False
        self.detect = self.detect_still = self.news = None

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace all that replays a recording; the list has the landmarker of each, the third recording fails."""
    lent: list[Any] = []

    def replayed(*given: Any) -> Outcome:
        return Outcome(JOB.recording, "failed" if len(lent) == 3 else "done")

    def borrowed(landmarker: FakeLandmarker) -> None:
        lent.append(landmarker)

    monkeypatch.setattr(workers, "Landmarker", FakeLandmarker)
    monkeypatch.setattr(workers, "Borrowed", borrowed)
    monkeypatch.setattr(workers, "replay_recording", replayed)
    monkeypatch.setattr(workers, "engine_of_this_process", lambda choice: FakeEngine())
    workers.landmarker_of_this_process.cache_clear()
    for _ in range(5):
        workers.replay_as_task(JOB)
    workers.landmarker_of_this_process.cache_clear()
    return lent


def test_the_recordings_of_a_process_share_a_landmarker(used: list[Any]) -> None:
    assert used[0] is used[1] is used[2]
    assert used[3] is used[4]


def test_after_a_failure_the_next_recording_gets_a_new_landmarker(used: list[Any]) -> None:
    assert used[3] is not used[2]
    assert [landmarker.closed for landmarker in used] == [True, True, True, False, False]
