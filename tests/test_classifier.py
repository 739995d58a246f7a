"""Classification beside the main loop: order, batches, the bound, errors."""

import threading

import numpy as np
import pytest
from fakes import FakeEngine, GatedEngine, crop, interval
from numpy.typing import NDArray

from engines.fallback import FallbackEngine
from engines.protocol import Engine
from mer.errors import MerError
from mer.messages import Interval
from realtime.classifier import MAX_WAITING, Candidate, Classifier, Outcome, pooled
from realtime.messages import Event
from realtime.timing import Timing


def candidate(first: int, *, frames: int = 41) -> Candidate:
    found = interval(first, first + 40)
    crops = [crop(first + i, (first + i) / 200.0) for i in range(frames)]
    return Candidate(found, crops, found.offset.time_s + 0.2, found.offset.index + 40, 0.0)


def classifier(engine: Engine) -> Classifier:
    return Classifier(engine, mode="gray", timing=Timing())


def firsts(outcomes: list[Outcome]) -> list[int]:
    return [_interval(outcome).onset.index for outcome in outcomes]


def _interval(outcome: Outcome) -> Interval:
    return outcome.result if isinstance(outcome.result, Interval) else outcome.result.interval


def settled(ours: Classifier) -> list[Outcome]:
    ours.settle()
    return ours.finished()


def results(outcomes: list[Outcome]) -> list[int | str]:
    """Return the numbers of events and the reasons of what was turned down."""
    return [o.result.reason if isinstance(o.result, Interval) else o.result.number for o in outcomes]


@pytest.fixture
def gated() -> GatedEngine:
    return GatedEngine()


def test_those_that_wait_are_one_batch_and_come_out_in_order_and_numbered(gated: GatedEngine) -> None:
    ours = classifier(gated)
    ours.add(candidate(100))
    assert gated.asked.wait(60.0)
    for first in (200, 300, 400):
        ours.add(candidate(first))
    assert ours.finished() == []
    gated.gate.set()
    outcomes = settled(ours)
    ours.close()
    assert gated.batches == [1, 3]
    assert firsts(outcomes) == [100, 200, 300, 400]
    assert results(outcomes) == [1, 2, 3, 4]


def test_each_outcome_is_handed_out_once(gated: GatedEngine) -> None:
    ours = classifier(gated)
    gated.gate.set()
    ours.add(candidate(100))
    assert len(settled(ours)) == 1
    assert settled(ours) == ours.finished() == []
    ours.close()


def test_the_latency_counts_from_the_arrival_of_the_deciding_frame_to_the_collection(gated: GatedEngine) -> None:
    ours = classifier(gated)
    gated.gate.set()
    ours.add(candidate(100))
    (outcome,) = settled(ours)
    event = outcome.result
    ours.close()
    assert isinstance(event, Event)
    assert event.latency.confirm_ms == pytest.approx(200.0)
    assert event.latency.compute_ms > event.latency.engine_ms > 0.0


def test_the_parts_of_the_latency_are_told_and_counted(gated: GatedEngine) -> None:
    timing = Timing()
    ours = Classifier(gated, mode="gray", timing=timing)
    gated.gate.set()
    ours.add(candidate(100))
    (outcome,) = settled(ours)
    ours.close()
    assert isinstance(outcome.result, Event)
    latency = outcome.result.latency

    assert min(latency.queue_ms, latency.sample_ms, latency.engine_ms) > 0.0
    assert latency.queue_ms + latency.sample_ms + latency.engine_ms <= latency.compute_ms
    assert list(timing.summary()) == ["sample", "classify", "evidence", "queue", "event"]
    assert timing.summary()["event"]["max_ms"] == pytest.approx(latency.confirm_ms + latency.compute_ms, abs=0.01)


LATE = {20: 0.0045}


