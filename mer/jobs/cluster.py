"""The same function on many items, as tasks of a Ray cluster.

Ray schedules, and starts a task again whose worker died. It sends functions, items and results as pickles between
processes of one user, so a cluster must be one that is trusted; files from elsewhere are never read that way.
"""

import argparse
import contextlib
import ipaddress
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

from mer.errors import MerError, UsageError

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")

LOCAL: Final = "local"
RETRIES: Final = 3
"""How often a task is started again whose worker died."""
_CONNECT_S: Final = 5.0
ANSWER_S: Final = 40.0
"""Ray itself goes on trying for minutes, and prints as much."""
_LOOK_EVERY_S: Final = 1.0
_ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Clips are pictures of faces: an object store that is full is an error, not a file below /tmp.
    "RAY_automatic_object_spilling_enabled": "0",
    "RAY_task_oom_retries": str(RETRIES),  # without it, for ever
}
_ALONE: Final = {
    # Ray's own words for "this machine only": every port is then of the loopback interface.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # From the environment, which only this user can read; else Ray leaves one in ~/.ray/auth_token for everybody.
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    # Ray asks three clouds' metadata services whether it runs there, usage statistics or not: nobody answers here.
    "http_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost,::1",
}
"""For a cluster of this machine; the token is one of this run, and Ray looks for it once in the life of a process."""
_LONGEST_FOLDER: Final = 30
"""Below the folder Ray makes sockets, whose paths may have 107 characters, of which it needs 75."""
_HELP: Final = (
    "distribute the work as Ray tasks: 'local' on this machine; 'auto' or HOST:PORT on a cluster you trust that this "
    "machine belongs to, with files under the same paths on all its machines"
)
_CONNECT: Final = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


def add_option(parser: Any) -> None:
    """Add `--cluster` to an argparse parser or group."""
    parser.add_argument("--cluster", type=address, metavar="ADDRESS", help=_HELP)


def address(text: str) -> str:
    """Return an address given on the command line; argparse turns the error into its usual message."""
    if text in (LOCAL, "auto") or re.fullmatch(r"[\w.-]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5}", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is not the address of a cluster; give local, auto, or HOST:PORT as `ray start --head` printed it"
    )


def check(cluster: str) -> None:
    """Find out, without waiting long, whether a cluster can be used.

    Args:
        cluster: See `address`.

    Raises:
        UsageError: If Ray is not installed, or nothing that can be used answers.
    """
    if find_spec("ray") is None:
        raise UsageError("--cluster needs ray; install it with: pip install 'mer-live[cluster]'")
    if cluster == LOCAL:
        return
    hint = (
        "is the cluster running, is this machine one of it (`ray status`), and is its token here if it wants one "
        "(RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH)?"
    )
    if ":" in cluster:
        host, _, port = cluster.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
        except (OSError, OverflowError) as error:
            raise UsageError(f"--cluster {cluster} does not answer ({error}); {hint}") from error
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _CONNECT, cluster],
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            env={**os.environ, **_ENVIRONMENT},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"--cluster {cluster} does not answer within {ANSWER_S:.0f} s; {hint}") from error
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UsageError(f"--cluster {cluster} cannot be used ({reason}); {hint}")


def each(
    function: Callable[..., AnswerT],
    items: Sequence[ItemT],
    *,
    cluster: str,
    workers: int,
    common: Sequence[Any] = (),
    cores: int = 1,
    gpus: int = 0,
) -> Iterator[tuple[int, AnswerT | None]]:
    """Call a function once with each item, in other processes.

    Args:
        function: Of a module that all machines have; called as function(*common, item). It must leave the same
            behind if it is started again after its process was killed.
        items: What is different from task to task.
        cluster: See `address`; `check` it first.
        workers: Tasks at a time on this machine, for "local"; a cluster decides itself.
        common: What is the same for all; sent once, and read-only where it is an array.
        cores: Processor cores a task keeps busy.
        gpus: GPUs a task is given.

    Yields:
        Position of an item and the answer, None if its workers died RETRIES + 1 times; in the order in which they end.

    Raises:
        MerError: If a task raised one, or the cluster went away.
    """
    os.environ.update({name: value for name, value in _ENVIRONMENT.items() if name not in os.environ})
    with _private_folder() if cluster == LOCAL else contextlib.nullcontext() as folder:
        yield from _each(function, items, cluster, folder, workers * cores, common, cores, gpus)


def _each(
    function: Callable[..., AnswerT],
    items: Sequence[ItemT],
    cluster: str,
    folder: Path | None,
    slots: int,
    common: Sequence[Any],
    cores: int,
    gpus: int,
) -> Iterator[tuple[int, AnswerT | None]]:
    import ray  # late: most runs need none, and it takes its settings from the environment
    from ray import exceptions

    try:
        _start(ray, cluster, folder, slots)
        task = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=RETRIES)(function)
        sent = [ray.put(thing) for thing in common]
        waiting = {task.remote(*sent, item): number for number, item in enumerate(items)}
        while waiting:
            for reference in ray.wait(list(waiting), timeout=_LOOK_EVERY_S)[0]:
                number = waiting.pop(reference)
                try:
                    yield number, ray.get(reference)
                except exceptions.RayTaskError as error:
                    raise _as_raised(error) from None
                except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError):
                    yield number, None
    except exceptions.RayError as error:
        raise MerError(
            f"the cluster {cluster} failed ({str(error).splitlines()[0]}); give the same command again"
        ) from error
    finally:
        with contextlib.suppress(Exception):
            ray.shutdown()  # ends this run's tasks, and Ray itself if it was started here


def _as_raised(error: Any) -> Exception:
    """Return what the function raised, without Ray's account of its own inside."""
    cause = error.cause
    if isinstance(cause, RuntimeError) and "failed to import on the worker" in str(cause):
        missing = str(cause).strip().splitlines()[-1]
        return MerError(
            f"a worker cannot import what it shall do ({missing}); install the same mer-live on all machines"
        )
    return cause if isinstance(cause, Exception) else Exception(str(error))


def _start(ray: Any, cluster: str, folder: Path | None, slots: int) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if folder is None:
            ray.init(address=cluster, **quiet)
            return
        ray.init(address=LOCAL, num_cpus=slots, include_dashboard=False, _temp_dir=str(folder / "r"), **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise MerError(f"Ray cannot be started at {cluster}: {error}") from error
    if not ipaddress.ip_address(found := listening_at(ray)).is_loopback:
        raise MerError(
            f"Ray {ray.__version__} listens at {found}, where others can reach it, although --cluster local keeps to "
            "this machine; use --jobs without --cluster"
        )


def listening_at(ray: Any) -> str:
    """Return the address at which Ray listens."""
    return str(ray.util.get_node_ip_address())


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """Prepare a cluster of this machine: yield a folder that only this user can enter, removed in the end.

    Meanwhile the environment holds what keeps others out. Ray opens its own folder to everybody, so it lies inside.
    """
    before = {name: os.environ.get(name) for name in (*_ALONE, "RAY_AUTH_MODE")}
    os.environ.update(_ALONE)
    os.environ.pop("RAY_AUTH_MODE", None)  # Ray turns authentication on where nobody has said anything
    too_long = os.name == "posix" and len(tempfile.gettempdir()) > _LONGEST_FOLDER
    folder = Path(tempfile.mkdtemp(prefix="mer-", dir="/tmp" if too_long else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
