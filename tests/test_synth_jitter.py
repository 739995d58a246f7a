import numpy as np

from mer.synth.jitter import LAST_FRAMES, with_shifted_copies

ROW = {"subject": "a", "clip": "c1", "onset": 20, "apex": 35, "offset": 60, "label": "fear", "path": "a/c1.mp4"}


def test_every_clip_is_kept_and_followed_by_a_copy_of_its_subject_and_label() -> None:
    rows = with_shifted_copies([ROW, {**ROW, "clip": "c2"}], np.random.default_rng(0))

    assert [row["clip"] for row in rows] == ["c1", "c1j", "c2", "c2j"]
    assert rows[0] == ROW
    assert {(row["subject"], row["label"], row["path"]) for row in rows} == {("a", "fear", "a/c1.mp4")}


def test_moments_move_by_a_few_percent_and_stay_in_order() -> None:
    copies = with_shifted_copies([ROW] * 400, np.random.default_rng(1))[1::2]
    moments = np.array([[row["onset"], row["apex"], row["offset"]] for row in copies])

    assert (np.diff(moments, axis=1) > 0).all()
    assert moments[:, 2].max() <= int(str(ROW["offset"])) + LAST_FRAMES
    assert 1.5 < (moments[:, 0] - ROW["onset"]).std() < 3.5


def test_a_clip_too_short_to_move_stays_as_it_is() -> None:
    tiny = {**ROW, "onset": 5, "apex": 6, "offset": 7}

    copies = with_shifted_copies([tiny] * 50, np.random.default_rng(2))[1::2]

    assert len(copies) == 50
    assert all(row["onset"] < row["apex"] < row["offset"] for row in copies)
