"""Print the events of a running `mer-live --lsl` as they arrive.

python examples/lsl_receiver.py
"""

import json
import sys

import pylsl


def main(seconds: float) -> None:
    """Listen for `seconds`."""
    found = pylsl.resolve_byprop("name", "mer-live markers", timeout=seconds)
    if not found:
        sys.exit("no stream named 'mer-live markers'; start mer-live with --lsl")
    inlet = pylsl.StreamInlet(found[0])
    until = pylsl.local_clock() + seconds
    while (left := until - pylsl.local_clock()) > 0:
        sample, stamp = inlet.pull_sample(timeout=left)
        if sample is not None:
            print(f"{stamp:.3f}", json.loads(sample[0]))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
