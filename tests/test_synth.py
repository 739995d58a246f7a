"""What is rendered moves as the truth says."""

from typing import Any

import cv2
import numpy as np
import pytest

from mer.face import geometry
from mer.face.landmarker import detect_once
from mer.labels import ACTION_UNITS, CLASSES
from mer.synth import fields, timeline
from mer.synth.camera import Camera, Light, Sensor, Tone
from mer.synth.conditions import CONDITIONS
from mer.synth.expressions import COMBINATIONS, draw_expression, units_of
from mer.synth.portrait import Portrait, packaged_portrait, vary
from mer.synth.profiles import EDGE, RAMPS, Profile
from mer.synth.scene import Expressed, Pose, Scene
from mer.synth.units import UNITS

IOD_PX = 100.0


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return packaged_portrait()


@pytest.fixture(scope="module")
def landmarks(portrait: Portrait) -> Any:
    return geometry.apply(portrait.face_from_image, portrait.landmarks_px)


@pytest.fixture(scope="module")
def basis(landmarks: Any) -> Any:
    return fields.build(landmarks, UNITS, fields.Style())


@pytest.fixture(scope="module")
def scene(portrait: Portrait, basis: Any) -> Scene:
    return Scene(portrait, basis, size_wh=(360, 400), iod_px=IOD_PX)


def at(field: Any, point: Any) -> Any:
    """Read a field at a point in face coordinates."""
    column = round((point[0] - fields.GRID_X[0]) / fields.GRID_STEP)
    row = round((point[1] - fields.GRID_Y[0]) / fields.GRID_STEP)
    return field[row, column]


def tracked(before: Any, after: Any, points: Any) -> Any:
    """Return how far `points` moved between two float pictures (Lucas-Kanade)."""
    first, second = (cv2.cvtColor(np.clip(p, 0, 255).astype(np.uint8), cv2.COLOR_BGR2GRAY) for p in (before, after))
    start = np.asarray(points, np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-4)
    end, found, _ = cv2.calcOpticalFlowPyrLK(first, second, start, None, winSize=(17, 17), criteria=criteria)
    assert found.all()
    return end - start


@pytest.mark.parametrize("family", [*fields.FAMILIES, fields.HELD_OUT_FAMILY])
def test_unit_fields_peak_at_one_and_end_before_the_border(landmarks: Any, family: Any) -> None:
    for unit in UNITS:
        built = fields.build(landmarks, [unit], fields.Style(family=family))
        size = np.linalg.norm(built[unit, -1] + built[unit, 1], axis=-1)
        assert size.max() == pytest.approx(1.0, abs=1e-4)
        assert max(size[0].max(), size[-1].max(), size[:, 0].max(), size[:, -1].max()) < 1e-3


@pytest.mark.parametrize("family", [*fields.FAMILIES, fields.HELD_OUT_FAMILY])
@pytest.mark.parametrize(
    ("unit", "landmark", "out", "up"),
    [
        (1, 336, 0, 1),
        (2, 293, 0, 1),
        (4, 285, -1, -1),
        (5, 386, 0, 1),
        (7, 374, 0, 1),
        (9, 358, 0, 1),
        (10, 269, 0, 1),
        (12, 291, 1, 1),
        (15, 291, 0, -1),
        (17, 199, 0, 1),
        (20, 291, 1, 0),
        (26, 152, 0, -1),
    ],
)
def test_units_move_the_skin_where_facs_says(
    landmarks: Any, family: Any, unit: Any, landmark: Any, out: Any, up: Any
) -> None:
    field = fields.build(landmarks, [unit], fields.Style(family=family))[unit, 1]
    x, y = at(field, landmarks[landmark])
    assert out == 0 or out * x > 0.25
    assert up == 0 or up * -y > 0.25


def test_combinations_belong_to_one_class_only() -> None:
    seen: dict[Any, Any] = {}
    for label, combinations in COMBINATIONS.items():
        for combination in combinations:
            assert seen.setdefault(frozenset(combination), label) == label
            assert set(combination) <= set(ACTION_UNITS[label]) | {4, 17, 25}
    assert set(seen.values()) == set(CLASSES)


def test_the_picture_moves_as_far_as_the_field_says(scene: Scene, basis: Any) -> None:
    corners = scene.landmarks_px[[61, 291]]
    rest = scene.render(Expressed({}))
    for percent in (0.5, 1.0, 3.0):
        amount = percent / 100
        moved = tracked(rest, scene.render(Expressed({(12, -1): amount, (12, 1): amount})), corners)
        expected = [amount * IOD_PX * at(basis[12, -1] + basis[12, 1], scene.landmarks[index]) for index in (61, 291)]
        np.testing.assert_allclose(moved, expected, atol=0.08 + 0.08 * percent)


