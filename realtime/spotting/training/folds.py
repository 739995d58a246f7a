"""The spotter trained under a protocol: each subject is tested by a network that has not seen them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mer import splits
from mer.errors import MerError
from mer.evaluation.matching import Label
from mer.evaluation.spotting import Spotted
from mer.files import from_json
from mer.text import csv_text
from realtime.spotting.candidate import PeakFinder
from realtime.spotting.network import WEIGHTS, Network, loaded
from realtime.spotting.training import fit, spotted
from realtime.spotting.training.examples import Labelled
from realtime.spotting.training.fit import Labels
from realtime.spotting.training.mixing import Example, Mixer, mirrored
from realtime.spotting.training.recordings import Measured, subjects

TRUE_COLUMNS: Final = ("subject", "recording", "fps", "onset", "apex", "offset", "label")
FOUND_COLUMNS: Final = ("fold", *TRUE_COLUMNS, "probability")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is trained.

    Attributes:
        examples: Stretches of motion into which micro-expressions are drawn, beside the annotated ones.
        networks: Networks whose mean is taken.
        threshold: Probability from which a movement counts as a micro-expression.
        seed: Of all random choices.
    """

    examples: int = 400
    networks: int = 3
    threshold: float = 0.6
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found in the test set of a fold.

    Attributes:
        fold: Its name.
        recordings: Each with what was found, matched with its truth.
        found: The found events of each.
        measured: The recordings.
    """

    fold: str
    recordings: list[Spotted]
    found: list[list[Label]]
    measured: list[Measured]


@dataclass(frozen=True, slots=True)
class Peaks:
    """Movements of a recording with the annotation's word for them: the same in every fold.

    Attributes:
        labels: As it is and mirrored.
        digest: Hash of its motion and its truth.
    """

    labels: Labels
    digest: str


def peaks_of(one: Measured) -> Peaks:
    """Return the movements that the matched filter finds in a recording."""
    labelled, digest = Labelled(), hashlib.sha256(repr(one.known.truth).encode())
    for example in one.examples():
        digest.update(example.rows.tobytes())
        for rows in (example.rows, mirrored(example.rows)):
            labelled.add(Example(rows, example.events, example.others), _finder())
    return Peaks(labelled.arrays(), digest.hexdigest())


def _finder() -> PeakFinder:
    shipped = loaded(WEIGHTS)
    return PeakFinder(shipped.expressions, shipped.classes)


def train(
    recordings: Sequence[Measured], peaks: Sequence[Peaks], settings: Settings, path: Path, *, about: dict[str, Any]
) -> Network:
    """Train a network on recordings, write it and return it; one that was trained on the same before is read.

    Args:
        recordings: Their annotated events are learnt, and their other motion is what events are drawn into.
        peaks: Of each.
        settings: How.
        path: Where to write it, .onnx; its manifest lies beside it.
        about: What the manifest says of it.

    Raises:
        MerError: If there is nothing to learn from.
    """
    inputs = hashlib.sha256(repr((settings, [one.digest for one in peaks])).encode()).hexdigest()
    if (earlier := _earlier(path, inputs)) is not None:
        return earlier
    manifest = from_json(WEIGHTS.with_name(WEIGHTS.name + ".json").read_text(encoding="utf-8"))
    drawn = Labelled()
    mixer = _mixer(recordings, settings)
    for _ in range(settings.examples if mixer is not None else 0):
        drawn.add(mixer.example(), _finder())  # type: ignore[union-attr]
    arrays = fit.joined([*(one.labels for one in peaks), drawn.arrays()])
    if not (arrays.kinds == 0).any() or (arrays.kinds == 0).all():
        raise MerError(
            f"{len(arrays.kinds)} movements in {len(recordings)} recordings, all or none of them micro-expressions; "
            "give recordings with and without, or more --examples"
        )
    models = [fit.fit(arrays, seed=settings.seed + number) for number in range(settings.networks)]
    path.parent.mkdir(parents=True, exist_ok=True)
    described = {**about, "inputs": inputs, "peaks": len(arrays.kinds), "seed": settings.seed}
    described["visibility"] = manifest["visibility"]
    fit.write(path, models, threshold=settings.threshold, expressions=manifest["expressions"], about=described)
    return loaded(path)


def _earlier(path: Path, inputs: str) -> Network | None:
    """Return the network that an interrupted run has trained on the same, None if there is none."""
    try:
        network = loaded(path)
        manifest = from_json(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    except (MerError, OSError, ValueError):
        return None
    return network if manifest.get("inputs") == inputs else None


def _mixer(recordings: Sequence[Measured], settings: Settings) -> Mixer | None:
    """Return what draws events into the motion of these recordings; None if no face was seen for long enough."""
    free = [stream for one in recordings for stream in one.without_events()]
    shown = [one.shown for one in recordings if len(one.shown)]
    if not free or not shown:
        return None
    shares = np.array([len(stream.rows) ** 0.7 for stream in free])
    return Mixer(free, shares, np.concatenate(shown), np.random.default_rng(settings.seed))


def each(
    recordings: Sequence[Measured],
    peaks: Sequence[Peaks],
    protocol: splits.Protocol,
    settings: Settings,
    out: Path,
    *,
    done: Callable[[Outcome, int], None],
) -> list[Outcome]:
    """Train and test every fold.

    Args:
        recordings: All.
        peaks: Of each.
        protocol: "5fold" or "loso".
        settings: How networks are trained.
        out: Folder of the run; each fold keeps its network there.
        done: Called with each fold and the number of folds.

    Raises:
        MerError: If there are too few subjects.
    """
    people = subjects(recordings)
    folds = splits.make_folds(people, ["recording"] * len(people), protocol, seed=settings.seed, with_validation=False)
    splits.save(out / "folds.json", folds, protocol=protocol, seed=settings.seed)
    outcomes = []
    for fold in folds:
        tested = [one for one in recordings if one.known.subject in fold.test]
        pairs_of = [(one, found) for one, found in zip(recordings, peaks) if one.known.subject in fold.train]
        trained, learnt = [one for one, _ in pairs_of], [found for _, found in pairs_of]
        about = {"subjects": list(fold.train)}
        network = train(trained, learnt, settings, out / fold.name / "spotter.onnx", about=about)
        pairs = [spotted.in_recording(one, network) for one in tested]
        outcomes.append(Outcome(fold.name, spotted.total(pairs), [found for _, found in pairs], tested))
        done(outcomes[-1], len(folds))
    return outcomes


def found_csv(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each found event; frames count from 0, the offset included."""
    rows = [
        {"fold": outcome.fold, **_row(one, spotted.fps, label), "probability": f"{label.probability:.4f}"}
        for outcome in outcomes
        for one, spotted, labels in zip(outcome.measured, outcome.recordings, outcome.found)
        for label in labels
    ]
    return csv_text(FOUND_COLUMNS, rows)


