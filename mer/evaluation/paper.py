"""What the paper reports, to stand beside our figures.

Reference: Upadhyay & Verlekar, Tables 1 and 2; MMEW, 5 classes, 226 clips, five folds by participant.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A line of the paper's Table 1.

    Attributes:
        system: Name.
        accuracy: Percent.
        parameters: As printed, empty where the paper has none.
    """

    system: str
    accuracy: int
    parameters: str


PROTOCOL: Final = "5fold (theirs)"
DATA: Final = "MMEW"
TABLE_1: Final = (
    PaperRow("LBP-TOP", 39, ""),
    PaperRow("MDMO", 66, ""),
    PaperRow("ELRCN", 42, "134 M"),
    PaperRow("DTSCNN", 66, "63 M"),
    PaperRow("TLCNN", 69, "62 M"),
    PaperRow("conv3d", 64, "28 M"),
    PaperRow("conv2d", 70, "55 M"),
    PaperRow("convlstm", 74, "6 M"),
)
TABLE_2_CLASSES: Final = ("happiness", "disgust", "fear", "surprise", "sadness")
TABLE_2_CONVLSTM: Final = (
    (87, 7, 0, 6, 0),
    (5, 65, 0, 30, 0),
    (11, 20, 50, 19, 0),
    (0, 7, 0, 93, 0),
    (6, 20, 0, 0, 74),
)
TABLE_2_TLCNN: Final = (
    (55, 45, 0, 0, 0),
    (0, 100, 0, 0, 0),
    (0, 60, 0, 40, 0),
    (0, 0, 0, 100, 0),
    (0, 100, 0, 0, 0),
)
TABLE_2: Final = {"convlstm": TABLE_2_CONVLSTM, "tlcnn": TABLE_2_TLCNN}
"""Percent of the true class (rows) predicted as each class (columns), by system."""
