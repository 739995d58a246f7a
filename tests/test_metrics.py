"""Figures of merit, checked by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from mer import metrics
from mer.errors import MerError
from mer.training import calibrate

COUNTS = np.array([[8, 2, 0], [1, 3, 0], [0, 1, 5]])


def test_confusion_has_true_classes_in_rows() -> None:
    counts = metrics.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_figures_by_hand() -> None:
    assert float(metrics.accuracy(COUNTS)) == pytest.approx(16 / 20)
    assert metrics.recalls(COUNTS).tolist() == pytest.approx([0.8, 0.75, 5 / 6])
    assert metrics.f1_scores(COUNTS).tolist() == pytest.approx([16 / 19, 6 / 10, 10 / 11])
    assert float(metrics.uf1(COUNTS)) == pytest.approx(np.mean([16 / 19, 6 / 10, 10 / 11]))


def test_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    counts = metrics.confusion(truth, predicted, 4)
    assert float(metrics.uf1(counts)) == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert float(metrics.uar(counts)) == pytest.approx(balanced_accuracy_score(truth, predicted))


def test_counts_are_summed_before_they_are_divided() -> None:
    """The mean of fold figures is another number: MEGC2019 sums first."""
    folds = np.array([[[1, 0], [0, 0]], [[1, 2], [0, 4]]])
    pooled = float(metrics.uar(folds.sum(0)))
    assert pooled == pytest.approx((0.5 + 1.0) / 2)
    assert float(metrics.uar(folds).mean()) == pytest.approx((1.0 + 2 / 3) / 2)


def test_a_class_without_clips_does_not_count() -> None:
    counts = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert np.isnan(metrics.recalls(counts)[2])
    assert float(metrics.uar(counts)) == pytest.approx((0.75 + 1.0) / 2)


def test_a_class_answered_but_absent_lowers_uf1() -> None:
    counts = np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]])
    assert float(metrics.uf1(counts)) == pytest.approx((6 / 7 + 1.0 + 0.0) / 3)


def people(n: int, clips: int, right: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n * clips)
    predicted = np.where(rng.random(n * clips) < right, truth, (truth + 1) % 3)
    return truth, predicted, np.repeat([f"S{i}" for i in range(n)], clips)


def test_intervals_hold_the_value() -> None:
    for figure in metrics.figures(*people(30, 8, 0.7), n_classes=3).values():
        assert figure.low < figure.value < figure.high


def test_intervals_are_those_of_independent_subjects() -> None:
    """With one clip a person the bootstrap must agree with the binomial distribution."""
    truth, predicted, subjects = people(400, 1, 0.7)
    figure = metrics.figures(truth, predicted, subjects, n_classes=3)["accuracy"]
    wanted = 2 * 1.96 * np.sqrt(figure.value * (1 - figure.value) / 400)
    assert figure.high - figure.low == pytest.approx(wanted, rel=0.1)


def test_clips_of_one_person_are_not_independent() -> None:
    """If people are wholly right or wholly wrong, more clips of them do not narrow the interval."""
    rng = np.random.default_rng(0)
    right = rng.random(40) < 0.6
    truth = np.zeros(40 * 25, np.int64)
    predicted = np.repeat(np.where(right, 0, 1), 25)
    figure = metrics.figures(truth, predicted, np.repeat(np.arange(40).astype(str), 25), n_classes=2)["accuracy"]
    assert figure.high - figure.low > 0.25


def test_intervals_repeat() -> None:
    assert metrics.figures(*people(9, 3, 0.6), n_classes=3) == metrics.figures(*people(9, 3, 0.6), n_classes=3)


def test_no_clip_has_no_figure() -> None:
    empty = np.array([], np.int64)
    with pytest.raises(MerError, match="no clip"):
        metrics.figures(empty, empty, [], n_classes=3)


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("Happiness", "positive"),
        ("surprise", "surprise"),
        ("repression", "negative"),
        ("Anger", "negative"),
        ("contempt", "negative"),
        ("others", None),
    ],
)
def test_megc_2019_classes(label: str, wanted: str | None) -> None:
    assert metrics.composite_label(label) == wanted


def test_ece_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.35, 0.65]])
    truth = np.array([0, 1, 1, 1])
    assert metrics.ece(probabilities, truth, bins=10) == pytest.approx((2 * 0.4 + 1 * 0.4 + 1 * 0.35) / 4)


def test_reliability_bins_hold_every_answer_once() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), 300)
    bins = metrics.reliability(probabilities, rng.integers(0, 5, 300))
    assert sum(b.count for b in bins) == 300
    assert all(b.low < b.confidence <= b.high for b in bins)


def overconfident(n: int = 4000, factor: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits that are `factor` times too large, and the classes drawn from the true probabilities."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (n, 5))
    shares = calibrate.softmax(logits)
    return factor * logits, (shares.cumsum(1) < rng.random((n, 1))).sum(1)


def test_the_temperature_that_was_applied_is_found() -> None:
    logits, truth = overconfident()
    assert calibrate.fit_temperature(logits, truth) == pytest.approx(3.0, rel=0.06)


def test_the_temperature_lowers_ece_and_keeps_the_answers() -> None:
    logits, truth = overconfident()
    cooled = calibrate.softmax(logits, temperature=calibrate.fit_temperature(logits, truth))
    assert metrics.ece(cooled, truth) < 0.03 < metrics.ece(calibrate.softmax(logits), truth)
    assert np.array_equal(cooled.argmax(1), logits.argmax(1))


@pytest.mark.parametrize("times", [1, 10])
def test_flawless_answers_leave_as_much_doubt_as_their_number_supports(times: int) -> None:
    logits, truth = np.tile(np.eye(3) * 5.0, (times, 1)), np.tile(np.arange(3), times)
    shares = calibrate.softmax(logits, temperature=calibrate.fit_temperature(logits, truth))
    assert shares.max(axis=1) == pytest.approx((3 * times + 1) / (3 * times + 2), rel=0.001)


def test_cross_entropy_of_guessing() -> None:
    assert calibrate.cross_entropy(np.zeros((4, 5)), np.arange(4)) == pytest.approx(np.log(5))


def test_the_threshold_passes_95_percent_of_right_answers() -> None:
    logits, truth = overconfident()
    probabilities = calibrate.softmax(logits, temperature=3.0)
    threshold = calibrate.none_threshold(probabilities, truth)
    right = probabilities.argmax(1) == truth
    passed = probabilities.max(1) >= threshold
    assert passed[right].mean() == pytest.approx(0.95, abs=0.002)
    assert passed[~right].mean() < passed[right].mean()


def test_without_right_answers_there_is_no_threshold() -> None:
    assert calibrate.none_threshold(np.array([[0.9, 0.1]]), np.array([1])) == 0.0
