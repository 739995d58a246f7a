"""One annotated micro-expression, whatever dataset it comes from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """Where a micro-expression is found and what it shows.

    Attributes:
        subject: Participant; folds never share one.
        clip: Name of the recording, unique within the subject.
        path: A video file or a folder of frames.
        fps: Frames per second; None to use the video's own time stamps.
        onset: Position of the onset frame in the recording, from 0.
        apex: Position of the apex frame, or None where the annotation has none.
        offset: Position of the last frame of the motion; included.
        label: Class name.
        dataset: Name of the part it comes from; empty until `mer.data.parts.load_parts` fills it in.
        objective: Class by action units alone, "1" to "7"; empty where the dataset has none.
        units: Numbers of the action units, without side and intensity; empty where the dataset has none.
    """

    subject: str
    clip: str
    path: Path
    fps: float | None
    onset: int
    apex: int | None
    offset: int
    label: str
    dataset: str = ""
    objective: str = ""
    units: tuple[int, ...] = ()
