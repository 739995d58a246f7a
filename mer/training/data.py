"""From clips or a dataset to what a training run holds in memory."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer import plugins
from mer.augment import Copy
from mer.class_map import class_of, left_out
from mer.data import megc2019
from mer.data.clips import load_clips
from mer.data.parts import Labels, Part, load_parts
from mer.data.sample import Sample
from mer.errors import MerError
from mer.face.geometry import CLIP_SIZE
from mer.files import from_json
from mer.sampling import N_FRAMES

SYNTHETIC: Final = "synthetic data only: mer-synth corpus"
_ARRAYS: Final = ("clips", "labels", "subjects")
_MORE_ARRAYS: Final = ("datasets", "names")
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClipData:
    """Labelled clips, not encoded.

    Attributes:
        clips: (N, 13, 90, 90) uint8 grey or (N, 13, 90, 90, 3) uint8 RGB.
        labels: (N,) class names.
        subjects: (N,) participants.
        name: What the data are called in tables.
        datasets: (N,) name of the part that a clip comes from; `name` for all if none are given.
        names: (N,) name of each clip within its subject; its position if none are given.
    """

    clips: NDArray[np.uint8]
    labels: NDArray[np.str_]
    subjects: NDArray[np.str_]
    name: str
    datasets: NDArray[np.str_] = field(default_factory=partial(np.array, [], np.str_))
    names: NDArray[np.str_] = field(default_factory=partial(np.array, [], np.str_))

    def __post_init__(self) -> None:
        """Name what has no name."""
        if not len(self.datasets):
            object.__setattr__(self, "datasets", np.full(len(self.labels), self.name))
        if not len(self.names):
            object.__setattr__(self, "names", np.arange(len(self.labels)).astype(np.str_))

    def fingerprint(self) -> str:
        """Return a hash of pictures, labels and subjects: equal data, equal fingerprint."""
        digest = hashlib.sha256(np.ascontiguousarray(self.clips).data)
        digest.update("\0".join([*self.labels.tolist(), "", *self.subjects.tolist()]).encode())
        return digest.hexdigest()[:16]


def read_npz(path: Path) -> ClipData:
    """Read clips from an .npz file with the arrays clips, labels and subjects; datasets and names may be there.

    Raises:
        MerError: If the file or an array is missing, is a pickle, or has the wrong shape or type.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in (*_ARRAYS, *_MORE_ARRAYS) if name in stored.files}
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error.strerror or error}; give an .npz file") from error
    except (ValueError, AttributeError, EOFError) as error:  # pickles; .npy instead of .npz
        raise MerError(f"{path} is not an .npz file of plain arrays; expected clips, labels and subjects") from error
    if missing := [name for name in _ARRAYS if name not in found]:
        raise MerError(f"{path} has no array {missing[0]!r}; expected clips, labels and subjects")
    clips = found.pop("clips")
    side = (N_FRAMES, CLIP_SIZE, CLIP_SIZE)
    if clips.dtype != np.uint8 or clips.ndim not in (4, 5) or clips.shape[1:] not in (side, (*side, 3)):
        raise MerError(
            f"{path}: clips are {clips.shape}, {clips.dtype}; expected (N, 13, 90, 90) or (N, 13, 90, 90, 3), uint8"
        )
    texts = {name: array.astype(str) for name, array in found.items()}
    if any(array.shape != (len(clips),) for array in texts.values()):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in texts.items())
        raise MerError(f"{path}: {len(clips)} clips, {shapes}; expected one each")
    return ClipData(clips, name=path.stem, **texts)


def read_datasets(
    parts: Sequence[Part],
    *,
    cache: Path | None,
    jobs: int,
    classes: Sequence[str],
    listed: bool = False,
    labels: Labels = "emotion",
    mapping: Mapping[str, str] | None = None,
    colour: bool = False,
    progress: Callable[[int, int], None] | None = None,
    remark: Callable[[str], None] = lambda _: None,
) -> ClipData:
    """Cut the clips of some classes out of one or several datasets.

    Args:
        parts: See `mer.data.parts`.
        cache: An .npz file that keeps the clips for the next time; None for none.
        jobs: Processes that work side by side.
        classes: Class names; the three of MEGC2019 stand for the emotions they are composed of.
        listed: Keep only the clips of the list of MEGC2019.
        labels: What clips are labelled with; see `load_parts`.
        mapping: Classes of labels that are mapped.
        colour: Keep the colours of the pictures, for the input mode rgb.
        progress: Called with (recordings done, recordings in all).
        remark: Called with each sentence about what a choice leaves out.

    Raises:
        MerError: If a dataset cannot be read or no clip is left.
    """
    samples = _chosen(parts, labels, listed, remark)
    say_left_out([sample.label for sample in samples], classes, mapping or {}, remark)
    kept = [s for s in samples if class_of(s.label, classes, mapping or {}) is not None]
    if not kept:
        looks = "; ".join(f"`mer-data check {part.kind} {part.root}`" for part in parts)
        raise MerError(f"{_together(parts)}: no clip of {', '.join(classes)}; {looks} shows what is there")
    return cut_clips(kept, _together(parts), cache=cache, jobs=jobs, colour=colour, progress=progress)


def read_samples(
    parts: Sequence[Part],
    *,
    cache: Path | None,
    jobs: int,
    listed: bool,
    labels: Labels,
    mapping: Mapping[str, str],
    colour: bool,
    progress: Callable[[int, int], None] | None = None,
    remark: Callable[[str], None] = lambda _: None,
) -> ClipData:
    """Cut the clips of all labels, mapped ones under their class; see `read_datasets`."""
    samples = _chosen(parts, labels, listed, remark)
    left_out([sample.label for sample in samples], (), mapping)  # refuses what no clip is labelled with
    mapped = [replace(sample, label=mapping.get(sample.label, sample.label)) for sample in samples]
    return cut_clips(mapped, _together(parts), cache=cache, jobs=jobs, colour=colour, progress=progress)


