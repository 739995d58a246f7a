"""What the other processes of a batch or a cluster do: replay one recording after another with one engine.

Not in `realtime.commands.replay`, which is called __main__ where it is the program, and then no other process finds it.
"""

import functools
from contextlib import nullcontext
from typing import Final

from engines.protocol import Engine
from engines.select import open_engine
from mer.errors import MerError
from mer.jobs import processes
from realtime.messages import Update
from realtime.recordings.recording import Job, OpenScreen, replay_recording
from realtime.recordings.tally import Outcome

UNEXPECTED: Final = "something went wrong that no recording should cause"


@functools.cache
def _engine_of_this_process(choice: str) -> Engine:
    return open_engine(choice, threads=1)


def replay_in_process(job: Job, progress: processes.Progress) -> Outcome:
    """Replay one recording in a process of a batch; the process keeps its engine for the next one."""
    return _replay(job, lambda frames, _: nullcontext(_Told(frames.expected_frames, progress)))


def replay_as_task(job: Job) -> Outcome:
    """Replay one recording in a process of a cluster; how far it is stays there."""
    return _replay(job, lambda _frames, _pipeline: nullcontext(_Untold()))


def _replay(job: Job, open_screen: OpenScreen) -> Outcome:
    """Replay one recording; a defect that it brings to light does not end the others."""
    engine = _engine_of_this_process(job.engine)
    try:
        return replay_recording(job, engine, open_screen)
    except Exception as error:
        path = job.recording.path
        problem = MerError(f"{path}: {UNEXPECTED} ({error!r}); replay it alone to see where, and report that")
        return Outcome(job.recording, "failed", error=problem)


class _Untold:
    def update(self, update: Update) -> None:
        pass


class _Told:
    def __init__(self, total: int | None, progress: processes.Progress) -> None:
        self._total = total
        self._progress = progress

    def update(self, update: Update) -> None:
        self._progress.update(update.index + 1, self._total)
