"""All systems of the paper's Table 1: one file each, and `registry` that names them. Only the networks need torch."""

from mer.models.registry import SYSTEMS, System, register

__all__ = ["SYSTEMS", "System", "register"]
