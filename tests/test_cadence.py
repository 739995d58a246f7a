import numpy as np
import pytest

from mer.messages import Frame
from realtime.capture.cadence import Cadence, Rhythm


def watched(times_s: list[float], *, repeated: tuple[int, ...] = ()) -> Rhythm:
    cadence = Cadence()
    shade = 0
    for index, time_s in enumerate(times_s):
        shade += index not in repeated
        cadence.add(Frame(np.full((48, 64, 3), shade % 256, np.uint8), time_s, index))
    return cadence.rhythm


def test_even_frames_have_no_jitter() -> None:
    rhythm = watched([n / 200 for n in range(400)])
    assert rhythm.rate_hz == pytest.approx(200.0)
    assert rhythm.jitter_ms == pytest.approx(0.0, abs=1e-6)
    assert (rhythm.gaps, rhythm.missing, rhythm.repeated) == (0, 0, 0)


def test_jitter_is_what_most_steps_stay_within() -> None:
    late_s = np.where(np.arange(401) % 10 == 0, 0.002, 0.0)  # every tenth frame comes 2 ms late: a fifth of the steps
    assert watched(list(np.arange(401) / 200 + late_s)).jitter_ms == pytest.approx(2.0)


def test_holes_and_the_frames_missing_in_them_are_counted() -> None:
    times_s = [n / 100 for n in range(300) if n not in (100, 200, 201, 202)]
    rhythm = watched(times_s)
    assert (rhythm.gaps, rhythm.missing) == (2, 4)
    assert str(rhythm) == "100.0 fps, jitter 0.0 ms, 2 gaps (4 frames)"


def test_frames_that_the_source_lost_are_counted_as_it_says() -> None:
    cadence = Cadence()
    picture = np.zeros((4, 4), np.uint8)
    for index in range(100):  # frames that are stamped on arrival show no gap
        cadence.add(Frame(picture, index / 100, index, lost_before=3 if index == 50 else 0))
    assert (cadence.rhythm.gaps, cadence.rhythm.missing) == (1, 3)


def test_frames_that_came_late_but_all_came_are_no_gaps() -> None:
    times_s = np.arange(300) / 100
    times_s[100] += 0.009  # and the next one 1 ms later
    times_s[200:203] += (0.028, 0.019, 0.01)
    times_s[250:] += 0.01  # one is missing here
    rhythm = watched(times_s.tolist())
    assert (rhythm.gaps, rhythm.missing) == (1, 1)


def test_pictures_that_come_twice_are_counted() -> None:
    assert watched([n / 30 for n in range(60)], repeated=(10, 30, 31)).repeated == 3


def test_pictures_that_differ_in_a_few_pixels_are_two() -> None:
    cadence = Cadence()
    for index in range(10):
        image = np.zeros((48, 64, 3), np.uint8)
        image[5, 5 + index] = 9
        cadence.add(Frame(image, index / 30, index))
    assert cadence.rhythm.repeated == 0


def test_before_there_are_two_frames_nothing_is_known() -> None:
    assert watched([1.0]) == watched([]) == Rhythm()
