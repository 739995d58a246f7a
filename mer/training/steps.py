"""What a network sees in an epoch, step by step; for a GPU it is made ahead, while that computes."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mer.config import TrainSettings
from mer.training.backgrounds import mix
from mer.training.elastic import vary_flow

AHEAD: Final = 2
"""Parts that each thread may be ahead."""
MadeT = TypeVar("MadeT")
Clips = NDArray[np.uint8]
Truth = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Examples:
    """Encoded clips and their classes.

    Attributes:
        clips: (N, 13, 90, 90[, 3]) uint8 for networks, (N, F) float32 features for others.
        truth: (N,) class indices.
        backgrounds: (M, 13, 90, 90, 3) uint8 clips of ordinary motion to mix in, None for none.
    """

    clips: NDArray[Any]
    truth: Truth
    backgrounds: Clips | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A batch, or as much of one as a network sees at a time.

    Attributes:
        clips: (N, 13, 90, 90[, 3]) as the network sees them.
        truth: (N,) class indices.
        targets: (N,) class indices or (N, C) shares.
        batch: Clips in the whole batch.
        begins: Whether it is the first of its batch.
        ends: Whether it is the last of its batch.
        done: Clips of the epoch up to its end.
    """

    clips: Tensor
    truth: Tensor
    targets: Tensor
    batch: int
    begins: bool
    ends: bool
    done: int


def parts_of(
    train: Examples,
    order: NDArray[np.int64],
    settings: TrainSettings,
    seed: Sequence[int],
    *,
    at_once: int,
    device: torch.device,
) -> Iterator[Part]:
    """Return the parts of an epoch, varied and mixed as the settings say.

    Args:
        train: All clips.
        order: (N,) positions of the clips, in the order in which they are seen.
        settings: Batch size, strength of the changes.
        seed: Of the changes; the same on any device.
        at_once: Most clips of a part.
        device: Where the network is. The parts are in main memory, pinned where it is a GPU.
    """
    on_gpu = device.type == "cuda"
    jobs = []
    for start in range(0, len(order), settings.batch):
        end = min(start + settings.batch, len(order))
        for at in range(start, end, at_once):
            jobs.append(
                partial(_part, train, order[at : min(at + at_once, end)], settings, seed, (start, at, end), on_gpu)
            )
    return in_order(jobs, threads=torch.get_num_threads() if on_gpu else 0)


def _part(
    train: Examples,
    chosen: NDArray[np.int64],
    settings: TrainSettings,
    seed: Sequence[int],
    place: tuple[int, int, int],
    pinned: bool,
) -> Part:
    start, at, end = place
    truth = train.truth[chosen]
    clips, targets = train.clips[chosen], torch.from_numpy(truth)
    if settings.elastic > 0.0:
        clips = vary_flow(clips, settings.elastic, [*seed, at])
    if train.backgrounds is not None:
        mixed = mix(clips, truth, train.backgrounds, n_classes=len(settings.classes), seed=[*seed, at, 1])
        clips, targets = mixed.clips, torch.from_numpy(mixed.targets)
    seen, done = torch.from_numpy(clips), at + len(chosen)
    return Part(
        seen.pin_memory() if pinned else seen,
        torch.from_numpy(truth),
        targets,
        end - start,
        at == start,
        done == end,
        done,
    )


def in_order(jobs: Sequence[Callable[[], MadeT]], *, threads: int) -> Generator[MadeT, None, None]:
    """Yield what each job returns, in the order of the jobs.

    Args:
        jobs: Can be done in any order, side by side.
        threads: How many work ahead; 0 does every job when its turn comes.

    Raises:
        Exception: What a job raises, when its turn comes.
    """
    if not threads:
        for job in jobs:
            yield job()
        return
    left = iter(jobs)
    with ThreadPoolExecutor(threads, thread_name_prefix="ahead") as pool:
        waiting: deque[Future[MadeT]] = deque(pool.submit(job) for job in islice(left, AHEAD * threads))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(job) for job in islice(left, 1))
            yield made
