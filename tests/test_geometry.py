from typing import Any

import numpy as np
import pytest

from mer.face import geometry


def similarity(scale: Any, degrees: Any, shift: Any) -> Any:
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    return np.array([[turn.real, -turn.imag, shift[0]], [turn.imag, turn.real, shift[1]]])


def test_fit_recovers_a_similarity() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (20, 2))
    true = similarity(1.3, 12, (4, -7))

    assert geometry.fit_similarity(points, geometry.apply(true, points)) == pytest.approx(true)


def test_robust_fit_ignores_a_quarter_of_wild_points() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 100, (40, 2))
    true = similarity(0.98, -3, (2, 1))
    target = geometry.apply(true, points)
    target[:10] += rng.uniform(5, 20, (10, 2))

    found, distance = geometry.fit_similarity_robustly(points, target, min_scale=0.01)

    assert geometry.apply(found, points[10:]) == pytest.approx(target[10:], abs=0.02)
    assert (distance[:10] > 3).all()


def test_inverse_undoes() -> None:
    transform = similarity(0.7, 25, (10, 3))

    assert geometry.compose(geometry.invert(transform), transform) == pytest.approx(geometry.identity())


def test_crop_puts_the_eyes_at_a_fixed_place_and_distance() -> None:
    mesh = np.zeros((478, 2))
    template = np.array(list(geometry.TEMPLATE_IOD.values()))
    mesh[list(geometry.TEMPLATE_IOD)] = geometry.apply(similarity(83.0, 9, (320, 200)), template)

    in_crop = geometry.apply(geometry.crop_from_landmarks(mesh), mesh)
    right, left = geometry.eye_centres(in_crop)

    assert left - right == pytest.approx([geometry.IOD_PX, 0.0], abs=0.1)
    assert (right + left)[0] / 2 == pytest.approx((geometry.CROP_SIZE - 1) / 2, abs=0.1)
