"""The sensitivity of the spotter, and the options and keys that change it."""

import argparse
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEngine

from realtime import options
from realtime.pipeline import Pipeline
from realtime.screen.keys import Keys
from realtime.spotting.sensitivity import LEVELS, sensitivity, spotter_config
from realtime.spotting.spotter import SpotterConfig


def test_normal_is_what_was_tuned() -> None:
    assert spotter_config(LEVELS["normal"]) == SpotterConfig()


def test_more_sensitivity_asks_for_less_motion_and_lower_odds() -> None:
    low, high = (spotter_config(LEVELS[name]) for name in ("low", "high"))

    assert high.floor < low.floor
    assert high.odds < low.odds
    assert high.limits == low.limits


@pytest.mark.parametrize(("text", "value"), [("low", LEVELS["low"]), ("1.2", 1.2), ("5", 5.0)])
def test_a_level_or_a_number_is_understood(text: str, value: float) -> None:
    assert sensitivity(text) == value


@pytest.mark.parametrize("text", ["loud", "0", "-1", "nan", "99"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="low, normal, high"):
        sensitivity(text)


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    with Pipeline(rate_hz=100.0, engine=FakeEngine(), sensitivity=LEVELS["high"]) as made:
        yield made


def test_keys_turn_the_dial_that_the_option_sets(pipeline: Pipeline) -> None:
    keys = Keys(pipeline, stop=threading.Event(), on_mark=lambda mark: None, source="0", save_dir=Path())
    assert pipeline.people.config == spotter_config(1.5)
    assert keys("+") == "sensitivity 1.88"
    assert pipeline.people.config == spotter_config(1.875)
    keys("-")
    assert pipeline.people.config == spotter_config(1.5)


def test_keys_stop_at_the_ends_of_the_range(pipeline: Pipeline) -> None:
    keys = Keys(pipeline, stop=threading.Event(), on_mark=lambda mark: None, source="0", save_dir=Path())
    for key, end in (("+", 5.0), ("-", 0.2)):
        for _ in range(20):
            said = keys(key)
        assert pipeline.sensitivity == end
        assert "(the limit)" in said


def test_both_programs_start_at_normal() -> None:
    parser = options.parser("mer-replay", "", examples=())
    options.add_recognition(parser)
    assert parser.parse_args([]).sensitivity == LEVELS["normal"]
