import errno
import importlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from test_house import PROJECT, ROOT

from mer import cli
from mer.errors import MerError, UsageError
from mer.parser import Parser


def ends_with(error: BaseException) -> int:
    def work() -> int:
        raise error

    return cli.run("mer-test", work)


def run_apart(work: str, *, to: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `mer.cli.run` on a line of Python in a process of its own, with an output that is not the test's."""
    program = f"import sys\nfrom mer import cli\nsys.exit(cli.run('mer-test', lambda: {work} or 0))"
    return subprocess.run(
        [sys.executable, "-c", program],
        stdout=to,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize("script", sorted(PROJECT["project"]["scripts"].items()), ids=lambda script: script[0])
def test_every_console_script_goes_through_the_border(script: tuple[str, str]) -> None:
    module, function = script[1].split(":")
    program, command = getattr(importlib.import_module(module), function).args
    main = importlib.import_module(command).main
    assert program == script[0]
    assert main.__wrapped__.__module__ == command
    assert main.__code__.co_filename == cli.__file__


@pytest.mark.parametrize(("error", "code"), [(MerError("no such thing"), 1), (UsageError("no such option"), 2)])
def test_an_error_of_the_user_is_one_line(error: MerError, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert ends_with(error) == code
    assert capsys.readouterr().err == f"mer-test: error: {error}\n"


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends_with(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "mer-test: interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends programs in another way")
def test_ctrl_c_while_python_ends_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "quick.py").write_text("def main(argv): return 0\n")
    program = (
        "import atexit, os, signal, sys; from realtime.start import _start;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT);"
        "sys.exit(_start('mer-test', 'quick', []))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path)))}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_what_nobody_foresaw_is_one_line_and_a_private_report(
    temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends_with(ZeroDivisionError("a defect")) == 70
    said = capsys.readouterr().err
    (report,) = temporary.iterdir()
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert str(report) in said
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "Traceback" in report.read_text()
    assert "ZeroDivisionError: a defect" in report.read_text()


def test_a_report_holds_no_password_and_not_the_name_of_the_home_folder(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr(sys, "argv", ["mer-live", "--camera", "rtsp://user:secret@host/live?token=hidden"])
    ends_with(ZeroDivisionError("of http://user:secret@host/x in /home/somebody/a.mp4"))
    (report,) = temporary.iterdir()
    text = report.read_text()
    assert "rtsp://host/live?..." in text
    assert "~/a.mp4" in text
    assert not any(word in text for word in ("secret", "hidden", "somebody"))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.EMFILE, "Too many open files"),
        PermissionError(errno.EACCES, "Permission denied", "/some/file"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Symlink loop from '/tmp/loop'"),
    ],
)
def test_limits_of_the_system_are_no_defects(
    error: Exception, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends_with(error) == 1
    assert capsys.readouterr().err.startswith("mer-test: error: ")
    assert list(temporary.iterdir()) == []


def test_what_a_message_quotes_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ends_with(MerError("a\x1b]52;c;aGk=\x07\u202eb\udce9\nc"))
    assert capsys.readouterr().err == "mer-test: error: a\\x1b]52;c;aGk=\\x07\\u202eb\\udce9\\nc\n"


def test_an_argument_that_is_not_known_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="mer-test")
    parser.add_subparsers().add_parser("part")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["part", "--\x1b]52;c;aGk=\x07"])
    assert ended.value.code == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_takes_nothing_is_one_line(unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = run_apart("print('something')", to=full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert ended.returncode == 1
    assert "takes no more (No space left on device)" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_output_that_nobody_reads_ends_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = run_apart("print('something')", to=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_an_ascii_terminal_shows_escapes(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as file:
        ended = run_apart("print('caf\\xe9 \\udce9')", to=file.fileno(), PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "said").read_text() == "caf\\xe9 \\udce9\n"
