"""The table and the picture of `mer-replay --explain`."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from fakes import event, interval, update

from realtime.output.explain import COLUMNS, EXPLAIN_CSV, EXPLAIN_SVG, Explainer
from realtime.output.found import Found
from realtime.recordings.extras import Wanted, products
from realtime.spotting.face_shape import REGIONS

NOTHING = Found(Path("/a.mp4"), Path("/out/a"), [], [], {})


def explained() -> dict[str, bytes]:
    explainer = Explainer()
    regions = np.arange(2.0 * len(REGIONS)).reshape(-1, 2)
    first = update(0, 0.0, motion=0.05)
    explainer.update(replace(first, regions=regions, spotting=replace(first.spotting, watchable=0.8)))
    explainer.update(update(1, 0.005, motion=0.4, rejected=(interval(0, 1, reason="blink"),)))
    explainer.update(update(2, 0.010, events=(event(1, first=1, last=2),)))
    return explainer.files(NOTHING)


def test_every_frame_has_a_line_with_its_curves_and_decisions() -> None:
    rows = list(csv.DictReader(io.StringIO(explained()[EXPLAIN_CSV].decode())))

    assert tuple(rows[0]) == COLUMNS
    assert [row["frame"] for row in rows] == ["0", "1", "2"]
    assert (rows[0]["chin_x"], rows[0]["chin_y"], rows[1]["chin_x"]) == ("24.0000", "25.0000", "")
    assert [row["watchable"] for row in rows] == ["0.800", "", ""]
    assert [row["decided"] for row in rows] == ["", "blink from frame 0 to 1", "micro from frame 1 to 2"]


def test_the_picture_names_every_decision() -> None:
    picture = ElementTree.fromstring(explained()[EXPLAIN_SVG].decode())

    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"blink", "micro"} <= set(texts)


def test_a_recording_without_frames_is_no_error() -> None:
    assert set(Explainer().files(NOTHING)) == {EXPLAIN_CSV, EXPLAIN_SVG}


def test_nothing_is_explained_unasked(tmp_path: Path) -> None:
    assert Wanted().names == []
    assert Wanted(explain=True).names == ["explain"]
    assert products(Wanted(), tmp_path) == []
