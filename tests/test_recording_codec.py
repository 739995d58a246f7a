"""A camera's grey frames are recorded without loss where this machine holds that."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mer.media.video import FrameReader
from mer.messages import Frame
from realtime.output import recording_codec
from realtime.output.recording_codec import FFV1, H264, RAW, choose
from realtime.output.session_recording import SessionRecording

RATE_HZ = 500.0


def noisy(count: int) -> list[Frame]:
    random = np.random.default_rng(3)
    images = [random.integers(0, 256, (48, 63), dtype=np.uint8) for _ in range(count)]
    return [Frame(image, n / RATE_HZ + 1e-6 * n, n) for n, image in enumerate(images)]


def costs(monkeypatch: pytest.MonkeyPatch, *, ffv1_s: float, raw_s: float, disk_bytes_s: float) -> None:
    def cost(codec: recording_codec.Codec, image: NDArray[np.uint8], rate_hz: float) -> tuple[float, float]:
        return (ffv1_s, 1000.0) if codec is FFV1 else (raw_s, 3000.0)

    monkeypatch.setattr(recording_codec, "cost_of", cost)
    monkeypatch.setattr(recording_codec, "disk_bytes_s", lambda folder: disk_bytes_s)


@pytest.mark.parametrize(
    ("ffv1_s", "disk_bytes_s", "codec"),
    [(0.0005, 1e7, FFV1), (0.0015, 1e7, RAW), (0.0015, 2e6, H264), (0.0005, 5e5, H264)],
    ids=["both hold", "the processor does not", "neither does", "the disk does not"],
)
def test_the_smallest_lossless_codec_that_is_held_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ffv1_s: float, disk_bytes_s: float, codec: recording_codec.Codec
) -> None:
    costs(monkeypatch, ffv1_s=ffv1_s, raw_s=0.0001, disk_bytes_s=disk_bytes_s)
    assert choose(tmp_path, noisy(1)[0].image, RATE_HZ).codec is codec


@pytest.mark.parametrize("codec", [FFV1, RAW], ids=lambda codec: codec.encoder)
def test_frames_and_times_come_back_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: recording_codec.Codec
) -> None:
    costs(monkeypatch, ffv1_s=0.0 if codec is FFV1 else 1.0, raw_s=0.0, disk_bytes_s=1e9)
    given = noisy(40)
    with SessionRecording(tmp_path / "s", size_wh=(63, 48), rate_hz=RATE_HZ, about={}, sample=given[0]) as recording:
        for frame in given:
            recording.add(frame)
    assert recording.path.name == codec.file
    with FrameReader(recording.path, grey=True) as reader:
        found = list(reader)
    assert [frame.time_s for frame in found] == pytest.approx([frame.time_s for frame in given], abs=2e-6)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(found, given, strict=True))


def test_this_machine_is_measured_and_nothing_is_left_behind(tmp_path: Path) -> None:
    choice = choose(tmp_path, noisy(1)[0].image, 1.0)
    assert choice.codec is FFV1
    assert "FFV1 (lossless) takes" in choice.reason
    assert list(tmp_path.iterdir()) == []


def test_colours_and_what_was_compressed_before_are_not_recorded_without_loss(tmp_path: Path) -> None:
    colour = Frame(np.zeros((48, 64, 3), np.uint8), 0.0, 0)
    with SessionRecording(tmp_path / "s", size_wh=(64, 48), rate_hz=10.0, about={}, sample=colour) as recording:
        recording.add(colour)
    assert recording.codec is H264


def test_a_raw_recording_is_not_written_beside_another(tmp_path: Path) -> None:
    (tmp_path / "recording.nut").touch()
    with pytest.raises(Exception, match=r"already holds a recording \(recording\.nut\)"):
        SessionRecording(tmp_path, size_wh=(64, 48), rate_hz=10.0, about={})
