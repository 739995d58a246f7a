"""A small share of `benchmarks/bench_signals.py`: a stopped command leaves nothing half done and is taken up again."""

import random
import signal
import sys
from pathlib import Path

import pytest
from recordings import pictures, write_video
from signalled import Work, faults, replay_work, run, train_work
from toy_clips import CLASSES, toy_clips, write_toy

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
SEED = 0


def stopped(work: Work, folder: Path, number: signal.Signals, *, group: bool) -> list[str] | None:
    """Stop a command somewhere in its course; return what is wrong after it was given again."""
    whole, _ = run(work, folder / "whole")
    assert (whole.code, whole.orphans) == (0, ()), whole.said
    after_s = whole.seconds * random.Random(f"{SEED} {number}").uniform(0.2, 0.8)
    expected = work.outcome(folder / "whole")
    assert expected
    return faults(work, folder / "stopped", expected, number=number, after_s=after_s, group=group)


@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_batch_of_two_at_a_time_is_taken_up_where_a_signal_ended_it(
    tmp_path: Path, number: signal.Signals, group: bool
) -> None:
    (tmp_path / "study").mkdir()
    for name in "abc":
        write_video(tmp_path / "study" / f"{name}.mp4", pictures(12))
    assert not stopped(replay_work(tmp_path / "study"), tmp_path, number, group=group)


def test_a_training_is_taken_up_where_a_signal_ended_it(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    clips = write_toy(tmp_path / "toy.npz", **toy_clips(3, 3))
    work = train_work(clips, CLASSES, "--epochs", "1")
    assert not stopped(work, tmp_path, signal.SIGHUP, group=True)
