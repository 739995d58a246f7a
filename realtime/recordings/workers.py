"""What the other processes of a batch or a cluster do: replay one recording after another.

Engine and landmarker are kept for the next one: to start them takes as long as a second of a recording.

Not in `realtime.commands.replay`, which is called __main__ where it is the program, and then no other process finds it.
"""

import functools
from contextlib import nullcontext
from pathlib import Path

from engines.protocol import Engine
from engines.select import open_engine
from mer.cli import as_error
from mer.face.landmarker import Borrowed, Landmarker
from mer.jobs import processes
from mer.process import settle
from realtime.people import faces_of
from realtime.recordings.recording import Job, OpenScreen, replay_recording
from realtime.recordings.tally import Outcome
from realtime.update import Update


@functools.cache
def engine_of_this_process(choice: str) -> Engine:
    """Return the engine with which this process classifies all its recordings."""
    return open_engine(choice, threads=1)


@functools.cache
def landmarker_of_this_process(face_model: Path | None, faces: int) -> Landmarker:
    """Return what finds the faces of all recordings of this process; see `Borrowed`."""
    return Landmarker(face_model, faces=faces)


def replay_in_process(job: Job, progress: processes.Progress) -> Outcome:
    """Replay one recording in a process of a batch; the process keeps its engine for the next one."""
    return _replay(job, lambda frames, _: nullcontext(_ProgressScreen(frames.expected_frames, progress)))


def replay_as_task(job: Job) -> Outcome:
    """Replay one recording in a process of a cluster; how far it is stays there."""
    return _replay(job, lambda _frames, _pipeline: nullcontext(_NullScreen()))


def _replay(job: Job, open_screen: OpenScreen) -> Outcome:
    """Replay one recording; an engine that cannot be opened here does not end the others.

    After a failure, which may have been the landmarker's, the next recording gets a new one.
    """
    settle()
    try:
        landmarker = landmarker_of_this_process(job.face_model, faces_of(job.people))
        engine = engine_of_this_process(job.engine)
    except Exception as error:
        return Outcome(job.recording, "failed", error=as_error(error, about=str(job.recording.path)))
    outcome = replay_recording(job, engine, open_screen, Borrowed(landmarker))
    if outcome.status == "failed":
        landmarker_of_this_process.cache_clear()
        landmarker.close()
    return outcome


class _NullScreen:
    def update(self, update: Update) -> None:
        pass

    def close(self) -> None:
        pass


class _ProgressScreen:
    def __init__(self, total: int | None, progress: processes.Progress) -> None:
        self._total = total
        self._progress = progress

    def update(self, update: Update) -> None:
        self._progress.update(update.crop.index + 1, self._total)

    def close(self) -> None:
        pass
