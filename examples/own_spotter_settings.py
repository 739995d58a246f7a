"""Spot with thresholds of your own, and see what was rejected and why.

python examples/own_spotter_settings.py interview.mp4
"""

import sys
from dataclasses import replace

import realtime
from realtime.spotting.spotter import SpotterConfig


def main(source: str) -> None:
    """Print every candidate of `source`, accepted or not."""
    usual = SpotterConfig()
    settings = replace(usual, floor=0.8 * usual.floor)
    for update in realtime.updates(source, spotter=settings):
        for event in update.events:
            print(f"{event.interval.apex.time_s:.2f} s  {event.label}")
        for interval in update.rejected:
            print(f"{interval.apex.time_s:.2f} s  rejected: {interval.reason}")


if __name__ == "__main__":
    main(sys.argv[1])
