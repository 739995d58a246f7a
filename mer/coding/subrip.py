"""Subtitles (SubRip, .srt): each block is an event, its first line the label."""

import re
from pathlib import Path
from typing import Final

from mer.coding.grids import MAX_BYTES, decoded
from mer.coding.messages import Coded
from mer.coding.times import seconds
from mer.errors import MerError
from mer.files import read_at_most

_TIMES: Final = re.compile(r"(\d+:\d\d:\d\d[.,]\d{1,3}) *--> *(\d+:\d\d:\d\d[.,]\d{1,3}).*", re.ASCII)
_OURS: Final = re.compile(r"(?P<label>.+?)(?: \d+ %)?, (?P<ms>\d+) ms, apex (?P<apex>\d+\.\d+) s")
"""What `mer-replay --export srt` writes; its blocks stay longer than the event lasts."""


def read_srt(path: Path) -> list[Coded]:
    """Return the blocks of a file of subtitles.

    Raises:
        MerError: If it is not one.
    """
    try:
        text = decoded(read_at_most(path, MAX_BYTES))
    except OSError as error:
        raise MerError(f"{path} cannot be read ({error.strerror}); give a SubRip file") from error
    except ValueError as error:
        raise MerError(f"{path} cannot be used: {error}") from error
    made = []
    for number, block in enumerate(re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()), start=1):
        lines = block.strip().splitlines()
        if not lines:
            continue
        times = next((match for line in lines[:2] if (match := _TIMES.fullmatch(line.strip()))), None)
        if times is None:
            raise MerError(f"{path}, block {number}: no line with times as 00:00:01,500 --> 00:00:02,000")
        label = " ".join(lines[1 + next(k for k, line in enumerate(lines) if "-->" in line) :][:1]).strip()
        made.append(_coded(label, seconds(times[1]), seconds(times[2])))
    return made


def _coded(label: str, onset_s: float, offset_s: float) -> Coded:
    if ours := _OURS.fullmatch(label):
        return Coded(ours["label"], onset_s, onset_s + int(ours["ms"]) / 1000, float(ours["apex"]))
    return Coded(label, onset_s, offset_s)
