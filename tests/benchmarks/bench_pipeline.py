"""Speed of mer-replay by stage, beside landmarks on every frame. Run: python tests/benchmarks/bench_pipeline.py"""

import sys

from realtime.commands.bench import main

if __name__ == "__main__":
    sys.exit(main(["pipeline", *sys.argv[1:]]))
