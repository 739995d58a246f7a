"""`mer-study`: the tables and the page of a study, from the results of its recordings."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.table import Table

from mer import option_help
from mer.cli import command
from mer.errors import MerError, UsageError
from mer.files import write_atomically
from mer.terminal import open_console
from mer.text import printable
from realtime import config, options
from realtime.commands import replay
from realtime.messages import WATCHABLE_PERCENT
from realtime.study import tables
from realtime.study.analysis import Choices, Watched, watch
from realtime.study.course import time_course
from realtime.study.design import Part, read_design, stretches
from realtime.study.exclusion import NUMBERS, SHARES, Rule, rule
from realtime.study.page import STUDY_HTML, Tables, study_page
from realtime.study.results import Result, read_results, result_of
from realtime.study.reviewed import reviewed
from realtime.study.settings import STUDY_TOML, differences, provenance, settings_text

_ABOUT: Final = (
    "Write the tables and the page of a study from the results of mer-replay. --study is a table with the columns "
    "recording and participant, and as wanted condition, session, start_s and end_s (a stretch of the recording), "
    "and stimulus_s (times on the recording's time line, separated by semicolons)."
)
_NOT_KEPT: Final = ("out", "replay", "jobs", "config")
"""Options that shape no number."""


@command("mer-study")
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-study`; return its exit code."""
    parser = _parser()
    args = config.parse(parser, argv)
    choices = _choices(args)
    parts = read_design(args.study)
    results = args.results_dir or args.out / "results"
    if args.replay:
        code = replay.main(_replay_options(parts, args, results))
        if code:
            return code
    watched = _watched(parts, args, results, choices)
    made = provenance(args.study, watched)
    if args.config is not None:
        for sentence in differences(args.config, made):
            open_console(stderr=True).print(f"{args.config}: {sentence}", highlight=False, soft_wrap=True)
    _write(args, _rows(watched, choices), choices, watched, made)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = options.parser(
        "mer-study",
        _ABOUT,
        examples=(
            "mer-study --study study.csv --results-dir results --out study --exclude 'face<80%' 'rate<25'",
            "mer-study --study study.csv --replay --jobs 2 --out study",
        ),
    )
    parser.add_argument(
        "--study", required=True, type=Path, metavar="CSV", help="table of the study, one row a recording"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help=option_help.OUT)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--results-dir",
        type=Path,
        metavar="PATH",
        help="folder that mer-replay --out has filled (default: results in the folder of --out)",
    )
    data.add_argument(
        "--replay",
        action="store_true",
        help="replay the recordings of the study first, with --explain; those that have results are skipped",
    )
    data.add_argument(
        "--as-found",
        action="store_true",
        help="use the program's events also where events.reviewed.csv of mer-review --apply lies beside them",
    )
    data.add_argument("--coder", metavar="NAME", help=option_help.CODER)
    data.add_argument("--jobs", type=options.count, default=1, metavar="N", help=option_help.JOBS)
    _add_analysis(parser.add_argument_group("analysis"))
    return parser


def _add_analysis(group: Any) -> None:
    normal = Choices()
    group.add_argument(
        "--watchable",
        type=float,
        choices=WATCHABLE_PERCENT,
        default=normal.amplitude,
        metavar="PERCENT",
        help="time and events count where a micro-expression of this size, in percent of the inter-ocular distance, "
        f"would have been found with probability .8: {', '.join(f'{percent:g}' for percent in WATCHABLE_PERCENT)}",
    )
    group.add_argument(
        "--exclude",
        type=_rule,
        nargs="+",
        action="extend",
        default=[],
        metavar="RULE",
        help="leave out recordings by rules such as 'face<80%%' and 'rate<50'. Shares, with %%: "
        f"{', '.join(SHARES)}; numbers: {', '.join(NUMBERS)}",
    )
    group.add_argument(
        "--before", type=options.patience, default=normal.before_s, metavar="S", help="seconds before each stimulus"
    )
    group.add_argument(
        "--after", type=options.seconds, default=normal.after_s, metavar="S", help="seconds after each stimulus"
    )
    group.add_argument(
        "--step", type=options.seconds, default=normal.bin_s, metavar="S", help="step of the time course in seconds"
    )
    group.add_argument(
        "--confidence", type=_level, default=100 * normal.level, metavar="PERCENT", help="level of the intervals"
    )
    group.add_argument("--seed", type=int, default=normal.seed, metavar="N", help=option_help.SEED)


def _rule(text: str) -> Rule:
    try:
        return rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _level(text: str) -> float:
    number = float(text)
    if not 50.0 <= number < 100.0:
        raise argparse.ArgumentTypeError(
            f"{text} is not a level of confidence; give percent from 50 to 99.9, such as 95"
        )
    return number


def _choices(args: argparse.Namespace) -> Choices:
    if args.seed < 0:
        raise UsageError(f"--seed is {args.seed}; expected 0 or more")
    if args.step > args.before + args.after:
        raise UsageError(f"--step {args.step:g} is longer than --before and --after together; give a shorter one")
    if (args.before + args.after) / args.step > 1000:
        raise UsageError(f"--step {args.step:g} makes more than 1000 steps; give a longer one")
    return Choices(
        amplitude=args.watchable,
        rules=tuple(args.exclude),
        before_s=args.before,
        after_s=args.after,
        bin_s=args.step,
        level=args.confidence / 100.0,
        seed=args.seed,
    )


