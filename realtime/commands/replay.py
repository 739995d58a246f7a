"""`mer-replay`: spots and classifies the micro-expressions of recordings, every frame, as fast as it can."""

import argparse
import functools
import os
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from engines.protocol import Engine
from engines.select import open_engine
from mer import option_help
from mer.cli import command, print_error
from mer.errors import MerError, UsageError
from mer.files import write_atomically
from mer.jobs import cluster, processes
from mer.media.video import FrameReader
from mer.terminal import open_console
from mer.text import printable
from realtime import config, options
from realtime.output import compare
from realtime.pipeline import Pipeline
from realtime.recordings import extras, tally, workers
from realtime.recordings.index import INDEX_HTML, index
from realtime.recordings.inputs import find_recordings
from realtime.recordings.recording import Job, replay_recording, skip
from realtime.recordings.tally import Outcome
from realtime.screen.graphics import choose
from realtime.screen.overlay import Header, Overlay
from realtime.screen.progress import Bar, BatchBar
from realtime.sink import Sink
from realtime.update import Update

_NOTES: Final = (
    "Exit codes: 0 success; 1 nothing could be replayed; 2 invalid options; 3 some recordings failed and the others "
    "are complete; 130 interrupted. Repeat the command to continue after an interruption."
)
_DIED: Final = (
    "the process that replayed it died, for lack of memory or because the recording upsets a decoder; "
    "replay it alone, or convert it with another program"
)


