import numpy as np
import pytest
from fakes import FakeEngine
from numpy.typing import NDArray

from engines.fallback import FallbackEngine
from mer.errors import MerError

CLIPS = np.zeros((1, 13, 90, 90), np.uint8)


class Broken(FakeEngine):
    name = "broken"

    def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise RuntimeError("device lost")


class Other(FakeEngine):
    name = "other"
    classes = ("yes", "no")


def test_goes_on_with_the_reserve_and_says_so_once() -> None:
    said: list[str] = []
    broken, reserve = Broken(), FakeEngine()
    with FallbackEngine(broken, reserve=lambda: reserve, on_failure=said.append) as engine:
        first = engine.classify(CLIPS)
        second = engine.classify(CLIPS)
        assert engine.name == "fake"
    assert first.argmax() == second.argmax() == 0
    assert said == ["engine broken failed (device lost); going on with fake"]
    assert broken.closed
    assert reserve.closed


def test_opens_no_reserve_while_all_is_well() -> None:
    def never() -> FakeEngine:
        raise AssertionError("the reserve was opened")

    with FallbackEngine(FakeEngine(), reserve=never, on_failure=print) as engine:
        assert engine.classify(CLIPS).shape[0] == 1


@pytest.mark.parametrize(("reserve", "says"), [(Broken, "broken failed"), (Other, "other classes")])
def test_a_reserve_that_is_of_no_use_ends_in_a_message(reserve: type[FakeEngine], says: str) -> None:
    with (
        FallbackEngine(Broken(), reserve=reserve, on_failure=lambda text: None) as engine,
        pytest.raises(MerError, match=says),
    ):
        engine.classify(CLIPS)
