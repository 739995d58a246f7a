"""Video files of many kinds through FFmpeg: codecs, stamps, interlacing, and what is refused."""

import os
import struct
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from recordings import number_of, pictures, write_video
from videos import INTERLACED, moving_square, remux, weave, write

from mer.errors import MerError
from mer.media.video import FrameReader
from mer.messages import Frame


def read(path: Path, *, fps: float | None = None, grey: bool = True) -> tuple[list[Frame], tuple[str, ...]]:
    """Return frames and notes of a recording."""
    with FrameReader(path, fps=fps, grey=grey) as reader:
        return list(reader), reader.notes


def times_of(frames: list[Frame]) -> list[float]:
    return [frame.time_s for frame in frames]


CODECS = {
    "h264.mp4": ("libx264", "yuv420p", {}),
    "h264-10bit.mp4": ("libx264", "yuv420p10le", {}),
    "h264.avi": ("libx264", "yuv420p", {"bf": "2"}),
    "mpeg4-b.avi": ("mpeg4", "yuv420p", {"bf": "2"}),
    "hevc.mkv": ("libx265", "yuv420p", {"x265-params": "log-level=none"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {}),
    "av1.mkv": ("libsvtav1", "yuv420p", {"preset": "12", "svtav1-params": "lp=1"}),
    "mpeg2.ts": ("mpeg2video", "yuv420p", {}),
    "mpeg2.m2ts": ("mpeg2video", "yuv420p", {}),
    "mpeg2.vob": ("mpeg2video", "yuv420p", {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "flv1.flv": ("flv", "yuv420p", {}),
    "mpeg4.3gp": ("mpeg4", "yuv420p", {}),
    "grey.mkv": ("ffv1", "gray", {}),
    "grey12.mkv": ("ffv1", "gray12le", {}),
    "png.mov": ("png", "rgb24", {}),
    "gif.gif": ("gif", "gray", {}),
}


@pytest.mark.parametrize("name", CODECS)
def test_every_frame_is_read_once_in_order_with_its_grey(tmp_path: Path, name: str) -> None:
    codec, pix_fmt, options = CODECS[name]
    originals = pictures(24, size_wh=(128, 96))
    path = write(tmp_path / name, originals, codec=codec, pix_fmt=pix_fmt, options={"b": "4M", **options})
    frames, notes = read(path)
    assert [number_of(frame.image) for frame in frames] == list(range(24))
    assert np.diff(times_of(frames)) == pytest.approx([0.02] * 23, abs=0.0015)
    for frame, original in zip(frames, originals):
        assert np.abs(frame.image.astype(int) - original[..., 0]).mean() < 6.0  # black is 20 and white is 235
    assert notes == ()


def test_digital_video_is_decoded_and_not_black(tmp_path: Path) -> None:
    originals = pictures(208, size_wh=(720, 576))[200:]
    frames, _ = read(write(tmp_path / "a.dv", originals, codec="dvvideo", pix_fmt="yuv420p", fps=25, format_name="dv"))
    assert [number_of(frame.image) for frame in frames] == list(range(200, 208))


@pytest.mark.parametrize("bits", [12, 16])
def test_grey_of_sixteen_bits_is_scaled_by_those_that_are_used(tmp_path: Path, bits: int) -> None:
    grey = np.tile(np.linspace(0, (1 << bits) - 1, 64).astype(np.uint16), (48, 1))
    path = write(tmp_path / "a.mkv", [grey] * 8, codec="ffv1", pix_fmt="gray16le", from_format="gray16le")
    frames, notes = read(path)
    assert np.abs(frames[0].image[0] - np.linspace(0, 255, 64)).max() <= 1.0
    assert [note for note in notes if "bits per sample" in note] == (
        ["16 bits per sample hold only 12; grey was scaled by those"] if bits == 12 else []
    )


def test_luma_of_limited_range_is_spread_and_of_full_range_is_not(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    bgr = np.repeat(ramp[..., np.newaxis], 3, axis=2)
    for name, pix_fmt in (("limited.mkv", "yuv420p"), ("full.mkv", "yuvj420p")):
        frames, _ = read(write(tmp_path / name, [bgr] * 8, pix_fmt=pix_fmt, options={"crf": "1"}))
        assert np.abs(frames[0].image.astype(int) - ramp).max() <= 3


@pytest.mark.parametrize("turn_deg", [90, 180, 270])
def test_frames_are_turned_as_the_container_asks_for(tmp_path: Path, turn_deg: int) -> None:
    original = pictures(8)[5]
    path = write(tmp_path / "a.mp4", [original] * 8, options={"crf": "4"}, turn_deg=turn_deg)
    frames, notes = read(path)
    assert np.abs(frames[0].image.astype(int) - np.rot90(original[..., 0], turn_deg // 90)).mean() < 4.0
    assert any(f"turned by {turn_deg} degrees" in note for note in notes)


def test_interlaced_frames_are_made_whole_and_noted(tmp_path: Path) -> None:
    images = moving_square(80)
    path = write(tmp_path / "a.mkv", weave(images), fps=25, flags=INTERLACED, options={"crf": "4"})
    frames, notes = read(path)
    assert len(frames) == 40
    assert times_of(frames) == pytest.approx([n / 25.0 for n in range(40)], abs=0.001)
    assert "40 frames are interlaced and were deinterlaced" in notes
    assert combing(frames[20].image) < 0.2 * combing(weave(images)[20][..., 0])


def test_frames_that_are_only_marked_as_interlaced_are_left_as_they_are(tmp_path: Path) -> None:
    images = moving_square(40)
    path = write(tmp_path / "a.mkv", images, fps=25, flags=INTERLACED, options={"crf": "4"})
    frames, notes = read(path)
    assert len(frames) == 40
    assert all(np.abs(f.image.astype(int) - image[..., 0]).mean() < 4.0 for f, image in zip(frames, images))
    assert "frames are marked as interlaced but are whole; they were left as they are" in notes


def combing(image: np.ndarray) -> float:
    """Return how much rows differ from the mean of both neighbours, more than every second row differs."""
    rows = image.astype(float)
    return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())


def test_a_video_that_starts_after_its_audio_keeps_the_time_line(tmp_path: Path) -> None:
    stamps_ms = [500 + 20 * n for n in range(30)]
    frames, notes = read(write(tmp_path / "a.mp4", pictures(30), stamps_ms=stamps_ms, audio_s=1.5))
    assert times_of(frames) == pytest.approx([stamp_ms / 1000 for stamp_ms in stamps_ms], abs=0.001)
    assert notes == ()


@pytest.mark.parametrize(("every", "by_ms"), [(10, -20), (20, 70)], ids=["repeated", "late"])
def test_bad_stamps_of_a_file_shift_nothing(tmp_path: Path, every: int, by_ms: int) -> None:
    source = write(tmp_path / "s.mkv", pictures(60), codec="mjpeg", pix_fmt="yuvj420p")
    path = remux(tmp_path / "a.mkv", source, [20 * n + by_ms * (n % every == every // 2) for n in range(60)])
    frames, notes = read(path)
    assert times_of(frames) == pytest.approx([0.02 * n for n in range(60)], abs=0.001)
    assert any("time stamps were missing, repeated or odd and were replaced" in note for note in notes)


def test_variable_rates_are_kept(tmp_path: Path) -> None:
    stamps_ms = np.cumsum([0, *np.random.default_rng(3).integers(8, 60, 39)]).tolist()
    frames, _ = read(write(tmp_path / "a.mkv", pictures(40), stamps_ms=stamps_ms))
    assert times_of(frames) == pytest.approx([stamp_ms / 1000 for stamp_ms in stamps_ms], abs=0.0011)


def test_transport_streams_that_are_joined_run_on(tmp_path: Path) -> None:
    one = write(tmp_path / "1.ts", pictures(30), options={"bf": "0"})
    later = [100_000 + 20 * n for n in range(30)]
    two = write(tmp_path / "2.ts", pictures(30), options={"bf": "0"}, stamps_ms=later)
    path = tmp_path / "a.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    frames, notes = read(path)
    assert times_of(frames) == pytest.approx([0.02 * n for n in range(60)], abs=0.03)
    assert any("start over 1 times" in note for note in notes)


@pytest.mark.parametrize(
    ("kind", "codec", "pix_fmt", "rate"),
    [
        ("mjpeg", "mjpeg", "yuvj420p", "25 frames/s is assumed"),
        ("h264", "libx264", "yuv420p", "100 frames/s is what its header states"),
    ],
)
def test_a_file_without_stamps_names_the_rate_that_is_assumed(
    tmp_path: Path, kind: str, codec: str, pix_fmt: str, rate: str
) -> None:
    path = write(tmp_path / f"a.{kind}", pictures(20), codec=codec, pix_fmt=pix_fmt, fps=100, format_name=kind)
    frames, notes = read(path)
    assert len(frames) == 20
    assert "the file has no time stamps" in notes[0]
    assert "give --fps" in notes[0]
    assert rate in notes[0]
    frames, notes = read(path, fps=100.0)
    assert times_of(frames) == pytest.approx([0.01 * n for n in range(20)])
    assert notes == ()


def test_a_lost_packet_leaves_a_gap_where_times_are_counted(tmp_path: Path) -> None:
    jpegs = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures(20)]
    jpegs[8] = b"\xff\xd8\xff\xfe\x00\x04ab\xff\xd9"
    path = tmp_path / "a.mjpeg"
    path.write_bytes(b"".join(jpegs))
    frames, notes = read(path, fps=100.0)
    assert times_of(frames) == pytest.approx([0.01 * n for n in range(20) if n != 8])
    assert "1 packets are damaged and could not be decoded" in notes


def test_flat_stretches_are_named_with_their_times(tmp_path: Path) -> None:
    images = pictures(60)
    images[20:40] = [np.full_like(images[0], 90)] * 20
    _, notes = read(write(tmp_path / "a.mp4", images, options={"crf": "4"}))
    assert notes == ("frames 20 to 39 are one flat grey (0.40 to 0.78 s)",)


def test_a_recording_that_is_black_all_the_way_says_so(tmp_path: Path) -> None:
    _, notes = read(write(tmp_path / "a.mp4", [np.zeros((48, 64, 3), np.uint8)] * 20))
    assert notes[0].startswith("all 20 frames are one flat grey")


def test_frames_that_an_edit_list_hides_are_not_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(30), options={"bf": "0", "g": "10"})
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 4
    scale = struct.unpack_from(">I", content, content.index(b"mdhd") + 16)[0]
    struct.pack_into(">i", content, at + 12, 3 * scale // 50)  # media time of the first frame that is shown
    path.write_bytes(content)
    with FrameReader(path, grey=True) as reader:
        assert [number_of(frame.image) for frame in reader] == list(range(3, 30))
    assert reader.notes == ("3 frames lie outside what the file says is to be shown and were left out",)
    assert reader.absent == 0


def test_a_cover_picture_beside_audio_is_not_a_recording(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(1), codec="mjpeg", pix_fmt="yuvj420p", audio_s=0.5)
    with av.open(str(path)) as given, av.open(str(tmp_path / "b.mp4"), "w") as container:
        streams = {s.index: container.add_stream_from_template(s) for s in given.streams}
        cover = next(s for s in streams.values() if s.type == "video")
        attached: Any = av.stream.Disposition.attached_pic.value  # its setter takes a number
        cover.disposition = attached
        for packet in given.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    with pytest.raises(MerError, match="no video but audio with a cover picture"):
        FrameReader(tmp_path / "b.mp4")


def test_an_unknown_codec_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(10))
    path.write_bytes(path.read_bytes().replace(b"avc1\0", b"zzzz\0"))
    with pytest.raises(MerError, match=r"coded as .*zzzz.*cannot decode"):
        FrameReader(path)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", "a playlist"),
        (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "a list of files"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 26\n", "a description of a session"),
        (b"<?xml version='1.0'?>\n<MPD></MPD>", "a playlist"),
    ],
)
def test_a_file_that_only_names_others_opens_none_of_them(tmp_path: Path, text: bytes, kind: str) -> None:
    (tmp_path / "a.mp4").write_bytes(text)
    with pytest.raises(MerError, match=f"is {kind}"):
        FrameReader(tmp_path / "a.mp4")


def test_a_playlist_behind_other_text_opens_no_file(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", pictures(8))
    (tmp_path / "a.mp4").write_text(f"# a remark\nffconcat version 1.0\nfile '{video}'\n")
    with pytest.raises(MerError, match="cannot be opened as a video"):
        FrameReader(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["S01:rest.mp4", "%03d.mp4", "http:,,x.mp4", "Talk [id] 'x'.mp4"])
def test_a_name_means_nothing_to_the_decoder(tmp_path: Path, name: str) -> None:
    frames, _ = read(write_video(tmp_path / "v.mp4", pictures(8)).rename(tmp_path / name))
    assert len(frames) == 8


def test_frames_that_are_too_large_are_refused_by_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", pictures(2), codec="mjpeg", pix_fmt="yuvj420p")
    content = bytearray(path.read_bytes())
    for side in (b"\xb0\x81\x40", b"\xba\x81\x30"):  # PixelWidth 64 and PixelHeight 48, each in one byte
        at = content.index(side)
        content[at : at + 3] = side[:1] + b"\x81\xff"
    path.write_bytes(content)
    jpeg = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes()
    at = jpeg.index(b"\xff\xc0")
    huge = jpeg[: at + 5] + struct.pack(">HH", 20000, 20000) + jpeg[at + 9 :]
    (tmp_path / "b.mjpeg").write_bytes(huge * 10)
    with pytest.raises(MerError, match=r"20000x20000; expected 50 megapixels|no frame that can be decoded"):
        FrameReader(tmp_path / "b.mjpeg", grey=True)


def test_a_claim_that_the_file_cannot_hold_is_no_claim(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", pictures(30))
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"strh") + 8 + 32, 4_000_000_000)
    path.write_bytes(content)
    with FrameReader(path) as reader:
        assert len(list(reader)) == 30
    assert not any("claims" in note for note in reader.notes)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no scheduling policies")
def test_writing_av1_leaves_this_process_at_its_usual_priority(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    write(tmp_path / "a.mkv", pictures(4), codec="libsvtav1", options={"preset": "12"})
    assert os.sched_getscheduler(0) == before