@command("mer-replay")
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-replay`; its exit codes are in `--help`."""
    args = config.parse(_parser(), argv)
    return _run(args, open_console())


def _parser() -> argparse.ArgumentParser:
    parser = options.parser(
        "mer-replay",
        "Spot and classify micro-expressions in recordings: every frame, with the same result each time.",
        examples=(
            "mer-replay interview.mp4 --out results --report",
            "mer-replay study/ --fps 200 --out results --jobs 4",
        ),
        notes=_NOTES,
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="video, folder of frames, folder to search, or '**/*.mp4'"
    )
    source = parser.add_argument_group("source")
    source.add_argument(
        "--fps",
        type=options.frame_rate,
        help=f"{option_help.FPS} (default: by the time stamps of the recording, which it replaces)",
    )
    source.add_argument("--truth", nargs="+", default=[], type=Path, metavar="JSON", help=option_help.TRUTH)
    options.add_recognition(parser)
    extras.add_options(parser)
    _add_processing(parser)
    display = parser.add_argument_group("display")
    display.add_argument("--overlay", action="store_true", help="draw the overlay while a recording is replayed")
    display.add_argument("--screenshot", type=Path, metavar="SVG", help="save the overlay as each event is reported")
    options.add_pictures(display)
    return parser


def _add_processing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("processing")
    group.add_argument("--jobs", type=options.count, default=1, metavar="N", help=option_help.JOBS)
    cluster.add_option(group)
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="reprocess recordings that already have results; so do --truth, --overlay and --screenshot",
    )


def _run(args: argparse.Namespace, console: Console) -> int:
    search = find_recordings(args.files, args.out)
    recordings, errors = search.recordings, search.errors
    if not recordings and len(errors) == 1:
        raise errors[0]
    _check(args, len(recordings) + len(errors))
    truths: list[compare.Truth | None] = [compare.read_truth(path) for path in args.truth] or [None] * len(recordings)
    again = bool(args.overwrite or args.truth or args.overlay or args.screenshot)
    wanted = extras.wanted_from(args)
    jobs = [
        Job(
            recording,
            truth,
            args.engine,
            args.face_model,
            args.fps,
            again,
            wanted,
            args.out,
            args.sensitivity,
            args.spotter,
        )
        for recording, truth in zip(recordings, truths)
    ]
    if args.cluster:
        cluster.check(args.cluster)
        jobs = [_for_any_machine(job) for job in jobs]
    for note in search.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    outcomes = [Outcome(None, "failed", error=error) for error in errors]
    for outcome in outcomes:
        _report(outcome, console)
    interrupted = False
    try:
        for outcome in _outcomes(jobs, args, console):
            outcomes.append(outcome)
            _report(outcome, console)
            interrupted |= outcome.status == "interrupted"
    except KeyboardInterrupt:
        interrupted = True
    planned = [None, *(job.recording for job in jobs)]
    outcomes.sort(key=lambda outcome: planned.index(outcome.recording))
    if len(outcomes) > 1:
        console.print(tally.table(outcomes, planned=len(jobs) + len(errors)))
        tally.write(outcomes, args.out, absolute=args.absolute_paths)
        if args.report:
            write_atomically(args.out / INDEX_HTML, index(outcomes, args.out, absolute=args.absolute_paths))
    if len(args.truth) > 1:
        pooled = [pair for outcome in outcomes for pair in outcome.pairs]
        console.print(compare.table(pooled, title=f"{len(args.truth)} recordings: true against found"))
    if interrupted:
        raise KeyboardInterrupt
    return tally.exit_code(outcomes)


def _check(args: argparse.Namespace, recordings: int) -> None:
    if args.truth and len(args.truth) != recordings:
        raise UsageError(f"{len(args.truth)} --truth for {recordings} recordings; give one for each, in the same order")
    if (args.jobs > 1 or args.cluster) and (args.overlay or args.screenshot):
        many = f"--cluster {args.cluster}" if args.cluster else f"--jobs {args.jobs}"
        raise UsageError(f"--overlay and --screenshot show one recording at a time; leave out {many}")


def _for_any_machine(job: Job) -> Job:
    """Return a job whose paths hold whatever the folder of the process that does it."""
    out = job.out.resolve()
    recording = replace(job.recording, folder=out / job.recording.folder.relative_to(job.out))
    engine = str(Path(job.engine).resolve()) if Path(job.engine).is_file() else job.engine
    face_model = job.face_model.resolve() if job.face_model else None
    return replace(job, recording=recording, engine=engine, face_model=face_model, out=out)


def _outcomes(jobs: Sequence[Job], args: argparse.Namespace, console: Console) -> Iterator[Outcome]:
    with open_engine(args.engine) as engine:
        if not args.cluster and (len(jobs) == 1 or args.overlay or args.screenshot):
            for number, job in enumerate(jobs, start=1):
                name = f"{number}/{len(jobs)} {job.recording.path.name}" if len(jobs) > 1 else job.recording.path.name
                open_screen = functools.partial(_screen, args, console, engine, job, name)
                outcome = replay_recording(job, engine, open_screen)
                yield outcome
                if outcome.status == "interrupted":
                    return
            return
        skipped = [skip(job, engine) for job in jobs]
    yield from filter(None, skipped)
    jobs = [job for job, outcome in zip(jobs, skipped) if outcome is None]
    with BatchBar([job.recording.path.name for job in jobs], console) as bar, closing(_ended(jobs, args, bar)) as all_:
        for number, ended in all_:
            bar.end(number)
            recording = jobs[number].recording
            yield ended or Outcome(recording, "failed", error=MerError(f"{recording.path}: {_DIED}"))


def _ended(
    jobs: Sequence[Job], args: argparse.Namespace, bar: BatchBar
) -> Generator[tuple[int, Outcome | None], None, None]:
    if args.cluster:
        yield from cluster.each(workers.replay_as_task, jobs, cluster=args.cluster, workers=args.jobs)
    else:
        yield from processes.in_processes(jobs, workers.replay_in_process, processes=args.jobs, watch=bar.update)


class _Screenshots:
    """A screen, and the overlay drawn into a file whenever an event is reported."""

    def __init__(self, screen: Sink, overlay: Overlay, path: Path) -> None:
        self._screen = screen
        self._overlay = overlay
        self._path = path

    def update(self, update: Update) -> None:
        self._screen.update(update)
        if self._screen is not self._overlay:
            self._overlay.update(update)
        if not update.events:
            return
        self._overlay.export_svg(self._path)

    def close(self) -> None:
        self._screen.close()


@contextmanager
def _screen(
    args: argparse.Namespace,
    console: Console,
    engine: Engine,
    job: Job,
    name: str,
    frames: FrameReader,
    pipeline: Pipeline,
) -> Iterator[Sink]:
    header = _header(frames, engine, job.truth)
    mode = choose(args.pictures, console, os.environ).mode
    overlay = Overlay(header, totals=pipeline.totals, timing=pipeline.timing, console=console, pictures=mode)
    shown = overlay if args.overlay and console.is_terminal else Bar(name, frames.expected_frames, console)
    with shown as screen:
        yield _Screenshots(screen, overlay, args.screenshot) if args.screenshot else screen


def _header(frames: FrameReader, engine: Engine, truth: compare.Truth | None) -> Header:
    warnings = [f"model trained on {engine.manifest.training_data}"]
    if truth is not None and truth.synthetic:
        warnings.insert(0, "synthetic recording")
    claimed = frames.expected_frames
    return Header(
        source=frames.description,
        engine=engine.name,
        warnings=tuple(warnings),
        total_s=claimed / frames.rate_hz if claimed else None,
        none_threshold=engine.none_threshold,
    )


def _report(outcome: Outcome, console: Console) -> None:
    if outcome.error is not None:
        print_error("mer-replay", outcome.error)
        return
    for line in outcome.lines:
        console.print(printable(line), highlight=False, soft_wrap=True)
    if outcome.truth is not None:
        kind = "synthetic recording" if outcome.truth.synthetic else "recording"
        name = Path(outcome.summary["source"]).name
        console.print(compare.table(outcome.pairs, title=f"{name} ({kind}): true against found"))


if __name__ == "__main__":
    sys.exit(main())
