"""Files that nobody means well with: each ends in a sentence, and none is read whole for nothing."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from recordings import pictures, write_video

import engines.evaluate
import realtime.commands.live
import realtime.commands.replay
from engines.manifest import manifest_path
from engines.select import SHIPPED_MODEL, open_engine
from mer import checkpoint
from mer.config import load_settings
from mer.data.tables import read_csv, read_workbook
from mer.errors import MerError
from mer.files import read_at_most
from mer.training.fold import _result

ROOT = Path(__file__).parent.parent
DEEP = 100_000
SPARSE_BYTES = 60 << 30


def workbook(cells: dict[str, object]) -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for place, value in cells.items():
        book.active[place] = value
    book.save(content)
    return content.getvalue()


def replaced(content: bytes, name: str, by: bytes) -> bytes:
    """Return a workbook with one of the files inside it replaced."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, by if entry == name else old.read(entry))
    return made.getvalue()


@pytest.fixture
def deep_json(tmp_path: Path) -> Path:
    path = tmp_path / "deep.json"
    path.write_text("[" * DEEP)
    return path


@pytest.fixture
def deep_toml(tmp_path: Path) -> Path:
    path = tmp_path / "deep.toml"
    path.write_text("a = " + "[" * DEEP)
    return path


def test_deep_json_as_a_truth(deep_json: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.evaluate.main(["spotting", "--truth", str(deep_json), "--results", str(deep_json)]) == 1
    assert "nested too deeply" in capsys.readouterr().err


def test_deep_toml_as_options(deep_toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        realtime.commands.live.main(["--config", str(deep_toml)])
    assert ended.value.code == 2
    assert "nested too deeply" in capsys.readouterr().err


def test_deep_toml_as_settings_of_a_training(deep_toml: Path) -> None:
    with pytest.raises(MerError, match="nested too deeply"):
        load_settings(deep_toml, {})


def test_a_damaged_result_of_a_fold(deep_json: Path) -> None:
    with pytest.raises(MerError, match="trained again"):
        _result(deep_json)


WHOLE = workbook({"A1": "Subject", "B1": "Onset", "A2": 1, "B2": 30})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no workbook",
        WHOLE[: len(WHOLE) // 2],
        replaced(WHOLE, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row"),
        replaced(WHOLE, "xl/worksheets/sheet1.xml", b"<other/>"),
        replaced(WHOLE, "xl/workbook.xml", b""),
        replaced(WHOLE, "xl/styles.xml", b"<styleSheet>\x00</styleSheet>"),
        replaced(WHOLE, "[Content_Types].xml", b"<Types/>"),
    ],
    ids=["empty", "text", "half", "cut sheet", "other sheet", "no book", "zero byte", "no types"],
)
def test_a_damaged_workbook(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    try:
        read_workbook(path)
    except MerError as error:
        assert "not a readable xlsx workbook" in str(error)  # noqa: PT017 - some can be read after all


def test_a_workbook_of_a_few_kilobytes_that_spans_all_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"A1": 1, "XFD1048576": 1}))
    with pytest.raises(MerError, match="cells, expected at most"):
        read_workbook(path)


def test_a_csv_of_one_endless_field(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"' + "x" * 200_000)
    with pytest.raises(MerError, match="cannot be read as a CSV"):
        read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize("arguments", [["loop", "--out", "out"], ["a.mp4", "--out", "loop"]])
def test_a_link_that_leads_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    write_video(tmp_path / "a.mp4", pictures(3))
    assert realtime.commands.replay.main(arguments) == 1
    said = capsys.readouterr().err
    assert "loop" in said
    assert said.count("\n") == 1


def sparse(path: Path) -> Path:
    try:
        with path.open("wb") as file:
            file.truncate(SPARSE_BYTES)
    except OSError:
        pytest.skip("this file system knows no sparse files")
    return path


def test_an_engine_of_60_gigabytes_is_not_read(tmp_path: Path) -> None:
    engine = sparse(tmp_path / "big.onnx")
    manifest_path(engine).write_bytes(manifest_path(SHIPPED_MODEL).read_bytes())
    with pytest.raises(MerError, match="64,424,509,440 bytes, expected at most"):
        open_engine(engine)


def test_a_checkpoint_of_60_gigabytes_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="64,424,509,440 bytes, expected at most"):
        checkpoint.load(sparse(tmp_path / "big.safetensors"))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_file_that_states_no_size_is_read_no_further_than_the_limit() -> None:
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        read_at_most(Path("/dev/zero"), 1000)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("most", [16, 24, 40])
def test_few_open_files(tmp_path: Path, most: int) -> None:
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", pictures(12))
    limited = (
        f"import resource, sys; from realtime.commands.replay import main;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({most}, {most}));"
        f"sys.exit(main([{str(tmp_path)!r}, '--out', {str(tmp_path / 'out')!r}, '--engine', 'onnxruntime']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, cwd=ROOT, env=os.environ, check=False
    )
    assert ended.returncode in (0, 1, 3), ended.stderr
    assert "Traceback" not in ended.stderr