def test_half_a_movement_is_half_as_far(scene: Scene) -> None:
    corners = scene.landmarks_px[[61, 291]]
    rest = scene.render(Expressed({}))
    half, whole = (tracked(rest, scene.render(Expressed({(12, -1): a, (12, 1): a})), corners) for a in (0.004, 0.008))
    np.testing.assert_allclose(2 * half, whole, atol=0.06)


def test_movements_far_below_a_pixel_are_not_rounded(scene: Scene) -> None:
    rest = scene.render(Expressed({}))
    changes = [
        float(np.abs(scene.render(Expressed({(1, -1): a, (1, 1): a})) - rest).sum()) for a in (0.0005, 0.001, 0.002)
    ]
    assert changes[1] / changes[0] == pytest.approx(2.0, rel=0.12)
    assert changes[2] / changes[1] == pytest.approx(2.0, rel=0.12)


def test_the_background_stays_when_the_head_moves(portrait: Portrait) -> None:
    wide = Scene(portrait, {}, size_wh=(400, 240), iod_px=50.0)
    rest, moved = wide.render(Expressed({})), wide.render(Expressed({}), Pose(shift=(0.05, 0.02), roll=0.02))
    difference = np.abs(moved - rest).max(axis=-1)
    assert difference[:, :40].max() == 0.0
    assert difference[:, -40:].max() == 0.0
    assert difference[80:160, 160:240].mean() > 1.0


def test_a_shifted_head_is_shifted_by_as_much(scene: Scene) -> None:
    points = scene.landmarks_px[[168, 61, 291, 33, 263]]
    moved = tracked(scene.render(Expressed({})), scene.render(Expressed({}), Pose(shift=(0.03, -0.02))), points)
    np.testing.assert_allclose(moved, np.tile([3.0, -2.0], (5, 1)), atol=0.1)


def test_a_blink_closes_the_eyes_and_nothing_else(scene: Scene) -> None:
    open_eyes, closed = scene.render(Expressed({})), scene.render(Expressed({}, closure=(1.0, 1.0)))
    difference = np.abs(closed - open_eyes).max(axis=-1)
    for iris in (468, 473):
        x, y = np.rint(scene.landmarks_px[iris]).astype(int)
        assert difference[y - 2 : y + 3, x - 2 : x + 3].mean() > 20
    assert difference[round(scene.landmarks_px[1, 1]) :].max() < 1e-3


def test_gaze_moves_the_irises(scene: Scene) -> None:
    shifted = scene.render(Expressed({}, gaze=(0.04, 0.0)))
    moved = tracked(scene.render(Expressed({})), shifted, scene.landmarks_px[[468, 473]])
    assert (moved[:, 0] > 2.0).all()


@pytest.mark.parametrize("label", CLASSES)
def test_expressions_keep_the_limits_and_the_promised_amplitude(basis: Any, label: Any) -> None:
    generator = np.random.default_rng(7)
    for _ in range(4):
        shown = draw_expression(generator, label=label, start_s=1.0, peak_iod=0.013, fields=basis)
        truth, times_s = shown.truth, np.arange(0.8, 1.8, 0.005)
        assert truth.apex_s - truth.onset_s <= 0.26
        assert 0.08 <= truth.offset_s - truth.onset_s <= 0.5
        total = sum(series[:, None, None, None] * basis[key] for key, series in shown.movement.weights(times_s).items())
        size = np.sqrt((total**2).sum(axis=-1)).reshape(len(times_s), -1).max(axis=1)
        assert size.max() == pytest.approx(0.013, rel=0.01)
        above = times_s[size >= EDGE * size.max()]
        assert above[0] == pytest.approx(truth.onset_s, abs=0.008)
        assert above[-1] == pytest.approx(truth.offset_s, abs=0.008)
        assert size[np.abs(times_s - truth.apex_s).argmin()] == pytest.approx(size.max(), rel=0.01)


@pytest.mark.parametrize("ramp", RAMPS)
def test_profiles_pass_the_edge_when_they_say(ramp: Any) -> None:
    profile = Profile(apex_s=1.0, rise_s=0.2, fall_s=0.3, hold_s=0.1, rise=ramp, fall=ramp)
    times_s = np.array([0.0, 0.8, 1.0, 1.05, 1.1, 1.4, 2.0])
    np.testing.assert_allclose(profile(times_s), [0, EDGE, 1, 1, 1, EDGE, 0], atol=1e-3)


