"""What happens to `mer-live` and `mer-replay` when things go wrong: each fault is brought about on the real commands.

Run: python tests/benchmarks/bench_faults.py [--kills 50] [--only WORD ...]. A synthetic recording (100 frames/s, three
events in 8 s) is made first, and served as Motion JPEG over loopback by a process of its own. Every command is a
process of its own, too; the two rows with a failing engine start the same `main` with one method replaced. Prints a
table with the columns

- frames lost: those `mer-live` counted as dropped, or those that lie behind a gap of the source;
- events lost: lines that stood in the events file, or events that had been told on the screen, before the fault and
  are not whole lines of the file after it.

Ends with exit code 1 if an event was lost, a traceback was printed, or the outcome is not the one expected.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import faults_around
import faults_of_processes
from fault_bench import Row, Workbench
from rich.console import Console
from rich.table import Table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5, help="rounds of kill -9")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only faults whose function has a WORD in its name")
    given = parser.parse_args(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Workbench(Path(folder), kills=given.kills)
        try:
            for fault in (*faults_around.FAULTS, *faults_of_processes.FAULTS):
                if given.only is None or any(word in fault.__name__ for word in given.only):
                    for found in fault(bench):
                        rows.append(found)
                        print(f"{'ok' if found.fine else 'WRONG'}: {found.fault}", file=sys.stderr)
        finally:
            bench.stop_server()
    table = Table(
        "fault", "frames lost", "events lost", "outcome", "exit code", "", title="Faults (synthetic recording)"
    )
    for one in rows:
        verdict = "" if one.fine else "WRONG"
        table.add_row(one.fault, one.frames_lost, str(one.events_lost), one.outcome, one.code, verdict)
    Console(width=None if sys.stdout.isatty() else 170).print(table)
    return int(not all(one.fine for one in rows))


if __name__ == "__main__":
    sys.exit(main())
