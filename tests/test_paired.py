"""Two runs compared clip by clip, beside scipy's tests."""

import numpy as np
import pytest
from scipy.stats import binomtest

from mer.errors import MerError
from mer.evaluation import paired
from mer.training.predictions import Predictions

TRUTH = np.tile([0, 1, 2], 20)


def predictions_of(predicted: np.ndarray, *, order: np.ndarray | None = None) -> Predictions:
    """Return predictions of 60 clips of ten people."""
    shares = np.full((60, 3), 0.1)
    shares[np.arange(60), predicted] = 0.8
    places = np.arange(60) if order is None else order
    names = [np.array([f"{word}{i // step}" for i in range(60)]) for word, step in (("P", 6), ("c", 1), ("f", 30))]
    subjects, clips, folds = (array[places] for array in names)
    return Predictions(
        ("a", "b", "c"), TRUTH[places], shares[places], np.full(60, "toy"), subjects, clips, folds, places, np.zeros(60)
    )


def run_of(seed: int, right: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(60) < right, TRUTH, (TRUTH + 1) % 3)


@pytest.mark.parametrize("counts", [(0, 0), (5, 5), (1, 9), (14, 3), (40, 61)])
def test_mcnemars_exact_test_is_that_of_scipy(counts: tuple[int, int]) -> None:
    expected = binomtest(counts[0], sum(counts), 0.5).pvalue if sum(counts) else 1.0
    assert paired.mcnemar(*counts) == pytest.approx(expected)


def test_the_correction_for_several_is_holms() -> None:
    assert paired.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_clips_are_matched_by_name_whatever_their_order() -> None:
    one, two = run_of(0, 0.8), run_of(1, 0.5)
    turned = predictions_of(two, order=np.arange(60)[::-1])
    [found] = paired.compare([("a", predictions_of(one)), ("b", turned)])
    assert found.only_first == int(((one == TRUTH) & (two != TRUTH)).sum())
    assert found.only_second == int(((two == TRUTH) & (one != TRUTH)).sum())
    assert found.differences["accuracy"].value == pytest.approx((one == TRUTH).mean() - (two == TRUTH).mean())


def test_a_run_does_not_differ_from_itself() -> None:
    given = predictions_of(run_of(0, 0.7))
    [found] = paired.compare([("a", given), ("b", given)])
    assert (found.p, found.differences["uf1"].low, found.differences["uf1"].high) == (1.0, 0.0, 0.0)


def test_three_runs_are_three_comparisons_with_a_line_each() -> None:
    found = paired.compare([(name, predictions_of(run_of(i, 0.7))) for i, name in enumerate("abc")])
    lines = paired.to_csv(found).splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["a", "b"], ["a", "c"], ["b", "c"]]


def test_runs_over_other_clips_are_refused() -> None:
    other = predictions_of(run_of(0, 0.7))
    other.clips[0] = "another"
    with pytest.raises(MerError, match="do not report the same clips"):
        paired.compare([("a", predictions_of(run_of(0, 0.7))), ("b", other)])
