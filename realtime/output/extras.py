"""What a replay writes beside its four files because it was asked for: exports, clips, a report."""

import argparse
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from mer import option_help
from mer.errors import UsageError
from realtime.messages import Update
from realtime.output.clips import Films, strip_png
from realtime.output.explain import EXPLAIN_CSV, EXPLAIN_SVG, Explainer
from realtime.output.exports import EXPORTERS, Found
from realtime.output.report.gather import Gatherer
from realtime.output.report.page import REPORT_HTML, report

REPLACED: Final = (
    *(name for name, _ in EXPORTERS.values()),
    REPORT_HTML,
    EXPLAIN_CSV,
    EXPLAIN_SVG,
    "clips/event-*.png",
    "clips/event-*.mp4",
)
"""Patterns of all files that may come from an earlier run and go with its results."""
PICTURES: Final = (REPORT_HTML, "clips/event-*.png", "clips/event-*.mp4")
"""Those that show faces."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Attributes:
        exports: Keys of EXPORTERS.
        clips: Kind of the clips, None for none.
        report: Whether a page about each recording is wanted.
        explain: Whether the spotter's curves and decisions are wanted.
        absolute_paths: Whether the files may say where on this computer the recording lies.
    """

    exports: tuple[str, ...] = ()
    clips: Literal["png", "mp4"] | None = None
    report: bool = False
    explain: bool = False
    absolute_paths: bool = False

    @property
    def pictures(self) -> bool:
        """Whether any of it shows faces."""
        return self.report or self.clips is not None

    @property
    def names(self) -> list[str]:
        """One word for each thing, as `summary.json` lists them."""
        clips = [f"clips-{self.clips}"] if self.clips else []
        return sorted(
            {*self.exports, *clips, *(["report"] if self.report else []), *(["explain"] if self.explain else [])}
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which files are written, and where."""
    group = parser.add_argument_group("output")
    group.add_argument("--out", required=True, type=Path, metavar="DIR", help=option_help.OUT)
    group.add_argument(
        "--report", action="store_true", help="write an HTML report of each recording, with pictures of the face"
    )
    group.add_argument(
        "--export",
        type=_formats,
        default=(),
        metavar="FORMATS",
        help=f"additional formats, separated by commas: {', '.join(EXPORTERS)} (ELAN, BORIS's table, subtitles)",
    )
    group.add_argument(
        "--event-clips",
        choices=("png", "mp4"),
        help="save the face of each event, as a strip of frames (png) or in slow motion (mp4)",
    )
    group.add_argument(
        "--explain",
        action="store_true",
        help=f"write the motion and the decision of each frame to {EXPLAIN_CSV}, and a plot to {EXPLAIN_SVG}",
    )
    group.add_argument(
        "--absolute-paths",
        action="store_true",
        help="write full paths to reports, ELAN documents and tables instead of relative ones",
    )


def wanted_from(args: argparse.Namespace) -> Wanted:
    """Return what the options ask for.

    Raises:
        UsageError: If a library for it is missing: better now than after an hour of replaying.
    """
    if "eaf" in args.export and find_spec("pympi") is None:
        raise UsageError("--export eaf needs pympi; install it with: pip install 'mer-live[eaf]'")
    return Wanted(args.export, args.event_clips, args.report, args.explain, args.absolute_paths)


def _formats(text: str) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    unknown = [name for name in formats if name not in EXPORTERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not a format; give some of {','.join(EXPORTERS)}")
    return formats


class Extras:
    """Gathers, update by update, what the wanted files need.

    Args:
        wanted: What was asked for.
        folder: Of the results.
    """

    def __init__(self, wanted: Wanted, folder: Path) -> None:
        self._wanted = wanted
        self._films = Films(folder) if wanted.clips == "mp4" else None
        self._gatherer = Gatherer() if wanted.report else None
        self._explainer = Explainer() if wanted.explain else None
        self._files: dict[str, bytes] = {}

    def add(self, update: Update) -> None:
        """Take in one update."""
        if self._gatherer is not None:
            self._gatherer.add(update)
        if self._explainer is not None:
            self._explainer.add(update)
        if self._films is not None:
            for event, film in zip(update.events, self._films.add(update)):
                self._files[f"clips/event-{event.number:03d}.mp4"] = film
        elif self._wanted.clips == "png":
            for event in update.events:
                self._files[f"clips/event-{event.number:03d}.png"] = strip_png(event)

    def files(self, found: Found) -> dict[str, bytes]:
        """Return name below the folder of results and content of each file."""
        exports = {EXPORTERS[name][0]: EXPORTERS[name][1](found) for name in self._wanted.exports}
        if self._gatherer is not None:
            exports[REPORT_HTML] = report(found, self._gatherer)
        if self._explainer is not None:
            exports |= self._explainer.files()
        return self._files | exports
