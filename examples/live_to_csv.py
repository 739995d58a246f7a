"""Write each event of a camera, stream or recording as a line of a CSV file while it runs.

python examples/live_to_csv.py 0 events.csv
"""

import csv
import sys
from pathlib import Path

import realtime


def main(source: str, target: str) -> None:
    """Follow `source` until it ends or Ctrl-C is pressed."""
    with Path(target).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["onset_s", "apex_s", "offset_s", "label", "probability"])
        for event in realtime.events(int(source) if source.isdecimal() else source):
            moments = event.interval.onset, event.interval.apex, event.interval.offset
            probability = max(event.probabilities.values())
            table.writerow([*(f"{moment.time_s:.3f}" for moment in moments), event.label, f"{probability:.2f}"])
            file.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
