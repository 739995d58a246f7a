"""The commands and examples of the documentation, how they are made short enough to be run, and what they assume."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import data_minis
import numpy as np
from numpy.typing import NDArray
from recordings import write_video
from xdf_files import write_xdf

from mer.labels import CLASSES

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for top in (".", "docs", "examples", "mer", "engines", "realtime")
    for path in (ROOT / top).glob("**/*.md" if top != "." else "*.md")
)
LANGUAGES = ("sh", "python", "toml", "text")
"""Of fenced blocks. A block without one would be a place where a command escapes from being run."""
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_SHOWN = re.compile(r"^```sh\n((?:(?!```).*\n)+?)```\n\n```text\n((?:(?!```).*\n)+?)```$", re.MULTILINE)

NOT_RUN = {
    r"make demo": "installs an environment first; a test of its own runs it without that",
    r"make test": "this test is a part of it",
    r"python -m realtime\.spotting\.training .*": "needs recordings; tests/test_spotter_network.py runs its parts",
    r"python -m realtime\.spotting\.training\.units .*": "needs recordings; tests/test_units.py runs its parts",
    r"mer-train --clips \w+\.npz .*--backgrounds .*": "needs recordings; tests/test_backgrounds.py trains so",
    r"python -m engines\.export run2/best\.safetensors .*": "was not trained; the first export of the page is run",
    r"mer-(live|doctor) .*(basler|genicam).*": "needs a camera; tests/test_basler_camera.py runs pylon's emulator",
    r"pip install '[^']+'": "installs from the network; that there is such an extra is tested instead",
    r"mer-live .*\.plan": "a plan needs a GPU; tests/test_engine_tensorrt.py runs the code against a stand-in",
    r"mer-.*--cluster (auto|[\d.:]+)( .*)?": "needs a Ray cluster that runs; tests/test_cluster.py starts one",
    r"mer-(train|data check) --dataset casme2=.*": "licensed datasets; tests/test_datasets_together.py runs some",
    r"mer-(synth corpus|evaluate table1) .*mmew-like.*": "a corpus for a whole table; other lines run both commands",
    r"mer-(train|evaluate recognition|data check) --plugin own_\w+\.py .*": "tests/test_examples.py runs these files",
    r"mer-build-trt runs/tiny/best\.onnx .*": "was not trained; tests/test_build_trt_own.py builds such plans",
    r"mer-evaluate (submission runs/spotter .*|strs .*_gt\.csv)": "tests/test_spotter_training.py scores a run",
    r"mer-(train spotter|replay .*--spotter) .*": "tests/test_spotter_training.py trains on short recordings",
    r"mer-review results": "serves until Ctrl-C; tests/test_review_browser.py opens what it serves",
    r"mer-train .*reviewed\.csv.*": "trains convlstm on what was reviewed; tests/test_fine_tuning.py does with clips",
    r"\. \.venv/bin/activate": "the environment is the one that runs the tests",
    r"python tests/benchmarks/\w+\.py.*": "measures for minutes to an hour; that it exists is tested instead",
}
"""Commands that no test runs, as patterns of the whole line, each with its reason."""

SHORTER = (
    (r"/data/", "data/"),  # licensed datasets: miniatures in their layout, tests/data_minis.py
    (r"--camera 0", "--camera $STREAM"),  # a Motion JPEG server on loopback, ended with Ctrl-C
    (r"201 202 [\d ]+(?=;)", "201 202"),
    (r"--seeds [\d ]+", "--seeds 1 "),
    (r"--jobs 4", "--jobs 2"),
    (r"--rates [\d ]+", ""),
    (r"--shape (mmew|3000|400)", "--shape 1"),
    (r"(--out corpus2 --shape) 2000", r"\1 1"),  # nothing that is run trains on it
    (r"--shape 2000", "--shape 11"),  # the fewest that show two classes on two people
    (r"--protocol 5fold", "--protocol holdout"),
    (r"--folds ", "--protocol holdout --folds "),
    (r"--epochs \d+", ""),
    (r"mer-synth recording ([^;]*)", r"mer-synth recording \1 --fps 30 --seconds 4 --n-events 1 --size 320x240"),
    (r"mer-synth people (.*)", r"mer-synth people \1 --fps 10 --iod 24"),
    (r"mer-synth set (.*)", r"mer-synth set \1 --rates 30 --seconds 4 --n-events 1"),
    (r"mer-synth corpus (.*)", r"mer-synth corpus \1 --rates 30"),
    (r"(--out runs/side-by-side)", r"--model mdmo \1"),  # fitted in a second
    (r"mer-train (?!.*--model (?:lbp-top|mdmo))(.*)", r"mer-train \1 --model conv2d --epochs 1 --batch 4"),
    (r"(mer-train .*)", r"\1 --classes happiness,surprise --cache clips.npz"),
    (r"(mer-evaluate table1 .*)", r"\1 --models mdmo --epochs 1 --classes happiness,surprise --cache clips.npz"),
    (r"mer-evaluate sensitivity ([^ ]+)", r"mer-evaluate sensitivity \1 --copies 1 --sensitivities 1"),
    (r"mer-bench pipeline", "mer-bench pipeline second.mp4 --rounds 1"),
    (r"mer-bench engine", "mer-bench engine --runners onnxruntime --precisions int8 --batches 1 --measure-seconds 0.2"),
)
"""What is exchanged in a command, in this order, so that it takes seconds and finds its data."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: File below the root.
        language: What its fence says.
        text: Its lines.
    """

    page: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    name = page.relative_to(ROOT).as_posix()
    return [Block(name, *found) for found in _FENCE.findall(page.read_text(encoding="utf-8"))]


def commands(page: Path) -> list[str]:
    """Return every line of the shell blocks of a page, as it stands there, in order."""
    return [line for block in blocks(page) if block.language == "sh" for line in lines(block.text)]


def lines(text: str) -> list[str]:
    """Return the commands of a shell block."""
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def with_results(page: Path) -> list[tuple[list[str], list[str]]]:
    """Return the commands of each shell block that a text block follows, and its lines: what these commands print."""
    found = _SHOWN.findall(page.read_text(encoding="utf-8"))
    return [(lines(shell), [line for line in text.splitlines() if line.strip()]) for shell, text in found]


def bare(command: str) -> str:
    """Return a command without its comment and the folder of our programs."""
    return re.sub(r"\.venv/bin/(?=mer-)", "", re.sub(r" +#.*", "", command))


def reason_not_to_run(command: str) -> str:
    """Return why no test runs a command made short, empty if one does."""
    if any(command in shell for page in PAGES for shell, _ in with_results(page)):
        return "tests/test_documented_results.py runs it as it stands"
    return next((reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, bare(command))), "")


def shorter(command: str) -> str:
    """Return a command as it is run."""
    command = bare(command)
    for pattern, replacement in SHORTER:
        command = re.sub(pattern, replacement, command)
    return command.strip()


def face_pictures(recording: Path) -> list[NDArray[np.uint8]]:
    """Return the (H, W, 3) pictures of a recording."""
    capture = cv2.VideoCapture(str(recording))
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(np.asarray(read[1], np.uint8))
    capture.release()
    return pictures


def prepare(folder: Path, text: str, recording: Path) -> None:
    """Fill a folder with what a page takes for granted.

    Args:
        folder: Where its commands will run.
        text: The page.
        recording: A short synthetic recording with a face and one micro-expression.
    """
    for words, name, make in ASSUMED:
        if words in text and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            make(folder / name, recording)


def _recording(path: Path, recording: Path) -> None:
    shutil.copyfile(recording, path)


def _second(path: Path, recording: Path) -> None:
    write_video(path, face_pictures(recording)[:60], fps=60.0)


def _study(folder: Path, recording: Path) -> None:
    for name in ("day1/anna.mp4", "day2/ben.mp4"):
        (folder / name).parent.mkdir(parents=True)
        shutil.copyfile(recording, folder / name)


def _study_table(path: Path, recording: Path) -> None:
    _study(path.parent, recording)
    path.write_text("recording,participant,condition,stimulus_s\nday1/anna.mp4,P1,a,1\nday2/ben.mp4,P2,b,1\n")


def _test_set(folder: Path, recording: Path) -> None:
    folder.mkdir()
    shutil.copyfile(recording, folder / "7_1.mp4")


def _true_intervals(path: Path, _recording: Path) -> None:
    path.write_text("subject,video,onset,offset,emotion\n7,7_1,40,50,negative\n")


def _xdf(path: Path, _recording: Path) -> None:
    said = {"event": 1, "label": "fear", "probability": 0.8, "apex_s": 2.0, "apex_lsl_s": 7.0}
    write_xdf(path, [("mer-live markers", "Markers", [(7.0, json.dumps(said))])])


def _no_events(path: Path, _recording: Path) -> None:
    path.write_text("")


def _frames(folder: Path, recording: Path) -> None:
    folder.mkdir()
    for number, picture in enumerate(face_pictures(recording)[:30]):
        cv2.imwrite(str(folder / f"{number}.jpg"), picture)


def _portrait(path: Path, _recording: Path) -> None:
    from skimage.data import astronaut

    cv2.imwrite(str(path), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))


def _portraits(folder: Path, recording: Path) -> None:
    folder.mkdir()
    for name in ("anna.png", "ben.png"):
        _portrait(folder / name, recording)


def _put_faces(folder: Path, recording: Path) -> None:
    """Exchange the grey pictures of a miniature dataset for pictures of a face, in order."""
    pictures = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in face_pictures(recording)]
    for clip in {path.parent for path in folder.rglob("*.jpg")}:
        for number, path in enumerate(sorted(clip.iterdir(), key=lambda path: (len(path.name), path.name))):
            path.write_bytes(pictures[number % len(pictures)])


def _mmew(root: Path, recording: Path) -> None:
    rows = [
        (person, f"S{person:02d}-{n:02d}-001", 2, 8, 14, label)
        for person in range(1, 6)
        for n, label in enumerate(("happiness", "surprise"), start=1)
    ]
    data_minis.mmew(root, *rows, frames=range(1, 16))
    _put_faces(root, recording)


def _casme2(root: Path, _recording: Path) -> None:
    data_minis.casme2(root, (1, "EP02_01f", 46, 59, 86, "happiness"))


def _manifest(path: Path, recording: Path) -> None:
    shutil.copyfile(recording, path.with_name("anna.mp4"))
    data_minis.manifest(path.parent, ("anna", "anna-1", "anna.mp4", None, 10, 16, 22, "happiness")).rename(path)


def _samm_lv(root: Path, recording: Path) -> None:
    data_minis.samm_lv(root, ("006", "006_1_2", 1, 10, 20, 30, 21, "Micro - 1/2", "4", None), frames={"006_1": 40})
    _put_faces(root, recording)


def _casme_sq(root: Path, recording: Path) -> None:
    data_minis.casme_sq(root, [1, "disgust1_1", 10, 16, 22, "4", "negative", "micro-expression", "disgust"], frames=40)
    _put_faces(root, recording)


def _two_datasets(root: Path, _recording: Path) -> None:
    rows = [(1, f"S01-{n:02d}-001", 2, 8, 14, label) for n, label in enumerate(CLASSES, start=1)]
    data_minis.mmew(root, *rows)
    data_minis.casme_sq(root, [1, "disgust1_1", 10, 16, 22, "4", "negative", "micro-expression", "disgust"])


def _reviewed(path: Path, _recording: Path) -> None:
    from review_samples import write_reviews

    write_reviews(path)


def _elan(path: Path, _recording: Path) -> None:
    from pympi.Elan import Eaf, to_eaf

    document = Eaf(author=path.stem)
    document.add_tier("emotion")
    for second in (1, 4, 7):
        document.add_annotation("emotion", 1000 * second, 1000 * second + 400, "fear" if second > 1 else "anger")
    to_eaf(str(path), document)


def _checkpoint(path: Path, _recording: Path) -> None:
    from engine_models import save_random

    save_random(path, model="conv2d", mode="flow")


ASSUMED: tuple[tuple[str, str, Callable[[Path, Path], None]], ...] = (
    ("interview.mp4", "interview.mp4", _recording),
    ("mer-bench pipeline", "second.mp4", _second),
    ("frames/", "frames", _frames),
    ("study/", "study", _study),
    ("study.csv", "study.csv", _study_table),
    ("test-set/", "test-set", _test_set),
    (" gt.csv", "gt.csv", _true_intervals),
    ("session.xdf", "session.xdf", _xdf),
    ("results/session/events.jsonl", "results/session/events.jsonl", _no_events),
    ("/data/MMEW", "data/MMEW", _mmew),
    ("/data/CASME2", "data/CASME2", _casme2),
    ("clips.csv", "clips.csv", _manifest),
    ("mer-review results --apply", "results/talk", _reviewed),
    ("anna=results", "results/talk", _reviewed),
    ("anna.eaf", "anna.eaf", _elan),
    ("ben.eaf", "ben.eaf", _elan),
    ("SAMM-LV", "SAMM-LV", _samm_lv),
    ("CASME_SQ", "CASME_SQ", _casme_sq),
    ("me.jpg", "me.jpg", _portrait),
    ("--faces portraits", "portraits", _portraits),
    ("train-portraits", "train-portraits", _portraits),
    ("held-out-portraits", "held-out-portraits", _portraits),
    ("runs/a/best.safetensors", "runs/a/best.safetensors", _checkpoint),
    ('mer.data.load("mmew", root)', "mmew-and-casme-sq", _two_datasets),
)
"""What a reader has: the words of a page that take it for granted, where it lies, what makes it."""

NAMES = {
    "docs/how-to/python.md": "from pathlib import Path\nfrom fakes import event\n"
    "clip = event(1).clip\nroot = Path('mmew-and-casme-sq')\n",
}
"""Names that the Python examples of a page take for granted."""


def python_examples(page: Path) -> Iterator[str]:
    """Yield the Python blocks of a page, each a program of its own."""
    for block in blocks(page):
        if block.language == "python":
            yield NAMES.get(block.page, "") + block.text