def _replay_options(parts: Sequence[Part], args: argparse.Namespace, results: Path) -> list[str]:
    beside = args.study.resolve().parent
    paths = [str(beside / recording) for recording in stretches(list(parts))]
    return ["--explain", "--jobs", str(args.jobs), "--out", str(results), "--", *paths]


def _watched(parts: Sequence[Part], args: argparse.Namespace, results: Path, choices: Choices) -> list[Watched]:
    study = args.study
    known, beside = read_results(results), study.resolve().parent
    found = {recording: result_of(recording, known, beside=beside) for recording in stretches(list(parts))}
    if not args.as_found:
        found = {recording: reviewed(result, args.coder) for recording, result in found.items()}
        _tell_reviewed(list(found.values()))
    twice = {result.folder: recording for recording, result in found.items()}
    for recording, result in found.items():
        if twice[result.folder] != recording:
            raise MerError(f"{study} names one recording twice: {recording} and {twice[result.folder]}; use one name")
    return [watch(part, found[part.recording].of(part.person), choices) for part in parts]


def _tell_reviewed(results: Sequence[Result]) -> None:
    """Say whose decisions count, if anybody reviewed."""
    counted = [result for result in results if result.reviewed_by]
    if counted:
        coders = ", ".join(sorted({result.reviewed_by for result in counted}))
        left = sum(result.undecided for result in counted)
        undecided = f"; {left} events without a decision are left out" if left else ""
        text = f"events of {len(counted)} of {len(results)} recordings as reviewed by {coders}{undecided} (--as-found)"
        open_console(stderr=True).print(text, highlight=False, soft_wrap=True)


def _rows(watched: Sequence[Watched], choices: Choices) -> Tables:
    return Tables(
        events=tables.event_rows(watched),
        recordings=tables.recording_rows(watched, choices),
        participants=tables.participant_rows(watched, choices),
        conditions=tables.condition_rows(watched, choices),
        contrasts=tables.contrast_rows(watched, choices),
        course=tables.course_rows(time_course(watched, choices), choices),
    )


def _write(
    args: argparse.Namespace, rows: Tables, choices: Choices, watched: Sequence[Watched], made: dict[str, str]
) -> None:
    contents = {
        tables.EVENTS: tables.table(rows.events, tables.NO_EVENTS),
        tables.RECORDINGS: tables.table(rows.recordings),
        tables.PARTICIPANTS: tables.table(rows.participants),
        tables.CONDITIONS: tables.table(rows.conditions, tables.NO_CONDITIONS),
    }
    if rows.contrasts:
        contents[tables.CONTRASTS] = tables.table(rows.contrasts)
    if rows.course:
        contents[tables.TIME_COURSE] = tables.table(rows.course)
    trained = sorted({str(one.result.summary.get("engine", {}).get("training_data", "?")) for one in watched})
    for name in (tables.CONTRASTS, tables.TIME_COURSE):
        if name not in contents:
            (args.out / name).unlink(missing_ok=True)  # of an earlier study in the same folder
    for name, text in contents.items():
        write_atomically(args.out / name, text)
    write_atomically(args.out / STUDY_HTML, study_page(args.study.stem, rows, choices, trained=trained, made=made))
    write_atomically(args.out / STUDY_TOML, settings_text(_kept(args), made))
    _show(rows, args.out)


def _kept(args: argparse.Namespace) -> dict[str, Any]:
    kept = {name: value for name, value in sorted(vars(args).items()) if name not in _NOT_KEPT}
    del kept["results_dir"]
    kept["exclude"] = [one.text for one in args.exclude]
    kept["results-dir"] = args.results_dir or args.out / "results"
    asked = {name: value for name, value in kept.items() if value is not None and value is not False and value != []}
    return {name.replace("_", "-"): value for name, value in asked.items()}


def _show(rows: Tables, out: Path) -> None:
    console = open_console()
    made = Table(title="Events per watched minute", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("condition", "participants", "minutes", "events", "rate", "interval"):
        made.add_column(name, justify="left" if name == "condition" else "right")
    for row in rows.conditions:
        ends = [row["bootstrap_low"], row["bootstrap_high"]]
        kind = "" if ends[0] is not None else " (Poisson)"
        low, high = ends if ends[0] is not None else (row["poisson_low"], row["poisson_high"])
        interval = "-" if low is None else f"{low:.2f} to {high:.2f}{kind}"
        rate = "-" if row["events_per_minute"] is None else f"{row['events_per_minute']:.2f}"
        minutes = f"{row['watched_minutes']:.1f}"
        made.add_row(row["condition"] or "all", str(row["participants"]), minutes, str(row["events"]), rate, interval)
    console.print(made)
    for row in rows.recordings:
        if not row["included"]:
            console.print(f"excluded: {row['recording']} ({row['excluded_by']})", highlight=False, soft_wrap=True)
    print(printable(f"tables, {STUDY_HTML} and {STUDY_TOML} in {out}"))


if __name__ == "__main__":
    sys.exit(main())