def true_csv(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each true event, counted the same way."""
    rows = [
        _row(one, spotted.fps, label)
        for outcome in outcomes
        for one, spotted in zip(outcome.measured, outcome.recordings)
        for label in one.known.truth.events
    ]
    return csv_text(TRUE_COLUMNS, rows)


def _row(one: Measured, fps: float, label: Label) -> dict[str, str]:
    cells = (one.known.subject, one.known.name, f"{fps:g}", *map(str, label.frames), label.label)
    return dict(zip(TRUE_COLUMNS, cells))


def to_json(outcomes: Sequence[Outcome], summary: dict[str, Any], settings: Settings) -> str:
    """Return all figures, and those of each fold in short."""
    folds = [
        {
            "fold": outcome.fold,
            "subjects": sorted(set(subjects(outcome.measured))),
            "true": sum(pair.truth is not None for one in outcome.recordings for pair in one.pairs),
            "hits": sum(pair.hit for one in outcome.recordings for pair in one.pairs),
            "false": sum(pair.truth is None for one in outcome.recordings for pair in one.pairs),
        }
        for outcome in outcomes
    ]
    about = {"examples": settings.examples, "networks": settings.networks, "threshold": settings.threshold}
    return json.dumps(
        {"settings": {**about, "seed": settings.seed}, **summary, "folds": folds}, indent=1, allow_nan=False
    )
