"""A small share of `benchmarks/bench_signals.py`: a stopped command leaves nothing half done and is taken up again."""

import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from recordings import pictures, write_video
from signalled import Work, faults, replay_work, run, train_work
from toy_clips import CLASSES, toy_clips, write_toy

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
SEED = 0


@dataclass(frozen=True)
class Undisturbed:
    """A command that nobody stopped: how long it took, and what came of it."""

    work: Work
    seconds: float
    outcome: dict[str, str]


def undisturbed(work: Work, folder: Path) -> Undisturbed:
    ended, _ = run(work, folder / "whole")
    assert (ended.code, ended.orphans) == (0, ()), ended.said
    outcome = work.outcome(folder / "whole")
    assert outcome
    return Undisturbed(work, ended.seconds, outcome)


def stopped(whole: Undisturbed, folder: Path, number: signal.Signals, *, group: bool) -> list[str] | None:
    """Stop a command somewhere in its course; return what is wrong after it was given again."""
    after_s = whole.seconds * random.Random(f"{SEED} {number}").uniform(0.2, 0.8)
    return faults(whole.work, folder / "stopped", whole.outcome, number=number, after_s=after_s, group=group)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A batch over three short recordings."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "study").mkdir()
    for name in "abc":
        write_video(folder / "study" / f"{name}.mp4", pictures(12))
    return undisturbed(replay_work(folder / "study"), folder)


@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_batch_of_two_at_a_time_is_taken_up_where_a_signal_ended_it(
    batch: Undisturbed, tmp_path: Path, number: signal.Signals, group: bool
) -> None:
    assert not stopped(batch, tmp_path, number, group=group)


def test_a_training_is_taken_up_where_a_signal_ended_it(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    clips = write_toy(tmp_path / "toy.npz", **toy_clips(3, 3))
    work = train_work(clips, CLASSES, "--epochs", "1")
    assert not stopped(undisturbed(work, tmp_path), tmp_path, signal.SIGHUP, group=True)
