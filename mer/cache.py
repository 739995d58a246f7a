"""Where files that can be made again are kept between runs."""

import os
from pathlib import Path

from mer.errors import MerError


def cache_folder() -> Path:
    """Return this program's folder in the user's cache; it may not exist yet.

    Raises:
        MerError: If the user has no home folder, as a number given to `docker run --user` has none.
    """
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "mer-live"
    try:
        return Path.home() / ".cache" / "mer-live"
    except RuntimeError as error:
        raise MerError("this user has no home folder; set HOME or XDG_CACHE_HOME to a folder of yours") from error
