"""Tells when another distribution writes into this package's folder: PyPI has one named `realtime`.

It is the client of a database and belongs to a widely used package, `supabase`. Whichever is installed last owns
`realtime/__init__.py`, and removing one damages the other. Needs nothing beyond the standard library.
"""

import sys
from pathlib import Path

PUBLIC = "events"
"""A name that this package's own `__init__.py` offers."""


def problem(package: Path | None = None) -> str:
    """Return what is wrong and what to do about it, nothing if this package is on its own.

    Args:
        package: Folder of the package; None for this one.
    """
    folder = package or Path(__file__).parent
    advice = "install mer-live into an environment of its own (python -m venv)"
    if others := sorted(path.stem for path in folder.parent.glob("realtime-*.dist-info")):
        return (
            f"the distribution {others[0]}, another program's, is installed into the same folder {folder}; {advice}, "
            "or one of the two does not work"
        )
    if package is None and PUBLIC not in getattr(sys.modules["realtime"], "__all__", ()):
        return f"{folder / '__init__.py'} is not the one of mer-live; install it again, or better {advice}"
    return ""
