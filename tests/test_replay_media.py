"""What a replay says of recordings that lack frames or start late."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine, FakePipeline, event
from recordings import pictures, write_video
from videos import write

import realtime.commands.replay
import realtime.recordings.recording
from mer.messages import FaceCrop, Interval, Moment
from realtime.commands.replay import main
from realtime.update import Update


class Timed(FakePipeline):
    """Reports one event, from frame 20 to 60, with the times of its frames."""

    def __init__(self, *, rate_hz: float) -> None:
        super().__init__(rate_hz=rate_hz)
        self._moments: list[Moment] = []

    def step(self, crop: FaceCrop) -> Update:
        update = super().step(crop)
        self._moments.append(Moment(crop.index, crop.time_s))
        if crop.index != 60:
            return update
        onset, apex, offset = (self._moments[index] for index in (20, 40, 60))
        interval = Interval(onset, apex, offset, score=5.0)
        self.totals.events += 1
        return replace(update, events=(replace(event(1), interval=interval),))


@pytest.fixture(autouse=True)
def pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*, rate_hz: float, **_: Any) -> FakePipeline:
        return Timed(rate_hz=rate_hz)

    monkeypatch.setattr(realtime.commands.replay, "open_engine", lambda choice: FakeEngine())
    monkeypatch.setattr(realtime.recordings.recording, "Pipeline", made)


def replayed(recording: Path, *options: str) -> tuple[Path, dict[str, Any]]:
    """Return the folder of results and its summary."""
    out = recording.parent / "out"
    assert main([str(recording), "--out", str(out), *options]) == 0
    folder = out / recording.stem
    return folder, json.loads((folder / "summary.json").read_text())


def test_frames_missing_between_stamps_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stamps_ms = [20 * n + (80 if n >= 60 else 0) for n in range(100)]
    _, summary = replayed(write(tmp_path / "a.mkv", pictures(100), stamps_ms=stamps_ms))
    assert summary["missing"] == 4
    assert "0 dropped, 4 missing;" in capsys.readouterr().out


def test_frames_missing_at_the_end_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.avi", pictures(100))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    folder, summary = replayed(path, "--report")
    lost = 100 - summary["frames"]
    assert 20 < lost == summary["missing"]
    assert f"0 dropped, {lost} missing;" in capsys.readouterr().out
    assert f"<dt>lost frames</dt><dd>{lost}</dd>" in (folder / "report.html").read_text()


def test_damaged_packets_are_counted(tmp_path: Path) -> None:
    bad = [(30, b"no picture"), (40, b"no picture")]
    _, summary = replayed(write(tmp_path / "a.mkv", pictures(80), codec="mjpeg", pix_fmt="yuvj420p", before=bad))
    assert (summary["undecodable"], summary["missing"]) == (2, 2)
    assert "2 packets are damaged and could not be decoded" in summary["notes"]


def test_every_export_is_on_the_time_line_of_the_container(tmp_path: Path) -> None:
    def times_ms(start_ms: int) -> list[int]:
        return [start_ms + 20 * n for n in range(80)]

    folders = [
        replayed(
            write(tmp_path / f"{start_ms}.mp4", pictures(80), stamps_ms=times_ms(start_ms), audio_s=2.5),
            "--export",
            "srt,boris",
        )[0]
        for start_ms in (0, 500)
    ]
    for onset_s in (onset_in_events, onset_in_boris, onset_in_srt):
        early_s, late_s = map(onset_s, folders)
        assert (early_s, late_s) == pytest.approx((0.4, 0.9), abs=0.002)


def onset_in_events(folder: Path) -> float:
    onset_s: float = json.loads((folder / "events.jsonl").read_text())["onset_s"]
    return onset_s


def onset_in_boris(folder: Path) -> float:
    with (folder / "events.boris.csv").open(newline="") as file:
        return float(next(csv.DictReader(file))["Start (s)"])


def onset_in_srt(folder: Path) -> float:
    line = next(line for line in (folder / "events.srt").read_text().splitlines() if " --> " in line)
    hours, minutes, seconds = line.split(" --> ")[0].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds.replace(",", "."))
