"""`mer-live`: spots and classifies micro-expressions as they happen, from a camera, a stream or a paced file."""

import argparse
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from engines.fallback import FallbackEngine
from engines.protocol import Engine
from engines.runtime.registry import NAMES
from engines.select import open_engine
from mer import option_help
from mer.cli import command, print_line
from mer.face.landmarker import Landmarker
from mer.media.source_name import source_name
from mer.terminal import open_console
from mer.text import printable
from realtime import config, options
from realtime.camera_options import CAMERA_HELP, FACE, add_camera, listed, open_named
from realtime.capture.cameras.registry import LISTS
from realtime.capture.feed import PATIENCE_S, Feed
from realtime.capture.light import LightWatch
from realtime.capture.live_source import LiveSource
from realtime.capture.source import Source, is_stream, open_source
from realtime.capture.thread import Capture
from realtime.commands.signals import ending_signals
from realtime.face_follower import FaceFollower
from realtime.messages import Mark
from realtime.output import session_recording
from realtime.output.lsl import Outlets
from realtime.output.lsl_network import EVERYWHERE, LOOPBACK, interface_of
from realtime.output.records import STDOUT, Lines, Records, say
from realtime.output.session_recording import SessionRecording
from realtime.people import faces_of
from realtime.pipeline import Pipeline
from realtime.screen.graphics import choose
from realtime.screen.keys import Keys
from realtime.screen.log import Log, closing_lines
from realtime.screen.overlay import Header, Overlay
from realtime.session import deliver, live
from realtime.sink import Sink
from realtime.spotting.spotter import SpotterConfig

CAMERA_VARIABLE: Final = "MER_CAMERA"
"""Holds what `--camera` would, for addresses with a password: a command line is seen by everybody on the machine."""


