"""Features of Table 1's classical systems against answers known beforehand."""

import numpy as np
import pytest
from skimage.feature import local_binary_pattern
from toy_clips import toy_clips

from mer.models import lbp_top, mdmo


def test_patterns_are_those_of_the_slices() -> None:
    volume = np.random.default_rng(0).integers(0, 256, (9, 12, 11), np.uint8)
    codes = lbp_top.plane_codes(volume)
    assert codes.shape == (3, 3, 6, 5)
    for plane, cut in enumerate((volume[4], volume[:, 6], volume[:, :, 5])):
        expected = local_binary_pattern(cut, 8, 3, method="nri_uniform")[3:-3, 3:-3]
        np.testing.assert_array_equal((codes[0, 1], codes[1, :, 3], codes[2, :, :, 2])[plane], expected)


def test_a_still_clip_has_one_pattern_along_time() -> None:
    features = lbp_top.lbp_top(np.full((13, 90, 90), 100, np.uint8)).reshape(64, 3, 59)
    assert features.max(axis=2) == pytest.approx(np.ones((64, 3)))


def test_histograms_sum_to_one_and_blocks_share_what_the_source_says() -> None:
    features = lbp_top.lbp_top(toy_clips(1, 1)["clips"][0])
    assert features.shape == (lbp_top.N_FEATURES,) == (11328,)
    np.testing.assert_allclose(features.reshape(192, 59).sum(1), 1.0, rtol=1e-5)
    first, second, *_, last = lbp_top.blocks(106)
    assert (first.stop - second.start) / (first.stop - first.start) == pytest.approx(0.7, abs=0.03)
    assert (first.start, last.stop) == (0, 106)


def test_the_main_direction_outvotes_the_mean() -> None:
    vectors = np.array([[2.0, 0.1]] * 5 + [[4.0, -0.1]] * 5 + [[0.0, -30.0]] * 6)
    np.testing.assert_allclose(mdmo.main_motion(vectors), [3.0, 0.0], atol=1e-9)


def test_lengths_and_angles_of_a_known_flow() -> None:
    flow = np.zeros((2, 90, 90, 2))
    flow[:, :15, :15] = (0.0, 2.0)
    flow[:, 15:30, :15] = (-1.0, 0.0)
    features = mdmo.features_from_flow(flow)
    assert features.shape == (mdmo.N_FEATURES,) == (72,)
    lengths, angles = np.zeros(36), np.zeros(36)
    lengths[[0, 6]], angles[[0, 6]] = (0.8, 0.4), (0.1, 0.2)
    np.testing.assert_allclose(features, np.concatenate([lengths, angles]), atol=1e-6)


def test_a_clip_at_rest_has_no_motion() -> None:
    still = np.repeat(toy_clips(1, 1)["clips"][0][:1], 13, axis=0)
    np.testing.assert_allclose(mdmo.mdmo(still)[:36], 0.0)
