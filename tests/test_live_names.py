"""A stream's password and token are in nothing that a session shows, stores, sends or says."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine, FakePipeline, event, update
from mjpeg_server import serve
from recordings import pictures

import realtime.commands.live
from realtime.capture.source import Source, open_source
from realtime.commands import replay
from realtime.commands.live import main
from realtime.screen.keys import Keys

SECRET = "geheim"


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*, rate_hz: float, **_: Any) -> FakePipeline:
        return FakePipeline(rate_hz=rate_hz, event_frames=(20,))

    monkeypatch.setattr(realtime.commands.live, "Pipeline", made)
    monkeypatch.setattr(realtime.commands.live, "open_engine", lambda choice: FakeEngine())
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def secret(url: str) -> str:
    return url.replace("http://", f"http://user:{SECRET}@") + f"?token={SECRET}"


def named(url: str) -> str:
    return url + "?token=***"


def test_a_session_stores_and_prints_no_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason="needs the extra record")
    folder = tmp_path / "session"
    with serve(pictures(60)) as url:
        given = ["--camera", secret(url), "--fps", "200", "--reconnect", "0", "--record", str(folder)]
        assert main(given) == 0
    stored = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(stored) == {"events.jsonl", "session.json", "recording.mp4"}
    assert [name for name, content in stored.items() if SECRET.encode() in content] == []
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err
    assert named(url) in printed.out
    about = json.loads(stored["session.json"])
    assert about["source"] == about["options"]["camera"] == named(url)
    assert json.loads(stored["events.jsonl"].splitlines()[0])["source"] == named(url)


def test_json_lines_on_the_standard_output_hold_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    with serve(pictures(60)) as url:
        assert main(["--camera", secret(url), "--fps", "200", "--reconnect", "0", "--json"]) == 0
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err
    assert json.loads(printed.out)["source"] == named(url)


def test_the_overlay_is_given_no_secret() -> None:
    with serve(pictures(60)) as url, open_source(secret(url), fps=200.0) as source:
        assert source.description == f"{named(url)} (64x48, 200 fps)"


def test_the_network_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Silent:
        def __init__(self, name: str, *, source: str, **_: Any) -> None:
            told.append(source)

        def update(self, update: object) -> None:
            pass

        def __enter__(self) -> "Silent":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(realtime.commands.live, "Outlets", Silent)
    with serve(pictures(60)) as url:
        assert main(["--camera", secret(url), "--fps", "200", "--reconnect", "0", "--lsl"]) == 0
    assert told == [named(url)]


def test_what_the_key_s_saves_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def keys(*args: Any, source: str, **options: Any) -> Keys:
        given.append(source)
        return Keys(*args, source=source, **options)

    monkeypatch.setattr(realtime.commands.live, "Keys", keys)
    with serve(pictures(60)) as url:
        main(["--camera", secret(url), "--fps", "200", "--reconnect", "0"])
    pressed = Keys(
        FakePipeline(),
        stop=threading.Event(),
        on_mark=lambda mark: None,
        source=given[0],
        save_dir=tmp_path,
    )
    pressed.update(update(0, 0.0, events=(event(1),)))
    pressed("s")
    (saved,) = tmp_path.glob("*.json")
    assert json.loads(saved.read_text())["source"] == named(url)


@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{SECRET}@127.0.0.1:9/x?token={SECRET}",
        f"rtsp://user:{SECRET}@127.0.0.1:9/x?pwd={SECRET}",
        f"http://user:{SECRET}/{SECRET}@127.0.0.1:9/x",
    ],
)
def test_a_stream_that_is_not_there_is_said_without_its_secret(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--camera", address]) == 1
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err
    assert "127.0.0.1" in printed.err


def test_a_stream_that_stays_away_is_said_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def once(text: str, **options: Any) -> Source:
        opened.append(text)
        gone = f"http://user:{SECRET}@127.0.0.1:9/x?token={SECRET}"
        return open_source(text if len(opened) == 1 else gone, **options)

    monkeypatch.setattr(realtime.commands.live, "open_source", once)
    with serve(pictures(60)) as url:
        assert main(["--camera", secret(url), "--fps", "200", "--reconnect", "0.6"]) == 1
    printed = capfd.readouterr()
    assert "did not come back" in printed.err
    assert SECRET not in printed.out + printed.err


def test_errors_about_options_hold_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--camera", "0", f"http://user:{SECRET}@cam/x"])
    error = capsys.readouterr().err
    assert "http://cam/x" in error
    assert SECRET not in error


def test_a_replay_that_is_given_an_address_says_it_without_its_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main([f"http://user:{SECRET}@127.0.0.1:9/x?token={SECRET}", "--out", str(tmp_path / "out")]) != 0
    assert SECRET not in "".join(capsys.readouterr())


def test_saved_options_leave_the_secret_out_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lab.toml"
    assert main(["--camera", f"rtsp://user:{SECRET}@cam/1", "--fps", "30", "--save-config", str(path)]) == 0
    assert path.read_text() == "# camera was left out: it holds a password or token\nfps = 30.0\n"
    said = capsys.readouterr().out
    assert "--camera was left out because it holds a password or token; give it again or set MER_CAMERA" in said
    assert SECRET not in said


def test_saved_options_can_be_used_with_the_camera_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lab.toml"
    with serve(pictures(60)) as url:
        main(["--camera", secret(url), "--fps", "200", "--reconnect", "0", "--save-config", str(path)])
        monkeypatch.setenv("MER_CAMERA", secret(url))
        assert main(["--config", str(path)]) == 0
    assert "60 frames" in capfd.readouterr().out


def test_saved_options_without_a_secret_keep_the_camera(tmp_path: Path) -> None:
    main(["--camera", "rtsp://cam/1", "--save-config", str(tmp_path / "lab.toml")])
    assert (tmp_path / "lab.toml").read_text() == 'camera = "rtsp://cam/1"\n'


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_number_that_is_a_path_as_well_is_asked_about(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (Path.mkdir if kind == "folder" else Path.touch)(Path("2024"))
    assert main(["--camera", "2024"]) == 2
    error = capsys.readouterr().err
    assert f"the {kind} 2024" in error
    assert "./2024" in error
    assert "/dev/video2024" in error
