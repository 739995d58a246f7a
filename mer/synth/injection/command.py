"""`mer-synth inject` and `mer-synth head-path`: what is done with real recordings."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from mer.labels import CLASSES
from mer.synth.head_path import write_path
from mer.synth.injection.inject import Settings, inject
from mer.synth.injection.measure import head_path
from mer.synth.injection.planes import MAX_CRF
from mer.synth.reporting import event_table, progress
from mer.terminal import open_console
from mer.text import printable

_ABOUT = """\
Draw micro-expressions of known class, size and time into a real recording: the face mesh of each frame carries the
displacement of the skin. Time stamps, rate and noise stay. To know what the program finds without them, make a copy
with --none, which takes the same way through the same codec. Sound is left out.
"""


def add_inject(commands: Any) -> None:
    """Add the subcommand `inject` to an argparse group of subcommands."""
    options = commands.add_parser(
        "inject",
        help="micro-expressions drawn into a real recording",
        description=_ABOUT,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    options.set_defaults(run=_run)
    like = Settings()
    options.add_argument("video", type=Path, metavar="VIDEO", help="a real recording of a face")
    options.add_argument("out", type=Path, metavar="OUT", help=".mp4 to write; the truth goes to OUT.json")
    options.add_argument("--none", action="store_true", help="draw nothing: the same copy for comparison")
    options.add_argument("--seed", type=int, default=like.seed, help="the same seed gives the same events")
    options.add_argument("--events", type=int, help="number of events; as many as there is room for if left out")
    options.add_argument("--classes", nargs="+", choices=CLASSES, default=list(CLASSES), help="classes to draw")
    for name, default, text in (
        ("amplitude", like.amplitude_percent, "peak displacement in percent of the distance between the eyes"),
        ("duration", like.duration_s, "seconds from onset to offset"),
        ("pause", like.pause_s, "seconds from an offset to the next onset"),
    ):
        options.add_argument(f"--{name}", type=float, nargs=2, default=default, metavar=("LOW", "HIGH"), help=text)
    options.add_argument(
        "--crf", type=int, default=like.crf, help=f"quality of x264, 0 (lossless) to {MAX_CRF} (still invisible)"
    )


def _run(arguments: argparse.Namespace) -> None:
    settings = Settings(
        amplitude_percent=tuple(arguments.amplitude),
        duration_s=tuple(arguments.duration),
        pause_s=tuple(arguments.pause),
        events=arguments.events,
        labels=tuple(arguments.classes),
        none=arguments.none,
        crf=arguments.crf,
        seed=arguments.seed,
    )
    with progress("frames") as report:
        truth = inject(arguments.video, arguments.out, settings, progress=report)
    if truth["events"]:
        open_console().print(event_table(truth["events"], f"{arguments.out} (synthetic, drawn into a real recording)"))
    print(f"{truth['frames']} frames, {truth['frames_with_face']} with a face of {truth['iod_px']:.0f} px IOD")
    print(printable(f"truth in {arguments.out.with_suffix('.json')}"))


def add_head_path(commands: Any) -> None:
    """Add the subcommand `head-path` to an argparse group of subcommands."""
    options = commands.add_parser(
        "head-path", help="measure how a head moves, for --head-path", description="Measure the path of a head."
    )
    options.set_defaults(run=_measure)
    options.add_argument("video", type=Path, metavar="VIDEO", help="a real recording of a face")
    options.add_argument("out", type=Path, metavar="CSV", help="file to write, for `mer-synth recording --head-path`")


def _measure(arguments: argparse.Namespace) -> None:
    with progress("frames") as report:
        path = head_path(arguments.video, lambda done: report(done, 0))
    write_path(arguments.out, path, about=[printable(f"Path of a head, measured in {arguments.video.name}")])
    half, most = np.percentile(path.speeds, (50, 95))
    print(f"{path.seconds:.1f} s, median speed {half:.2f} IOD/s, 95th percentile {most:.2f}")
    print(printable(f"path in {arguments.out}"))
