"""What the commands do with spoilt files: no traceback, no crash without a message, no hang, nothing else touched.

Run: python tests/benchmarks/bench_fuzz.py [--videos 500 --files 200] [--seed 0]. Everything is made here, seeded and
small: videos of three kinds and folders of frames, and the other files that the commands read. Each is then spoilt
(flipped bits, cut off, another kind's header, wrong extension, zeros, bytes put in, nothing left; in text also odd
values in odd places) and given to the command that reads it:

- videos in folders of 50 to `mer-replay FOLDER --jobs 2`, every 50th to a `mer-replay` of its own as well;
- the other files to the `main` of their command in a process that goes on as long as it lives, every 10th to the
  command itself as well. An engine's manifest is made to fit the spoilt engine, or its checksum would hide the rest.

Prints how many were read, refused with a message, crashed (also where mer-replay contains and reports it) and hung,
and ends with exit code 1 after any of the last two, or if a file outside the results changed, the home folder and that
of temporary files included. A defect that a command contains (exit code 70) counts as a crash.
"""

import argparse
import csv
import json
import random
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from engine_models import save_random  # noqa: E402
from fuzzing import (  # noqa: E402
    DEFECTS,
    Ended,
    Worker,
    good_videos,
    listing,
    run_alone,
    spoil,
    spoil_json,
    spoil_text,
    spoilt_video,
)

from engines.manifest import manifest_path  # noqa: E402
from engines.select import SHIPPED_MODEL  # noqa: E402
from mer.synthesise import main as synthesise  # noqa: E402

BATCH = 50
LIMIT_S = 120.0
"""Longest a command may take for one file; a slow machine is no hang."""
MODULES = {
    "mer-replay": "realtime.commands.replay",
    "mer-live": "realtime.commands.live",
    "mer-data": "mer.data.cli",
    "mer-evaluate": "engines.evaluate",
}
Counts = dict[str, Counter[str]]


