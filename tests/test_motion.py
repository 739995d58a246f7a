"""Regional motion of a real portrait warped by known amounts."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mer.face import geometry
from mer.face.cutting import cut
from mer.face.landmarker import detect_once
from mer.messages import FaceCrop
from realtime.spotting.face_shape import REGIONS, average_depth
from realtime.spotting.motion import MotionMeter

PORTRAIT = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
NAMES = list(REGIONS)


@pytest.fixture(scope="module")
def mesh() -> Any:
    return detect_once(PORTRAIT)


def crop_of(picture: Any, mesh: Any, motion: Any = None) -> Any:
    transform = geometry.crop_from_landmarks(mesh)
    landmarks = geometry.apply(transform, mesh).astype(np.float32)
    motion = geometry.identity() if motion is None else motion
    return FaceCrop(cut(picture, transform), transform, motion, landmarks, 0.0, 0, 0, "tracked", 1.0, 1)


def bumped(mesh: Any, landmark: Any, shift_percent: Any, radius_iod: Any = 0.25) -> Any:
    """Push the skin around a landmark by a share of the inter-ocular distance."""
    iod = geometry.inter_ocular_px(mesh)
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    bump = np.exp(-((x - mesh[landmark, 0]) ** 2 + (y - mesh[landmark, 1]) ** 2) / (2 * (radius_iod * iod) ** 2))
    shift = np.float32(shift_percent) * np.float32(iod / 100) * bump[..., None].astype(np.float32)
    return cv2.remap(PORTRAIT, x - shift[..., 0], y - shift[..., 1], cv2.INTER_CUBIC)


def measured(mesh: Any, picture: Any, motion: Any = None) -> Any:
    return MotionMeter(crop_of(PORTRAIT, mesh)).measure(crop_of(picture, mesh, motion))


def test_a_face_at_rest_does_not_move(mesh: Any) -> None:
    motion = measured(mesh, PORTRAIT)

    assert np.abs(motion.regions).max() < 0.01
    assert motion.gain == pytest.approx(1.0)


@pytest.mark.parametrize(("landmark", "region"), [(61, "right mouth corner"), (336, "left inner brow")])
def test_a_push_of_one_percent_shows_in_its_region_with_its_direction(mesh: Any, landmark: Any, region: Any) -> None:
    motion = measured(mesh, bumped(mesh, landmark, (0.0, -1.0)))

    moved = motion.regions[NAMES.index(region)]
    assert -1.1 < moved[1] < -0.4
    assert abs(moved[0]) < 0.3


def test_motion_grows_with_the_push(mesh: Any) -> None:
    small = measured(mesh, bumped(mesh, 61, (0.0, -0.5))).regions[NAMES.index("right mouth corner"), 1]
    large = measured(mesh, bumped(mesh, 61, (0.0, -1.0))).regions[NAMES.index("right mouth corner"), 1]

    assert 1.6 < large / small < 2.2


def test_what_tracking_leaves_of_head_motion_is_left_out_of_the_regions(mesh: Any) -> None:
    iod = geometry.inter_ocular_px(mesh)
    shifted = cv2.warpAffine(PORTRAIT, np.array([[1, 0, 0.010 * iod], [0, 1, 0.005 * iod]], np.float32), (512, 512))

    motion = measured(mesh, shifted)

    assert np.hypot(*motion.regions.T).max() < 0.2
    assert np.median(np.hypot(*motion.regions.T)) < 0.05


def test_a_change_of_light_is_not_motion(mesh: Any) -> None:
    darker = np.clip(PORTRAIT * 0.9, 0, 255).astype(np.uint8)

    motion = measured(mesh, darker)

    assert motion.gain == pytest.approx(0.9, abs=0.02)
    assert np.abs(motion.regions).max() < 0.1


def turned(mesh: Any, yaw: Any, *, camera: Any = 9.0) -> Any:
    """Turn the portrait's head to the side, in depth, without moving any of its skin."""
    iod, eyes = geometry.inter_ocular_px(mesh), geometry.eye_centres(mesh).mean(axis=0)
    y, x = (np.mgrid[0:512, 0:512] - eyes[::-1, None, None]) / iod
    depth = average_depth(x, y)
    across, away = x * np.cos(yaw) + depth * np.sin(yaw), depth * np.cos(yaw) - x * np.sin(yaw)
    nearer = (1 + depth / camera) / (1 + away / camera)
    here_x, here_y = (across * nearer - x).astype(np.float32), (y * nearer - y).astype(np.float32)
    from_x, from_y = x.astype(np.float32), y.astype(np.float32)
    for _ in range(8):  # what is seen at x came from p with p + shift(p) = x
        at = [(from_x * iod + eyes[0]).astype(np.float32), (from_y * iod + eyes[1]).astype(np.float32)]
        from_x = x.astype(np.float32) - cv2.remap(here_x, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        from_y = y.astype(np.float32) - cv2.remap(here_y, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    at = [(from_x * iod + eyes[0]).astype(np.float32), (from_y * iod + eyes[1]).astype(np.float32)]
    return cv2.remap(PORTRAIT, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def test_a_head_that_turns_in_depth_moves_no_skin(mesh: Any) -> None:
    meter = MotionMeter(crop_of(PORTRAIT, mesh))

    moved = [meter.measure(crop_of(turned(mesh, yaw), mesh)) for yaw in np.radians(np.linspace(0.0, 5.0, 11))]

    lengths = np.hypot(*moved[-1].regions.T)
    assert abs(moved[-1].head[4]) == pytest.approx(8.7, rel=0.15)  # hundredths of a radian
    assert np.median(lengths) < 0.15  # with a similarity and depth to first order: 0.5
    assert lengths.max() < 0.45


def test_motion_goes_on_where_the_face_is_cut_out_anew(mesh: Any) -> None:
    smile = bumped(mesh, 61, (0.0, -1.0))
    meter = MotionMeter(crop_of(PORTRAIT, mesh))
    before = meter.measure(crop_of(smile, mesh))
    anew = replace(crop_of(smile, mesh + np.array([6.0, -4.0], np.float32)), anchor=1)

    after = [meter.measure(anew), meter.measure(anew)]

    for motion in after:
        assert np.abs(motion.regions - before.regions).max() < 0.1
        assert np.abs(motion.head[:2] - before.head[:2]).max() < 0.3
