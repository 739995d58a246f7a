"""`mer-train spotter`: train the spotter's network on recordings whose micro-expressions are known."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mer import missing, option_help, options
from mer.cli import command
from mer.data import READERS
from mer.data.parts import parts_from
from mer.errors import MerError, UsageError
from mer.evaluation.spotting_command import FOUND_CSV, SET_FILE, TRUE_CSV
from mer.jobs.clock import duration
from mer.parser import Parser
from mer.terminal import open_console
from mer.text import PlainConsole, printable

if TYPE_CHECKING:
    from realtime.spotting.training.folds import Outcome

_INTERRUPTED: Final = "interrupted; measured motion and finished folds are kept, repeat the command to continue"
PROTOCOLS: Final = ("5fold", "loso")


def parser() -> Parser:
    """Return the options of `mer-train spotter`."""
    parser = Parser(
        prog="mer-train spotter",
        description="Train the network that tells micro-expressions from what else a face does, with folds by subject, "
        "and report what it finds in the test sets: F1 at an intersection over union of 0.5, and STRS. The network of "
        "all subjects is DIR/spotter.onnx, for mer-live --spotter and mer-replay --spotter.",
        notes="Datasets with long videos: casme-sq (CAS(ME)^2), samm-lv, casme3. Recordings of mer-synth have their "
        "truth beside them. Motion is measured once and kept in DIR/motion; no pictures are kept. Micro-expressions "
        "are also drawn into the motion of the training subjects (--examples): datasets have few.",
        examples=(
            "mer-train spotter --dataset samm-lv=/data/SAMM-LV --protocol loso --out runs/spotter",
            "mer-train spotter --truth set/a.json set/b.json set/c.json --protocol loso --out runs/spotter",
        ),
    )
    data = parser.add_argument_group("data")
    kinds = ", ".join(READERS)
    data.add_argument(
        "--dataset", action="append", default=[], metavar="NAME[=PATH]", help=f"{option_help.DATASET}: {kinds}"
    )
    data.add_argument("--root", type=Path, metavar="PATH", help=option_help.ROOT)
    data.add_argument("--truth", nargs="+", default=[], type=Path, metavar="JSON", help=option_help.TRUTH)
    data.add_argument("--set", type=Path, metavar="DIR", help="folder that mer-synth set has filled")
    options.add_plugin(data)
    training = parser.add_argument_group("training")
    training.add_argument(
        "--protocol", choices=PROTOCOLS, default="5fold", help="how subjects are split into folds (default: 5fold)"
    )
    training.add_argument(
        "--examples",
        type=int,
        default=400,
        metavar="N",
        help="stretches of 12 s with micro-expressions drawn in",
    )
    training.add_argument("--networks", type=int, default=3, metavar="N", help="networks whose mean is taken")
    training.add_argument(
        "--threshold",
        type=float,
        default=0.6,
        metavar="P",
        help="probability from which a movement counts as a micro-expression",
    )
    training.add_argument("--seed", type=int, default=0, metavar="N", help=option_help.SEED)
    output = parser.add_argument_group("output")
    output.add_argument("--out", type=Path, required=True, metavar="DIR", help=option_help.OUT)
    output.add_argument("--json", action="store_true", help=option_help.JSON)
    return parser


@command("mer-train spotter", interrupted=_INTERRUPTED)
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-train spotter`; return the exit code."""
    given = parser().parse_args(argv)
    _check(given)
    missing.check("training", "torch", "onnx")
    # Late: torch takes seconds to import, and wrong options need not wait for it.
    from mer import plugins
    from mer.evaluation.spotting import summarise
    from mer.evaluation.spotting_command import show
    from mer.files import write_atomically
    from realtime.spotting.training import folds, recordings

    plugins.load(given.plugin or ())
    console = open_console(stderr=given.json)
    known = [one for part in parts_from(given.dataset, given.root) for one in recordings.of_dataset(part)]
    known += [recordings.of_truth(path) for path in _truths(given)]
    console.print(f"{len(known)} recordings of {len({one.subject for one in known})} subjects", highlight=False)
    measured, peaks = [], []
    for one in recordings.measure(known, given.out / "motion"):
        measured.append(one)
        peaks.append(folds.peaks_of(one))
        seen_s = sum(float(stream.times_s[-1] - stream.times_s[0]) for stream in one.streams)
        text = f"{len(measured)}/{len(known)} {one.known.name}: {seen_s:.0f} s of motion"
        console.print(printable(text), highlight=False)
    settings = folds.Settings(given.examples, given.networks, given.threshold, given.seed)
    outcomes = folds.each(measured, peaks, given.protocol, settings, given.out, done=_teller(console))
    summary = summarise([spotted for outcome in outcomes for spotted in outcome.recordings])
    write_atomically(given.out / "spotting.json", folds.to_json(outcomes, summary, settings) + "\n")
    write_atomically(given.out / FOUND_CSV, folds.found_csv(outcomes))
    write_atomically(given.out / TRUE_CSV, folds.true_csv(outcomes))
    about = {"trained_on": [one.known.name for one in measured], "examples": settings.examples}
    folds.train(measured, peaks, settings, given.out / "spotter.onnx", about=about)
    if given.json:
        print(folds.to_json(outcomes, summary, settings))
    else:
        show(summary, console)
    console.print(printable(f"network of all subjects: {given.out / 'spotter.onnx'}"), highlight=False)
    return 0


def _teller(console: PlainConsole) -> Callable[["Outcome", int], None]:
    """Return what prints the figures of each fold, and the time that the others and the network of all may take."""
    from mer.evaluation.spotting import summarise  # late, like the training

    began, longest_s, done = time.monotonic(), 0.0, 0

    def tell(outcome: "Outcome", n_folds: int) -> None:
        nonlocal began, longest_s, done
        now = time.monotonic()
        began, longest_s, done = now, max(longest_s, now - began), done + 1
        figures = summarise(outcome.recordings)["all"]
        f1 = "-" if figures["f1"] is None else f"{figures['f1']:.2f}"
        counts = f"{figures['hits']} of {figures['true']} found, {figures['false']} false"
        left = f"up to {duration(longest_s * (n_folds + 1 - done))} left"
        console.print(f"{outcome.fold}: {counts}, F1 {f1}; {left}", highlight=False)

    return tell


def _check(given: argparse.Namespace) -> None:
    if not (given.dataset or given.truth or given.set):
        raise UsageError("nothing to train on; give --dataset NAME=PATH, --truth JSON... or --set DIR")
    for name, minimum in (("examples", 0), ("networks", 1), ("seed", 0)):
        if getattr(given, name) < minimum:
            raise UsageError(f"--{name} is {getattr(given, name)}; expected at least {minimum}")
    if not 0.0 < given.threshold < 1.0:
        raise UsageError(f"--threshold is {given.threshold:g}; expected more than 0 and less than 1")


def _truths(given: argparse.Namespace) -> list[Path]:
    if given.set is None:
        return list(given.truth)
    inside = sorted(path for path in given.set.glob("*.json") if path.name != SET_FILE)
    if not inside:
        raise MerError(f"{given.set} contains no truth files; give a folder that mer-synth set --out has filled")
    return [*given.truth, *inside]


if __name__ == "__main__":
    sys.exit(main())
