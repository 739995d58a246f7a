"""`mer-replay`: spots and classifies the micro-expressions of recordings, every frame, as fast as it can."""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from engines.protocol import Engine
from engines.select import open_engine
from mer.errors import MerError, UsageError
from mer.video import FrameReader
from realtime import compare, options
from realtime.log import closing_lines
from realtime.messages import Event, Totals, Update
from realtime.overlay import Header, Overlay
from realtime.pipeline import Pipeline
from realtime.progress import Bar
from realtime.sinks import RecordingFolder
from realtime.summary import summarise
from realtime.timing import Timing


def replay(frames: FrameReader, pipeline: Pipeline) -> Iterator[Update]:
    """Run a recording through the pipeline without loss, in this thread.

    Args:
        frames: The recording.
        pipeline: Fresh; its totals and timing are filled.

    Yields:
        One update a frame, and one more if the end decides what was still open.
    """
    source = iter(frames)
    while True:
        started_s = time.perf_counter()
        frame = next(source, None)
        if frame is None:
            break
        pipeline.timing.add("decode", time.perf_counter() - started_s)
        pipeline.buffer.put(pipeline.crop(frame))
        crop = pipeline.buffer.get()
        if crop is None:
            raise RuntimeError(f"frame {frame.index} did not come back from the ring buffer")
        update = pipeline.step(crop)
        pipeline.timing.add("total", time.perf_counter() - started_s)
        yield update
    last = pipeline.finish()
    if last is not None:
        yield last


def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-replay`; returns 0, 1 for unusable input, 2 for unusable options, 130 after Ctrl-C."""
    args = _parser().parse_args(argv)
    return options.exit_code("mer-replay", lambda: _run(args, Console()))


def _parser() -> argparse.ArgumentParser:
    parser = options.parser("mer-replay", "Spot and classify micro-expressions in recordings: lossless, repeatable.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="video file, or folder of pictures")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="results go to DIR/<name of FILE>/")
    parser.add_argument(
        "--truth", nargs="+", default=[], type=Path, metavar="JSON", help="compare with these truths, one for each FILE"
    )
    parser.add_argument("--fps", type=options.frame_rate, help="frame rate that overrides the time stamps of FILE")
    parser.add_argument("--overlay", action="store_true", help="show what happens while it runs")
    parser.add_argument("--screenshot", type=Path, metavar="SVG", help="draw the overlay as each event is reported")
    return parser


def _run(args: argparse.Namespace, console: Console) -> int:
    _check(args.files, args.truth)
    truths: list[compare.Truth | None] = [compare.read_truth(path) for path in args.truth] or [None] * len(args.files)
    pooled: list[compare.Pair] = []
    with open_engine(args.engine) as engine:
        for file, truth in zip(args.files, truths):
            session = _Session(file.resolve(), truth=truth)
            _replay_into_folder(session, args, engine, console)
            _report(session, console)
            pooled += session.pairs
            if not session.complete:
                raise KeyboardInterrupt
    if len(args.truth) > 1:
        console.print(compare.table(pooled, title=f"{len(args.truth)} recordings: true against found"))
    return 0


def _check(files: Sequence[Path], truths: Sequence[Path]) -> None:
    if truths and len(truths) != len(files):
        raise UsageError(f"{len(truths)} --truth for {len(files)} recordings; give one for each, in the same order")
    names: dict[str, Path] = {}
    for file in files:
        other = names.setdefault(file.resolve().stem, file)
        if other is not file:
            raise UsageError(
                f"{other} and {file} would both write to a folder {file.stem!r}; replay them with different --out"
            )


@dataclass(slots=True)
class _Session:
    """One recording and what came of it."""

    source: Path
    truth: compare.Truth | None
    events: list[Event] = field(default_factory=list)
    pairs: list[compare.Pair] = field(default_factory=list)
    folder: Path = Path()
    totals: Totals = field(default_factory=Totals)
    timing: Timing = field(default_factory=Timing)
    wall_s: float = 0.0
    notes: tuple[str, ...] = ()
    complete: bool = True


def _replay_into_folder(session: _Session, args: argparse.Namespace, engine: Engine, console: Console) -> None:
    with (
        FrameReader(session.source, fps=args.fps) as frames,
        RecordingFolder(args.out / session.source.stem, source=session.source, classes=engine.classes) as folder,
        Pipeline(rate_hz=frames.rate_hz, engine=engine, face_model=args.face_model) as pipeline,
    ):
        header = _header(frames, engine, session.truth)
        overlay = Overlay(header, totals=pipeline.totals, timing=pipeline.timing, console=console)
        bar = Bar(session.source.name, frames.claimed_frames, console)
        started_s = time.perf_counter()
        try:
            with overlay if args.overlay and console.is_terminal else bar as screen:
                for update in replay(frames, pipeline):
                    folder.write(update)
                    session.events += update.events
                    screen.update(update)
                    if args.screenshot and screen is not overlay:
                        overlay.update(update)
                    if args.screenshot and update.events:
                        _draw(overlay, args.screenshot)
        except KeyboardInterrupt:
            session.complete = False
        session.wall_s = time.perf_counter() - started_s
        totals = pipeline.totals
        summary = summarise(
            session.source,
            frames=frames,
            totals=totals,
            timing=pipeline.timing,
            engine=engine,
            wall_s=session.wall_s,
            complete=session.complete,
        )
        if session.truth is not None:
            found = [compare.label_from_event(event, start_s=totals.first_time_s) for event in session.events]
            session.pairs = compare.compare(session.truth, found)
            summary["comparison"] = {
                "synthetic": session.truth.synthetic,
                **compare.record_from_pairs(session.pairs),
            }
        folder.finish(summary)
        session.folder, session.notes = folder.folder, frames.notes
        session.totals, session.timing = totals, pipeline.timing


def _header(frames: FrameReader, engine: Engine, truth: compare.Truth | None) -> Header:
    warnings = [f"model trained on {engine.manifest.training_data}"]
    if truth is not None and truth.synthetic:
        warnings.insert(0, "synthetic recording")
    claimed = frames.claimed_frames
    return Header(
        source=frames.description,
        engine=engine.name,
        warnings=tuple(warnings),
        total_s=claimed / frames.rate_hz if claimed else None,
    )


def _draw(overlay: Overlay, path: Path) -> None:
    try:
        overlay.export_svg(path)
    except OSError as error:
        raise MerError(f"{path} cannot be written ({error.strerror}); give another --screenshot") from error


def _report(session: _Session, console: Console) -> None:
    speed = session.totals.frames / session.wall_s if session.wall_s > 0 else 0.0
    for line in closing_lines(session.source.name, totals=session.totals, timing=session.timing, notes=session.notes):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"  {speed:.0f} frames/s; results in {session.folder}", highlight=False, soft_wrap=True)
    if session.truth is not None:
        kind = "synthetic recording" if session.truth.synthetic else "recording"
        console.print(compare.table(session.pairs, title=f"{session.source.name} ({kind}): true against found"))
