"""Opens the system that was asked for."""

from pathlib import Path

from mer.config import TrainSettings
from mer.models.registry import SYSTEMS
from mer.training.inputs import Encode, input_of
from mer.training.system import System


def create(settings: TrainSettings, *, cache: Path | None = None) -> tuple[Encode, System]:
    """Return what a system sees of a clip, and the system.

    Args:
        settings: Which one, with what.
        cache: Folder that keeps inputs that take time to make; None for none.
    """
    # Late: what one system needs, another one does without.
    if SYSTEMS[settings.model].kind == "svm":
        from mer.training.svm import SvmSystem

        return input_of(settings, cache=cache), SvmSystem()
    from mer.training.network import NetworkSystem

    return input_of(settings, cache=cache), NetworkSystem()
