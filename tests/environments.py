"""Installs the wheel into fresh environments, core only, and does what a new user does first; prints a table.

    python tests/environments.py                          # every Python found, oldest, pinned and newest dependencies
    python tests/environments.py --python 3.13 --keep DIR   # one Python; keep environments and logs

In each: `--help` of every console script, `mer-doctor`, what a command says that needs an extra, `import realtime`
without PyTorch, and a replay of two recordings whose events are known, of which it makes one. "oldest" are the lower
bounds of pyproject.toml, "pinned" the versions of constraints.txt (Python 3.11 only), "newest" whatever pip takes,
"OpenCV 4.10" the oldest OpenCV that the source supports, though no package asks for it. A Python that is not on this
machine is said, and is not an error. Exit code: 0 if everything that could be tried works, else 1.
"""

import argparse
import email
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHONS: Final = ("3.11", "3.12", "3.13")
PINNED_ON: Final = "3.11"
KINDS: Final = ("oldest", "pinned", "newest", "OpenCV 4.10")
OPENCV: Final = ("opencv-python", "opencv-contrib-python")
OPENCV_410: Final = "4.10.0.84"
SCRIPTS: Final = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"])
KNOWN: Final = ("--fps", "100", "--seconds", "6", "--n-events", "2")
"""The recording that is replayed everywhere: made once from the checkout, and once in each environment."""
NEAR_S: Final = 0.05
"""How far a found apex may be from the true one: four frames at 100 frames/s, and one for rounding."""
LIMIT_S: Final = 900.0
"""Time for one command; generous, because the machine may be busy."""
_ABOUT: Final = """
import importlib.metadata, importlib.util, json, pathlib, sys
import realtime, engines.select, realtime.recognition
print(json.dumps({
    "folder": str(pathlib.Path(realtime.__file__).parent),
    "torch": "torch" in sys.modules or importlib.util.find_spec("torch") is not None,
    "versions": {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()},
}))
"""


class Failed(Exception):
    """A step did not do what it should; the message says which and how."""


