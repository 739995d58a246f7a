"""From checkpoint to probabilities: see README.md.

`open_engine` opens the shipped model, one of your own, or the best that works on this machine:

    from engines import open_engine

    with open_engine() as engine:
        probabilities = engine.classify(encoded_clips)

It returns an `Engine`, whose `Manifest` says what the model is. `RUNTIMES` lists the libraries that run models.
"""

from typing import TYPE_CHECKING

from mer.lazy import loaded_when_used

if TYPE_CHECKING:
    from engines.manifest import Manifest
    from engines.protocol import Engine
    from engines.runtime.registry import RUNTIMES, Runtime
    from engines.select import open_engine

__all__ = ["RUNTIMES", "Engine", "Manifest", "Runtime", "open_engine"]

__getattr__ = loaded_when_used(
    __name__,
    {
        "RUNTIMES": "engines.runtime.registry",
        "Engine": "engines.protocol",
        "Manifest": "engines.manifest",
        "Runtime": "engines.runtime.registry",
        "open_engine": "engines.select",
    },
)
