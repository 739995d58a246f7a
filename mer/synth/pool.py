"""Renders the clips of a corpus in several processes; what is done survives a kill."""

import json
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from mer.errors import MerError
from mer.files import from_json
from mer.process import settle
from mer.synth.clip import ClipPlan, render_clip
from mer.synth.portrait import Portrait

Row = dict[str, Any]


def rendered(plans: Sequence[ClipPlan], portraits: Mapping[str, Portrait], out: Path, jobs: int) -> Iterator[Row]:
    """Yield the row of each clip as it is finished, in any order.

    Args:
        plans: What to render.
        portraits: By subject.
        out: Folder of the corpus.
        jobs: Processes; 1 to render in this one.

    Raises:
        MerError: If a file cannot be written.
    """
    if jobs == 1:
        for plan in plans:
            yield render_clip(plan, portraits[plan.subject], out)
        return
    context = multiprocessing.get_context("spawn")  # mediapipe's threads do not survive a fork
    with ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(dict(portraits),)) as pool:
        waiting = [pool.submit(_work, plan, out) for plan in plans]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


class Journal:
    """The rows of a corpus that is not finished, one JSON object a line after a line with its settings.

    Args:
        path: The file; made if need be.
        settings: What is being built.

    Raises:
        MerError: If the file is of a corpus with other settings, or cannot be written.
    """

    def __init__(self, path: Path, settings: Row) -> None:
        self._path = path
        head = json.dumps(settings, allow_nan=False)
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            if lines and lines[0] != head:
                raise MerError(
                    f"{path.parent} holds part of a corpus with other settings; give another folder or remove it first"
                )
            rows = [from_json(line) for line in lines[1:] if line.endswith("}")]
            self.rows: dict[int, Row] = {int(row["index"]): row for row in rows}
            # Written anew, so that a line cut short by the kill does not spoil the next one.
            self._file = path.open("w", encoding="utf-8")
            self._file.write("".join(f"{line}\n" for line in (head, *map(json.dumps, rows))))
            self._file.flush()
        except (ValueError, KeyError, TypeError) as error:
            raise MerError(f"{path} is damaged ({error!r}); remove it, and what it lists is made again") from error
        except OSError as error:
            raise MerError(f"cannot write {path}: {error.strerror}; choose another place") from error

    def add(self, row: Row) -> None:
        """Note a finished clip."""
        self.rows[int(row["index"])] = row
        self._file.write(json.dumps(row, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Stop writing; safe to call twice."""
        self._file.close()

    def remove(self) -> None:
        """Forget everything: the corpus is finished."""
        self.close()
        self._path.unlink(missing_ok=True)


_portraits: dict[str, Portrait] = {}
"""Portraits of a worker process, set once when it starts."""


def start_worker() -> None:
    """Prepare a worker process: one thread for OpenCV, and no life after its parent's."""
    settle()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _start(portraits: dict[str, Portrait]) -> None:
    start_worker()
    _portraits.update(portraits)


def _leave_with_parent() -> None:
    """End this worker when its parent was killed; else it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _work(plan: ClipPlan, out: Path) -> Row:
    return render_clip(plan, _portraits[plan.subject], out)