@dataclass
class Environment:
    """One environment to try, and what came out.

    Attributes:
        python: Version asked for, such as "3.12".
        kind: One of KINDS.
        interpreter: Path of that Python, empty if it is not on this machine.
        folder: Where the environment and its logs are made.
        versions: Version of each distribution in it.
        events: Apex times in seconds of the events found.
        seconds: What it all took.
        result: "works", "not here", or what failed.
    """

    python: str
    kind: str
    interpreter: str
    folder: Path
    versions: dict[str, str] = field(default_factory=dict)
    events: list[float] = field(default_factory=list)
    seconds: float = 0.0
    result: str = "not here"

    def run(self, *command: str, expected: int = 0) -> str:
        """Run a program of the environment away from the checkout; return what it printed.

        Raises:
            Failed: If it ends with another code than expected, or with a traceback.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        program = self.folder / "venv" / "bin" / command[0]
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            cwd=self.folder,
            check=False,
            env=inherited,
        )
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}exit code {done.returncode}\n\n")
        if done.returncode != expected or "Traceback" in done.stderr:
            last = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()[-1]
            raise Failed(f"{' '.join(command[:2])}: exit code {done.returncode}, {last}")
        return done.stdout + (done.stderr if expected else "")


def main() -> int:
    """Try all environments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", choices=PYTHONS, help="one Python only; may be repeated")
    parser.add_argument("--kind", action="append", choices=KINDS, help="one kind only; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="environments at a time (2)")
    parser.add_argument("--keep", type=Path, help="folder to keep environments and logs in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep.resolve() if given.keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        wheel, recording = build_wheel(folder), folder / "known.mp4"
        command = [sys.executable, "-m", "mer.synthesise", "recording", recording, *KNOWN]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        wanted = planned(given.python or PYTHONS, given.kind or KINDS, folder)
        here = [environment for environment in wanted if environment.interpreter]
        with ThreadPoolExecutor(given.jobs) as pool:
            list(pool.map(lambda environment: attempt(environment, wheel, recording), here))
    print(table(wanted))
    failed = [environment for environment in here if environment.result != "works"]
    print(f"environments: {len(here) - len(failed)} passed, {len(failed)} failed, {len(wanted) - len(here)} not here")
    return 1 if failed or not here else 0


def planned(
    pythons: list[str] | tuple[str, ...], kinds: list[str] | tuple[str, ...], folder: Path
) -> list[Environment]:
    """Return what is to be tried; pins and OpenCV 4.10 on one Python only."""
    made = []
    for python in pythons:
        for kind in kinds:
            if python == PINNED_ON or kind in ("oldest", "newest"):
                name = f"{python}-{kind.replace(' ', '-')}"
                made.append(Environment(python, kind, find_python(python), folder / name))
    return made


def find_python(version: str) -> str:
    """Return the path of a Python of a version: by its name, or among pyenv's; empty if there is none that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [sys.executable, shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}*/bin/python"))]
    for candidate in candidates:
        try:
            said = subprocess.run(
                [candidate or "", "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        except OSError:
            continue
        if said.returncode == 0 and said.stdout.strip() == version:
            return str(candidate)
    return ""


def build_wheel(folder: Path) -> Path:
    """Build the wheel that users get and return its path."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True, stderr=subprocess.DEVNULL)
    return next(folder.glob("mer_live-*.whl"))


def attempt(environment: Environment, wheel: Path, recording: Path) -> None:
    """Make an environment, try everything in it, and take note of the first thing that fails."""
    begun = time.monotonic()
    shutil.rmtree(environment.folder, ignore_errors=True)
    environment.folder.mkdir(parents=True)
    steps: tuple[Callable[[], None], ...] = (
        lambda: install(environment, wheel),
        lambda: about(environment),
        lambda: helps(environment),
        lambda: doctor(environment),
        lambda: extras(environment),
        lambda: replay(environment, recording),
        lambda: replay(environment, render(environment)),
    )
    try:
        for step in steps:
            step()
        environment.result = "works"
    except (Failed, subprocess.SubprocessError, OSError) as error:
        environment.result = str(error)
    environment.seconds = time.monotonic() - begun
    print(f"{environment.python} {environment.kind}: {environment.result}", file=sys.stderr, flush=True)


def install(environment: Environment, wheel: Path) -> None:
    """Make the environment and install the wheel with the dependencies of its kind."""
    subprocess.run([environment.interpreter, "-m", "venv", environment.folder / "venv"], check=True)
    pip = ["python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    pip += ["--only-binary", ":all:"]
    if environment.kind == "pinned":
        pip += ["-c", str(ROOT / "constraints.txt")]
    if environment.kind in ("oldest", "OpenCV 4.10"):
        bounds = environment.folder / "oldest.txt"
        bounds.write_text("\n".join(lower_bounds(wheel)), encoding="utf-8")
        pip += ["-c", str(bounds)]
    environment.run(*pip, str(wheel))
    if environment.kind == "OpenCV 4.10":
        environment.run(*pip[:-2], "--no-deps", *(f"{name}=={OPENCV_410}" for name in OPENCV))


def lower_bounds(wheel: Path) -> list[str]:
    """Return `name==version` for the lower bound of each dependency of the core."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    needed = [text for text in metadata.get_all("Requires-Dist", []) if "extra ==" not in text]
    found = [re.match(r"([\w.-]+)[^;]*?>=([\w.]+)", text) for text in needed]
    if absent := [text for text, bound in zip(needed, found, strict=True) if bound is None]:
        raise Failed(f"without a lower bound in pyproject.toml: {', '.join(absent)}")
    return [f"{bound[1]}=={bound[2]}" for bound in found if bound is not None]


def about(environment: Environment) -> None:
    """Import the library as a program of a user does."""
    told: dict[str, Any] = json.loads(environment.run("python", "-c", _ABOUT))
    environment.versions = told["versions"]
    if not Path(told["folder"]).is_relative_to(environment.folder):
        raise Failed(f"realtime was imported from {told['folder']}, not from the wheel")
    if told["torch"]:
        raise Failed("import realtime needs, or the core installation brings, PyTorch")


def helps(environment: Environment) -> None:
    """Ask every console script for its options."""
    for script in SCRIPTS:
        if "usage:" not in environment.run(script, "--help"):
            raise Failed(f"{script} --help: no usage")


def doctor(environment: Environment) -> None:
    """Look at the environment with `mer-doctor`; a forced OpenCV must be the one that is loaded."""
    told = json.loads(environment.run("mer-doctor", "--json"))
    findings = {finding["topic"]: finding for finding in told["findings"]}
    if broken := [topic for topic, finding in findings.items() if finding["state"] == "broken"]:
        raise Failed(f"mer-doctor: {broken[0]}: {findings[broken[0]]['found']}")
    if environment.kind == "OpenCV 4.10" and "4.10" not in findings["OpenCV"]["found"]:
        raise Failed(f"OpenCV 4.10 was wanted, mer-doctor says {findings['OpenCV']['found']}")


def extras(environment: Environment) -> None:
    """Start what the core cannot do; it must say which extra it needs."""
    told = environment.run("mer-train", "--clips", "absent.npz", "--out", "run", expected=1)
    if "mer-live[train]" not in told:
        raise Failed(f"mer-train without its extra says: {told.strip()}")


def render(environment: Environment) -> Path:
    """Make the recording in the environment itself and return its path."""
    environment.run("mer-synth", "recording", "own.mp4", *KNOWN)
    return environment.folder / "own.mp4"


def replay(environment: Environment, recording: Path) -> None:
    """Replay the recording and compare what was found with what is in it."""
    environment.run("mer-replay", str(recording), "--out", "results")
    lines = (environment.folder / "results" / recording.stem / "events.jsonl").read_text(encoding="utf-8").splitlines()
    found = [(event["label"], event["apex_s"]) for event in map(json.loads, lines)]
    truth = json.loads(recording.with_suffix(".json").read_text(encoding="utf-8"))["events"]
    true = [(event["label"], event["apex"]["time_s"]) for event in truth]
    environment.events = [apex_s for _, apex_s in found]
    labels_agree = [label for label, _ in found] == [label for label, _ in true]
    if not labels_agree or any(abs(a - b) > NEAR_S for (_, a), (_, b) in zip(found, true, strict=True)):
        raise Failed(f"mer-replay: found {found}, expected {true}")


def table(environments: list[Environment]) -> str:
    """Return the table of all environments, in Markdown."""
    rows = [("Python", "dependencies", "OpenCV, contrib", "mediapipe", "NumPy", "apexes s", "seconds", "result")]
    for environment in environments:
        of = environment.versions.get
        opencv = ", ".join(of(name, "") for name in OPENCV) if environment.versions else ""
        apexes = " ".join(f"{apex_s:.2f}" for apex_s in environment.events)
        seconds = f"{environment.seconds:.0f}" if environment.seconds else ""
        versions = (opencv, of("mediapipe", ""), of("numpy", ""))
        rows.append((environment.python, environment.kind, *versions, apexes, seconds, environment.result))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
