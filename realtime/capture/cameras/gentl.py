"""Cameras of any maker through its GenTL producer: `--camera genicam:SERIAL --cti FILE`."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError
from mer.messages import Frame
from realtime.capture.cameras.base import TIMEOUT_S, Clock, Mode
from realtime.capture.cameras.counter import FrameCounter
from realtime.capture.cameras.genapi import configure
from realtime.capture.cameras.gentl_producers import producers
from realtime.capture.cameras.library import library
from realtime.capture.cameras.moving_region import MovingRegion
from realtime.capture.cameras.pixels import FORMATS, image_of

_READABLE: Final = 3
"""GenApi's access modes from here on can be read; 4 can be written, too."""
_BUFFERED_S: Final = 0.5
_MIN_BUFFERS: Final = 32
_ASSUMED_FPS: Final = 200.0


def open_camera(name: str, asked: Mode) -> "GenicamCamera":
    """Open a camera.

    Args:
        name: Its serial number, the name that it was given, or its number in the producers' list, from 0.
        asked: What it is asked for; `asked.laboratory.cti` names the producer.

    Raises:
        MerError: If harvesters is not installed, a producer cannot be loaded, there is no such camera, it is not
            free, or lacks what is asked for.
        UsageError: If an option makes no sense for it.
    """
    asked.laboratory.refuse("GenICam producers", but=("roi", "gain", "trigger", "ptp", "cti"))
    with library(f"--camera genicam:{name}"):
        from genicam.genapi import GenericException as GenApiError
        from genicam.gentl import GenericException as GenTlError
        from harvesters import core  # noqa: F401
    harvester = _harvester(producers(asked.laboratory.cti))
    try:
        return GenicamCamera(harvester, _acquirer(harvester, name), asked)
    except (GenApiError, GenTlError) as error:
        harvester.reset()
        raise MerError(
            f"camera genicam:{name} does not start ({_reason(error)}); try it in its maker's viewer"
        ) from None
    except BaseException:  # Ctrl-C, too: no camera stays open when Python ends
        harvester.reset()
        raise


def cameras() -> list[str]:
    """Return the cameras of the producers that PATH_VARIABLE names, one a line, as `--camera` takes them.

    Raises:
        MerError: If harvesters is not installed or there is no producer.
    """
    with library("--list-cameras genicam"):
        import harvesters.core  # noqa: F401
    harvester = _harvester(producers(None))
    try:
        return [f"genicam:{_called(info)}  {_model(info)}" for info in harvester.device_info_list]
    finally:
        harvester.reset()


