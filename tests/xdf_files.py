"""Writes XDF files as the specification has it (https://github.com/sccn/xdf/wiki/Specifications), for tests to read."""

import struct
from collections.abc import Sequence
from pathlib import Path

_HEADER, _STREAM, _SAMPLES, _CLOCK, _FOOTER = 1, 2, 3, 4, 6


def write_xdf(
    path: Path, streams: Sequence[tuple[str, str, Sequence[tuple[float, str]]]], *, clock_offset_s: float = 0.0
) -> Path:
    """Write streams of strings.

    Args:
        path: The file.
        streams: Name, type and samples with their stamps of each.
        clock_offset_s: What the recorder measured between the senders' clock and its own.
    """
    chunks = [_chunk(_HEADER, b"<?xml version='1.0'?><info><version>1.0</version></info>")]
    for number, (name, kind, samples) in enumerate(streams, start=1):
        head = struct.pack("<I", number)
        xml = (
            f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type><channel_count>1</channel_count>"
            "<nominal_srate>0</nominal_srate><channel_format>string</channel_format></info>"
        )
        chunks.append(_chunk(_STREAM, head + xml.encode()))
        body = b"".join(
            b"\x08" + struct.pack("<d", stamp_s) + _length(text) + text.encode() for stamp_s, text in samples
        )
        chunks.append(_chunk(_SAMPLES, head + b"\x04" + struct.pack("<I", len(samples)) + body))
        first_s, last_s = (samples[k][0] if samples else 0.0 for k in (0, -1))
        for at_s in (first_s, last_s):
            chunks.append(_chunk(_CLOCK, head + struct.pack("<dd", at_s, clock_offset_s)))
        footer = f"<?xml version='1.0'?><info><sample_count>{len(samples)}</sample_count></info>"
        chunks.append(_chunk(_FOOTER, head + footer.encode()))
    path.write_bytes(b"XDF:" + b"".join(chunks))
    return path


def _chunk(tag: int, content: bytes) -> bytes:
    body = struct.pack("<H", tag) + content
    return b"\x04" + struct.pack("<I", len(body)) + body


def _length(text: str) -> bytes:
    return b"\x04" + struct.pack("<I", len(text.encode()))
