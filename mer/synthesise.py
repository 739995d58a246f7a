"""`mer-synth`: synthetic recordings and corpora of micro-expressions."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mer import option_help
from mer.cli import command, print_line
from mer.parser import Parser
from mer.synth import corpus, curves, head_path, recording, script, series
from mer.synth.conditions import CONDITIONS, SET_CONDITIONS
from mer.synth.injection.command import add_head_path, add_inject
from mer.synth.portrait import find_portraits, load_portrait
from mer.synth.reporting import event_table, progress
from mer.synth.video_file import CODECS, codec_for
from mer.terminal import open_console
from mer.text import printable


@command("mer-synth", interrupted="stopped; the file being written was removed")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], None] = arguments.run
    run(arguments)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="mer-synth",
        description="Make synthetic micro-expressions by warping real portraits.",
        examples=("mer-synth recording out.mp4 --seed 1", "mer-synth inject interview.mp4 drawn.mp4"),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_recording(commands)
    _add_set(commands)
    _add_corpus(commands)
    add_inject(commands)
    add_head_path(commands)
    return parser


def _add_recording(commands: Any) -> None:
    defaults = script.Settings()
    parser = commands.add_parser(
        "recording",
        help="one recording with its truth as JSON",
        description="Render a synthetic recording and its truth. The same options and seed give the same file.",
        examples=(
            "mer-synth recording out.mp4 --seed 1",
            "mer-synth recording out.mp4 --fps 60 --head-path measured --curves measured --codec h264",
        ),
    )
    parser.set_defaults(run=_recording)
    parser.add_argument("out", type=Path, metavar="OUT", help=".mp4 or .avi file to write; the truth goes to OUT.json")
    parser.add_argument("--seed", type=int, default=defaults.seed, metavar="N", help=option_help.SEED)
    content = parser.add_argument_group("content")
    content.add_argument(
        "--face", type=Path, metavar="PORTRAIT", help="picture of a face (default: scikit-image's astronaut)"
    )
    _add_script(content, defaults)
    content.add_argument(
        "--head-path",
        metavar="PATH",
        help="head motion: 'measured', a CSV file of mer-synth head-path, or one of "
        f"{', '.join(head_path.built_in())} (default: a still head)",
    )
    content.add_argument(
        "--curves",
        metavar="CURVES",
        help="speech, expressions and blinks: 'measured', a CSV file with ARKit's names, or one of "
        f"{', '.join(curves.built_in())} (default: none)",
    )
    _add_video(parser.add_argument_group("video"), defaults)


def _add_video(video: Any, defaults: script.Settings) -> None:
    """Add the options that say how a recording is filmed and compressed."""
    video.add_argument("--fps", type=float, default=defaults.fps, help=option_help.FPS)
    video.add_argument("--size", type=_size, default="640x480", metavar="WxH", help="frame size in pixels")
    video.add_argument(
        "--iod", type=float, metavar="PIXELS", help="inter-ocular distance in pixels (default: by the frame size)"
    )
    video.add_argument("--clock", choices=script.CLOCKS, default=defaults.clock, help="regularity of the time stamps")
    video.add_argument(
        "--duplicates", type=float, default=0.0, metavar="SHARE", help="share of frames that repeat the one before"
    )
    video.add_argument(
        "--noise",
        type=float,
        default=defaults.noise,
        metavar="FACTOR",
        help="sensor noise, relative to a well-lit room; 2 corresponds to a quarter of the light",
    )
    video.add_argument(
        "--codec",
        choices=sorted(CODECS),
        help="video codec; ffv1 is lossless and needs .avi, the others .mp4 (default: by the suffix of OUT)",
    )
    video.add_argument(
        "--quality", type=_quality, default=80, metavar="N", help="quality of mjpeg and h264, from 1 to 100"
    )
    video.add_argument(
        "--key-every",
        type=_count,
        default=12,
        metavar="N",
        help="frames from one key frame of h264 to the next",
    )


def _add_script(group: Any, defaults: script.Settings) -> None:
    """Add the options that say what happens in a recording."""
    group.add_argument("--seconds", type=float, default=defaults.seconds, metavar="S", help=option_help.SECONDS)
    group.add_argument("--n-events", type=int, default=defaults.events, metavar="N", help=option_help.N_EVENTS)
    _add_amplitude(group, defaults.amplitude_percent)
    group.add_argument(
        "--distractors", choices=script.LEVELS, default=defaults.distractors, help=option_help.DISTRACTORS
    )


def _add_amplitude(group: Any, default: tuple[float, float]) -> None:
    group.add_argument(
        "--amplitude", type=float, nargs=2, default=default, metavar=("LOW", "HIGH"), help=option_help.AMPLITUDE
    )


def _add_set(commands: Any) -> None:
    parser = commands.add_parser(
        "set",
        help="long recordings of many people, frame rates, clocks and codecs, to evaluate a spotter",
        description="Render recordings to evaluate a spotter with, one for each seed and frame rate. The conditions "
        "'moving' add real head motion, speech, blinks, webcam compression, repeated frames, and 40 to 180 pixels "
        "between the eyes. An interrupted set continues when the command is repeated.",
        examples=("mer-synth set --out set --seeds 1 2 3", "mer-synth set --out set --rates 60 --conditions moving"),
    )
    parser.set_defaults(run=_set)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=option_help.OUT)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="random seeds")
    content = parser.add_argument_group("content")
    content.add_argument("--faces", type=Path, metavar="DIR", help=option_help.FACES)
    _add_script(content, series.LIKE)
    content.add_argument("--conditions", choices=SET_CONDITIONS, default="script", help=option_help.CONDITIONS)
    content.add_argument(
        "--rates", type=float, nargs="+", default=series.RATES_FPS, metavar="FPS", help=option_help.RATES
    )
    processing = parser.add_argument_group("processing")
    processing.add_argument("--jobs", type=int, default=2, metavar="N", help=option_help.JOBS)


def _add_corpus(commands: Any) -> None:
    parser = commands.add_parser(
        "corpus",
        help="short clips with a manifest CSV, to train on",
        description="Render clips and manifest.csv. The conditions 'usual' are meant for training; 'other' leave their "
        "ranges, to test what was trained on them. An interrupted corpus continues when the command is repeated.",
        examples=(
            "mer-synth corpus --out corpus --shape mmew",
            "mer-synth corpus --out test --faces portraits --shape 400 --conditions other",
        ),
    )
    parser.set_defaults(run=_corpus)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=option_help.OUT)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=option_help.SEED)
    content = parser.add_argument_group("content")
    content.add_argument("--faces", type=Path, metavar="DIR", help=option_help.FACES)
    content.add_argument(
        "--shape", default="mmew", metavar="mmew|N", help="subjects and classes as in MMEW, or the number of clips"
    )
    _add_amplitude(content, corpus.AMPLITUDE_PERCENT)
    content.add_argument("--conditions", choices=tuple(CONDITIONS), default="usual", help=option_help.CONDITIONS)
    content.add_argument(
        "--rates", type=float, nargs="+", default=corpus.FPS_CHOICES, metavar="FPS", help=option_help.RATES
    )
    processing = parser.add_argument_group("processing")
    processing.add_argument("--jobs", type=int, default=2, metavar="N", help=option_help.JOBS)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} given; expected width x height such as 640x480")
    return int(parts[0]), int(parts[1])


def _quality(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} given; expected a whole number from 1 to 100")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} given; expected a whole number from 1")
    return int(text)


def _recording(arguments: argparse.Namespace) -> None:
    settings = script.Settings(
        fps=arguments.fps,
        seconds=arguments.seconds,
        events=arguments.n_events,
        size_wh=arguments.size,
        amplitude_percent=tuple(arguments.amplitude),
        distractors=arguments.distractors,
        clock=arguments.clock,
        head_path=arguments.head_path,
        curves=arguments.curves,
        iod_px=arguments.iod,
        duplicates=arguments.duplicates,
        noise=arguments.noise,
        seed=arguments.seed,
    )
    settings.check()
    codec = codec_for(arguments.out, arguments.codec)
    portrait = load_portrait(arguments.face)
    with progress("frames") as report:
        truth = recording.render(
            portrait,
            arguments.out,
            settings,
            codec=codec,
            quality=arguments.quality,
            key_every=arguments.key_every,
            progress=report,
        )
    open_console().print(event_table(truth["events"], f"{arguments.out} (synthetic)"))
    print(f"{truth['frames']} frames, {len(truth['distractors'])} distractors")
    print(printable(f"truth in {arguments.out.with_suffix('.json')}"))


def _set(arguments: argparse.Namespace) -> None:
    like = script.Settings(
        seconds=arguments.seconds,
        events=arguments.n_events,
        amplitude_percent=tuple(arguments.amplitude),
        distractors=arguments.distractors,
    )
    faces = find_portraits(arguments.faces) if arguments.faces else ()
    plans = series.plan(arguments.seeds, faces=faces, fps=arguments.rates, like=like, conditions=arguments.conditions)
    with progress("recordings") as report:
        series.build(arguments.out, plans, jobs=arguments.jobs, progress=report)
    where = printable(arguments.out)
    print(f"{len(plans)} synthetic recordings of {like.seconds:g} s in {where}, each with its truth")


def _corpus(arguments: argparse.Namespace) -> None:
    started = time.perf_counter()
    with progress("clips") as report:
        built = corpus.build(
            arguments.out,
            faces=arguments.faces,
            shape=arguments.shape,
            seed=arguments.seed,
            jobs=arguments.jobs,
            fps_choices=arguments.rates,
            amplitude_percent=tuple(arguments.amplitude),
            conditions=arguments.conditions,
            progress=report,
        )
    seconds = time.perf_counter() - started
    n = sum(built.counts.values())
    for reason in built.skipped:
        print_line(sys.stderr, f"mer-synth: left out: {reason}")
    classes = ", ".join(f"{count} {label}" for label, count in built.counts.items())
    print(f"{n} synthetic clips of {built.subjects} subjects ({classes})")
    print(f"{seconds:.1f} s, {n / seconds:.2f} clips/s; manifest in {printable(built.manifest)}")


if __name__ == "__main__":
    sys.exit(main())
