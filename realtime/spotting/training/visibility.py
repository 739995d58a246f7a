"""How large a micro-expression must be to be found, by what the face does meanwhile: measured on examples, fitted."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from realtime.spotting.candidate import Peak, PeakFinder
from realtime.spotting.features import MOVING
from realtime.spotting.matched_filter import LAG
from realtime.spotting.measures import WINDOW
from realtime.spotting.motion_track import RATE_HZ
from realtime.spotting.network import MIN_LOUD, Visibility
from realtime.spotting.training.fit import MOMENT_S, MOMENTS, Judge
from realtime.spotting.training.mixing import Example, Micro

_IOU: Final = 0.5
_STEPS: Final = 60
_FIRST_S: Final = 1.5
"""Events before this time are left out: the background is still a guess."""


class Seen:
    """Micro-expressions of examples: their amplitude, what the face did just before, and whether they were found.

    Args:
        models: Networks whose mean decides.
        threshold: Least probability of a micro-expression.
    """

    def __init__(self, models: list[Judge], threshold: float) -> None:
        self._models, self._threshold = models, threshold
        self.rows: list[tuple[float, float, float, bool]] = []

    def add(self, example: Example, finder: PeakFinder) -> None:
        """Let a fresh finder look at an example."""
        peaks: list[Peak] = []
        states: list[tuple[float, float]] = []
        for number, row in enumerate(example.rows):
            peak = finder.add(number / RATE_HZ, row)
            if peak is not None:
                peaks.append(peak)
            states.append((finder.background, finder.loudness))
        found = self._found(peaks)
        for event in example.events:
            before = int(event.onset_s * RATE_HZ) + LAG
            if event.onset_s > _FIRST_S and before < len(states):
                self.rows.append((event.percent, *states[before], any(_same(event, span) for span in found)))

    def fit(self) -> Visibility:
        """Return the logistic regression."""
        table = np.array(self.rows, np.float64)
        logs = np.log(table[:, :3] + (0.0, 0.0, MIN_LOUD))
        inputs = torch.from_numpy(np.column_stack([np.ones(len(logs)), logs]))
        truth = torch.from_numpy(table[:, 3])
        weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimiser.zero_grad()
            value = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ weights, truth)
            value.backward()  # type: ignore[no-untyped-call]  # of torch
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]  # of torch
        return Visibility(*(round(weight, 4) for weight in weights.tolist()))

    def _found(self, peaks: Iterable[Peak]) -> NDArray[np.float64]:
        """Return (n, 2) onset and offset of what the networks accept."""
        chosen = list(peaks)
        if not chosen:
            return np.zeros((0, 2))
        features = torch.from_numpy(np.array([peak.features for peak in chosen]))
        windows = torch.from_numpy(np.array([peak.window for peak in chosen]).reshape(-1, MOVING, WINDOW))
        with torch.no_grad():
            out = torch.stack([model(features, windows) for model in self._models])
        probability = out[:, :, 0].sigmoid().mean(dim=0).numpy()
        moments = out[:, :, MOMENTS].mean(dim=0).numpy() * MOMENT_S
        times_s = np.array([peak.time_s for peak in chosen])
        spans: NDArray[np.float64] = (times_s[:, np.newaxis] + moments)[:, [0, 2]]
        return spans[probability >= self._threshold]


def _same(event: Micro, span: NDArray[np.float64]) -> bool:
    shared = min(event.offset_s, span[1]) - max(event.onset_s, span[0])
    return bool(shared >= _IOU * (max(event.offset_s, span[1]) - min(event.onset_s, span[0])))
