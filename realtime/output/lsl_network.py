"""Whom the streams of Lab Streaming Layer can reach: this machine, one network, or all of them.

liblsl announces streams where its configuration says, but its data ports listen on every interface whatever it says.
So they are bound to the wanted interface here, as soon as they are open: Linux only.
"""

import contextlib
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mer.errors import MerError, UsageError

if sys.platform == "linux":
    import fcntl

LOOPBACK: Final = "lo"
EVERYWHERE: Final = "all"
VARIABLE: Final = "LSLAPICFG"
"""liblsl's own: the file it takes its settings from. One that the user names is left alone."""
_GET_ADDRESS: Final = 0x8915
"""SIOCGIFADDR of Linux: the IPv4 address of an interface."""
_QUIET: Final = "[log]\nlevel = -2\n"
_SETTINGS: Final = "[ports]\nIPv6 = disable\n[multicast]\nResolveScope = {scope}\nListenAddress = {address}\n" + _QUIET
_PEERS: Final = "[lab]\nKnownPeers = {127.0.0.1}\n"


def interface_of(text: str) -> str:
    """Return the interface that an option names, by its name or its IPv4 address.

    Args:
        text: "lo", "eth0", "192.168.1.5", or "all".

    Raises:
        UsageError: If this machine has no such interface.
    """
    known = [name for _, name in socket.if_nameindex()]
    if text == EVERYWHERE or text in known:
        return text
    by_address = {_address(name): name for name in known}
    if text in by_address:
        return by_address[text]
    raise UsageError(f"--lsl-interface {text} is not an interface of this machine; give {', '.join(known)} or all")


@contextlib.contextmanager
def kept_to(interface: str) -> Iterator[None]:
    """Keep what liblsl opens meanwhile to an interface; it reads its settings once in the life of a process.

    Raises:
        MerError: If the system cannot.
    """
    if interface == EVERYWHERE:
        yield
        return
    if sys.platform != "linux":
        raise MerError("--lsl can be kept to one interface on Linux only; give --lsl-interface all to open it to all")
    before = _sockets()
    with tempfile.TemporaryDirectory() as folder, _settings(Path(folder), interface):
        yield
    for handle in _sockets() - before:
        _bind(handle, interface)


@contextlib.contextmanager
def _settings(folder: Path, interface: str) -> Iterator[None]:
    if VARIABLE in os.environ:
        yield
        return
    own = interface == LOOPBACK
    text = _SETTINGS.format(scope="machine" if own else "link", address=_address(interface)) + (_PEERS if own else "")
    (folder / "lsl_api.cfg").write_text(text, encoding="utf-8")
    os.environ[VARIABLE] = str(folder / "lsl_api.cfg")
    try:
        yield
    finally:
        del os.environ[VARIABLE]


def _address(interface: str) -> str:
    """Return the IPv4 address of an interface, empty if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking.fileno(), _GET_ADDRESS, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])


def _sockets() -> set[int]:
    """Return the handles of this process that are sockets."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(path.readlink()).startswith("socket:"):
                found.add(int(path.name))
    return found


def _bind(handle: int, interface: str) -> None:
    with socket.socket(fileno=os.dup(handle)) as opened:
        if opened.family not in (socket.AF_INET, socket.AF_INET6):
            return
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        except OSError as error:
            raise MerError(
                f"--lsl cannot be kept to {interface} ({error.strerror}); give --lsl-interface all to open it to all"
            ) from error
