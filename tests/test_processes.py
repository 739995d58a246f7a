"""Jobs in processes of this machine: their places, deaths, signals."""

import os
import signal
from collections.abc import Sequence

import psutil
import pytest

from mer.jobs import processes


def nothing(_: Sequence[tuple[int, int]]) -> None:
    pass


def double(job: int, progress: processes.Progress) -> int:
    progress.update(job, 10)
    return 2 * job


def die_at_two(job: int, progress: processes.Progress) -> int:
    if job == 2:
        os._exit(9)
    return double(job, progress)


def interrupt_the_parent(job: int, progress: processes.Progress) -> int:
    if job == 0:
        os.kill(os.getppid(), signal.SIGINT)
    while True:  # until the parent says stop
        try:
            progress.update(job, None)
        except KeyboardInterrupt:
            return -1


def test_jobs_in_processes_come_back_with_their_place() -> None:
    seen: list[Sequence[tuple[int, int]]] = []
    outcomes = dict(processes.in_processes([3, 4, 5], double, processes=2, watch=seen.append))
    assert outcomes == {0: 6, 1: 8, 2: 10}
    assert seen[-1] == [(3, 10), (4, 10), (5, 10)]


def test_only_the_job_that_kills_its_process_is_lost() -> None:
    assert dict(processes.in_processes([1, 2, 3], die_at_two, processes=2, watch=nothing)) == {0: 2, 1: None, 2: 6}


def test_after_ctrl_c_running_jobs_end_and_no_other_begins() -> None:
    ending = processes.in_processes([0, 1, 2, 3], interrupt_the_parent, processes=1, watch=nothing)
    assert next(ending) == (0, -1)
    with pytest.raises(KeyboardInterrupt):
        next(ending)


def end_the_process_when_told(job: int, progress: processes.Progress) -> int:
    interrupt_the_parent(job, progress)
    os._exit(1)


def test_after_ctrl_c_processes_may_end_with_their_jobs() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(processes.in_processes([0, 1, 2, 3], end_the_process_when_told, processes=2, watch=nothing))


def end_at_zero_or_when_told(job: int, progress: processes.Progress) -> int:
    while job:
        try:
            progress.update(job, None)
        except KeyboardInterrupt:
            break
    return job


def test_running_jobs_are_told_to_stop_when_nobody_wants_their_outcomes() -> None:
    """As after Ctrl-C while an outcome is being told."""
    before = set(psutil.Process().children())
    ending = processes.in_processes([0, 1, 2, 3], end_at_zero_or_when_told, processes=1, watch=nothing)
    assert next(ending) == (0, 0)
    ending.close()  # type: ignore[attr-defined]
    left = psutil.Process().children()
    assert [process for process in left if process not in before and "tracker" not in str(process.cmdline())] == []


def test_after_a_process_died_the_others_go_on_in_one() -> None:
    outcomes = processes.in_processes([1, 2, 3, 4], die_at_two_and_say_who, processes=1, watch=nothing)
    ended = dict(outcomes)
    assert ended[1] is None
    assert ended[2] == ended[3]  # both in the process that came after it


def die_at_two_and_say_who(job: int, progress: processes.Progress) -> int:
    die_at_two(job, progress)
    return os.getpid()
