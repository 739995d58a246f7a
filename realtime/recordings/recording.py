"""One recording from its first frame to its folder of results."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engines.protocol import Engine
from mer.cli import as_error
from mer.errors import MerError
from mer.face.tracker import Meshes
from mer.media.video import FrameReader
from realtime.output import compare
from realtime.output.fields import FILES
from realtime.output.folder import RecordingFolder, leftovers
from realtime.output.found import Found
from realtime.output.summary import summarise
from realtime.pipeline import Pipeline
from realtime.quality.recording import coding_fields
from realtime.recordings import resume
from realtime.recordings.extras import PICTURES, REPLACED, Wanted, exported, products
from realtime.recordings.inputs import Recording
from realtime.recordings.tally import Outcome
from realtime.screen.log import closing_lines
from realtime.session import deliver, replay
from realtime.sink import Sink
from realtime.spotting.network import loaded
from realtime.spotting.spotter import SpotterConfig


@dataclass(frozen=True, slots=True)
class Job:
    """One recording and how to replay it; can be sent to another process.

    Attributes:
        recording: Where it is and where its results go.
        truth: What to compare with.
        engine: Which engine to open.
        face_model: A face_landmarker.task, None to look for one.
        fps: Overrides the time stamps.
        again: Whether to do it although it is done.
        wanted: What to write beyond the usual four files.
        out: Folder of all results.
        sensitivity: Of the spotter, 1 is normal.
        people: Maximum number of people that are followed.
        spotter: Network of the spotter; None for the shipped one.
    """

    recording: Recording
    truth: compare.Truth | None
    engine: str
    face_model: Path | None
    fps: float | None
    again: bool
    wanted: Wanted
    out: Path
    sensitivity: float = 1.0
    people: int = 1
    spotter: Path | None = None

    def settings(self, engine: Engine) -> dict[str, Any]:
        """Return what, beside the recording, decides the results."""
        return {
            "mer_live": version("mer-live"),
            "engine": engine.name,
            "engine_sha256": engine.manifest.sha256,
            "face_model": str(self.face_model.resolve()) if self.face_model else None,
            "fps": self.fps,
            "sensitivity": self.sensitivity,
            **({"people": self.people} if self.people > 1 else {}),
            **({"spotter_sha256": loaded(self.spotter).sha256} if self.spotter else {}),
            **({"absolute_paths": True} if self.wanted.absolute_paths else {}),
        }


OpenScreen = Callable[[FrameReader, Pipeline], AbstractContextManager[Sink]]
"""Shows how a replay gets on."""


def replay_recording(job: Job, engine: Engine, open_screen: OpenScreen, landmarker: Meshes | None = None) -> Outcome:
    """Replay one recording into its folder, unless that is done.

    Args:
        job: The recording.
        engine: Opened; not closed here.
        open_screen: Called once the recording is open.
        landmarker: Finds its faces and is closed with it; None starts one.

    Returns:
        What came of it; whatever is raised is an outcome, too, for a batch goes on after it.
    """
    recording = job.recording
    try:
        return _skipped(job, engine) or _replay_into_folder(job, engine, open_screen, landmarker)
    except Exception as error:
        return Outcome(recording, "failed", error=as_error(error, about=str(recording.path)))


def skip(job: Job, engine: Engine) -> Outcome | None:
    """Return the outcome of a recording that is done already, or cannot be looked at; else None."""
    try:
        return _skipped(job, engine)
    except Exception as error:
        return Outcome(job.recording, "failed", error=as_error(error, about=str(job.recording.path)))


def _skipped(job: Job, engine: Engine) -> Outcome | None:
    recording = job.recording
    if job.again:
        return None
    done = resume.finished_summary(
        recording.folder, source=recording.path, settings=job.settings(engine), wanted=job.wanted.names
    )
    if done is None:
        return None
    if leftovers(recording.folder, REPLACED):
        with contextlib.suppress(MerError), _folder(job, engine):  # it removes them, unless another process writes
            pass
    line = f"{recording.path.name}: skipped, existing results in {recording.folder}; give --overwrite to reprocess it"
    return Outcome(recording, "skipped", summary=done, lines=(line,))


def _folder(job: Job, engine: Engine) -> RecordingFolder:
    return RecordingFolder(
        job.recording.folder,
        source=job.recording.path,
        classes=engine.classes,
        extras=REPLACED,
        pictures=PICTURES,
        private=job.wanted.pictures,
        top=job.out,
    )


def _pipeline(job: Job, engine: Engine, landmarker: Meshes | None, rate_hz: float) -> Pipeline:
    return Pipeline(
        rate_hz=rate_hz,
        engine=engine,
        face_model=job.face_model,
        landmarker=landmarker,
        spotter=SpotterConfig(network=job.spotter),
        sensitivity=job.sensitivity,
        people=job.people,
    )


def _replay_into_folder(job: Job, engine: Engine, open_screen: OpenScreen, landmarker: Meshes | None) -> Outcome:
    recording, complete = job.recording, True
    with (
        FrameReader(recording.path, fps=job.fps, grey=True) as frames,
        _folder(job, engine) as folder,
        _pipeline(job, engine, landmarker, frames.rate_hz) as pipeline,
    ):
        made = products(job.wanted, recording.folder)
        labels = compare.Labels(pipeline.totals)
        before = resume.fingerprint(recording.path)
        started_s = time.perf_counter()
        try:
            with open_screen(frames, pipeline) as screen:
                deliver(replay(frames, pipeline), [folder, *made, labels, screen])
        except KeyboardInterrupt:
            complete = False
        summary = summarise(
            recording.path,
            frames=frames,
            totals=pipeline.totals,
            people=pipeline.people,
            timing=pipeline.timing,
            engine=engine,
            wall_s=time.perf_counter() - started_s,
            complete=complete,
            rhythm=pipeline.cadence.rhythm,
            face_notes=pipeline.face_notes(),
        )
        counts = dict(Counter(label.label for label in labels.found))
        summary |= {"labels": counts, resume.SETTINGS: job.settings(engine), resume.RECORDING: before}
        summary |= coding_fields(summary, size_bytes=before["bytes"])
        pairs: tuple[compare.Pair, ...] = ()
        if job.truth is not None:
            pairs = tuple(compare.compare(job.truth, labels.found))
            summary["comparison"] = {"synthetic": job.truth.synthetic, **compare.record_from_pairs(pairs)}
        absolute = job.wanted.absolute_paths
        found_here = Found(recording.path, recording.folder, folder.records, folder.rejected, summary, absolute)
        files = exported(job.wanted, found_here)
        for product in made:
            files |= product.files(found_here)
        summary |= {resume.OUTPUTS: job.wanted.names, FILES: sorted(files)}
        folder.finish(summary, files)
        lines = closing_lines(
            recording.path.name,
            totals=pipeline.totals,
            timing=pipeline.timing,
            notes=(*frames.notes, *pipeline.face_notes()),
            missing=summary["missing"],
            people=pipeline.people,
        )
        lines.append(f"  {summary['frames_per_second']:.0f} frames/s; results in {recording.folder}")
    return Outcome(
        recording,
        "done" if complete else "interrupted",
        summary=summary,
        lines=tuple(lines),
        truth=job.truth,
        pairs=pairs,
    )
