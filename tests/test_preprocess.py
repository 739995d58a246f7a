from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mer import sampling
from mer.errors import MerError
from mer.face import geometry
from mer.messages import FaceCrop, Interval, Moment
from mer.preprocess import FLOW_STEPS_PER_PX, STRAIN_STEPS, encode, encode_flow, make_clip, shrink, warp


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


def filmed(face: Any, *, rate_hz: float, anew_at: int) -> tuple[list[FaceCrop], Interval]:
    """Return noisy crops of a face that drifts, under another transform from frame `anew_at` on, and an interval."""
    large = cv2.resize(face, (240, 240), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    generator = np.random.default_rng(3)
    crops = []
    for n in range(round(0.4 * rate_hz)):
        crop_from_source = np.array([[1.0, 0.0, 4.0], [0.0, 1.0, 2.0]])
        if n >= anew_at:
            crop_from_source = np.array([[1.02, -0.01, 3.0], [0.01, 1.02, 1.0]])
        image = cv2.warpAffine(
            large, np.array([[1.0, 0.001 * n, 0.0], [0.0, 1.0, 0.02 * n]]), (240, 240), borderMode=cv2.BORDER_REPLICATE
        )
        noisy = np.clip(image + generator.normal(0.0, 2.0, image.shape), 0, 255).astype(np.uint8)
        crops.append(
            FaceCrop(
                image=noisy,
                crop_from_source=crop_from_source,
                crop_from_anchor=np.array([[1.0, 0.0, 0.3], [0.0, 1.0, -0.2]]),
                landmarks_px=np.zeros((478, 2), np.float32),
                time_s=n / rate_hz,
                index=n,
                anchor=int(n >= anew_at),
                state="tracked",
                quality=1.0,
                n_faces=1,
            )
        )
    onset, apex, offset = (Moment(n, n / rate_hz) for n in (round(share * rate_hz) for share in (0.07, 0.18, 0.35)))
    return crops, Interval(onset, apex, offset)


def clip_one_by_one(crops: list[FaceCrop], interval: Interval) -> Any:
    """Sample as `make_clip` does, each crop on its own."""
    times_s = sampling.sample_times(interval.onset.time_s, interval.apex.time_s, interval.offset.time_s)
    plan = sampling.plan(times_s, [crop.time_s for crop in crops])
    first = crops[plan.onset]
    at_rest = geometry.compose(geometry.invert(first.crop_from_anchor), first.crop_from_source)
    square_from_source = geometry.compose(geometry.square_from_crop(), at_rest)

    def square(crop: FaceCrop) -> Any:
        square_from_crop = geometry.compose(square_from_source, geometry.invert(crop.crop_from_source))
        return shrink(warp(crop.image, square_from_crop, geometry.CLIP_SIDE_PX))

    pictures = []
    for at, weights in zip(plan.positions, plan.weights):
        pictures.append(sum(np.float32(w) * square(crops[i]) for i, w in zip(at, weights)))
    return np.rint(pictures)


@pytest.mark.parametrize("rate_hz", [200.0, 30.0])
@pytest.mark.parametrize("anew_at", [0, 3, 17])
def test_a_clip_is_what_sampling_crop_by_crop_gives(face: Any, rate_hz: float, anew_at: int) -> None:
    crops, interval = filmed(face, rate_hz=rate_hz, anew_at=anew_at)

    assert (make_clip(crops, interval).images == clip_one_by_one(crops, interval)).all()


def flow_one_by_one(images: Any) -> Any:
    """Encode as `encode_flow` does, each picture on its own."""
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    dense.setFinestScale(0)
    dense.setPatchSize(16)
    dense.setPatchStride(8)
    position = np.stack(np.meshgrid(np.arange(90.0), np.arange(90.0)), axis=-1)
    coded = [np.full((90, 90, 3), (128.0, 128.0, 0.0))]
    for image in images[1:]:
        flow = np.asarray(dense.calc(images[0], image, np.zeros((90, 90, 2), np.float32)), np.float32)
        sample = position[::3, ::3].reshape(-1, 2)
        moved = sample + flow[::3, ::3].reshape(-1, 2)
        head, _ = geometry.fit_similarity_robustly(sample, moved, min_scale=0.02)
        flow = flow - (geometry.apply(head, position.reshape(-1, 2)).reshape(90, 90, 2) - position).astype(np.float32)
        u, v = cv2.split(cv2.GaussianBlur(flow, (0, 0), 1.5))
        (uy, ux), (vy, vx) = np.gradient(u), np.gradient(v)
        strain = np.sqrt(ux**2 + vy**2 + 0.5 * (uy + vx) ** 2)
        coded.append(np.stack([128 + FLOW_STEPS_PER_PX * u, 128 + FLOW_STEPS_PER_PX * v, STRAIN_STEPS * strain], -1))
    return np.clip(np.rint(coded), 0, 255)


def test_flow_is_what_encoding_picture_by_picture_gives(face: Any) -> None:
    crops, interval = filmed(face, rate_hz=200.0, anew_at=17)
    images = make_clip(crops, interval).images

    difference = encode_flow(images) - flow_one_by_one(images)

    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.001
