from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mer.errors import MerError
from mer.preprocess import FLOW_STEPS_PER_PX, encode, encode_flow


@pytest.fixture(scope="module")
def face() -> Any:
    grey = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey[20:200, 135:315], (90, 90), interpolation=cv2.INTER_AREA)


def moved(picture: Any, shift_x: Any, shift_y: Any, mask: Any = None) -> Any:
    y, x = np.mgrid[0:90, 0:90].astype(np.float32)
    amount = np.float32(1.0) if mask is None else mask
    return cv2.remap(picture, x - shift_x * amount, y - shift_y * amount, cv2.INTER_CUBIC)


def test_grey_modes_pass_the_pictures_on(face: Any) -> None:
    clip = np.stack([face] * 13)

    assert encode(clip, "gray") is clip
    assert encode(clip, "residual") is clip


def test_a_clip_of_the_wrong_shape_is_refused(face: Any) -> None:
    with pytest.raises(MerError, match=r"\(13, 90, 90\)"):
        encode(np.stack([face] * 12), "gray")


def test_flow_of_a_face_at_rest_is_zero(face: Any) -> None:
    coded = encode_flow(np.stack([face] * 13))

    assert (coded[..., :2] == 128).all()
    assert (coded[..., 2] == 0).all()


def test_flow_shows_a_local_motion_where_it_is_and_how_large(face: Any) -> None:
    y, x = np.mgrid[0:90, 0:90]
    bump = np.exp(-((x - 60) ** 2 + (y - 62) ** 2) / (2 * 7.0**2)).astype(np.float32)
    clip = np.stack([face, *[moved(face, 0.0, -0.8, bump)] * 12])

    flow = (encode_flow(clip)[1, ..., :2].astype(float) - 128) / FLOW_STEPS_PER_PX

    assert -0.9 < flow[62, 60, 1] < -0.3  # patches of 16 pixels flatten a bump this narrow
    assert np.abs(flow[62, 60, 0]) < 0.2
    assert np.abs(flow[20, 20]).max() < 0.15


def test_flow_leaves_out_the_motion_of_the_whole_head(face: Any) -> None:
    clip = np.stack([face, *[moved(face, 0.9, -0.6)] * 12])

    flow = (encode_flow(clip)[1, 10:-10, 10:-10, :2].astype(float) - 128) / FLOW_STEPS_PER_PX

    assert np.median(np.abs(flow)) < 0.06
