"""Regional motion of a real portrait warped by known amounts."""

import cv2
import numpy as np
import pytest
from skimage import data

from mer.face import geometry
from mer.face.cutting import cut
from mer.face.landmarker import detect_once
from mer.messages import FaceCrop
from realtime.spotting.motion import REGIONS, MotionMeter

PORTRAIT = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
NAMES = list(REGIONS)


@pytest.fixture(scope="module")
def mesh():
    return detect_once(PORTRAIT)


def crop_of(picture, mesh, motion=None):
    transform = geometry.crop_from_landmarks(mesh)
    landmarks = geometry.apply(transform, mesh).astype(np.float32)
    motion = geometry.identity() if motion is None else motion
    return FaceCrop(cut(picture, transform), transform, motion, landmarks, 0.0, 0, 0, "tracked", 1.0, 1)


def bumped(mesh, landmark, shift_percent, radius_iod=0.25):
    """Push the skin around a landmark by a share of the inter-ocular distance."""
    iod = geometry.inter_ocular_px(mesh)
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    bump = np.exp(-((x - mesh[landmark, 0]) ** 2 + (y - mesh[landmark, 1]) ** 2) / (2 * (radius_iod * iod) ** 2))
    shift = np.float32(shift_percent) * np.float32(iod / 100) * bump[..., None].astype(np.float32)
    return cv2.remap(PORTRAIT, x - shift[..., 0], y - shift[..., 1], cv2.INTER_CUBIC)


def measured(mesh, picture, motion=None):
    meter = MotionMeter()
    rest = crop_of(PORTRAIT, mesh)
    meter.set_reference(meter.stabilise(rest), rest.landmarks_px)
    crop = crop_of(picture, mesh, motion)
    return meter.measure(crop, meter.stabilise(crop))


def test_a_face_at_rest_does_not_move(mesh):
    motion = measured(mesh, PORTRAIT)

    assert np.abs(motion.regions).max() < 0.01
    assert motion.gain == pytest.approx(1.0)


@pytest.mark.parametrize(("landmark", "region"), [(61, "right mouth corner"), (336, "left inner brow")])
def test_a_push_of_one_percent_shows_in_its_region_with_its_direction(mesh, landmark, region):
    motion = measured(mesh, bumped(mesh, landmark, (0.0, -1.0)))

    moved = motion.regions[NAMES.index(region)]
    assert -1.1 < moved[1] < -0.4
    assert abs(moved[0]) < 0.3


def test_motion_grows_with_the_push(mesh):
    small = measured(mesh, bumped(mesh, 61, (0.0, -0.5))).regions[NAMES.index("right mouth corner"), 1]
    large = measured(mesh, bumped(mesh, 61, (0.0, -1.0))).regions[NAMES.index("right mouth corner"), 1]

    assert 1.6 < large / small < 2.2


def test_what_tracking_leaves_of_head_motion_is_left_out_of_the_regions(mesh):
    iod = geometry.inter_ocular_px(mesh)
    shifted = cv2.warpAffine(PORTRAIT, np.float32([[1, 0, 0.010 * iod], [0, 1, 0.005 * iod]]), (512, 512))

    motion = measured(mesh, shifted)

    assert np.hypot(*motion.regions.T).max() < 0.2
    assert np.median(np.hypot(*motion.regions.T)) < 0.05


def test_a_change_of_light_is_not_motion(mesh):
    darker = np.clip(PORTRAIT * 0.9, 0, 255).astype(np.uint8)

    motion = measured(mesh, darker)

    assert motion.gain == pytest.approx(0.9, abs=0.02)
    assert np.abs(motion.regions).max() < 0.1
