"""What a trained network finds in measured motion: the decisions of `realtime.spotting.spotter`, without pictures."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.evaluation.matching import Label
from mer.evaluation.spotting import Spotted
from mer.evaluation.spotting import spotted as matched
from mer.labels import CLASSES
from mer.metrics import COMPOSITE_CLASSES, composite_label
from realtime.spotting.candidate import PeakFinder
from realtime.spotting.features import GAIN, SPACING
from realtime.spotting.judge import Limits
from realtime.spotting.motion_track import RATE_HZ
from realtime.spotting.network import Judgement, Network
from realtime.spotting.spotter import OVERLAP, SpotterConfig
from realtime.spotting.training.recordings import Measured
from realtime.spotting.training.streams import Stream

_USUAL: Final = SpotterConfig()


def in_recording(one: Measured, network: Network) -> tuple[Spotted, list[Label]]:
    """Return what is found in a recording, matched with its truth, and the found events.

    Labels are the network's own classes; where the truth has only those of MEGC2019, these.
    """
    truth = one.known.truth
    fps = truth.fps or one.streams[0].rate_hz if one.streams else 1.0
    names = {event.label for event in truth.events}
    composite = bool(names & {"positive", "negative"}) and not names & (set(CLASSES) - set(COMPOSITE_CLASSES))
    found = [_label(said, fps, composite) for stream in one.streams for said in decided(stream, network)]
    seconds = truth.seconds or sum(float(stream.times_s[-1] - stream.times_s[0]) for stream in one.streams)
    return matched(one.known.name, truth, found, seconds=seconds, fps=fps), found


def decided(stream: Stream, network: Network) -> list[Judgement]:
    """Return the micro-expressions that a network finds in a stream, in order."""
    finder = PeakFinder(network.expressions, network.classes)
    found: list[Judgement] = []
    last_s = float(stream.times_s[-1])
    still = [last_s + number / RATE_HZ for number in range(1, finder.lag + 1)]
    rows = (*zip(stream.times_s.tolist(), stream.rows), *((time_s, stream.rows[-1]) for time_s in still))
    sure = network.threshold_at(_USUAL.early)
    for time_s, row in rows:
        seen = (finder.add(time_s, row), network.threshold, math.inf)
        foreseen = (finder.if_still(time_s, row), sure, time_s)
        for peak, least, before_s in (seen, foreseen):
            if peak is None or not _USUAL.floor <= peak.amplitude <= _USUAL.limits.max_peak:
                continue
            said = network.judge(peak)
            if said.micro < least or said.offset_s >= before_s or not _possible(said, stream, _USUAL.limits):
                continue
            if not found or _shared(found[-1], said) <= OVERLAP:
                found.append(said)
    return found


def _possible(said: Judgement, stream: Stream, limits: Limits) -> bool:
    inside: NDArray[np.float64] = stream.rows[(stream.times_s >= said.onset_s) & (stream.times_s <= said.offset_s)]
    if len(inside) and (inside[:, SPACING].max() > limits.max_gap_s or np.ptp(inside[:, GAIN]) > limits.light_step):
        return False
    return said.offset_s - said.onset_s <= limits.max_micro_s and said.apex_s - said.onset_s <= limits.max_rise_s


def _shared(a: Judgement, b: Judgement) -> float:
    shared = min(a.offset_s, b.offset_s) - max(a.onset_s, b.onset_s)
    return shared / max(min(x.offset_s - x.onset_s for x in (a, b)), 1e-3)


def _label(said: Judgement, fps: float, composite: bool) -> Label:
    times_s = (said.onset_s, said.apex_s, said.offset_s)
    onset, apex, offset = (max(0, round(time_s * fps)) for time_s in times_s)
    best = max(said.expressions, key=said.expressions.__getitem__)
    name = str(composite_label(best)) if composite else best
    return Label(name, (onset, apex, offset), times_s, said.micro)


def total(parts: Sequence[tuple[Spotted, list[Label]]]) -> list[Spotted]:
    """Return the matched recordings alone."""
    return [spotted for spotted, _ in parts]
