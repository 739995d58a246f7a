"""Train the spotter's network: python -m realtime.spotting.training --help."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.files import from_json
from mer.messages import FaceCrop, Frame
from mer.synth.portrait import find_portraits
from realtime.spotting.candidate import PeakFinder
from realtime.spotting.training import fit, streams
from realtime.spotting.training.examples import Labelled
from realtime.spotting.training.mixing import Example, Micro, Mixer, mirrored
from realtime.spotting.training.responses import expressions, responses
from realtime.spotting.training.visibility import Seen

PORTRAIT_PX: Final = 320
_ACTS: Final = {
    **{"blink": "blink", "double-blink": "blink", "speech": "speech", "macro": "macro"},
    **{"nod": "head", "turn": "head", "drift": "head"},
}
"""Kinds of the distractors of `mer-synth recording`."""


def main() -> None:
    """Measure, mix, fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("recordings", type=Path, nargs="+", help="real recordings without micro-expressions")
    parser.add_argument("--rendered", type=Path, nargs="*", default=[], help="rendered ones without events")
    parser.add_argument("--labelled", type=Path, nargs="*", default=[], help="rendered ones with their truth beside")
    parser.add_argument(
        "--drawn",
        type=Path,
        nargs="+",
        required=True,
        help="recordings with micro-expressions drawn in, their truth beside",
    )
    parser.add_argument("--faces", type=Path, help="folder of portraits: more faces for what an expression shows")
    parser.add_argument("--cache", type=Path, required=True, help="folder for what was measured")
    parser.add_argument("--out", type=Path, required=True, help="the network to write, .onnx")
    parser.add_argument("--examples", type=int, default=2000, help="number of examples of 12 s")
    parser.add_argument("--rendered-share", type=float, default=0.3, help="how many of them are rendered")
    parser.add_argument("--networks", type=int, default=3, help="networks whose mean is taken")
    parser.add_argument("--threshold", type=float, default=0.6, help="minimum probability of a micro-expression")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    shown = _shown(args)
    found = expressions(shown)
    labels = sorted({label for label, _, _ in found})
    motion, classes = np.array([m for _, _, m in found]), np.array([labels.index(label) for label, _, _ in found])
    real = [stream for path in args.recordings for stream in _streams(path, args.cache)]
    rendered = [stream for path in args.rendered for stream in _streams(path, args.cache)]
    shares = [_shares(real, 1.0 - args.rendered_share * bool(rendered)), _shares(rendered, args.rendered_share)]
    mixer = Mixer([*real, *rendered], np.concatenate(shares), shown, np.random.default_rng(args.seed))
    labelled = Labelled()
    for number in range(args.examples):
        labelled.add(mixer.example(), PeakFinder(motion, classes))
        if (number + 1) % 100 == 0:
            print(f"{number + 1} examples, {len(labelled.kinds)} peaks", flush=True)
    for path in args.labelled:
        for stream in _streams(path, args.cache):
            for rows in (stream.rows, mirrored(stream.rows)):
                labelled.add(_with_truth(stream, rows, path.with_suffix(".json")), PeakFinder(motion, classes))
    models = [fit.fit(labelled.arrays(), seed=args.seed + k) for k in range(args.networks)]
    seen = Seen(models, args.threshold)
    for path in args.drawn:
        for stream in _streams(path, args.cache):
            seen.add(_with_truth(stream, stream.rows, path.with_suffix(".json")), PeakFinder(motion, classes))
    written: list[dict[str, Any]] = [
        {"class": label, "units": list(units), "motion": [round(float(v), 4) for v in m]} for label, units, m in found
    ]
    about = {
        "trained_on": sorted({stream.name for stream in (*real, *rendered)}),
        "examples": args.examples,
        "peaks": len(labelled.kinds),
        "seed": args.seed,
        "visibility": asdict(seen.fit()),
    }
    fit.write(args.out, models, threshold=args.threshold, expressions=written, about=about)


def _streams(path: Path, cache: Path) -> list[streams.Stream]:
    file = cache / f"{path.stem}.npz"
    if not file.exists():
        streams.save(file, streams.streams_of(path.stem, *streams.crops_of(path)))
    return streams.load(file)


def _with_truth(stream: streams.Stream, rows: NDArray[np.float64], file: Path) -> Example:
    """Return a rendered recording as an example; times count from its first row."""
    truth = from_json(file.read_text(encoding="utf-8"))
    start_s = float(stream.times_s[0])
    events = []
    for event in truth["events"]:
        onset, apex, offset = (float(event[key]["time_s"]) - start_s for key in ("onset", "apex", "offset"))
        events.append(Micro(onset, apex, offset, event["label"], event["amplitude_percent"]))
    others = [
        (_ACTS[act["kind"]], act["start"]["time_s"] - start_s, act["end"]["time_s"] - start_s)
        for act in truth.get("distractors", ())
        if act["kind"] in _ACTS
    ]
    return Example(rows, events, others)


def _shares(group: Sequence[streams.Stream], total: float) -> NDArray[np.float64]:
    lengths = np.array([len(stream.rows) ** 0.7 for stream in group])
    return total * lengths / lengths.sum() if group else lengths


def _shown(args: argparse.Namespace) -> NDArray[np.float64]:
    """Return what the measure shows of the units on the people of the recordings and the portraits."""
    file = args.cache / "responses.npy"
    if not file.exists():
        generator = np.random.default_rng(args.seed)
        faces = [crop for path in args.recordings for crop in _two_of(streams.crops_of(path)[1])]
        faces += _portraits(args.faces) if args.faces else []
        np.save(file, np.array([responses(face, generator) for face in faces for _ in range(2)]))
    return np.asarray(np.load(file), np.float64)


def _two_of(crops: Sequence[FaceCrop]) -> list[FaceCrop]:
    tracked = [crop for crop in crops if crop.state == "tracked"]
    return [tracked[len(tracked) // 4], tracked[3 * len(tracked) // 4]] if tracked else []


def _portraits(folder: Path) -> list[FaceCrop]:
    crops = []
    for path in find_portraits(folder):
        image = cv2.resize(np.asarray(cv2.imread(str(path))), (PORTRAIT_PX, PORTRAIT_PX), interpolation=cv2.INTER_AREA)
        with FaceTracker(Landmarker(None)) as tracker:
            crops.append(tracker.crop(Frame(np.asarray(image, np.uint8), 0.0, 0)))
    return [crop for crop in crops if crop.state == "tracked"]


if __name__ == "__main__":
    main()
