"""Runs programs and tells how they tried to leave the machine: as strace sees it, and as the kernel counts it.

strace sees every call of a program and its children, on a machine whose network works. In a network namespace of its
own a program has only a loopback interface, and the kernel counts what was to go anywhere else.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
STRACE: Final = ("strace", "-f", "--seccomp-bpf", "-qq", "-s", "200", "-e", "trace=network,execve", "-e", "signal=none")
NAMESPACE: Final = ("unshare", "--map-root-user", "--net")
_SENDING: Final = re.compile(r"\b(?:connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET")
_LOOPBACK: Final = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "(?:::1|::ffff:127\.[^"]*)"')
_LOOK_UP: Final = re.compile(r'_port=htons\((?:53|853|5353|5355)\)|sun_path="[^"]*(?:resolve|avahi)')
_TOOLS: Final = r"gcc|cc|c\+\+|g\+\+|clang|ld|ldconfig|objdump"
_COMPILER: Final = re.compile(rf'\bexecve\("[^"]*/(?:[\w.+]+-)*(?:{_TOOLS})(?:[-.][\w.]+)?",')
_COUNTED: Final = """
import fcntl, json, pathlib, socket, struct, subprocess, sys

def counters():
    lines = pathlib.Path("/proc/net/snmp").read_text().splitlines()
    pairs = [(names.split(), numbers.split()) for names, numbers in zip(lines[::2], lines[1::2])]
    found = {names[0] + name: int(number) for names, numbers in pairs for name, number in zip(names[1:], numbers[1:])}
    return found | {name: int(number) for name, number in map(str.split, open("/proc/net/snmp6"))}

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
before = counters()
code = subprocess.call([sys.executable, "-c", *sys.argv[2:]])
after = counters()
pathlib.Path(sys.argv[1]).write_text(json.dumps({name: after[name] - before[name] for name in after}))
sys.exit(code)
"""
"""Runs a program in the namespace: sets up its loopback interface, and writes what the kernel counted meanwhile."""
_LEAVING: Final = ("Ip:OutNoRoutes", "Ip6OutNoRoutes", "Udp:OutDatagrams", "Udp6OutDatagrams")
"""What was to leave this machine, and datagrams to itself: none of the commands sends any but for look-ups."""

Watch = Callable[[Path, str, Sequence[str]], tuple[int, list[str]]]
"""Runs a Python program with arguments, given a folder for its own files; returns its exit code and the offences."""


def can_trace() -> bool:
    """Return whether there is an strace that may trace."""
    return bool(shutil.which(STRACE[0])) and subprocess.run([*STRACE, "true"], capture_output=True).returncode == 0


def can_be_alone() -> bool:
    """Return whether a network namespace can be made."""
    return (
        bool(shutil.which(NAMESPACE[0])) and subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    )


def by_strace(folder: Path, program: str, arguments: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Return the exit code, and the calls that connect, send or look something up beyond this machine, or compile."""
    log = folder / "calls"
    code = _run([*STRACE, "-o", str(log), sys.executable, "-c", program, *arguments])
    return code, [line for line in log.read_text(errors="replace").splitlines() if _is_offence(line)]


def in_namespace(folder: Path, program: str, arguments: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Return the exit code, and the kernel's counters of what was to leave."""
    log = folder / "counters"
    code = _run([*NAMESPACE, sys.executable, "-c", _COUNTED, str(log), program, *arguments])
    counted = json.loads(log.read_text())
    return code, [f"{name} {counted[name]}" for name in _LEAVING if counted.get(name)]


def _run(command: Sequence[str]) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ours = {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment | ours, stdin=subprocess.DEVNULL, capture_output=True
    ).returncode


def _is_offence(call: str) -> bool:
    sent_away = bool(_SENDING.search(call)) and not _LOOPBACK.search(call)
    return sent_away or bool(_LOOK_UP.search(call)) or bool(_COMPILER.search(call))