def _chosen(parts: Sequence[Part], labels: Labels, listed: bool, remark: Callable[[str], None]) -> list[Sample]:
    samples = load_parts(parts, labels=labels)
    if listed:
        samples, remarks = megc2019.select(samples)
        for text in remarks:
            remark(text)
    return samples


def say_left_out(
    labels: Sequence[str], classes: Sequence[str], mapping: Mapping[str, str], remark: Callable[[str], None]
) -> None:
    """Say how many clips of which labels a choice of classes leaves out, if any.

    Raises:
        MerError: If a label is mapped that no clip has.
    """
    if counts := left_out(labels, classes, mapping):
        remark(f"left out by the choice of classes: {', '.join(f'{label} {n}' for label, n in counts.items())}")


def cut_clips(
    samples: Sequence[Sample],
    name: str,
    *,
    cache: Path | None = None,
    jobs: int = 1,
    colour: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ClipData:
    """Cut the clips of samples; see `read_datasets`. Samples that give none are named in the log.

    Args:
        samples: What to cut out.
        name: What the data are called in tables.
        cache: An .npz file that keeps the clips for the next time; None for none.
        jobs: Processes that work side by side.
        colour: Keep the colours of the pictures, for the input mode rgb.
        progress: Called with (recordings done, recordings in all).

    Raises:
        MerError: If no sample gives a clip.
    """
    made = load_clips(samples, cache=cache, jobs=jobs, colour=colour, progress=progress)
    for sample, reason in made.skipped:
        _log.warning("left out: %s, %s: %s", sample.subject, sample.clip, reason)
    skipped = {sample for sample, _ in made.skipped}
    kept = [sample for sample in samples if sample not in skipped]
    return ClipData(
        made.clips,
        made.labels,
        made.subjects,
        name,
        np.array([sample.dataset or name for sample in kept]),
        np.array([sample.clip for sample in kept]),
    )


def keep(
    given: ClipData, classes: Sequence[str], mapping: Mapping[str, str] | None = None
) -> tuple[ClipData, NDArray[np.int64]]:
    """Keep the clips of some classes.

    Args:
        given: Any clips.
        classes: Class names in the order of the logits. If they are the three of MEGC2019, emotions
            count as the class they belong to.
        mapping: Classes of labels that are mapped.

    Returns:
        The clips, their labels now names in `classes`, and the (M,) class indices; M may be 0.
    """
    names = [class_of(str(label), classes, mapping or {}) for label in given.labels]
    kept = np.array([name is not None for name in names], bool)
    labels = [name for name in names if name is not None]
    position = {name: i for i, name in enumerate(classes)}
    chosen = ClipData(
        given.clips if kept.all() else given.clips[kept],
        np.array(labels, dtype=np.str_),
        given.subjects[kept],
        given.name,
        given.datasets[kept],
        given.names[kept],
    )
    return chosen, np.array([position[label] for label in labels], np.int64)


def select(
    given: ClipData, classes: Sequence[str], mapping: Mapping[str, str] | None = None
) -> tuple[ClipData, NDArray[np.int64]]:
    """Keep the clips of some classes, all of which must occur; see `keep`.

    Raises:
        MerError: If a class has no clip.
    """
    chosen, truth = keep(given, classes, mapping)
    if empty := [name for name in classes if name not in chosen.labels]:
        found = ", ".join(sorted(set(given.labels.tolist()))) or "none"
        raise MerError(
            f"{given.name}: no clip of class {empty[0]!r}; found: {found}; name other classes with --classes"
        )
    return chosen, truth


def encode_all(
    clips: NDArray[np.uint8],
    copies: Sequence[Copy],
    encode: Callable[[NDArray[np.uint8]], NDArray[Any]],
    *,
    augmentation: str = plugins.USUAL,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[Any]:
    """Return what a system sees of copies of clips, changed before they are encoded.

    Args:
        clips: (N, 13, 90, 90[, 3]) clips that the copies are made from, not encoded.
        copies: At least one; those without a seed are left as they are.
        encode: From one clip to what the system sees; see `mer.training.inputs`.
        augmentation: How augmented samples are made; see `mer.plugins.augmented`.
        threads: Clips encoded side by side.
        progress: Called with (clips done, clips in all).

    Returns:
        (len(copies), ...) of the shape and type that `encode` returns.
    """

    def encoded(copy: Copy) -> NDArray[Any]:
        clip = clips[copy.source]
        return encode(plugins.augmented(clip, copy.seed, augmentation) if copy.seed else clip)

    first = encoded(copies[0])
    result = np.empty((len(copies), *first.shape), first.dtype)
    with ThreadPoolExecutor(threads) as pool:
        for i, clip in enumerate(pool.map(encoded, copies)):
            result[i] = clip
            if progress:
                progress(i + 1, len(copies))
    return result


def _together(parts: Sequence[Part]) -> str:
    """Return what the parts are called in tables and manifests."""
    return " + ".join(_called(part) for part in parts)


def _called(part: Part) -> str:
    """Return what a part is called: synthetic ones are called synthetic."""
    try:
        about = from_json((part.root.parent / "corpus.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return part.name
    return SYNTHETIC if isinstance(about, dict) and about.get("synthetic") is True else part.name