class Fuzz:
    """The trials, and what they share.

    Args:
        top: For everything that is written.
        seed: Decides what is spoilt, and how.

    Attributes:
        counts: Verdicts by kind of file.
        failures: What to show of each crash and hang.
    """

    def __init__(self, top: Path, *, seed: int) -> None:
        self.counts: Counts = defaultdict(Counter)
        self.failures: list[str] = []
        self._drawn = random.Random(seed)
        self._top = top
        self._inputs, self._out, self._work = top / "inputs", top / "out", top / "work"
        for folder in (self._inputs, self._out, self._work, top / "sentinel", top / "home", top / "temporary"):
            folder.mkdir()
        (top / "sentinel" / "kept").write_text("not to be touched\n")
        self._good = good_videos(self._inputs)

    def videos(self, count: int) -> None:
        """Replay spoilt videos."""
        for start in range(0, count, BATCH):
            folder, out = self._inputs / f"videos-{start}", self._out / f"videos-{start}"
            folder.mkdir()
            numbers = range(start, min(start + BATCH, count))
            spoilt = [spoilt_video(number, self._good, folder, self._drawn) for number in numbers]
            before = listing(self._top, without=self._out)
            ended = self._replay(folder, out, "--jobs", "2", limit_s=LIMIT_S + 10.0 * BATCH)
            outcomes = self._outcomes(out)
            if ended.code is None or "Traceback" in ended.said or ended.code not in (0, 1, 3):
                self.failures.append(f"batch from {start}: {ended.code} {ended.said[-3000:]}")
                outcomes = {}
            for number, (kind, path) in zip(numbers, spoilt):
                name = f"{path.suffix[1:] or 'folder'} video"
                error = outcomes.get(path.resolve())
                if error is None:  # the batch did not get there, or ended without its tables
                    alone = self._replay(path, self._out / f"{number}-again", limit_s=LIMIT_S)
                    verdict, said = alone.verdict, alone.said
                else:
                    defect = any(words in error for words in DEFECTS)
                    verdict, said = "crashed" if defect else "refused" if error else "read", error
                self._count(name, kind, path, verdict, said)
                if number % 50 == 0:
                    alone = self._replay(path, self._out / f"{number}-alone", limit_s=LIMIT_S)
                    self._count("video, command of its own", kind, path, alone.verdict, alone.said)
            self._compare(before, f"videos from {start}")
            shutil.rmtree(folder)

    def files(self, count: int) -> None:
        """Give spoilt engines, settings, truths, events and manifests to the commands that read them."""
        readers = (
            self._engine,
            self._engine_manifest,
            self._config_live,
            self._config_replay,
            self._weights,
            self._truth,
            self._events,
            self._manifest,
        )
        self._make_good_files()
        worker = Worker(self._work, limit_s=LIMIT_S)
        for number in range(count):
            kind, path, program, arguments = readers[number % len(readers)]()
            before = listing(self._top, without=self._out)
            ended = worker.run(MODULES[program], *arguments)
            name = f"{path.suffix[1:]} to {program}"
            self._count(name, kind, path, ended.verdict, f"{ended.code} {ended.said}")
            if number // len(readers) % 10 == 0:
                alone = run_alone(program, *arguments, folder=self._work, limit_s=LIMIT_S)
                self._count("file, command of its own", kind, path, alone.verdict, f"{alone.code} {alone.said}")
            self._compare(before, f"{kind} {path.name}")
        worker.close()

    def _make_good_files(self) -> None:
        truth = self._inputs / "synthetic.mp4"
        made = ["recording", str(truth), "--fps", "50", "--seconds", "4", "--n-events", "1", "--size", "320x240"]
        if synthesise(made):
            raise SystemExit("no synthetic recording could be made")
        results = self._out / "synthetic"
        done = run_alone("mer-replay", truth, "--out", results, folder=self._work, limit_s=LIMIT_S)
        if done.code:
            raise SystemExit(f"the synthetic recording could not be replayed: {done.said}")
        (self._inputs / "events.jsonl").write_bytes((results / "synthetic" / "events.jsonl").read_bytes())
        save_random(self._inputs / "weights.safetensors", model="conv3d")
        video = self._good[".avi"].name
        (self._inputs / "manifest.csv").write_text(
            "subject,clip,path,fps,onset,apex,offset,label\n"
            + "".join(f"s{i},c{i},{video},25,2,{6 + i},12,happiness\n" for i in range(6))
        )

    def _engine(self) -> tuple[str, Path, str, list[str | Path]]:
        kind, content = spoil(SHIPPED_MODEL.read_bytes(), self._drawn, other=self._good[".mp4"].read_bytes())
        path = self._inputs / "engine.onnx"
        path.write_bytes(content)
        manifest = json.loads(manifest_path(SHIPPED_MODEL).read_text())
        manifest |= {"file": path.name, "sha256": sha256(content).hexdigest()}
        manifest_path(path).write_text(json.dumps(manifest))
        return kind, path, "mer-replay", self._replay_arguments(path)

    def _engine_manifest(self) -> tuple[str, Path, str, list[str | Path]]:
        path = self._inputs / "engine.onnx"
        path.write_bytes(SHIPPED_MODEL.read_bytes())
        manifest = json.loads(manifest_path(SHIPPED_MODEL).read_text()) | {"file": path.name}
        kind, content = self._spoil_json(json.dumps(manifest).encode())
        manifest_path(path).write_bytes(content)
        return kind, manifest_path(path), "mer-replay", self._replay_arguments(path)

    def _weights(self) -> tuple[str, Path, str, list[str | Path]]:
        content = (self._inputs / "weights.safetensors").read_bytes()
        kind, content = spoil(content, self._drawn, other=self._good[".avi"].read_bytes())
        path = self._inputs / "spoilt.safetensors"
        path.write_bytes(content)
        return kind, path, "mer-replay", self._replay_arguments(path)

    def _config_live(self) -> tuple[str, Path, str, list[str | Path]]:
        good = f'camera = "{self._good[".avi"]}"\nduration = 0.2\nfps = 25.0\nno-overlay = true\nsensitivity = "high"\n'
        kind, path = self._spoilt_text("live.toml", good.encode())
        return kind, path, "mer-live", ["--config", path]

    def _config_replay(self) -> tuple[str, Path, str, list[str | Path]]:
        good = 'fps = 25.0\noverwrite = true\njobs = 1\nengine = "onnxruntime"\nexport = "srt"\nsensitivity = 1.5\n'
        kind, path = self._spoilt_text("replay.toml", good.encode())
        given = [self._good[".avi"], "--out", self._out / "configured", "--config", path]
        return kind, path, "mer-replay", [*given]

    def _truth(self) -> tuple[str, Path, str, list[str | Path]]:
        kind, content = self._spoil_json((self._inputs / "synthetic.json").read_bytes())
        path = self._inputs / "truth.json"
        path.write_bytes(content)
        events = self._inputs / "events.jsonl"
        return kind, path, "mer-evaluate", ["spotting", "--truth", path, "--results", events]

    def _events(self) -> tuple[str, Path, str, list[str | Path]]:
        kind, content = self._spoil_json((self._inputs / "events.jsonl").read_bytes())
        path = self._inputs / "spoilt.jsonl"
        path.write_bytes(content)
        truth = self._inputs / "synthetic.json"
        return kind, path, "mer-evaluate", ["spotting", "--truth", truth, "--results", path]

    def _manifest(self) -> tuple[str, Path, str, list[str | Path]]:
        kind, path = self._spoilt_text("spoilt.csv", (self._inputs / "manifest.csv").read_bytes())
        return kind, path, "mer-data", ["check", "manifest", path]

    def _spoil_json(self, content: bytes) -> tuple[str, bytes]:
        if self._drawn.random() < 0.7:
            return spoil_json(content, self._drawn)
        return spoil(content, self._drawn, other=self._good[".mp4"].read_bytes())

    def _spoilt_text(self, name: str, content: bytes) -> tuple[str, Path]:
        how = spoil_text(content, self._drawn) if self._drawn.random() < 0.7 else None
        kind, spoilt = how or spoil(content, self._drawn, other=self._good[".mp4"].read_bytes())
        path = self._inputs / name
        path.write_bytes(spoilt)
        return kind, path

    def _replay_arguments(self, engine: Path) -> list[str | Path]:
        return [self._good[".avi"], "--out", self._out / "with-engine", "--overwrite", "--engine", engine]

    def _replay(self, path: Path, out: Path, *more: str, limit_s: float) -> Ended:
        given = [path, "--out", out, "--engine", "onnxruntime", "--absolute-paths", *more]
        return run_alone("mer-replay", *given, folder=self._work, limit_s=limit_s)

    def _outcomes(self, out: Path) -> dict[Path, str]:
        """Return the error of each recording of a batch, empty for those that were read."""
        table = out / "recordings.csv"
        if not table.exists():
            return {}
        with table.open(encoding="utf-8", newline="") as file:
            return {Path(row["recording"]): row["error"] for row in csv.DictReader(file)}

    def _count(self, name: str, kind: str, path: Path, verdict: str, said: str) -> None:
        self.counts[name][verdict] += 1
        if verdict in ("crashed", "hung"):
            kept = Path(tempfile.gettempdir(), f"fuzz-{len(self.failures)}-{path.name}")
            if path.is_file():
                shutil.copyfile(path, kept)
            self.failures.append(f"{verdict}: {name}, {kind}, {path.name}, kept as {kept}: {said[-3000:]}")

    def _compare(self, before: dict[str, str], what: str) -> None:
        after = listing(self._top, without=self._out)
        changed = sorted(set(before.items()) ^ set(after.items()))
        if changed:
            self.failures.append(f"{what} changed files outside the results: {changed}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--files", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder).resolve() / "fuzz"
        top.mkdir()
        fuzz = Fuzz(top, seed=given.seed)
        fuzz.files(given.files)
        fuzz.videos(given.videos)
    verdicts = ("read", "refused", "crashed", "hung")
    title = f"Spoilt files, seed {given.seed}"
    table = Table("kind", "files", "read", "refused with a message", "crashed", "hung", title=title)
    for name, counts in sorted(fuzz.counts.items()):
        table.add_row(name, str(sum(counts.values())), *(str(counts[verdict]) for verdict in verdicts))
    print("\n\n".join(fuzz.failures), file=sys.stderr)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    return int(bool(fuzz.failures))


if __name__ == "__main__":
    sys.exit(main())
