"""What the other processes of a batch or a cluster do: replay one recording after another with one engine.

Not in `realtime.replay`, which is called __main__ where it is the program, and then no other process finds it.
"""

import functools
from contextlib import nullcontext

from engines.protocol import Engine
from engines.select import open_engine
from mer import batch
from realtime.messages import Update
from realtime.recordings.recording import Job, replay_recording
from realtime.recordings.tally import Outcome


@functools.cache
def _engine_of_this_process(choice: str) -> Engine:
    return open_engine(choice, threads=1)


def replay_in_process(job: Job, progress: batch.Progress) -> Outcome:
    """Replay one recording in a process of a batch; the process keeps its engine for the next one."""
    return replay_recording(
        job,
        _engine_of_this_process(job.engine),
        lambda frames, _: nullcontext(_Told(frames.claimed_frames, progress)),
    )


def replay_as_task(job: Job) -> Outcome:
    """Replay one recording in a process of a cluster; how far it is stays there."""
    return replay_recording(job, _engine_of_this_process(job.engine), lambda _frames, _pipeline: nullcontext(_Untold()))


class _Untold:
    def update(self, update: Update) -> None:
        pass


class _Told:
    def __init__(self, total: int | None, progress: batch.Progress) -> None:
        self._total = total
        self._progress = progress

    def update(self, update: Update) -> None:
        self._progress.update(update.index + 1, self._total)
