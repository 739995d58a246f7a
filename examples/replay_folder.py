"""Replay all videos of a folder and count the classes found in each.

python examples/replay_folder.py study/
"""

import sys
from collections import Counter
from pathlib import Path

import realtime
from mer.errors import MerError


def main(folder: str) -> None:
    """Print one line for each video below `folder`; one that cannot be read does not end the others."""
    for path in sorted(Path(folder).rglob("*.mp4")):
        try:
            labels = Counter(event.label for event in realtime.events(path))
        except MerError as error:
            print(f"{path.name}: {error}")
            continue
        print(f"{path.name}: {dict(labels) or 'no event'}")


if __name__ == "__main__":
    main(sys.argv[1])
