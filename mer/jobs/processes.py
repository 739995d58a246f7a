"""Many jobs in a few processes: progress, interruption, and processes that die.

Knows nothing of what is done. The processes are started afresh (spawn), because libraries with threads
do not survive a fork. What they share with the parent is a plain array without locks, so that one
that is killed can block nobody.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_any
from typing import Any, Final, Protocol, TypeVar

JobT = TypeVar("JobT")
OutcomeT = TypeVar("OutcomeT")

LOOK_EVERY_S: Final = 0.2
_STOP: Final = 0
"""The first number of the shared array is 1 once everybody shall stop; then come those of each job."""
_NUMBERS: Final = 3
"""Of each job: 1 once it has begun, the frames done and those expected."""


class Progress(Protocol):
    """How a job tells how far it is, and learns that it shall stop."""

    def update(self, done: int, total: int | None) -> None:
        """Take the frames done and those expected.

        Raises:
            KeyboardInterrupt: If the job shall end now.
        """


class _SharedProgress:
    def __init__(self, board: Any, place: int) -> None:
        self._board = board
        self._place = place

    def update(self, done: int, total: int | None) -> None:
        self._board[self._place + 1], self._board[self._place + 2] = done, total or 0
        if self._board[_STOP]:
            raise KeyboardInterrupt


_board: Any = None  # the array, in a worker process


def _start_worker(board: Any) -> None:
    global _board
    _board = board
    # Ctrl-C reaches every process of the terminal; only the parent decides what it means. Until here it was held back.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for_any([sentinel])
    os._exit(1)  # nobody is left to take the result


def _do(work: Callable[[JobT, Progress], OutcomeT], job: JobT, number: int) -> OutcomeT | None:
    if _board[_STOP]:
        return None
    _board[_place(number)] = 1
    return work(job, _SharedProgress(_board, _place(number)))


def _place(number: int) -> int:
    return 1 + _NUMBERS * number


def in_processes(
    jobs: Sequence[JobT],
    work: Callable[[JobT, Progress], OutcomeT],
    *,
    processes: int,
    watch: Callable[[Sequence[tuple[int, int]]], None],
) -> Iterator[tuple[int, OutcomeT | None]]:
    """Do jobs side by side.

    If a process dies, the jobs that were under way are done one by one, each in a process of its own, so that only
    the one that kills its process is lost; then the others go on.

    Args:
        jobs: Can be pickled.
        work: A function of a module; what it raises ends everything, so it should catch what it can.
        processes: How many at a time.
        watch: Called often with the frames done and expected (0: unknown) of every job.

    Yields:
        Position of a job and its outcome, None if its process died; in the order in which they end.

    Raises:
        KeyboardInterrupt: After Ctrl-C, once the running jobs have ended and were handed out. If it, or an error, comes
            where the outcomes are used, the running jobs are told to stop as well, and their outcomes are lost.
    """
    board = multiprocessing.get_context("spawn").RawArray(ctypes.c_longlong, _place(len(jobs)))
    left = dict(enumerate(jobs))
    while left:
        for number, outcome in _in_one_pool(dict(left), work, processes, board, watch):
            del left[number]
            yield number, outcome
        # Where a process dies before it begins anything, one after the other is tried and given up.
        under_way = [number for number in left if board[_place(number)]] or list(left)[:1]
        for number in under_way:
            alone = dict(_in_one_pool({number: left.pop(number)}, work, 1, board, watch))
            yield number, alone.get(number)


def _in_one_pool(
    jobs: dict[int, JobT],
    work: Callable[[JobT, Progress], OutcomeT],
    processes: int,
    board: Any,
    watch: Callable[[Sequence[tuple[int, int]]], None],
) -> Iterator[tuple[int, OutcomeT]]:
    """Yield the outcomes of the jobs that end; the others were running when a process died."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(processes, len(jobs)), mp_context=context, initializer=_start_worker, initargs=(board,)
    )
    interrupted = False
    with _stopped_if_left(pool, board):
        with _ctrl_c_held_back():
            waiting: dict[Future[OutcomeT | None], int] = {
                pool.submit(_do, work, job, number): number for number, job in jobs.items()
            }
        while waiting:
            try:
                ended, _ = wait(waiting, LOOK_EVERY_S, FIRST_COMPLETED)
                watch([(board[i + 1], board[i + 2]) for i in range(1, len(board), _NUMBERS)])
            except KeyboardInterrupt:
                if interrupted:
                    _kill(pool)
                    raise
                # No future is cancelled: `_do` passes over the jobs left, and Python's own thread fails where a process
                # ends while there are cancelled ones.
                interrupted, ended = True, set()
                board[_STOP] = 1
            for future in ended:
                number = waiting.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    continue
                if outcome is not None:
                    yield number, outcome
    if interrupted:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _stopped_if_left(pool: ProcessPoolExecutor, board: Any) -> Iterator[None]:
    """Wait for the running jobs in the end; tell them to stop, and begin no other, if an exception ends this."""
    try:
        yield
    except BaseException:
        board[_STOP] = 1
        raise
    finally:
        pool.shutdown()


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let Ctrl-C wait; processes that are started meanwhile begin with it held back, and are not ended as they load."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list(pool._processes.values()):  # there is no public way before Python 3.14
        process.kill()
