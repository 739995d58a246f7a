"""The console scripts: each loads its command, or says in one sentence why this installation cannot run it.

A library that is missing or broken fails while a command is imported, before its own `main` could say anything.
"""

import importlib
import signal
import sys
from collections.abc import Sequence
from functools import partial

from mer import missing
from realtime import namesake


def _start(program: str, module: str, argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        program: Its name.
        module: Where its `main` is.
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        Its exit code, 1 if it cannot be loaded.
    """
    is_ours = namesake.PUBLIC in getattr(sys.modules["realtime"], "__all__", ())
    if not is_ours and (problem := namesake.problem()):  # our own __init__.py warns by itself
        print(f"{program}: warning: {problem}", file=sys.stderr)
    try:
        command = importlib.import_module(module)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # damaged packages end in whatever their code stumbles over
        print(f"{program}: error: {missing.sentence(error)}", file=sys.stderr)
        return 1
    code = int(command.main(argv))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is done: Ctrl-C while Python ends is not a traceback
    return code


def _start_training(program: str, module: str, argv: Sequence[str] | None = None) -> int:
    """Run `mer-train`, or `mer-train spotter`, which trains the spotter instead of a classifier."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given[:1] == ["spotter"]:
        return _start(f"{program} spotter", "realtime.spotting.training.command", given[1:])
    return _start(program, module, given)


live = partial(_start, "mer-live", "realtime.commands.live")
replay = partial(_start, "mer-replay", "realtime.commands.replay")
review = partial(_start, "mer-review", "realtime.commands.review")
study = partial(_start, "mer-study", "realtime.commands.study")
doctor = partial(_start, "mer-doctor", "realtime.commands.doctor")
bench = partial(_start, "mer-bench", "realtime.commands.bench")
data = partial(_start, "mer-data", "engines.data")
synth = partial(_start, "mer-synth", "mer.synthesise")
evaluate = partial(_start, "mer-evaluate", "engines.evaluate")
train = partial(_start_training, "mer-train", "engines.train")
build_trt = partial(_start, "mer-build-trt", "engines.build_cli")
