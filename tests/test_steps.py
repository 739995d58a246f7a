"""What a network sees in an epoch, made when its turn comes or ahead by other threads."""

import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from mer.config import TrainSettings
from mer.training import steps
from mer.training.steps import AHEAD, Examples, in_order, parts_of

CLIPS, BATCH, AT_ONCE = 11, 4, 3


def examples() -> Examples:
    rng = np.random.default_rng(5)
    flow = rng.integers(90, 166, (CLIPS + 3, 13, 90, 90, 3), dtype=np.uint8)
    return Examples(flow[:CLIPS], np.arange(CLIPS) % 5, flow[CLIPS:])


def epoch(train: Examples) -> list[steps.Part]:
    settings = TrainSettings("convlstm", input="flow", batch=BATCH, elastic=1.0)
    order = np.random.default_rng(6).permutation(CLIPS)
    return list(parts_of(train, order, settings, [3, 0, 1], at_once=AT_ONCE, device=torch.device("cpu")))


def test_an_epoch_is_cut_into_batches_and_these_into_parts() -> None:
    parts = epoch(examples())

    assert [len(part.clips) for part in parts] == [3, 1, 3, 1, 3]
    assert [part.batch for part in parts] == [4, 4, 4, 4, 3]
    assert [part.begins for part in parts] == [True, False, True, False, True]
    assert [part.ends for part in parts] == [False, True, False, True, True]
    assert [part.done for part in parts] == [3, 4, 7, 8, 11]
    assert sorted(torch.cat([part.truth for part in parts]).tolist()) == sorted(examples().truth.tolist())


def test_threads_ahead_make_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    train = examples()
    expected = epoch(train)
    monkeypatch.setattr(steps, "in_order", lambda jobs, threads: in_order(jobs, threads=threads + 3))

    for part, same in zip(epoch(train), expected, strict=True):
        assert torch.equal(part.clips, same.clips)
        assert torch.equal(part.targets, same.targets)


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_jobs_come_in_their_order(threads: int) -> None:
    never = threading.Event()

    def job(number: int) -> int:
        if number == 0:
            never.wait(0.05)
        return number

    assert list(in_order([partial(job, number) for number in range(20)], threads=threads)) == list(range(20))


def test_no_more_is_made_ahead_than_was_asked_for() -> None:
    begun: list[int] = []
    jobs: list[Callable[[], None]] = [partial(begun.append, number) for number in range(50)]
    made = in_order(jobs, threads=2)
    next(made)
    made.close()

    assert len(begun) <= AHEAD * 2 + 1


def test_what_a_job_raises_comes_when_its_turn_does() -> None:
    def fail() -> int:
        raise ValueError("broken")

    made = in_order([lambda: 1, fail, lambda: 3], threads=2)
    assert next(made) == 1
    with pytest.raises(ValueError, match="broken"):
        next(made)
