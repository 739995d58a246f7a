"""Annotated micro-expressions: one module per dataset, all returning the same `Sample`."""

from mer.data.annotation import Annotation, Annotations
from mer.data.datasets import READERS, check, load, only, register
from mer.data.report import Report
from mer.data.resolve import Finding
from mer.data.sample import Sample
from mer.data.truth import Recording, TrueInterval, intervals

__all__ = [
    "READERS",
    "Annotation",
    "Annotations",
    "Finding",
    "Recording",
    "Report",
    "Sample",
    "TrueInterval",
    "check",
    "intervals",
    "load",
    "only",
    "register",
]
