"""From camera to overlay, and as a library: `realtime.events` and `realtime.updates`, loaded when first used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime.library import events, updates

__all__ = ["events", "updates"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from realtime import library

    return getattr(library, name)
