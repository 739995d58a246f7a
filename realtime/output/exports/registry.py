"""Every format of `--export`, by name."""

from typing import Final

from realtime.output.exports.base import Export
from realtime.output.exports.boris import boris
from realtime.output.exports.eaf import eaf
from realtime.output.exports.srt import srt

EXPORTS: Final[dict[str, Export]] = {
    "eaf": Export("events.eaf", "ELAN", eaf, module="pympi", extra="eaf"),
    "boris": Export("events.boris.csv", "BORIS's table", boris),
    "srt": Export("events.srt", "subtitles", srt),
}
