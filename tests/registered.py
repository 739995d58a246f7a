"""What plugins register is gone again after a test."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mer import plugins
from mer.models import registry


@contextmanager
def nothing_stays() -> Iterator[None]:
    """Forget on leaving what was registered inside, and the modules of plugins that were loaded."""
    tables: tuple[dict[str, Any], ...] = (registry._SYSTEMS, plugins._losses, plugins._augmentations)
    before = [dict(table) for table in tables]
    loaded, modules = set(plugins._loaded), set(sys.modules)
    try:
        yield
    finally:
        for table, entries in zip(tables, before):
            table.clear()
            table.update(entries)
        plugins._loaded.intersection_update(loaded)
        for name in set(sys.modules) - modules:
            if name.startswith(("own_", "plugin_")):
                del sys.modules[name]
