"""`mer-synth inject` and `mer-synth head-path`: what is done with real recordings."""

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np

from mer import option_help
from mer.labels import CLASSES
from mer.options import names
from mer.synth.head_path import write_path
from mer.synth.injection.inject import Settings, inject
from mer.synth.injection.measure import head_path
from mer.synth.injection.planes import MAX_CRF
from mer.synth.reporting import event_table, progress
from mer.terminal import open_console
from mer.text import printable

_CLASSES: Final = f"{option_help.CLASSES} (default: {','.join(CLASSES)})"
_ABOUT: Final = (
    "Draw micro-expressions of known class, size and time into a real recording: the face mesh of each frame carries "
    "the displacement of the skin. Time stamps, frame rate and noise stay; sound is left out. To know what is found "
    "without them, make a copy with --none, which goes through the same codec."
)


def add_inject(commands: Any) -> None:
    """Add the subcommand `inject` to an argparse group of subcommands."""
    like = Settings()
    parser = commands.add_parser(
        "inject",
        help="micro-expressions drawn into a real recording",
        description=_ABOUT,
        examples=(
            "mer-synth inject interview.mp4 drawn.mp4 --seed 1",
            "mer-synth inject interview.mp4 bare.mp4 --none",
        ),
    )
    parser.set_defaults(run=_run)
    parser.add_argument("video", type=Path, metavar="VIDEO", help="a real recording of a face")
    parser.add_argument("out", type=Path, metavar="OUT", help=".mp4 file to write; the truth goes to OUT.json")
    parser.add_argument("--none", action="store_true", help="draw nothing: the same copy for comparison")
    parser.add_argument("--seed", type=int, default=like.seed, metavar="N", help=option_help.SEED)
    content = parser.add_argument_group("content")
    content.add_argument(
        "--n-events", type=int, metavar="N", help=f"{option_help.N_EVENTS} (default: as many as there is time for)"
    )
    content.add_argument("--classes", type=names, default=CLASSES, metavar="A,B,...", help=_CLASSES)
    for name, default, text in (
        ("amplitude", like.amplitude_percent, option_help.AMPLITUDE),
        ("event-duration", like.duration_s, "range of seconds from onset to offset"),
        ("pause", like.pause_s, "range of seconds from an offset to the next onset"),
    ):
        content.add_argument(f"--{name}", type=float, nargs=2, default=default, metavar=("LOW", "HIGH"), help=text)
    video = parser.add_argument_group("video")
    video.add_argument(
        "--crf",
        type=int,
        default=like.crf,
        metavar="N",
        help=f"rate factor of x264, 0 (lossless) to {MAX_CRF}; no visible loss at any of them",
    )


def _run(arguments: argparse.Namespace) -> None:
    settings = Settings(
        amplitude_percent=tuple(arguments.amplitude),
        duration_s=tuple(arguments.event_duration),
        pause_s=tuple(arguments.pause),
        events=arguments.n_events,
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
        "head-path",
        help="measure how a head moves, for --head-path",
        description="Measure the path of a head in a real recording, for mer-synth recording --head-path.",
        examples=("mer-synth head-path interview.mp4 head.csv", "mer-synth head-path talk.mp4 talk.csv"),
    )
    options.set_defaults(run=_measure)
    options.add_argument("video", type=Path, metavar="VIDEO", help="a real recording of a face")
    options.add_argument("out", type=Path, metavar="CSV", help="file to write")


def _measure(arguments: argparse.Namespace) -> None:
    with progress("frames") as report:
        path = head_path(arguments.video, lambda done: report(done, 0))
    write_path(arguments.out, path, about=[printable(f"Path of a head, measured in {arguments.video.name}")])
    half, most = np.percentile(path.speeds, (50, 95))
    print(f"{path.seconds:.1f} s, median speed {half:.2f} IOD/s, 95th percentile {most:.2f}")
    print(printable(f"path in {arguments.out}"))
