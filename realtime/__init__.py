"""From camera to overlay, and as a library: `realtime.events` and `realtime.updates`, loaded when first used."""

import warnings
from typing import TYPE_CHECKING, Any

from mer import __version__
from realtime.namesake import problem

if TYPE_CHECKING:
    from realtime.library import events, updates

__all__ = ["__version__", "events", "updates"]

if _problem := problem():
    warnings.warn(_problem, RuntimeWarning, stacklevel=2)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from realtime import library

    return getattr(library, name)
