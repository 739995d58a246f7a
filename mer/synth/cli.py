"""`mer-synth`: synthetic recordings and corpora of micro-expressions."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mer.cli import Parser, command, say_to
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


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="mer-synth", description="Make synthetic micro-expressions by warping real portraits.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser(
        "recording",
        help="one recording with its truth as JSON",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    one.set_defaults(run=_recording)
    one.add_argument("out", type=Path, metavar="OUT", help="video to write, .mp4 or .avi; the truth goes to OUT.json")
    one.add_argument("--face", type=Path, metavar="PORTRAIT", help="picture of a face; else scikit-image's astronaut")
    defaults = script.Settings()
    one.add_argument("--fps", type=float, default=defaults.fps, help="frames per second")
    one.add_argument("--seconds", type=float, default=defaults.seconds, help="length")
    one.add_argument("--events", type=int, default=defaults.events, help="number of micro-expressions")
    one.add_argument("--size", type=_size, default="640x480", metavar="WxH", help="size of the picture in pixels")
    one.add_argument(
        "--amplitude",
        type=float,
        nargs=2,
        default=defaults.amplitude_percent,
        metavar=("LOW", "HIGH"),
        help="peak displacement in percent of the distance between the eyes",
    )
    one.add_argument("--distractors", choices=script.LEVELS, default=defaults.distractors, help="what else moves")
    one.add_argument("--clock", choices=script.CLOCKS, default=defaults.clock, help="how regularly frames come")
    one.add_argument(
        "--head-path",
        metavar="PATH",
        help="real head to follow: a CSV file of `mer-synth head-path`, measured, or "
        + ", ".join(head_path.built_in()),
    )
    one.add_argument(
        "--curves",
        metavar="CURVES",
        help="real speech, expressions and blinks: a CSV file with ARKit's names, measured, or "
        + ", ".join(curves.built_in()),
    )
    one.add_argument("--iod", type=float, metavar="PIXELS", help="distance between the eyes (default: by the size)")
    one.add_argument("--duplicates", type=float, default=0.0, metavar="SHARE", help="frames that repeat the last one")
    one.add_argument("--seed", type=int, default=defaults.seed, help="the same seed gives the same file")
    one.add_argument("--codec", choices=sorted(CODECS), help="ffv1 (lossless) goes to .avi, the others to .mp4")
    one.add_argument("--quality", type=_quality, default=80, help="of mjpeg and h264, 1 to 100")
    one.add_argument("--key-every", type=_count, default=12, metavar="FRAMES", help="h264: frames between key frames")
    _add_set(commands)
    _add_corpus(commands)
    add_inject(commands)
    add_head_path(commands)
    return parser


def _add_set(commands: "argparse._SubParsersAction[Parser]") -> None:
    several = commands.add_parser(
        "set",
        help="long recordings of many people, rates, clocks and codecs, to measure a spotter with",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    several.set_defaults(run=_set)
    like = series.LIKE
    several.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill, or to go on with")
    several.add_argument("--faces", type=Path, metavar="DIR", help="portraits, in turns; else variations of one")
    several.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="one recording a rate for each")
    several.add_argument("--fps", type=float, nargs="+", default=series.RATES_FPS, help="frame rates")
    several.add_argument("--seconds", type=float, default=like.seconds, help="length of each recording")
    several.add_argument("--events", type=int, default=like.events, help="micro-expressions in each")
    several.add_argument(
        "--amplitude",
        type=float,
        nargs=2,
        default=like.amplitude_percent,
        metavar=("LOW", "HIGH"),
        help="peak displacement, %% of the eye distance",
    )
    several.add_argument("--distractors", choices=script.LEVELS, default=like.distractors, help="what else moves")
    several.add_argument(
        "--conditions",
        choices=SET_CONDITIONS,
        default="script",
        help="moving: real heads, speech, blinks, webcam compression, duplicate frames, 40 to 180 px between the eyes",
    )
    several.add_argument("--jobs", type=int, default=2, help="processes")


def _add_corpus(commands: "argparse._SubParsersAction[Parser]") -> None:
    many = commands.add_parser(
        "corpus", help="short clips with a manifest CSV", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    many.set_defaults(run=_corpus)
    many.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    many.add_argument("--faces", type=Path, metavar="DIR", help="portraits, one identity a picture; else variations")
    many.add_argument("--shape", default="mmew", metavar="mmew|N", help="MMEW's subjects and classes, or N clips")
    many.add_argument("--seed", type=int, default=0, help="the same seed gives the same corpus")
    many.add_argument("--jobs", type=int, default=2, help="processes")
    many.add_argument(
        "--fps-choices", type=float, nargs="+", default=corpus.FPS_CHOICES, metavar="FPS", help="rates to draw from"
    )
    many.add_argument(
        "--amplitude",
        type=float,
        nargs=2,
        default=corpus.AMPLITUDE_PERCENT,
        metavar=("LOW", "HIGH"),
        help="peak displacement in percent of the distance between the eyes",
    )
    many.add_argument(
        "--conditions",
        choices=tuple(CONDITIONS),
        default="usual",
        help="light, noise, compression, head and kind of movement; 'other' to measure what 'usual' has trained",
    )


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
        events=arguments.events,
        size_wh=arguments.size,
        amplitude_percent=tuple(arguments.amplitude),
        distractors=arguments.distractors,
        clock=arguments.clock,
        head_path=arguments.head_path,
        curves=arguments.curves,
        iod_px=arguments.iod,
        duplicates=arguments.duplicates,
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
        events=arguments.events,
        amplitude_percent=tuple(arguments.amplitude),
        distractors=arguments.distractors,
    )
    faces = find_portraits(arguments.faces) if arguments.faces else ()
    plans = series.plan(arguments.seeds, faces=faces, fps=arguments.fps, like=like, conditions=arguments.conditions)
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
            fps_choices=arguments.fps_choices,
            amplitude_percent=tuple(arguments.amplitude),
            conditions=arguments.conditions,
            progress=report,
        )
    seconds = time.perf_counter() - started
    n = sum(built.counts.values())
    for reason in built.skipped:
        say_to(sys.stderr, f"mer-synth: left out: {reason}")
    classes = ", ".join(f"{count} {label}" for label, count in built.counts.items())
    print(f"{n} synthetic clips of {built.subjects} subjects ({classes})")
    print(f"{seconds:.1f} s, {n / seconds:.2f} clips/s; manifest in {printable(built.manifest)}")


if __name__ == "__main__":
    sys.exit(main())
