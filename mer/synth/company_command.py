"""`mer-synth people`: a recording of several people."""

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np

from mer import option_help
from mer.errors import UsageError
from mer.synth.company import MOST, Settings, render_company
from mer.synth.portrait import Portrait, find_portraits, from_image, load_portrait, packaged_portrait, vary
from mer.synth.reporting import event_table, progress
from mer.synth.video_file import codec_for
from mer.terminal import open_console
from mer.text import printable

STRANGERS: Final[tuple[tuple[bool, int, float], ...]] = ((False, 0, 0.0), (True, 0, 0.0), (False, 2, 3.5))
"""Whether mirrored, seed and strength of the variation: none of them looks like another (likeness .4 and less)."""


def add_people(commands: Any) -> None:
    """Add the subcommand `people` to an argparse group of subcommands."""
    like = Settings()
    parser = commands.add_parser(
        "people",
        help="several people in one picture, who cross, leave and come back",
        description="Render a synthetic recording of several people who change places, leave and come back, and its "
        "truth, which says whose each micro-expression is.",
        examples=("mer-synth people two.mp4 --n-people 2", "mer-synth people three.mp4 --n-people 3 --faces portraits"),
    )
    parser.set_defaults(run=_run)
    parser.add_argument("out", type=Path, metavar="OUT", help=".mp4 or .avi file to write; the truth goes to OUT.json")
    parser.add_argument("--seed", type=int, default=like.seed, metavar="N", help=option_help.SEED)
    content = parser.add_argument_group("content")
    content.add_argument("--n-people", type=int, default=2, metavar="N", help=f"how many people to show, 2 to {MOST}")
    content.add_argument("--faces", type=Path, metavar="DIR", help=option_help.FACES)
    content.add_argument(
        "--amplitude",
        type=float,
        nargs=2,
        default=like.amplitude_percent,
        metavar=("LOW", "HIGH"),
        help=option_help.AMPLITUDE,
    )
    video = parser.add_argument_group("video")
    video.add_argument("--fps", type=float, default=like.fps, help=option_help.FPS)
    video.add_argument(
        "--iod", type=float, default=like.iod_px, metavar="PIXELS", help="inter-ocular distance in pixels"
    )


def strangers(number: int) -> list[Portrait]:
    """Return portraits of as many different people, all made of the packaged one."""
    first = packaged_portrait()
    mirrored = from_image(first.image[:, ::-1], source=f"{first.source}, mirrored")
    return [
        vary(mirrored if turned else first, np.random.default_rng(seed), strength=strength)
        for turned, seed, strength in STRANGERS[:number]
    ]


def _run(arguments: argparse.Namespace) -> None:
    settings = Settings(arguments.fps, arguments.iod, tuple(arguments.amplitude), arguments.seed)
    settings.check(arguments.n_people)
    codec = codec_for(arguments.out)
    with progress("frames") as report:
        truth = render_company(_portraits(arguments), arguments.out, settings, codec=codec, progress=report)
    open_console().print(event_table(truth["events"], f"{arguments.out} (synthetic)"))
    print(f"{truth['frames']} frames, {arguments.n_people} people")
    print(printable(f"truth in {arguments.out.with_suffix('.json')}"))


def _portraits(arguments: argparse.Namespace) -> list[Portrait]:
    if arguments.faces is None:
        return strangers(arguments.n_people)
    files = find_portraits(arguments.faces)
    if len(files) < arguments.n_people:
        raise UsageError(f"{len(files)} portraits in {arguments.faces}; give at least {arguments.n_people}")
    chosen = np.random.default_rng(arguments.seed).permutation(len(files))[: arguments.n_people]
    return [load_portrait(files[int(number)]) for number in chosen]