@pytest.mark.parametrize(
    ("left_out", "late_s", "counted", "gap"),
    [
        ((), {}, True, False),
        ((), LATE, True, False),  # the next one comes right after it: none is missing
        ((20,), {}, True, True),  # by its index
        ((20,), {}, False, True),  # by its time: the source does not know of it
        ((20,), {24: 0.0045}, False, True),
    ],
)
def test_a_gap_is_a_frame_that_is_missing_not_one_that_came_late(
    gated: GatedEngine, left_out: tuple[int, ...], late_s: dict[int, float], counted: bool, gap: bool
) -> None:
    kept = [i for i in range(41) if i not in left_out]
    crops = [crop(100 + (i if counted else n), (100 + i) / 200.0 + late_s.get(i, 0.0)) for n, i in enumerate(kept)]
    ours = classifier(gated)
    gated.gate.set()
    ours.add(Candidate(interval(100, 140), crops, 1.0, 200, 0.0))
    (outcome,) = settled(ours)
    ours.close()
    assert isinstance(outcome.result, Event)
    assert outcome.result.quality.gap is gap


def test_one_that_cannot_be_sampled_is_rejected_in_its_place_and_not_numbered(gated: GatedEngine) -> None:
    ours = classifier(gated)
    gated.gate.set()
    for found in (candidate(100), candidate(200, frames=5), candidate(300)):
        ours.add(found)
    outcomes = settled(ours)
    ours.close()
    assert firsts(outcomes) == [100, 200, 300]
    assert results(outcomes) == [1, "gap", 2]


def test_more_than_the_bound_are_waited_for(gated: GatedEngine) -> None:
    ours = classifier(gated)
    for i in range(MAX_WAITING):
        ours.add(candidate(100 * i))
    one_more = threading.Thread(target=ours.add, args=(candidate(5000),))
    one_more.start()
    one_more.join(0.05)
    assert one_more.is_alive()
    gated.gate.set()
    one_more.join(60.0)
    assert len(settled(ours)) == MAX_WAITING + 1
    ours.close()


def test_an_error_of_the_engine_is_raised_after_what_came_before_it() -> None:
    class Breaks(GatedEngine):
        def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
            if self.batches:
                raise MerError("engine fake failed")
            return super().classify(clips)

    engine = Breaks()
    ours = classifier(engine)
    ours.add(candidate(100))
    assert engine.asked.wait(60.0)
    ours.add(candidate(200))
    engine.gate.set()
    assert firsts(settled(ours)) == [100]
    with pytest.raises(MerError, match="fake failed"):
        ours.finished()
    ours.close()


def test_an_engine_that_fails_in_the_thread_is_replaced_and_the_event_still_comes() -> None:
    class Breaks(FakeEngine):
        name = "breaks"

        def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
            raise RuntimeError("device lost")

    said: list[str] = []
    with FallbackEngine(Breaks(), reserve=FakeEngine, on_failure=said.append) as engine:
        ours = classifier(engine)
        ours.add(candidate(100))
        (outcome,) = settled(ours)
        ours.close()
    assert isinstance(outcome.result, Event)
    assert (outcome.result.number, outcome.result.engine) == (1, "fake")
    assert said == ["engine breaks failed (device lost); going on with fake"]


def test_the_spotter_counts_as_far_as_the_manifest_says() -> None:
    engine, spotter = np.array([0.6, 0.3, 0.1], np.float32), {"c": 0.1, "b": 0.8, "a": 0.1}

    half = pooled(engine, ("a", "b", "c"), spotter, weight=0.5)

    assert half == pytest.approx(np.array([0.6 * 0.1**0.5, 0.3 * 0.8**0.5, 0.1 * 0.1**0.5]) / 0.489690, rel=1e-3)
    assert pooled(engine, ("a", "b", "c"), spotter, weight=0.0) is engine


@pytest.mark.parametrize("spotted", [None, {"a": 0.5, "b": 0.5}])
def test_a_spotter_that_knows_other_classes_does_not_count(spotted: dict[str, float] | None) -> None:
    engine = np.array([0.6, 0.3, 0.1], np.float32)

    assert pooled(engine, ("a", "b", "c"), spotted, weight=0.5) is engine
