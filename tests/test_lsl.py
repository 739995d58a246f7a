import contextlib
import json
import os
import socket
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from fakes import event, update

from mer.errors import MerError, UsageError
from realtime.messages import Mark
from realtime.output import lsl_network
from realtime.output.lsl import ClockMap, Outlets
from realtime.output.lsl_network import interface_of

pylsl = pytest.importorskip("pylsl", reason="pylsl is not installed")

INLET = """
import json, sys, pylsl
inlets = []
for name in ("test markers", "test motion"):
    found = pylsl.resolve_byprop("name", name, timeout=200)
    inlets.append(pylsl.StreamInlet(found[0]))
    inlets[-1].open_stream(timeout=200)
print("ready", flush=True)
markers = [inlets[0].pull_sample(timeout=200) for _ in range(2)]
motion = [inlets[1].pull_sample(timeout=200) for _ in range(3)]
label = inlets[1].info().desc().child("channels").child("channel").child_value("label")
print(json.dumps({"markers": markers, "motion": motion, "label": label, "correction": inlets[0].time_correction(20)}))
"""


def test_an_inlet_in_another_process_gets_events_at_their_apex() -> None:
    """The inlet has liblsl's own settings, as a recorder on this machine would."""
    with (
        Outlets("test", source="a.mp4") as outlets,
        subprocess.Popen([sys.executable, "-c", INLET], stdout=subprocess.PIPE, text=True) as inlet,
    ):
        assert inlet.stdout is not None
        assert inlet.stdout.readline() == "ready\n"
        before_s = pylsl.local_clock()
        outlets.update(update(0, 10.0, motion=0.5))
        outlets.update(update(1, 10.01, motion=0.75))
        found = event(1, first=1980, last=2000)  # the apex is at 9.95 s
        outlets.update(update(2, 10.02, motion=0.25, events=(found,)))
        outlets.mark(Mark(1, 10.02, datetime.now(timezone.utc)))
        after_s = pylsl.local_clock()
        got = json.loads(inlet.communicate(timeout=600)[0])
    (marker, apex_s), (mark, mark_s) = got["markers"]
    assert [sample[0] for sample, _ in got["motion"]] == [0.5, 0.75, 0.25]
    record = json.loads(marker[0])
    assert (record["event"], record["label"], record["probability"]) == (1, "happiness", 0.6)
    assert record["apex_lsl_s"] == pytest.approx(apex_s, abs=1e-5)
    assert record["apex_s"] == 9.95
    assert record["offset_lsl_s"] - record["onset_lsl_s"] == pytest.approx(0.1, abs=1e-5)
    assert before_s - 0.08 <= apex_s <= after_s - 0.05
    assert json.loads(mark[0]) == {"mark": 1, "time_s": 10.02}
    assert before_s <= mark_s <= after_s
    assert got["label"] == "motion"


def test_the_earliest_arrival_tells_the_clocks_apart() -> None:
    clock = ClockMap()
    for n, late_s in enumerate([0.05, 0.002, 0.3, 0.01]):
        clock.add(0.1 * n, 1000.0 + 0.1 * n + late_s)
    assert clock(0.2) == pytest.approx(1000.202)


def test_a_drifting_clock_is_followed() -> None:
    clock = ClockMap()
    for n in range(1000):
        clock.add(0.1 * n, 50.0 + 0.1 * n * 1.0001)
    assert clock(100.0) == pytest.approx(150.01, abs=0.004)


def test_without_pylsl_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(MerError, match="pip install"):
        Outlets("test", source="x")


def devices() -> dict[int, bytes]:
    """Return the interface that each socket of this process is kept to, by its inode."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(path.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(path.name))) as opened:
                    if opened.family in (socket.AF_INET, socket.AF_INET6):
                        device = opened.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
                        found[path.stat().st_ino] = device.rstrip(b"\0")
    return found


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps sockets to an interface")


@on_linux
@pytest.mark.parametrize(("interface", "kept"), [("lo", {b"lo"}), ("all", {b""})])
def test_every_socket_is_kept_to_the_interface(interface: str, kept: set[bytes]) -> None:
    before = devices()
    with Outlets("kept", source="x", interface=interface):
        opened = {device for inode, device in devices().items() if inode not in before}
    assert opened == kept


@on_linux
def test_an_interface_is_named_by_its_name_or_address() -> None:
    assert [interface_of(text) for text in ("lo", "127.0.0.1", "all")] == ["lo", "lo", "all"]


def test_an_interface_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"--lsl-interface nope is not an interface.*give lo"):
        interface_of("nope")


def test_a_system_that_cannot_keep_sockets_asks_for_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(MerError, match="on Linux only; give --lsl-interface all"):
        Outlets("test", source="x")


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lsl_network.VARIABLE, raising=False)
    with Outlets("left", source="x"):
        assert lsl_network.VARIABLE not in os.environ
