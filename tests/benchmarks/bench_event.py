"""Where the processor time of a frame and of an event goes, in one thread and without what else the machine does.

Run: python tests/benchmarks/bench_event.py RECORDING.mp4 [--rounds 20] [--json FILE] [--svg FILE]. RECORDING is one
that `mer-synth recording` wrote, with its truth beside it. Decoding, following the face and spotting are timed for each
frame (the landmarks, which another process finds, are not counted); sampling, encoding and the engine for each event
of the truth. Medians of the events' and means of the frames' processor time of this thread.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from engines.select import open_engine
from mer.media.video import FrameReader
from mer.messages import FaceCrop, Interval, Moment
from mer.preprocess import check_mode, encode, make_clip
from mer.sampling import REST_S
from realtime.pipeline import Pipeline

_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")


def measure(path: Path, *, rounds: int) -> dict[str, dict[str, float]]:
    """Return part to milliseconds, of a frame and of an event."""
    cv2.setNumThreads(1)
    truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with open_engine("onnxruntime") as engine, FrameReader(path, grey=True) as frames:
        mode = check_mode(engine.mode)
        with Pipeline(rate_hz=frames.rate_hz, engine=engine) as pipeline:
            frame_ms, crops = _frames(frames, pipeline)
        parts: dict[str, list[float]] = {"sampling": [], "encoding": [], "engine": []}
        for event in truth["events"]:
            indices = [event[name]["index"] for name in ("onset", "apex", "offset")]
            interval = Interval(*(Moment(index, crops[index].time_s) for index in indices))
            rest_s = interval.onset.time_s - REST_S
            within = [crop for crop in crops[: indices[-1] + 1] if crop.time_s >= rest_s]
            clip = make_clip(within, interval)
            encoded = encode(clip.images, mode)[None]
            for part, work in {
                "sampling": lambda within=within, interval=interval: make_clip(within, interval),
                "encoding": lambda clip=clip: encode(clip.images, mode),
                "engine": lambda encoded=encoded: engine.classify(encoded),
            }.items():
                parts[part] += _times_ms(work, rounds)
    return {"frame": frame_ms, "event": {part: statistics.median(times) for part, times in parts.items()}}


def _frames(frames: FrameReader, pipeline: Pipeline) -> tuple[dict[str, float], list[FaceCrop]]:
    spent = dict.fromkeys(("decoding", "following the face", "spotting"), 0.0)
    crops: list[FaceCrop] = []
    begun_s = time.thread_time()
    for frame in frames:
        decoded_s = time.thread_time()
        (crop,) = pipeline.crops(frame)
        followed_s = time.thread_time()
        pipeline.buffer.put(crop)
        pipeline.buffer.get()
        pipeline.step(crop)
        spotted_s = time.thread_time()
        for part, seconds in zip(spent, (decoded_s - begun_s, followed_s - decoded_s, spotted_s - followed_s)):
            spent[part] += seconds
        crops.append(crop)
        begun_s = time.thread_time()
    return {part: 1000.0 * seconds / len(crops) for part, seconds in spent.items()}, crops


def _times_ms(work: Callable[[], Any], rounds: int) -> list[float]:
    work()
    times = []
    for _ in range(rounds):
        begun_s = time.thread_time()
        work()
        times.append(1000.0 * (time.thread_time() - begun_s))
    return times


def picture(report: dict[str, dict[str, float]]) -> str:
    """Return an SVG of one bar for a frame and one for an event, each as long as the other."""
    shapes = []
    for row, (name, parts) in enumerate(report.items()):
        total, x, y = sum(parts.values()), 90.0, 12 + 74 * row
        shapes.append(f'<text x="8" y="{y + 20}">{name}</text><text x="8" y="{y + 36}">{total:.2g} ms</text>')
        for n, ms in enumerate(parts.values()):
            width = 480.0 * ms / total
            shapes.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="28" fill="{_COLOURS[n]}"/>')
            x += width
        legend = ", ".join(f"{part} {ms:.2g}" for part, ms in parts.items()) + " ms"
        shapes.append(f'<text x="90" y="{y + 46}">{legend}</text>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 590 150" font-family="sans-serif" font-size="13">'
    return f'{head}<rect width="590" height="150" fill="white"/>{"".join(shapes)}</svg>\n'


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--svg", type=Path, help="draw them here")
    given = parser.parse_args()
    report = measure(given.recording, rounds=given.rounds)
    for name, parts in report.items():
        print(name, ", ".join(f"{part} {ms:.2f} ms" for part, ms in parts.items()))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1, allow_nan=False), encoding="utf-8")
    if given.svg:
        given.svg.write_text(picture(report), encoding="utf-8")


if __name__ == "__main__":
    main()
