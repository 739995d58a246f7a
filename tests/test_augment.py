"""Copies of clips of the rare classes."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mer import augment
from mer.errors import MerError
from mer.preprocess import encode_flow


def clip(seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(128, 300, (90, 90)), (0, 0), 3)
    y, x = np.mgrid[0:90, 0:90].astype(np.float32)
    bump = np.exp(-((x - 30) ** 2 + (y - 50) ** 2) / 200)
    pictures = [
        cv2.remap(texture.astype(np.float32), x - t / 6 * bump, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for t in range(13)
    ]
    return np.clip(np.stack(pictures), 0, 255).astype(np.uint8)


def test_all_classes_become_as_frequent_as_the_most_frequent() -> None:
    labels = np.repeat([0, 1, 2], [3, 20, 7])
    copies = augment.plan_copies(labels, factor=1.0, seed=(0, 1))
    total = np.bincount(np.concatenate([labels, labels[[copy.source for copy in copies]]]))
    assert total.tolist() == [20, 20, 20]


def test_every_clip_of_a_class_is_copied_equally_often() -> None:
    labels = np.repeat([0, 1], [3, 20])
    copies = augment.plan_copies(labels, factor=1.0, seed=(0,))
    times = np.bincount([copy.source for copy in copies], minlength=23)
    assert sorted(times[:3].tolist()) == [5, 6, 6]
    assert times[3:].sum() == 0


def test_a_factor_copies_the_most_frequent_class_too() -> None:
    labels = np.repeat([0, 1], [5, 10])
    copies = augment.plan_copies(labels, factor=1.5, seed=(0,))
    total = np.bincount(np.concatenate([labels, labels[[copy.source for copy in copies]]]))
    assert total.tolist() == [15, 15]


def test_balanced_classes_need_no_copies() -> None:
    assert augment.plan_copies(np.array([0, 1, 0, 1]), factor=1.0, seed=(0,)) == []


def test_fewer_than_there_are_cannot_be_asked() -> None:
    with pytest.raises(MerError, match=r"0\.5"):
        augment.plan_copies(np.array([0, 1]), factor=0.5, seed=(0,))


def test_copies_differ_from_each_other_and_repeat_with_the_seed() -> None:
    copies = augment.plan_copies(np.repeat([0, 1], [2, 20]), factor=1.0, seed=(4, 2))
    made = [augment.make_copy(clip(), copy.seed) for copy in copies]
    assert len({picture.tobytes() for picture in made}) == len(copies)
    assert np.array_equal(made[0], augment.make_copy(clip(), copies[0].seed))


def test_a_copy_leaves_its_source_alone() -> None:
    given = clip()
    before = given.copy()
    for number in range(8):
        augment.make_copy(given, (number,))
    assert np.array_equal(given, before)


def test_flip_mirrors_left_to_right_in_grey_and_colour() -> None:
    given = clip()
    assert np.array_equal(augment.flip(given), given[..., ::-1])
    colour = np.repeat(given[..., None], 3, axis=-1)
    colour[..., 0] = 7
    assert np.array_equal(augment.flip(colour)[..., 0], colour[..., 0])
    assert np.array_equal(augment.flip(colour)[..., 1], given[..., ::-1])


def test_flow_of_a_mirrored_clip_runs_the_other_way() -> None:
    """Pictures are mirrored before they are encoded, so u changes its sign and v does not."""
    coded, mirrored = encode_flow(clip()).astype(int), encode_flow(augment.flip(clip())).astype(int)
    expected = coded[:, :, ::-1].copy()
    expected[..., 0] = 256 - expected[..., 0]
    assert coded[..., 0].max() > 128 + 20
    assert mirrored[..., 0].min() < 128 - 20
    assert np.abs(mirrored - expected)[:, 15:75, 15:75].mean() < 2.0


def test_brightness_is_the_same_for_all_pictures() -> None:
    given = np.full((13, 90, 90), 100, np.uint8)
    assert np.unique(augment.brighten(given, 12.4)).tolist() == [112]


def test_brightness_saturates() -> None:
    assert augment.brighten(np.full((13, 2, 2), 250, np.uint8), 30).max() == 255
    assert augment.brighten(np.full((13, 2, 2), 5, np.uint8), -30).min() == 0


def test_salt_and_pepper_touches_the_asked_share() -> None:
    given = np.full((13, 90, 90, 3), 100, np.uint8)
    noisy = augment.salt_and_pepper(given, 0.02, np.random.default_rng(0))
    touched = noisy != 100
    assert touched.mean() == pytest.approx(0.02, rel=0.1)
    assert np.array_equal(touched[..., 0], touched[..., 2])
    assert set(np.unique(noisy)) == {0, 100, 255}


def test_no_copies_are_made_where_none_are_wanted() -> None:
    assert augment.plan_copies(np.array([0, 0, 1]), factor=0.0, seed=(0,)) == []
