"""Emotion classes and the facial action units that express them.

Order and choice of the five classes: Upadhyay & Verlekar, section 3 and Table 2 (MMEW without
Anger and Others). Action units by emotion: EMFACS-7 (Friesen & Ekman, 1983) as tabulated in
Matsumoto & Ekman, "Facial expression analysis", Scholarpedia 3(5):4237, 2008; the micro-expression
datasets code the same units (MMEW: Ben et al., TPAMI 44(9), 2021, Table 3).
"""

from typing import Final

CLASSES: Final = ("happiness", "disgust", "fear", "surprise", "sadness")
"""Class names in the order of every probability vector, confusion matrix and manifest."""

NONE_LABEL: Final = "none"
"""What is predicted when no class is probable enough; never a class of the network."""

ACTION_UNITS: Final[dict[str, tuple[int, ...]]] = {
    "happiness": (6, 12),
    "disgust": (9, 10, 15, 16),
    "fear": (1, 2, 4, 5, 7, 20, 26),
    "surprise": (1, 2, 5, 26),
    "sadness": (1, 4, 15),
}
"""FACS action units that the prototype of each class may contain."""
