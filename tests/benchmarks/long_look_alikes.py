"""Look-alikes of CAS(ME)^2, CAS(ME)^3 and SAMM Long Videos out of rendered recordings, in the published layouts."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_minis import write_workbook
from look_alikes import write_frames

from mer.metrics import composite_label

Act = tuple[str, str, int, int, int]
"""Kind ("micro" or "macro"), label, and onset, apex and offset in frames from 0."""
_CASME3_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
_CASME3_WORDS = {"happiness": "happy", "sadness": "sad"}


@dataclass(frozen=True)
class Long:
    """A rendered recording: person from 1, number of their recording from 1, and its true events."""

    person: int
    number: int
    video: Path

    @property
    def acts(self) -> list[Act]:
        """Micro- and macro-expressions in order of their onset."""
        truth = json.loads(self.video.with_suffix(".json").read_text(encoding="utf-8"))
        micro = [("micro", e["label"], *(e[m]["index"] for m in ("onset", "apex", "offset"))) for e in truth["events"]]
        macro = [
            ("macro", "others", d["start"]["index"], (d["start"]["index"] + d["end"]["index"]) // 2, d["end"]["index"])
            for d in truth["distractors"]
            if d["kind"] == "macro"
        ]
        return sorted([*micro, *macro], key=lambda act: act[2])


def render(folder: Path, faces: Sequence[Path], *, fps: int, seconds: int, events: int) -> list[Long]:
    """Render two recordings of each face, with blinks, speech, macro-expressions and head motion."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for person, face in enumerate(faces, 1):
        for number in (1, 2):
            video = folder / f"{person}-{number}.mp4"
            if not video.with_suffix(".json").exists():
                options = ["--fps", str(fps), "--seconds", str(seconds), "--n-events", str(events), "--face", str(face)]
                hard = ["--distractors", "hard", "--amplitude", "1", "3", "--seed", str(10 * person + number)]
                command = [sys.executable, "-m", "mer.synthesise", "recording", str(video), *options, *hard]
                subprocess.run(command, check=True, capture_output=True)
            made.append(Long(person, number, video))
    return made


def casme_sq(root: Path, recordings: Sequence[Long]) -> Path:
    """Write CAS(ME)^2: films, numbers from 1, an offset of 0, classes of valence."""
    rules: dict[str, Any] = {
        "naming rule1": [[14 + person, f"s{14 + person}", person] for person in sorted({r.person for r in recordings})],
        "naming rule2": [["0101", "disgust1"], [102, "disgust2"]],
    }
    rows: list[list[Any]] = []
    for one in recordings:
        home = 14 + one.person
        name = f"{home}_010{one.number}{('disgustingteeth', 'eatingworms')[one.number - 1]}"
        write_frames(root / "rawpic" / f"s{home}" / name, one.video, "img{:03d}.jpg", 1)
        for count, (kind, label, *moments) in enumerate(one.acts, 1):
            valence = composite_label(label) or "others"
            numbers = [moment + 1 for moment in moments]
            clip = f"disgust{one.number}_{count}"
            rows.append([one.person, clip, *numbers, "4", valence, f"{kind}-expression", label])
    rows[0][4] = 0
    write_workbook(root / "CAS(ME)^2code_final.xlsx", {"CASFEcode_final": rows, **rules})
    return root


def casme3(root: Path, recordings: Sequence[Long]) -> Path:
    """Write CAS(ME)^3 part A: numbers as text, micro-expressions only, an onset that is the apex."""
    rows: list[list[Any]] = []
    for one in recordings:
        subject, name = f"spNO.{one.person}", "ab"[one.number - 1]
        write_frames(root / subject / name / "color", one.video, "{}.jpg", 1)
        for kind, label, *moments in one.acts:
            if kind == "micro":
                numbers = [str(moment + 1) for moment in moments]
                rows.append([subject, name, *numbers, "4", "IV", _CASME3_WORDS.get(label, label)])
    rows[1][3] = rows[1][2]
    write_workbook(root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", {"label": [_CASME3_HEADER, *rows]})
    return root


def samm_lv(root: Path, recordings: Sequence[Long]) -> Path:
    """Write SAMM Long Videos: ten lines of text before the table, four or five digits, no emotions."""
    rows: list[list[Any]] = []
    for one in recordings:
        subject = f"{one.person + 5:03d}"
        name, digits = f"{subject}_{one.number}", 4 if one.number == 1 else 5
        write_frames(root / "SAMM_longvideos" / name, one.video, f"{name}_{{:0{digits}d}}.jpg", 1)
        for count, (kind, _, *moments) in enumerate(one.acts, 1):
            numbers = [moment + 1 for moment in moments]
            length = numbers[2] - numbers[0] + 1
            said = "Micro - 1/2" if kind == "micro" else "Macro"
            rows.append([subject, f"{name}_{count}", one.number, *numbers, length, said, "4", None])
    text = [[f"line {n}"] for n in range(1, 11)]
    write_workbook(root / "SAMM_LongVideos_V3_Release.xlsx", {"Sheet": [*text, *rows]})
    return root
