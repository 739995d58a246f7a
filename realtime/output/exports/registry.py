"""Every format of `--export`, by name."""

from typing import Final

from realtime.output.exports.base import Export
from realtime.output.exports.bids import bids_events, bids_sidecar
from realtime.output.exports.boris import boris
from realtime.output.exports.eaf import eaf
from realtime.output.exports.edf import edf
from realtime.output.exports.srt import srt

EXPORTS: Final[dict[str, Export]] = {
    "eaf": Export("events.eaf", "ELAN", eaf, module="pympi", extra="eaf"),
    "boris": Export("events.boris.csv", "BORIS's table", boris),
    "srt": Export("events.srt", "subtitles", srt),
    "bids": Export("events.tsv", "BIDS", bids_events, beside="events.json", beside_content=bids_sidecar),
    "edf": Export("events.edf", "EDF+", edf, module="edfio", extra="edf"),
}
