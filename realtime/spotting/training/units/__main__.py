"""Trains the network for action units on the motion of recordings, and evaluates it on people and fields kept apart.

    python -m realtime.spotting.training.units RECORDINGS --responses responses.npy --cache CACHE --out units.onnx

`--cache` holds the streams that `realtime.spotting.training` has measured, and `--responses` what it measured of the
units (`responses.npy` in its cache).
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from realtime.spotting import units as head
from realtime.spotting.training.streams import Stream, load
from realtime.spotting.training.units import fit
from realtime.spotting.training.units.examples import Labelled, UnitMixer
from realtime.spotting.training.units.score import as_record

CALIBRATED_ON: Final = 8
"""Every so many recordings is kept from the fit, for calibration and thresholds."""


def main() -> None:
    """Run the training."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recordings", nargs="+", help="names of the recordings (without suffix) to train on")
    parser.add_argument("--cache", type=Path, required=True, help="folder with the measured motion of recordings")
    parser.add_argument("--responses", type=Path, required=True, help="what the measure shows of each unit")
    parser.add_argument("--held-out", nargs="*", default=[], help="names of recordings of other people, to evaluate")
    parser.add_argument("--held-out-responses", type=Path, help="units on other people, by fields of another kind")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--examples", type=int, default=60_000, help="movements to make")
    parser.add_argument("--seed", type=int, default=0, help="of all random choices")
    args = parser.parse_args()
    shown = np.load(args.responses)
    streams = _streams(args.recordings, args.cache)
    tuned = set(args.recordings[::CALIBRATED_ON])
    train = [stream for stream in streams if stream.name not in tuned]
    tune = [stream for stream in streams if stream.name in tuned]
    model = fit.fit(UnitMixer(train, shown, np.random.default_rng(args.seed)).examples(args.examples), seed=args.seed)
    tuning = UnitMixer(tune, shown, np.random.default_rng(args.seed + 1)).examples(args.examples // 6)
    thresholds = fit.calibrate(model, tuning)
    about = {
        "trained_on": sorted({stream.name for stream in train}),
        "calibrated_on": sorted(tuned),
        "examples": args.examples,
        "seed": args.seed,
    }
    fit.write(args.out, model, thresholds, about=about)
    if args.held_out:
        other = np.load(args.held_out_responses) if args.held_out_responses else shown
        held = UnitMixer(_streams(args.held_out, args.cache), other, np.random.default_rng(args.seed + 2))
        print(json.dumps(_evaluated(args.out, held.examples(args.examples // 6)), indent=1, allow_nan=False))


def _evaluated(path: Path, labelled: Labelled) -> dict[str, object]:
    return as_record(head.load(path), labelled)


def _streams(names: Sequence[str], cache: Path) -> list[Stream]:
    return [stream for name in names for stream in load(cache / f"{name}.npz")]


if __name__ == "__main__":
    main()
