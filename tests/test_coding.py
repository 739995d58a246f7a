"""Others' coding, read from the files of their programs."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fakes import event
from pympi.Elan import Eaf, to_eaf
from review_samples import write_reviews

from mer.coding.messages import Coded, units
from mer.coding.read import Choice, read_coding
from mer.coding.times import seconds
from mer.errors import MerError, UsageError
from realtime.output.exports.boris import boris
from realtime.output.exports.eaf import eaf
from realtime.output.exports.srt import srt
from realtime.output.fields import record_from_event
from realtime.output.found import Found


def ours() -> Found:
    """Return two events, onsets at 0.5 and 1.5 s, 300 and 200 ms long, and a rejected candidate."""
    events = (event(1, first=100, last=160), event(2, first=300, last=340))
    records = [record_from_event(one, source="talk.mp4") for one in events]
    rejected = {**records[0], "reason": "blink", "onset_s": 1.0, "offset_s": 1.1}
    return Found(Path("/v/talk.mp4"), Path("/o"), records, [rejected], {"seconds": 10.0, "measured_fps": 200.0})


def read(path: Path, **choice: Any) -> tuple[Coded, ...]:
    """Return the events of a file with one recording."""
    (recording,) = read_coding(str(path), Choice(**choice)).recordings.values()
    return recording.events


def spans(events: tuple[Coded, ...]) -> list[tuple[str, float, float | None, float]]:
    return [(one.label, one.onset_s, one.apex_s, one.offset_s) for one in events]


EXPECTED = [("happiness", 0.5, 0.65, 0.8), ("happiness", 1.5, 1.6, 1.7)]


@pytest.mark.parametrize(("name", "export"), [("a.eaf", eaf), ("a.boris.csv", boris), ("a.srt", srt)])
def test_what_we_export_is_read_back(tmp_path: Path, name: str, export: Any) -> None:
    (tmp_path / name).write_bytes(export(ours()))
    found = spans(read(tmp_path / name))
    assert [one[0] for one in found] == [one[0] for one in EXPECTED]
    assert [one[1:] for one in found] == [pytest.approx(one[1:]) for one in EXPECTED]


def elan(path: Path, **tiers: list[tuple[int, int, str]]) -> Path:
    document = Eaf(author="somebody")
    document.remove_tier("default")
    for name, annotations in tiers.items():
        document.add_tier(name)
        for annotation in annotations:
            document.add_annotation(name, *annotation)
    to_eaf(str(path), document)
    return path


def test_tiers_of_an_elan_document_are_chosen(tmp_path: Path) -> None:
    emotion, apex = [(1000, 1500, "fear")], [(1200, 1201, "1")]
    path = elan(tmp_path / "anna.eaf", speech=[(0, 900, "hello")], emotion=emotion, apex=apex)
    assert spans(read(path, tiers=("emotion",))) == [("fear", 1.0, 1.2, 1.5)]
    with pytest.raises(UsageError, match="several tiers with annotations \\(speech, emotion\\)"):
        read(path)
    with pytest.raises(UsageError, match="no tier 'mood'; its tiers are speech, emotion, apex"):
        read(path, tiers=("mood",))


def test_the_only_tier_that_holds_anything_needs_no_choice(tmp_path: Path) -> None:
    assert spans(read(elan(tmp_path / "a.eaf", notes=[], code=[(100, 300, "AU4")]))) == [("AU4", 0.1, None, 0.3)]


@pytest.mark.parametrize("text", ["", "<a>", "no", '<!DOCTYPE x [<!ENTITY a "b">]><ANNOTATION_DOCUMENT/>'])
def test_what_is_no_elan_document_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.eaf").write_text(text)
    with pytest.raises(MerError, match="is not an ELAN document"):
        read(tmp_path / "a.eaf")


def project(*events: list[Any]) -> dict[str, Any]:
    """Return a BORIS project of format 7, as its version 8.27.4 opens it without changes."""
    kinds = (("fear", "State event", "micro"), ("speech", "State event", "rejected"), ("apex", "Point event", ""))
    return {
        "project_format_version": "7.0",
        "behaviors_conf": {str(k): dict(zip(("code", "type", "category"), kind)) for k, kind in enumerate(kinds)},
        "observations": {
            "talk": {
                "type": "MEDIA",
                "events": list(events),
                "media_info": {"length": {"talk.mp4": 50.0}, "fps": {"talk.mp4": 30.0}},
            }
        },
    }


def test_a_boris_project_is_read(tmp_path: Path) -> None:
    made = project(
        [1.0, "", "fear", "", "", 30],
        [1.1, "B", "fear", "", "", 33],
        [1.2, "", "apex", "", "", 36],
        [1.4, "", "speech", "", "", 42],
        [1.5, "", "fear", "", "", 45],
        [1.6, "", "speech", "", "", 48],
        [1.7, "B", "fear", "", "", 51],
    )
    (tmp_path / "p.boris").write_text(json.dumps(made))
    coding = read_coding(str(tmp_path / "p.boris"), Choice())
    recording = coding.recordings["talk"]
    assert (recording.seconds, recording.fps) == (50.0, 30.0)
    assert spans(recording.events) == [("fear", 1.0, 1.2, 1.5), ("fear", 1.1, 1.2, 1.7)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(project([1.0, "", "fear", "", "", 30])), "'fear' begins at 1.000 s and does not end"),
        (json.dumps(project([1.0])), "is not a BORIS project"),
        ('{"observations": 3}', "is not a BORIS project"),
        ("[]", "is not a BORIS project"),
        ("[" * 100_000, "is not a BORIS project"),
    ],
)
def test_a_damaged_boris_project_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "p.boris").write_text(content)
    with pytest.raises(MerError, match=said):
        read(tmp_path / "p.boris")


TABULAR = [
    ["Observation id", "Media duration (s)", "FPS (frame/s)", "Subject", "Behavior", "Behavior type", "Time"],
    ["talk", "10.0", "25.0", "", "fear", "START", "1.0"],
    ["talk", "10.0", "25.0", "", "fear", "STOP", "1.5"],
    ["talk", "10.0", "25.0", "", "blink", "POINT", "2.0"],
]
OBSERVER = [
    [
        "Time_Relative_hms",
        "Time_Relative_sf",
        "Duration_sf",
        "Observation",
        "Subject",
        "Behavior",
        "Event_Type",
        "Note",
    ],
    ["00:00:01", "1.0", "0.5", "talk", "P1", "fear", "State start", ""],
    ["00:00:01", "1.5", "0", "talk", "P1", "fear", "State stop", ""],
    ["00:00:02", "2.0", "0", "talk", "P1", "blink", "Point", ""],
]
EITHER = [("fear", 1.0, None, 1.5), ("blink", 2.0, None, 2.0)]


def as_csv(rows: list[list[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def as_xlsx(rows: list[list[str]], path: Path) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(path)


def as_ods(rows: list[list[str]], path: Path) -> None:
    """Write what LibreOffice and BORIS do: numbers as values, empty cells and rows repeated."""

    def written(cell: str) -> str:
        kind = f'"float" office:value="{cell}"' if cell.replace(".", "").isdigit() else '"string"'
        return f"<table:table-cell office:value-type={kind}><text:p>{cell}</text:p></table:table-cell>"

    lines = "".join(
        f"<table:table-row>{''.join(written(cell) if cell else '<table:table-cell/>' for cell in row)}"
        '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
        for row in rows
    )
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    tail = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    table = f'<table:table table:name="a">{lines}{tail}</table:table>'
    content = f"<office:document-content{names}>{table}</office:document-content>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", content)


@pytest.mark.parametrize("rows", [TABULAR, OBSERVER], ids=["BORIS", "Observer"])
@pytest.mark.parametrize("kind", ["csv", "semicolon", "tab", "utf-16", "xlsx", "ods"])
def test_exported_tables_are_read_in_each_form(tmp_path: Path, rows: list[list[str]], kind: str) -> None:
    path = tmp_path / f"t.{ {'xlsx': 'xlsx', 'ods': 'ods'}.get(kind, 'txt') }"
    if kind == "xlsx":
        as_xlsx(rows, path)
    elif kind == "ods":
        as_ods(rows, path)
    else:
        text = as_csv(rows, {"semicolon": ";", "tab": "\t", "utf-16": "\t"}.get(kind, ","))
        path.write_bytes(text.encode("utf-16" if kind == "utf-16" else "utf-8"))
    coding = read_coding(str(path), Choice())
    assert spans(coding.recordings["talk"].events) == EITHER


def test_a_state_that_does_not_end_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(as_csv(TABULAR[:2]))
    with pytest.raises(MerError, match=r"'fear' begins at 1\.000 s and does not end"):
        read(tmp_path / "t.csv")


INTERACT = """Level\tStart time\tOffset\tMemo\tEmotion\tUnit
1\t00:00:00:00\t00:01:00:00\tgroup\t\t
3\t00:00:01:05\t00:00:01:10\t\tfear\tAU4
3\t00:00:02.500\t00:00:02.900\t\thappiness\t
"""


def test_an_interact_table_is_read_by_class(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(INTERACT)
    found = spans(read(tmp_path / "t.txt", tiers=("Emotion",), fps=25.0))
    assert found == [("fear", 1.2, None, 1.4), ("happiness", 2.5, None, 2.9)]
    assert len(read(tmp_path / "t.txt", fps=25.0)) == 3
    with pytest.raises(MerError, match="counts frames; give their rate with --fps"):
        read(tmp_path / "t.txt")
    with pytest.raises(UsageError, match="the classes are Emotion, Unit"):
        read(tmp_path / "t.txt", tiers=("Mood",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("onset,offset,label\n1.5,1.0,fear\n", "t.csv row 2: the offset, 1.000 s, comes before the onset, 1.500 s"),
        ("onset,offset,label\n1.5,soon,fear\n", "t.csv row 2: could not convert"),
        ("onset,offset,label\n-1,2,fear\n", "is not a time from 0"),
        ("onset,offset,label\nnan,2,fear\n", "is not a time from 0"),
        ("a,b\n1,2\n", "is not a table of codings"),
        ("", "is not a table of codings"),
        ("coder,onset,offset,label\nx,1,2,a\ny,1,2,a\n", "what x, y coded; say whose is meant as NAME=FILE"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_row(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(MerError, match=said):
        read(tmp_path / "t.csv")


def test_a_plain_table_may_hold_several_recordings_and_coders(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = ("coder,recording,onset,apex,offset,label", "x,a.mp4,1,1.1,2,fear", "x,b.mp4,1,,2,", "y,a.mp4,1,,2,anger")
    path.write_text("\n".join(rows))
    coding = read_coding(f"x={path}", Choice())
    assert coding.coder == "x"
    assert {name: spans(one.events) for name, one in coding.recordings.items()} == {
        "a": [("fear", 1.0, 1.1, 2.0)],
        "b": [("unlabelled", 1.0, None, 2.0)],
    }


def test_subtitles_of_others_are_read(tmp_path: Path) -> None:
    blocks = ("1\r\n00:00:01,500 --> 00:00:02,000\r\nAU12\r\n", "2\r\n01:00:00.0 --> 01:00:01.0 X1:0\r\nfear\r\n")
    (tmp_path / "t.srt").write_text("\r\n".join(blocks), newline="")
    assert spans(read(tmp_path / "t.srt")) == [("AU12", 1.5, None, 2.0), ("fear", 3600.0, None, 3601.0)]
    (tmp_path / "u.srt").write_text("hello")
    with pytest.raises(MerError, match="block 1: no line with times"):
        read(tmp_path / "u.srt")


def test_results_hold_the_program_and_those_who_reviewed_them(tmp_path: Path) -> None:
    write_reviews(tmp_path / "results/talk")
    program = read_coding(str(tmp_path / "results"), Choice())
    assert program.program
    assert len(program.recordings["talk"].events) == 25
    ben = read_coding(f"ben={tmp_path / 'results'}", Choice()).recordings["talk"]
    assert spans(ben.events) == [("fear", 1.01, 1.04, 1.09)]
    assert ben.candidates == {"event-1": "fear", "event-2": ""}
    assert (ben.seconds, ben.fps) == (50.0, 100.0)
    with pytest.raises(UsageError, match="holds nothing of carla; anna, ben reviewed it"):
        read_coding(f"carla={tmp_path / 'results'}", Choice())


def test_a_folder_of_files_is_one_coder(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    for name in ("a", "b"):
        elan(tmp_path / f"anna/{name}.eaf", code=[(0, 9, "x")])
    coding = read_coding(str(tmp_path / "anna"), Choice())
    assert coding.coder == "anna"
    assert sorted(coding.recordings) == ["a", "b"]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("AU12", ("AU12",)),
        ("AU1+AU4", ("AU1", "AU4")),
        ("1+2", ("AU1", "AU2")),
        ("AU6C, L12B", ("AU6", "AU12")),
        ("4", ()),
        ("happiness", ()),
        ("AU", ()),
        ("take 4", ()),
    ],
)
def test_action_units_of_a_label(label: str, expected: tuple[str, ...]) -> None:
    assert units(label) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("1.5", 1.5), ("1,5", 1.5), ("00:01:02.250", 62.25), ("01:02", 62.0), ("1:00:00:05", 3600.2)]
)
def test_times_in_all_their_forms(text: str, expected: float) -> None:
    assert seconds(text, fps=25.0) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "soon", "-1", "inf", "1:2:3:4:5", "1.2.3"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|is not a time from 0"):
        seconds(text, fps=25.0)
