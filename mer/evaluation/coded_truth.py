"""Truth that somebody coded in another program, in frames of the recordings that `mer-replay` has looked at."""

from collections.abc import Mapping
from pathlib import Path

from mer.coding.messages import Coded, Coding, Recording
from mer.errors import MerError
from mer.evaluation.matching import Label, Truth
from mer.files import from_json
from mer.messages import FIRST_PERSON


def is_coding(path: Path) -> bool:
    """Return whether a truth is somebody's coding, and not a file of `mer-synth`."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return path.suffix.lower() != ".json"
    try:
        content = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # whoever reads it as a truth file says what is wrong
    return isinstance(content, dict) and "decisions" in content


def paired(coding: Coding, folders: Mapping[str, Path]) -> dict[str, Path]:
    """Return the results of each recording that was coded; where there is one of both, that is meant.

    Args:
        coding: What was coded.
        folders: Folders of results by the name of their recording, without its suffix.

    Raises:
        MerError: If they have no recording in common.
    """
    if len(coding.recordings) == len(folders) == 1:
        return {min(coding.recordings): min(folders.values())}
    both = {name: folders[name] for name in coding.recordings if name in folders}
    if not both:
        coded, found = (", ".join(list(names)[:3]) or "nothing" for names in (coding.recordings, folders))
        raise MerError(f"{coding.coder} coded {coded}, and there are results of {found}; use the same names")
    return both


def truth_from(recording: Recording, *, fps: float) -> Truth:
    """Return what was coded as truth; an apex that was not coded is taken to be the middle.

    Args:
        recording: In seconds.
        fps: Frames per second of the recording.
    """
    events = tuple(_label(event, fps) for event in recording.events)
    return Truth(events, (), False, recording.seconds, fps)


def names_people(recording: Recording) -> bool:
    """Return whether it says of each event whose face it is."""
    return all(event.person is not None for event in recording.events)


def _label(event: Coded, fps: float) -> Label:
    apex_s = (event.onset_s + event.offset_s) / 2 if event.apex_s is None else event.apex_s
    onset, apex, offset = (round(time_s * fps) for time_s in (event.onset_s, apex_s, event.offset_s))
    times_s = (event.onset_s, apex_s, event.offset_s)
    return Label(event.label, (onset, apex, offset), times_s, person=event.person or FIRST_PERSON)
