"""A small share of `tests/benchmarks/bench_fuzz.py`: spoilt files end in a message, and nothing else is touched."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzzing import Worker, good_videos, listing, spoil, spoil_json, spoil_text, spoilt_video
from review_samples import content as review
from test_coding import INTERACT, OBSERVER, TABULAR, as_csv, as_ods, as_xlsx, elan, project

from mer.coding.read import Choice, read_coding
from mer.errors import MerError
from mer.evaluation.agreement.figures import agreement

SEED = 1
LIMIT_S = 200.0
TRUTH = {
    "synthetic": True,
    "frames": 200,
    "seconds": 4.0,
    "fps": 50.0,
    "events": [
        {"label": "sadness", **{name: {"index": n, "time_s": n / 50} for name, n in moments.items()}}
        for moments in ({"onset": 50, "apex": 60, "offset": 70}, {"onset": 120, "apex": 130, "offset": 140})
    ],
    "distractors": [],
}
EVENT = {
    "schema": 1,
    "source": "a.mp4",
    "number": 1,
    "label": "sadness",
    "probabilities": {"sadness": 0.9, "fear": 0.1},
    **{f"{name}_frame": n for name, n in (("onset", 50), ("apex", 60), ("offset", 70))},
    **{f"{name}_s": n for name, n in (("onset", 1.0), ("apex", 1.2), ("offset", 1.4))},
    "latency": {"confirm_ms": 100.0},
}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name in ("inputs", "work", "sentinel", "out", "home", "temporary"):
        (tmp_path / name).mkdir()
    (tmp_path / "sentinel/kept").write_text("not to be touched")
    return tmp_path


@pytest.fixture
def worker(top: Path) -> Iterator[Worker]:
    worker = Worker(top / "work", limit_s=LIMIT_S)
    yield worker
    worker.close()


def test_spoilt_videos_are_read_or_refused(top: Path, worker: Worker) -> None:
    good, drawn, out = good_videos(top / "inputs"), random.Random(SEED), top / "out"
    (top / "inputs/spoilt").mkdir()
    for number in range(16):
        spoilt_video(number, good, top / "inputs/spoilt", drawn)
    before = listing(top, without=out)
    ended = worker.run("realtime.commands.replay", top / "inputs/spoilt", "--out", out, "--engine", "onnxruntime")
    assert ended.code == 3, ended.said  # some failed, others are done
    assert ended.verdict == "refused", ended.said
    assert listing(top, without=out) == before


def test_spoilt_settings_truths_events_and_manifests_are_read_or_refused(top: Path, worker: Worker) -> None:
    drawn, inputs, out = random.Random(SEED), top / "inputs", top / "out"
    video = good_videos(inputs)[".avi"]
    good = {
        "settings.toml": f'camera = "{video}"\nduration = 0.1\nno-overlay = true\nengine = "onnxruntime"\n'.encode(),
        "truth.json": json.dumps(TRUTH).encode(),
        "events.jsonl": json.dumps(EVENT).encode() + b"\n",
        "manifest.csv": f"subject,clip,path,fps,onset,apex,offset,label\na,1,{video.name},25,2,6,9,fear\n".encode(),
    }
    for name, content in good.items():
        (inputs / name).write_bytes(content)
    spotting = ("engines.evaluate", "spotting", "--truth", inputs / "truth.json", "--results", inputs / "events.jsonl")
    commands: dict[str, tuple[str | Path, ...]] = {
        "settings.toml": ("realtime.commands.live", "--config", inputs / "settings.toml"),
        "truth.json": spotting,
        "events.jsonl": spotting,
        "manifest.csv": ("mer.data.cli", "check", "manifest", inputs / "manifest.csv"),
    }
    for name, (module, *arguments) in commands.items():
        assert worker.run(str(module), *arguments).code == 0, f"the whole {name} is refused"
        for _ in range(40 if name != "settings.toml" else 6):
            text = spoil_json if name.startswith(("truth", "events")) else spoil_text
            content = good[name]
            _, spoilt = text(content, drawn) if drawn.random() < 0.7 else spoil(content, drawn, other=b"RIFF" * 9)
            (inputs / name).write_bytes(spoilt)
            before = listing(top, without=out)
            ended = worker.run(str(module), *arguments)
            assert ended.verdict in ("read", "refused"), f"{spoilt!r}: {ended.code} {ended.said}"
            assert listing(top, without=out) == before
        (inputs / name).write_bytes(good[name])


def test_spoilt_codings_are_read_or_refused(tmp_path: Path) -> None:
    drawn, good = random.Random(SEED), codings(tmp_path)
    for number in range(200):
        path = good[number % len(good)]
        data = path.read_bytes()
        if number // len(good) % 2:
            _, spoilt = spoil(data, drawn, other=b"x" * 99)
        else:
            _, spoilt = (spoil_json if path.suffix in (".boris", ".json") else spoil_text)(data, drawn)
        (tmp_path / f"spoilt{path.suffix}").write_bytes(spoilt)
        try:
            coding = read_coding(str(tmp_path / f"spoilt{path.suffix}"), Choice(fps=25.0))
            agreement([coding, coding], draws=2)
        except MerError:
            continue


def codings(folder: Path) -> list[Path]:
    """Write a file in each format of others' coding."""
    elan(folder / "a.eaf", emotion=[(1000, 1500, "fear"), (2000, 2300, "anger")])
    (folder / "b.boris").write_text(json.dumps(project([1.0, "", "fear", "", "", 30], [1.5, "", "fear", "", "", 45])))
    (folder / "c.csv").write_text(as_csv(TABULAR))
    (folder / "d.txt").write_text(as_csv(OBSERVER, "\t"))
    (folder / "e.tsv").write_text(INTERACT)
    (folder / "f.srt").write_text("1\n00:00:01,500 --> 00:00:02,000\nAU12\n")
    as_xlsx(TABULAR, folder / "g.xlsx")
    as_ods(TABULAR, folder / "h.ods")
    (folder / "i.json").write_text(json.dumps(review(event_1={"decision": "accept"}, event_2={"decision": "reject"})))
    return sorted(folder.iterdir())
