"""The micro-expressions of truth files as samples to be classified: recognition apart from spotting."""

from collections.abc import Sequence
from pathlib import Path

from mer.data.sample import Sample
from mer.errors import MerError
from mer.evaluation.matching import read_truth
from mer.files import from_json


def read_samples(truths: Sequence[Path]) -> list[Sample]:
    """Return the true intervals of recordings as samples, one subject for each person or file that was filmed.

    Args:
        truths: Truth files as `mer-synth` writes them, each beside its recording.

    Raises:
        MerError: If a file is not a truth file, its recording is missing, or none of them has an event.
    """
    samples = [sample for truth in truths for sample in _samples(truth)]
    if not samples:
        raise MerError(f"none of {len(truths)} truth files has an event; give recordings with micro-expressions")
    return samples


def _samples(truth: Path) -> list[Sample]:
    events = read_truth(truth).events
    about = from_json(truth.read_text(encoding="utf-8"))
    video = truth.with_name(Path(str(about.get("video", f"{truth.stem}.mp4"))).name)
    if not video.is_file():
        raise MerError(f"{truth} belongs to {video.name}, which is not beside it; put both into one folder")
    subject = str(about.get("source") or about.get("portrait") or truth.stem)
    return [
        Sample(subject, f"{truth.stem}-{number}", video, None, *event.frames, event.label)
        for number, event in enumerate(events, 1)
    ]
