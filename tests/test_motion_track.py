"""The steady clock of the motion samples, and frames that are no measurement; a stand-in for the measuring."""

from typing import Any

import numpy as np
import pytest

from mer.face import geometry
from mer.face.geometry import CROP_SIZE
from mer.messages import FaceCrop
from realtime.spotting import motion_track
from realtime.spotting.face_shape import EYES, REGIONS
from realtime.spotting.motion import Motion
from realtime.spotting.motion_track import RATE_HZ, SMOOTHING_S, MotionTrack


@pytest.fixture(autouse=True)
def ramp(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let every region move to the right by one percent a second."""

    class Meter:
        def __init__(self, _first: Any) -> None:
            pass

        def measure(self, crop: Any) -> Any:
            regions = np.tile((crop.time_s, 0.0), (len(REGIONS), 1))
            return Motion(regions, np.zeros((len(EYES), 2)), np.zeros(6), 1.0, 1.0, 0.1)

    monkeypatch.setattr(motion_track, "MotionMeter", Meter)


def crop(index: Any, time_s: Any, *, shade: Any = None) -> Any:
    image = np.full((CROP_SIZE, CROP_SIZE), 100 * (index % 2) if shade is None else shade, np.uint8)
    still = geometry.identity()
    return FaceCrop(image, still, still, np.zeros((478, 2), np.float32), time_s, index, 0, "tracked", 1.0, 1)


def samples(crops: Any) -> Any:
    track = MotionTrack(crops[0])
    return [sample for crop in crops for sample in track.add(crop)]


@pytest.mark.parametrize("rate_hz", [24, 30, 60, 200, 500])
def test_samples_come_on_one_clock_at_any_rate(rate_hz: Any) -> None:
    made = samples([crop(i, 0.013 + i / rate_hz) for i in range(rate_hz)])

    steps = np.array([sample.time_s for sample in made]) * RATE_HZ
    assert np.abs(steps - np.rint(steps)).max() < 1e-6
    assert (np.diff(np.rint(steps)) == 1).all()
    assert [sample.regions[0, 0] for sample in made] == pytest.approx([sample.time_s for sample in made])
    assert 1.0 - made[-1].time_s < SMOOTHING_S / 2 + 1 / RATE_HZ + 1 / rate_hz


def test_a_repeated_frame_is_no_measurement() -> None:
    shades = [0, 100, 100, 0, 100, 0, 0, 100]
    times = np.arange(len(shades)) / 30
    crops = [crop(i, t, shade=s) for i, (t, s) in enumerate(zip(times, shades))]

    made = samples(crops)

    assert max(sample.spacing_s for sample in made) == pytest.approx(2 / 30)


def test_a_face_that_stays_the_same_is_at_rest() -> None:
    made = samples([crop(i, i / 30, shade=100 if i > 3 else None) for i in range(60)])

    assert max(sample.spacing_s for sample in made) <= motion_track.MAX_REPEAT_S + 1 / 30 + 1e-9
