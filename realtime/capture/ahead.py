"""Works items out ahead of whoever consumes them: in a thread, in order, a bounded number of them."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], *, most: int, name: str) -> Generator[T, None, None]:
    """Yield the items of an iterable that is iterated in a thread of its own.

    The thread waits once it is `most` items ahead, so nothing is lost; it has ended when this generator is
    exhausted or closed.

    Args:
        items: Used by the thread only.
        most: Items that may wait to be consumed.
        name: Of the thread.

    Raises:
        BaseException: What `items` raised, after all items before it.
    """
    ready: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()
    free = threading.Semaphore(most)
    stop = threading.Event()

    def work() -> None:
        try:
            for item in items:
                free.acquire()
                if stop.is_set():
                    return
                ready.put((item,))
        except BaseException as error:  # raised again in the consumer
            ready.put(error)
        else:
            ready.put(None)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        while (got := ready.get()) is not None:
            if isinstance(got, BaseException):
                raise got
            free.release()
            yield got[0]
    finally:
        stop.set()
        free.release()
        thread.join()
