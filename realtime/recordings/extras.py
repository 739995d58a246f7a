"""What a replay writes beside its four files because it was asked for: exports, clips, a report."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, Protocol

from mer import option_help
from mer.errors import UsageError
from realtime.output.clips import CLIPS, Strips, Videos
from realtime.output.explain import EXPLAIN_CSV, EXPLAIN_SVG, Explainer
from realtime.output.exports.registry import EXPORTS
from realtime.output.found import Found
from realtime.output.report.page import REPORT_HTML
from realtime.output.report.product import Report
from realtime.output.review.page import REVIEW_HTML, ReviewPage
from realtime.sink import Sink

PICTURES: Final = (REPORT_HTML, REVIEW_HTML, *CLIPS)
"""Patterns of files that show faces."""
REPLACED: Final = (*(name for export in EXPORTS.values() for name in export.names), EXPLAIN_CSV, EXPLAIN_SVG, *PICTURES)
"""Patterns of all files that may come from an earlier run and go with its results."""
EXPORT_HELP: Final = (
    f"additional formats, separated by commas: {', '.join(EXPORTS)} "
    f"({', '.join(export.what for export in EXPORTS.values())})"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Attributes:
        exports: Keys of EXPORTS.
        clips: Kind of the clips, None for none.
        report: Whether a page about each recording is wanted.
        review: Whether a page to check events and rejected candidates is wanted.
        explain: Whether the spotter's curves and decisions are wanted.
        absolute_paths: Whether the files may say where on this computer the recording lies.
    """

    exports: tuple[str, ...] = ()
    clips: Literal["png", "mp4"] | None = None
    report: bool = False
    explain: bool = False
    absolute_paths: bool = False
    review: bool = False

    @property
    def pictures(self) -> bool:
        """Whether any of it shows faces."""
        return self.report or self.review or self.clips is not None

    @property
    def names(self) -> list[str]:
        """One word for each thing, as `summary.json` lists them."""
        clips = [f"clips-{self.clips}"] if self.clips else []
        flags = {"report": self.report, "review": self.review, "explain": self.explain}
        return sorted({*self.exports, *clips, *(name for name, wanted in flags.items() if wanted)})


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which files are written, and where."""
    group = parser.add_argument_group("output")
    group.add_argument("--out", required=True, type=Path, metavar="DIR", help=option_help.OUT)
    group.add_argument(
        "--report", action="store_true", help="write an HTML report of each recording, with pictures of the face"
    )
    group.add_argument(
        "--review",
        action="store_true",
        help="write an HTML page to check the events and rejected candidates of each recording frame by frame, with "
        "pictures of the face",
    )
    group.add_argument(
        "--export",
        type=formats,
        default=(),
        metavar="FORMATS",
        help=EXPORT_HELP,
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
    check_exports(args.export)
    return Wanted(args.export, args.event_clips, args.report, args.explain, args.absolute_paths, args.review)


def check_exports(names: Sequence[str]) -> None:
    """Refuse exports whose library is missing.

    Raises:
        UsageError: If one is.
    """
    for name in names:
        export = EXPORTS[name]
        if export.module and find_spec(export.module) is None:
            raise UsageError(
                f"--export {name} needs {export.module}; install it with: pip install 'mer-live[{export.extra}]'"
            )


def formats(text: str) -> tuple[str, ...]:
    """Return the formats that an option names."""
    formats = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    unknown = [name for name in formats if name not in EXPORTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not a format; give some of {','.join(EXPORTS)}")
    return formats


class Product(Sink, Protocol):
    """A sink that makes further files of the results of a recording."""

    def files(self, found: Found) -> dict[str, bytes]:
        """Return name below the folder of results and content of each file, once all updates were taken."""


def products(wanted: Wanted, folder: Path) -> list[Product]:
    """Return what makes the wanted files, update by update.

    Args:
        wanted: What was asked for.
        folder: Of the results.
    """
    made: list[Product] = []
    if wanted.report:
        made.append(Report(review=REVIEW_HTML if wanted.review else None))
    if wanted.review:
        made.append(ReviewPage())
    if wanted.explain:
        made.append(Explainer())
    if wanted.clips is not None:
        made.append(Videos(folder) if wanted.clips == "mp4" else Strips())
    return made


def exported(wanted: Wanted, found: Found) -> dict[str, bytes]:
    """Return name and content of the exports that were asked for."""
    return {file: data for name in wanted.exports for file, data in EXPORTS[name].files(found).items()}
