from pathlib import Path

import pytest

from realtime import config
from realtime.commands.live import _parser, main
from realtime.commands.replay import _parser as replay_parser


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "lab.toml").write_text(text, encoding="utf-8")
    return str(tmp_path / "lab.toml")


def test_options_come_from_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'camera = "2"\nfps = 60\nno-overlay = true\nsave_dir = "kept"\nlsl = true\njson = false\n')
    args = config.parse(_parser(), ["--config", path])
    assert (args.camera, args.fps, args.no_overlay, args.save_dir) == ("2", 60.0, True, Path("kept"))
    assert args.lsl == "mer-live"
    assert args.events is None


def test_the_command_line_wins(tmp_path: Path) -> None:
    path = written(tmp_path, 'camera = "2"\nfps = 60\nevents = "a.jsonl"\n')
    args = config.parse(_parser(), ["--fps=30", "--json", f"--config={path}"])
    assert (args.camera, args.fps, args.events) == ("2", 30.0, Path("-"))


def test_lists_do_not_swallow_the_recordings(tmp_path: Path) -> None:
    path = written(tmp_path, 'truth = ["a.json", "b.json"]\nout = "results"\n')
    args = config.parse(replay_parser(), ["a.mp4", "b.mp4", "--config", path])
    assert args.files == [Path("a.mp4"), Path("b.mp4")]
    assert args.truth == [Path("a.json"), Path("b.json")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fsp = 60", "has 'fsp', which is not an option"),
        ("fps = ", "is not TOML"),
        ("fps = [1, 2]", "give one value"),
        ('no-overlay = "yes"', "give true or false"),
        ("fps = true", "give a value"),
        ('fps = "quick"', "argument --fps"),
        ('version = "x"', "not an option"),
    ],
)
def test_a_wrong_file_ends_with_one_line_and_exit_code_2(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        config.parse(_parser(), ["--camera", "0", "--config", written(tmp_path, text)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        config.parse(_parser(), ["--config", "nothing.toml"])
    assert "nothing.toml cannot be read" in capsys.readouterr().err


def test_what_is_saved_gives_the_same_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--camera", 'rtsp://a/"b"', "--fps", "59.94", "--json", "--no-overlay", "--lsl", "lab", "--width", "640"]
    path = tmp_path / "new.toml"
    assert main([*given, "--save-config", str(path)]) == 0
    wanted, got = config.parse(_parser(), given), config.parse(_parser(), ["--config", str(path)])
    wanted.config = got.config
    assert got == wanted
    assert str(path) in capsys.readouterr().out


def test_an_existing_file_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "fps = 1\n")
    assert main(["--camera", "0", "--save-config", path]) == 1
    assert "exists already" in capsys.readouterr().err
    assert Path(path).read_text() == "fps = 1\n"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completions_know_the_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="shtab is not installed")
    with pytest.raises(SystemExit) as ended:
        main(["--completion", shell])
    assert ended.value.code == 0
    assert "--no-overlay" in capsys.readouterr().out


def test_a_shell_without_completions_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="shtab is not installed")
    with pytest.raises(SystemExit) as ended:
        main(["--completion", "cmd"])
    assert ended.value.code == 2
    assert "bash" in capsys.readouterr().err


def test_the_versions_of_all_components_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    printed = capsys.readouterr().out
    assert all(f"{name} " in printed for name in ("mer-live", "python", "onnxruntime", "mediapipe", "pylsl", "torch"))