@command("mer-live")
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-live`; returns 0 (also after SIGTERM or SIGHUP), 130 after Ctrl-C, 1 or 2 for what cannot be used."""
    parser = _parser()
    args = config.parse(parser, argv)
    if args.list_cameras is not None:
        for line in listed(args.list_cameras):
            print(printable(line))
        return 0
    if args.camera is None:
        parser.error(f"--camera is missing; give --camera 0, or set {CAMERA_VARIABLE}")
    return _run(parser, args, open_console())


def _parser() -> argparse.ArgumentParser:
    parser = options.parser(
        "mer-live",
        "Spot and classify micro-expressions live. Press q or Ctrl-C to stop.",
        examples=(
            "mer-live --camera 0 --fps 60 --events events.jsonl",
            "mer-live --camera rtsp://192.168.1.20/stream --json",
        ),
    )
    parser.add_argument("--save-config", type=Path, metavar="TOML", help="write the other options to a file and exit")
    _add_source(parser)
    add_camera(parser)
    options.add_recognition(parser)
    _add_output(parser)
    display = parser.add_argument_group("display")
    display.add_argument("--no-overlay", action="store_true", help="print plain lines instead of drawing the overlay")
    options.add_pictures(display)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("source")
    group.add_argument(
        "--camera",
        default=os.environ.get(CAMERA_VARIABLE),
        metavar="SOURCE",
        help=f"{CAMERA_HELP} (default: the environment variable {CAMERA_VARIABLE}, which other users cannot read)",
    )
    group.add_argument(
        "--list-cameras",
        nargs="?",
        const="v4l2",
        choices=tuple(LISTS),
        help="print the cameras of this machine, those of V4L2 with their modes and highest rates, and exit",
    )
    group.add_argument(
        "--reconnect",
        type=options.patience,
        default=PATIENCE_S,
        metavar="S",
        help="seconds to keep retrying a lost camera or stream (0: do not reconnect)",
    )
    group.add_argument(
        "--duration", type=options.seconds, metavar="S", help="stop after S seconds (default: when the source ends)"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--events",
        type=Path,
        metavar="FILE",
        help="append a JSON line for each event and mark; - writes them to standard output",
    )
    group.add_argument("--json", dest="events", action="store_const", const=STDOUT, help=option_help.JSON)
    group.add_argument(
        "--record", type=Path, metavar="DIR", help="save the video, the events and the options of the session"
    )
    group.add_argument(
        "--save-dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where the key s saves the last event (default: the current folder)",
    )
    group.add_argument(
        "--lsl", nargs="?", const="mer-live", metavar="NAME", help="send events and motion by Lab Streaming Layer"
    )
    group.add_argument(
        "--lsl-interface",
        default=LOOPBACK,
        metavar="NAME",
        help="network interface (name or address) whose network can find and read the LSL streams, which carry the "
        f"name of this machine, or {EVERYWHERE} (default: {LOOPBACK}, this machine only)",
    )


@dataclass(frozen=True, slots=True)
class _Session:
    """What a session has open, all of it closed by whoever opened it.

    Attributes:
        feed: Where the frames come from.
        engine: What classifies.
        pipeline: The stages.
        records: Where events and marks are written.
        outlets: The Lab Streaming Layer, if asked for.
        recording: The video of the session, if asked for.
        failures: What of it failed and was replaced.
    """

    feed: Feed
    engine: Engine
    pipeline: Pipeline
    records: Records
    outlets: Outlets | None
    recording: SessionRecording | None
    failures: list[str]


def _run(parser: argparse.ArgumentParser, args: argparse.Namespace, console: Console) -> int:
    if args.save_config is not None:
        return _save_options(parser, args)
    stop = threading.Event()
    with ExitStack() as stack:
        session = _opened(stack, parser, args, stop)
        signals = stack.enter_context(ending_signals(stop))
        pipeline = session.pipeline
        frames = session.feed.frames(pipeline.announce)
        light = LightWatch()
        if isinstance(session.feed.source, LiveSource):
            frames = light.passing(frames, pipeline.announce)
        if session.recording is not None:
            session.recording.describe(session.feed.start)
            frames = session.recording.passing(frames)
        capture = Capture(frames, crops=pipeline.crops, buffer=pipeline.buffer, stop=stop)
        lines, keys = _lines_and_keys(session, args, stop)
        sent: list[Sink] = [session.outlets] if session.outlets is not None else []
        if args.roi == FACE:
            size_wh = session.feed.source.size_wh
            sent.append(FaceFollower(session.feed.move_region, size_wh=size_wh, announce=pipeline.announce))
        with _screen(args, session, console, keys) as screen:
            updates = live(pipeline, capture, stop=stop, duration_s=args.duration)
            deliver(updates, [lines, *sent, screen, keys])
    errors = _say_how_it_ended(session, args, light)
    return 1 if errors else 130 if signals == [signal.SIGINT] else 0


def _save_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    path, args.save_config = args.save_config, None
    left_out = config.save(parser, args, path)
    print(printable(f"options saved to {path}; use them with: mer-live --config {path}"))
    for name in left_out:
        remedy = f" or set {CAMERA_VARIABLE}" if name == "camera" else ""
        print(f"--{name} was left out because it holds a password or token; give it again{remedy}")
    return 0


def _opened(
    stack: ExitStack, parser: argparse.ArgumentParser, args: argparse.Namespace, stop: threading.Event
) -> _Session:
    """Open everything, what is told about a failure first; closed by `stack`, in the opposite order."""
    into_recording = args.record is not None and args.events is None
    if into_recording:
        args.events = args.record / session_recording.EVENTS
    failures: list[str] = []

    def failed(text: str) -> None:
        failures.append(text)
        pipeline.announce(text)

    # landmarker, engine and source start side by side: a source is watched for a while to learn its rate
    landmarker = stack.enter_context(Landmarker(args.face_model, faces=faces_of(args.people)))
    outlets = stack.enter_context(_outlets(args)) if args.lsl else None
    with ThreadPoolExecutor(1, "engine") as pool:
        opening = pool.submit(_engine, args.engine, on_failure=failed)
        try:
            feed = Feed(functools.partial(_open, args, landmarker), patience_s=args.reconnect, stop=stop)
            stack.callback(feed.close)
        finally:
            engine = stack.enter_context(opening.result())
    landmarker.wait()
    recording = stack.enter_context(_recording(parser, args, feed.source)) if args.record else None
    records = stack.enter_context(Records(args.events, owned=into_recording))
    pipeline = stack.enter_context(
        Pipeline(
            rate_hz=_most_hz(feed.source),
            engine=engine,
            landmarker=landmarker,
            spotter=SpotterConfig(network=args.spotter),
            sensitivity=args.sensitivity,
            people=args.people,
        )
    )
    return _Session(feed, engine, pipeline, records, outlets, recording, failures)


def _outlets(args: argparse.Namespace) -> Outlets:
    return Outlets(
        args.lsl, source=source_name(args.camera), interface=interface_of(args.lsl_interface), people=args.people
    )


def _lines_and_keys(session: _Session, args: argparse.Namespace, stop: threading.Event) -> tuple[Lines, Keys]:
    """Return what writes events and marks, and the keys that make marks; the session's start is known by now."""
    name = source_name(args.camera)
    start = session.feed.start if isinstance(session.feed.source, LiveSource) else None
    lines = Lines(session.records, source=name, start=start)

    def mark(pressed: Mark) -> None:
        lines.mark(pressed)
        if session.outlets is not None:
            session.outlets.mark(pressed)

    keys = Keys(
        session.pipeline,
        stop=stop,
        on_mark=mark,
        source=name,
        save_dir=args.save_dir,
    )
    return lines, keys


def _say_how_it_ended(session: _Session, args: argparse.Namespace, light: LightWatch) -> list[str]:
    """Print the closing lines and return what went wrong."""
    pipeline, recording = session.pipeline, session.recording
    rhythm = pipeline.cadence.rhythm
    face_notes = pipeline.face_notes(start_s=pipeline.totals.first_time_s)
    kept = recording.notes if recording else ()
    for line in closing_lines(
        session.feed.source.description,
        totals=pipeline.totals,
        timing=pipeline.timing,
        notes=(str(rhythm), *session.feed.notes, *light.notes, *face_notes, *kept, *session.failures),
        missing=rhythm.missing,
        people=pipeline.people,
    ):
        say(line, path=args.events)
    told = (session.feed.error, session.records.error, recording.error if recording else "")
    errors = [error for error in told if error]
    for error in errors:
        print_line(sys.stderr, f"mer-live: error: {error}")
    return errors


def _open(args: argparse.Namespace, landmarker: Landmarker) -> Source:
    return open_named(args, opener=open_source, meshes=landmarker.detect_still)


def _most_hz(source: Source) -> float:
    """Return the rate to make room for: a camera may have been slow only while it adapted to the light."""
    return max(source.rate_hz, min(source.nominal_fps, 4.0 * source.rate_hz))


def _recording(parser: argparse.ArgumentParser, args: argparse.Namespace, source: Source) -> SessionRecording:
    chosen = config.chosen(parser, args)
    about = {
        "source": source_name(args.camera),
        "description": source.description,
        "options": {k: source_name(value) if isinstance(value, str) else value for k, value in chosen.items()},
    }
    sample = source.peek() if isinstance(source, LiveSource) else None
    return SessionRecording(args.record, size_wh=source.size_wh, rate_hz=source.rate_hz, about=about, sample=sample)


def _engine(choice: str, *, on_failure: Callable[[str], None]) -> Engine:
    """Return the engine; one that runs the shipped weights is replaced by ONNX Runtime if it fails on the way."""
    engine = open_engine(choice)
    if choice not in ("auto", *NAMES):
        return engine  # nothing here answers as somebody's own weights do
    return FallbackEngine(engine, reserve=lambda: open_engine("onnxruntime"), on_failure=on_failure)


def _screen(args: argparse.Namespace, session: _Session, console: Console, keys: Keys) -> AbstractContextManager[Sink]:
    source, engine, pipeline = session.feed.source, session.engine, session.pipeline
    if args.no_overlay or args.events == STDOUT or not console.is_terminal:
        return closing(
            Log(totals=pipeline.totals, say=lambda line: say(line, path=args.events), several=args.people > 1)
        )
    camera = source if isinstance(source, LiveSource) and not is_stream(args.camera) else None
    header = Header(
        source=source.description,
        engine=engine.name,
        asked=str(camera.asked) if camera else "",
        got=str(camera.got) if camera else "",
        warnings=(f"model trained on {engine.manifest.training_data}", *source.notes),
        total_s=source.claimed_frames / source.rate_hz if source.claimed_frames else None,
        none_threshold=engine.none_threshold,
    )
    mode = choose(args.pictures, console, os.environ).mode
    return Overlay(header, totals=pipeline.totals, timing=pipeline.timing, console=console, keys=keys, pictures=mode)
