"""Interlaced frames as whole ones: what the decoder flags is checked against the pictures, then filtered."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
from av.filter import Graph

_ANY_TIME_BASE: Final = Fraction(1, 1_000_000)
_CHECK: Final = (("setfield", "prog"), ("idet", None))
"""Takes the decoder's word away and compares the rows of both fields, which sets the flag where they disagree."""
_FILL: Final = (("bwdif", "mode=send_frame:deint=interlaced"),)
"""Interpolates the rows of the second field of the frames that keep the flag."""


class Deinterlacer:
    """Frames as whole ones, one for each and in order, two or three frames behind.

    Attributes:
        flagged: Frames that the decoder said were interlaced.
        treated: Frames that really were, and that were deinterlaced.
    """

    def __init__(self) -> None:
        self.flagged = 0
        self.treated = 0
        self._check = _Chain(_CHECK)
        self._fill = _Chain(_FILL)

    def frames(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Take in one frame and yield those that are done; None, at the end, yields the rest."""
        self.flagged += frame is not None and frame.interlaced_frame
        for checked in self._check.frames(frame):
            self.treated += checked.interlaced_frame
            yield from self._fill.frames(checked)
        if frame is None:
            yield from self._fill.frames(None)


class _Chain:
    """Filters of FFmpeg, built anew where the form of the frames changes."""

    def __init__(self, filters: tuple[tuple[str, str | None], ...]) -> None:
        self._filters = filters
        self._graph: Graph | None = None
        self._form: tuple[int, int, str] | None = None

    def frames(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        form = None if frame is None else (frame.width, frame.height, frame.format.name)
        if self._graph is not None and form != self._form:
            self._graph.push(None)
            yield from _done(self._graph)
            self._graph = None
        if frame is None:
            return
        if self._graph is None:
            self._graph, self._form = self._built(frame), form
        self._graph.push(frame)
        yield from _done(self._graph)

    def _built(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or _ANY_TIME_BASE,
        )
        filters = [graph.add(name, options) for name, options in self._filters]
        graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
        return graph


def _done(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):  # wants more input, has no more output
            return
