"""Basler's cameras through pypylon: `--camera basler:0`, `basler:SERIAL` or `basler:NAME`."""

import time
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.messages import Frame
from realtime.capture.cameras.base import TIMEOUT_S, Clock, Mode
from realtime.capture.cameras.counter import FrameCounter
from realtime.capture.cameras.genapi import configure
from realtime.capture.cameras.library import library
from realtime.capture.cameras.moving_region import MovingRegion
from realtime.capture.cameras.pixels import image_of

_READABLE: Final = 3
"""GenApi's access modes from here on can be read; 4 can be written, too."""
_BUFFERED_S: Final = 0.5
_MIN_BUFFERS: Final = 32
"""Frames that pylon holds until they are read."""
_ASSUMED_FPS: Final = 200.0
_NANOSECONDS: Final = 1e9
_TICKS: Final = "GevTimestampTickFrequency"
"""Ticks a second of older GigE cameras; all others count nanoseconds."""


def open_camera(name: str, asked: Mode) -> "BaslerCamera":
    """Open a camera.

    Args:
        name: Its number in pylon's list, from 0, its serial number, or the name that it was given.
        asked: What it is asked for.

    Raises:
        MerError: If pypylon is not installed, there is no such camera, it is not free, or lacks what is asked for.
        UsageError: If an option makes no sense for it.
    """
    asked.laboratory.refuse("Basler's driver", but=("roi", "gain", "trigger", "ptp", "camera_settings"))
    with library(f"--camera basler:{name}"):
        from pypylon import genicam, pylon
    device = _device_of(name, pylon)
    camera = pylon.InstantCamera()
    try:
        camera.Attach(pylon.TlFactory.GetInstance().CreateDevice(device))
        camera.Open()
    except genicam.GenericException as error:
        raise MerError(
            f"camera basler:{name} cannot be opened ({_reason(error)}); is another program using it, such as pylon "
            "Viewer?"
        ) from None
    try:
        return BaslerCamera(camera, asked)
    except genicam.GenericException as error:
        camera.Close()
        raise MerError(f"camera basler:{name} does not start ({_reason(error)}); try it in pylon Viewer") from None
    except BaseException:  # Ctrl-C, too: no camera stays open when Python ends
        camera.Close()
        raise


def cameras() -> list[str]:
    """Return the cameras that pylon sees, one a line, as `--camera` takes them.

    Raises:
        MerError: If pypylon is not installed.
    """
    with library("--list-cameras basler"):
        from pypylon import pylon
    return [f"basler:{number}  {_described(device)}" for number, device in enumerate(_devices(pylon))]


