import os
from pathlib import Path

from mer.files import write_atomically


def test_what_a_killed_process_had_written_of_a_file_goes_after_an_hour(tmp_path: Path) -> None:
    for name, age_s in (
        (".a[1].json.0123abcd.part", 7200),
        (".a[1].json.4567cdef.part", 0),
        (".b.json.89ab.part", 7200),
    ):
        (tmp_path / name).write_text("half")
        now_s = (tmp_path / name).stat().st_mtime
        os.utime(tmp_path / name, (now_s, now_s - age_s))
    write_atomically(tmp_path / "a[1].json", "whole")
    left = {".a[1].json.4567cdef.part", ".b.json.89ab.part"}  # somebody may be writing it; another file's
    assert {path.name for path in tmp_path.iterdir()} == {"a[1].json", *left}