def test_styles_differ_between_subjects(landmarks: Any) -> None:
    first, second = (
        fields.build(landmarks, [12], fields.draw_style(np.random.default_rng(seed)))[12, 1] for seed in (1, 2)
    )
    assert np.abs(first - second).max() > 0.1


def test_units_of_covers_every_class() -> None:
    assert units_of(CLASSES) <= set(UNITS)


def test_varied_portraits_carry_their_landmarks_along(portrait: Portrait) -> None:
    varied = vary(portrait, np.random.default_rng(3))
    found = detect_once(varied.image)
    assert found is not None
    assert np.abs(varied.landmarks_px - portrait.landmarks_px).max() > 0.02 * portrait.iod_px
    error = np.linalg.norm(found - varied.landmarks_px, axis=1) / varied.iod_px
    assert np.median(error) < 0.04


def test_noise_grows_with_brightness() -> None:
    still = np.zeros((64, 128, 3), np.float32)
    still[:, 64:] = 200.0
    still[:, :64] = 20.0
    camera = Camera(Sensor(read=0.5, shot=3.0), still, np.random.default_rng(0))
    pictures = np.stack([camera.expose(still, 1.0) for _ in range(30)]).astype(float)
    dark, bright = pictures[:, :, :48].std(axis=0).mean(), pictures[:, :, 80:].std(axis=0).mean()
    assert dark == pytest.approx(np.sqrt(0.25 + 9 * 20 / 255), rel=0.1)
    assert bright == pytest.approx(np.sqrt(0.25 + 9 * 200 / 255), rel=0.1)


def test_grain_makes_neighbours_alike_and_keeps_the_noise_as_strong() -> None:
    still = np.full((96, 96, 3), 128.0, np.float32)
    sharp, grainy = (
        Camera(Sensor(2.0, 0.0, 0.0, grain_px), still, np.random.default_rng(0)).expose(still, 1.0).astype(float)
        for grain_px in (0.0, 1.0)
    )
    assert grainy.std() == pytest.approx(sharp.std(), rel=0.15)
    alike = [float(np.corrcoef(p[:, 1:].ravel(), p[:, :-1].ravel())[0, 1]) for p in (sharp, grainy)]
    assert alike[0] < 0.1
    assert alike[1] > 0.6


def test_light_from_one_side_and_a_tone_curve_change_the_picture() -> None:
    still = np.full((60, 80, 3), 100.0, np.float32)
    tone = Tone(gradient=0.4, towards_rad=0.0, gamma=1.5)
    picture = Camera(Sensor(0.0, 0.0), still, np.random.default_rng(0), tone=tone).expose(still, 1.0)
    expected = [255 * (round(100 * factor) / 255) ** 1.5 for factor in (0.8, 1.2)]
    assert picture[:, [0, -1], 0].mean(axis=0) == pytest.approx(expected, abs=1.0)


def test_what_is_held_out_for_measuring_is_in_no_training_clip() -> None:
    usual, other = CONDITIONS["usual"], CONDITIONS["other"]
    assert not set(usual.families) & set(other.families)
    for name in ("sway_iod", "sway_rad", "grain_px", "gradient", "gamma", "jpeg"):
        (low, high), (other_low, other_high) = getattr(usual, name), getattr(other, name)
        assert other_low >= high or other_high <= low


def test_light_beats_and_steps() -> None:
    times_s = np.arange(0, 2, 0.001)
    gain = Light(beat=0.01, beat_hz=100.0, steps=((1.0, 1.1),)).gain(times_s)
    assert gain[times_s < 0.99].max() == pytest.approx(1.01, abs=1e-3)
    assert gain[times_s > 1.05].mean() == pytest.approx(1.1, abs=1e-3)


def test_free_starts_keep_away_from_what_is_there() -> None:
    generator = np.random.default_rng(0)
    taken = [(2.0, 3.0), (5.0, 6.0)]
    for _ in range(50):
        start = timeline.free_start(generator, taken, length_s=0.5, between_s=(0.0, 9.0))
        assert start is not None
        assert all(start + 0.8 <= a + 1e-9 or start >= b + 0.3 for a, b in taken)
    assert timeline.free_start(generator, [(0.0, 9.0)], length_s=0.5, between_s=(0.0, 9.0)) is None