class BaslerCamera:
    """A camera that pylon reads.

    Args:
        camera: pylon's, open; closed by `close`.
        asked: What it is asked for.

    Attributes:
        asked: What it was asked for.
        mode: What it says it does, once all is set.
        clock: "device": its own stamps. A camera without stamps, such as pylon's emulator, counts its frames, and
            the stamp is the number over the rate.
        finite: False.

    Raises:
        MerError: If it lacks what is asked for.
    """

    def __init__(self, camera: Any, asked: Mode) -> None:
        from pypylon import pylon

        self.asked = asked
        self.clock: Clock = "device"
        self.finite = False
        self._pylon = pylon
        self._camera = camera
        features = PylonFeatures(camera.GetNodeMap())
        if asked.laboratory.camera_settings is not None:
            _load_settings(asked.laboratory.camera_settings, camera.GetNodeMap())
        configured = configure(features, asked)
        self.mode = configured.mode
        self._notes = configured.notes
        self._region = MovingRegion(features)
        self._ticks_hz = float(features.value(_TICKS)) if features.has(_TICKS) else _NANOSECONDS
        self._counter = FrameCounter()
        self._incomplete = 0
        self._stamped = True
        self._frames = 0
        camera.MaxNumBuffer.Value = max(_MIN_BUFFERS, round(_BUFFERED_S * (self.mode.fps or _ASSUMED_FPS)))
        camera.StartGrabbing(pylon.GrabStrategy_OneByOne)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed without being asked for, and frames that came damaged."""
        damaged = f"{self._incomplete} frames came incomplete and were left out; look at cable, network card or port"
        unstamped = "the camera does not stamp its frames; times are frame numbers over the rate"
        return (
            *self._notes,
            *self._region.notes,
            *((damaged,) if self._incomplete else ()),
            *(() if self._stamped else (unstamped,)),
        )

    def read(self) -> Frame | None:
        """Return the next complete frame, None if the camera was removed or none came for TIMEOUT_S.

        Raises:
            MerError: If a trigger is awaited and none has ever come.
        """
        self._region.apply()
        until_s = time.monotonic() + TIMEOUT_S
        while (left_s := until_s - time.monotonic()) > 0:
            result = self._result(left_s)
            if result is None:
                break
            try:
                if result.GrabSucceeded():
                    return self._frame(result)
                self._incomplete += 1
            finally:
                result.Release()
        if self.asked.laboratory.trigger and not self._frames:
            raise MerError(
                f"no trigger came on {self.asked.laboratory.trigger} in {TIMEOUT_S:g} s; is it wired, and does its "
                "device send pulses already?"
            )
        return None

    def move_region(self, dx: int, dy: int) -> None:
        """Move the part of the sensor that is read before the next frame; from any thread."""
        self._region.ask(dx, dy)

    def close(self) -> None:
        """Stop and release the camera; safe to call twice."""
        from pypylon import genicam

        try:
            self._camera.StopGrabbing()
            self._camera.Close()
        except genicam.GenericException:  # it was unplugged
            self._camera.DetachDevice()

    def _result(self, timeout_s: float) -> Any:
        from pypylon import genicam

        try:
            if self._camera.IsCameraDeviceRemoved() or not self._camera.IsGrabbing():
                return None
            result = self._camera.RetrieveResult(max(1, round(1000.0 * timeout_s)), self._pylon.TimeoutHandling_Return)
        except genicam.GenericException:  # it was unplugged meanwhile
            return None
        return result if result.IsValid() else None

    def _frame(self, result: Any) -> Frame:
        number, ticks = int(result.BlockID), int(result.TimeStamp)
        if ticks:
            stamp_s = ticks / self._ticks_hz
        else:
            self._stamped = False
            stamp_s = number / (self.mode.fps or self.asked.fps or _ASSUMED_FPS)
        samples: NDArray[Any] = result.Array
        self._frames += 1
        lost = self._counter.lost_before(number)
        return Frame(image_of(samples, str(self.mode.fourcc)), stamp_s, 0, lost_before=lost)


class PylonFeatures:
    """`Features` of a camera that pylon has opened.

    Args:
        nodes: Its node map.
    """

    def __init__(self, nodes: Any) -> None:
        self._nodes = nodes

    def has(self, name: str) -> bool:
        """Return whether it can be read now."""
        from pypylon import genicam

        try:
            return int(self._nodes.GetNode(name).GetAccessMode()) >= _READABLE
        except genicam.GenericException:  # before pypylon 26, if there is none of this name
            return False

    def value(self, name: str) -> Any:
        """Return it."""
        return self._nodes.GetNode(name).Value

    def set(self, name: str, value: Any) -> None:
        """Change it.

        Raises:
            MerError: If the camera does not take the value.
        """
        from pypylon import genicam

        try:
            self._nodes.GetNode(name).Value = value
        except genicam.GenericException as error:
            raise MerError(f"the camera does not take {name} = {value} ({_reason(error)})") from None

    def bounds(self, name: str) -> tuple[float, float, float]:
        """Return least and greatest value of a number, and the step between values."""
        node = self._nodes.GetNode(name)
        return node.Min, node.Max, node.Inc if isinstance(node.Value, int) else 0.0

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the values of an enumeration."""
        return tuple(self._nodes.GetNode(name).Symbolics)


def _devices(pylon: Any) -> list[Any]:
    return list(pylon.TlFactory.GetInstance().EnumerateDevices())


def _device_of(name: str, pylon: Any) -> Any:
    found = _devices(pylon)
    for device in found:
        if name and name in (device.GetSerialNumber(), device.GetUserDefinedName()):
            return device
    if name.isdecimal() and int(name) < len(found):
        return found[int(name)]
    if not found:
        raise MerError(
            f"--camera basler:{name}: pylon sees no camera; is it connected and powered, is its address in this "
            "computer's network (GigE), and does this user have the right to use USB devices (Linux: udev rule)?"
        )
    seen = "; ".join(f"basler:{number} {_described(device)}" for number, device in enumerate(found))
    raise MerError(f"--camera basler:{name}: pylon sees no such camera, only {seen}")


def _described(device: Any) -> str:
    named = f', "{device.GetUserDefinedName()}"' if device.GetUserDefinedName() else ""
    return f"{device.GetModelName()} (serial {device.GetSerialNumber()}{named})"


def _load_settings(path: Path, nodes: Any) -> None:
    from pypylon import genicam, pylon

    try:
        pylon.FeaturePersistence.Load(str(path), nodes, True)
    except genicam.GenericException as error:
        raise UsageError(
            f"--camera-settings {path} cannot be loaded ({_reason(error)}); give a .pfs file that pylon Viewer saved "
            "for this model"
        ) from None


def _reason(error: Exception) -> str:
    """Return what went wrong without the place in pylon's source."""
    return str(error).partition(" : ")[0].strip().rstrip(".") or type(error).__name__