class GenicamCamera:
    """A camera that a GenTL producer reads.

    Args:
        harvester: Of harvesters, with the producer; released by `close`.
        acquirer: The open camera, of `harvester`.
        asked: What it is asked for.

    Attributes:
        asked: What it was asked for.
        mode: What it says it does, once all is set.
        clock: "device" if the producer hands on the camera's stamps, found out with the first frame.
        finite: False.

    Raises:
        MerError: If it lacks what is asked for, or sends no frame.
    """

    def __init__(self, harvester: Any, acquirer: Any, asked: Mode) -> None:
        self.asked = asked
        self.clock: Clock = "device"
        self.finite = False
        self._harvester = harvester
        self._acquirer = acquirer
        features = GenicamFeatures(acquirer.remote_device.node_map)
        configured = configure(features, asked)
        self._region = MovingRegion(features)
        self.mode = configured.mode
        self._notes = configured.notes
        self._counter = FrameCounter()
        self._left_out = 0
        acquirer.num_buffers = max(_MIN_BUFFERS, round(_BUFFERED_S * (self.mode.fps or _ASSUMED_FPS)))
        acquirer.start()
        self._first = self._next()
        if self._first is None and asked.laboratory.trigger:
            raise MerError(
                f"no trigger came on {asked.laboratory.trigger} in {TIMEOUT_S:g} s; is it wired, and does its device "
                "send pulses already?"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed without being asked for, and frames that came damaged."""
        damaged = f"{self._left_out} frames came incomplete and were left out; look at cable, network card or port"
        unstamped = "the producer gives no time stamps; frames are stamped on arrival"
        return (
            *self._notes,
            *self._region.notes,
            *((damaged,) if self._left_out else ()),
            *((unstamped,) if self.clock == "arrival" else ()),
        )

    def read(self) -> Frame | None:
        """Return the next complete frame, None if the camera was removed or none came for TIMEOUT_S."""
        self._region.apply()
        frame, self._first = self._first, None
        return frame or self._next()

    def move_region(self, dx: int, dy: int) -> None:
        """Move the part of the sensor that is read before the next frame; from any thread."""
        self._region.ask(dx, dy)

    def close(self) -> None:
        """Stop and release camera and producer; safe to call twice."""
        if self._acquirer is not None:
            self._acquirer.destroy()
            self._harvester.reset()
            self._acquirer = None

    def _next(self) -> Frame | None:
        from genicam.gentl import GenericException

        until_s = time.monotonic() + TIMEOUT_S
        while self._acquirer is not None and (left_s := until_s - time.monotonic()) > 0:
            try:
                buffer = self._acquirer.fetch(timeout=left_s)
            except GenericException:  # none in time, or it was unplugged
                return None
            if buffer is None:  # of which harvesters cannot make a picture
                self._left_out += 1
                continue
            try:
                frame = self._frame(buffer)
            finally:
                buffer.queue()
            if frame is not None:
                return frame
            self._left_out += 1
        return None

    def _frame(self, buffer: Any) -> Frame | None:
        picture = buffer.payload.components[0] if buffer.payload.components else None
        if picture is None or not buffer.module.is_complete or picture.data_format not in FORMATS:
            return None
        stamp_s = _stamp_s(buffer.module)
        if stamp_s is None:
            self.clock = "arrival"
        shape = (picture.height, picture.width, *_channels(picture))
        image = image_of(picture.data.reshape(shape), picture.data_format)
        if image.base is not None or not image.flags.owndata:  # the producer writes to its buffer again
            image = image.copy()
        lost = self._counter.lost_before(int(buffer.module.frame_id))
        return Frame(image, stamp_s or 0.0, 0, lost_before=lost)


class GenicamFeatures:
    """`Features` of a camera that a producer has opened.

    Args:
        nodes: Its node map.
    """

    def __init__(self, nodes: Any) -> None:
        self._nodes = nodes

    def has(self, name: str) -> bool:
        """Return whether it can be read now."""
        return bool(self._nodes.has_node(name)) and int(self._nodes.get_node(name).get_access_mode()) >= _READABLE

    def value(self, name: str) -> Any:
        """Return it."""
        return self._nodes.get_node(name).value

    def set(self, name: str, value: Any) -> None:
        """Change it.

        Raises:
            MerError: If the camera does not take the value.
        """
        from genicam.genapi import GenericException

        try:
            self._nodes.get_node(name).value = value
        except GenericException as error:
            raise MerError(f"the camera does not take {name} = {value} ({_reason(error)})") from None

    def bounds(self, name: str) -> tuple[float, float, float]:
        """Return least and greatest value of a number, and the step between values."""
        node = self._nodes.get_node(name)
        return node.min, node.max, node.inc if isinstance(node.value, int) else 0.0

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the values of an enumeration."""
        return tuple(self._nodes.get_node(name).symbolics)


def _harvester(found: Sequence[Path]) -> Any:
    """Return a Harvester that has loaded producers and looked for cameras."""
    from genicam.gentl import GenericException
    from harvesters.core import Harvester

    logging.getLogger("harvesters").setLevel(logging.CRITICAL)  # it prints tracebacks of what is raised as well
    logging.getLogger("harvesters.core").setLevel(logging.CRITICAL)
    harvester = Harvester()
    try:
        for path in found:
            harvester.add_file(str(path), check_existence=True, check_validity=True)
        harvester.update()
    except (OSError, GenericException) as error:
        harvester.reset()
        raise MerError(
            f"the GenTL producer {found[0] if len(found) == 1 else 'of one of the makers'} does not start "
            f"({_reason(error)}); install the maker's whole software, of which the .cti file is a part"
        ) from None
    return harvester


def _acquirer(harvester: Any, name: str) -> Any:
    from genicam.gentl import GenericException, ResourceInUseException

    found = list(harvester.device_info_list)
    place = next(
        (
            i
            for i, info in enumerate(found)
            if name and name in (_told(info, "serial_number"), _told(info, "user_defined_name"))
        ),
        None,
    )
    if place is None and name.isdecimal() and int(name) < len(found):
        place = int(name)
    if place is None and not found:
        raise MerError(
            f"--camera genicam:{name}: the producer sees no camera; is it connected and powered, and not in use by "
            "another program?"
        )
    if place is None:
        seen = "; ".join(f"genicam:{_called(info)} ({_model(info)})" for info in found)
        raise MerError(f"--camera genicam:{name}: the producer sees no such camera, only {seen}")
    try:
        return harvester.create(place)
    except ResourceInUseException:
        raise MerError(
            f"camera genicam:{name} is in use by another program; close it, such as the maker's viewer"
        ) from None
    except GenericException as error:
        raise MerError(
            f"camera genicam:{name} cannot be opened ({_reason(error)}); is another program using it?"
        ) from None


def _told(info: Any, name: str) -> str:
    """Return what a producer says about a camera, empty if it does not say it."""
    return str(info.property_dict.get(name) or "")  # an attribute raises for what a producer does not know


def _called(info: Any) -> str:
    return _told(info, "serial_number") or _told(info, "user_defined_name") or _told(info, "id_")


def _model(info: Any) -> str:
    return f"{_told(info, 'vendor')} {_told(info, 'model')}".strip()


def _channels(picture: Any) -> tuple[int, ...]:
    count = round(picture.num_components_per_pixel)
    return (count,) if count > 1 else ()


def _stamp_s(module: Any) -> float | None:
    """Return the device's stamp in seconds, None if the producer has none."""
    from genicam.gentl import GenericException

    try:
        return float(module.timestamp_ns) / 1e9 or None
    except GenericException:
        return None


def _reason(error: Exception) -> str:
    """Return what went wrong in one line."""
    text = str(error).partition(" : ")[0].removeprefix("GenTL exception: ").partition(" (Message")[0]
    return " ".join(text.split()).rstrip(".") or type(error).__name__
