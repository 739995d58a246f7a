"""Lets BORIS itself read a project that the tests use and export its tables, and reads these back.

BORIS is not installed with mer-live: it needs a desktop's libraries. In an environment of its own:

    python3 -m venv boris && boris/bin/pip install boris-behav-obs
    python tests/benchmarks/check_boris.py boris/bin/python

On Debian it also wants libmpv2 and libpulse-mainloop-glib0. Prints one line for each file, and fails on a difference.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mer.coding.read import Choice, read_coding

PROJECT = {
    "time_format": "hh:mm:ss",
    "project_date": "2026-01-01T00:00:00",
    "project_name": "check",
    "project_description": "",
    "project_format_version": "7.0",
    "subjects_conf": {},
    "behaviors_conf": {
        str(number): {
            "type": kind,
            "key": code[0],
            "code": code,
            "category": category,
            **dict.fromkeys(("description", "color", "modifiers", "excluded", "coding map"), ""),
        }
        for number, (code, kind, category) in enumerate(
            (("fear", "State event", "micro"), ("happiness", "State event", "micro"), ("apex", "Point event", ""))
        )
    },
    "observations": {
        "talk": {
            "file": {"1": ["talk.mp4"]},
            "type": "MEDIA",
            "date": "2026-01-01T00:00:00",
            "description": "",
            "time offset": 0.0,
            "observation time interval": [0, 0],
            "independent_variables": {},
            "media_info": {"length": {"talk.mp4": 50.0}, "fps": {"talk.mp4": 30.0}},
            "events": [
                [1.0, "", "fear", "", "", 30],
                [1.2, "", "apex", "", "", 36],
                [1.5, "", "fear", "", "", 45],
                [3.0, "", "happiness", "", "", 90],
                [3.4, "", "happiness", "", "", 102],
            ],
        }
    },
    "behavioral_categories": ["micro"],
    "independent_variables": {},
    "coding_map": {},
    "behaviors_coding_map": [],
    "converters": {},
}
EXPECTED = [("fear", 1.0, 1.2, 1.5), ("happiness", 3.0, None, 3.4)]
IN_BORIS = """
import re, sys
from boris import config, export_events, export_observation, project_functions, version
_, changed, project, message = project_functions.open_project_json("p.boris")
assert not changed and "error" not in project, (changed, message, project.get("error"))
print("BORIS", version.__version__)
chosen = {
    "selected subjects": ["No focal subject"], "selected behaviors": ["fear", "happiness", "apex"],
    "include modifiers": True, "exclude behaviors": False, "time": config.TIME_FULL_OBS,
}
talk, ethogram = project["observations"]["talk"], project["behaviors_conf"]
source = open(export_events.__file__, encoding="utf-8").read()
table, _ = export_observation.export_aggregated_events(project, chosen, "talk")[:2]
fields = source.split("def fields_type", 1)[1].split("return", 1)[0]
names = re.findall(r'"([^"]+)": (?:str|float|dt[.]datetime)', fields)
table.headers, table.title = names, "talk"
for kind in ("csv", "tsv", "xlsx", "ods"):
    done = export_observation.export_tabular_events(project, chosen, "talk", talk, ethogram, f"tabular.{kind}", kind)
    assert done[0], done
    done = export_observation.dataset_write(table, f"aggregated.{kind}", kind)
    assert done[0], done
"""


def main() -> int:
    """Run BORIS, read what it wrote, and return 0 if all is as coded."""
    python = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "p.boris").write_text(json.dumps(PROJECT))
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        subprocess.run([python, "-c", IN_BORIS], cwd=folder, env=environment, check=True)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        wrong = 0
        for path in files:
            events = read_coding(str(path), Choice()).recordings["talk"].events
            found = [(one.label, one.onset_s, one.apex_s, one.offset_s) for one in events]
            wrong += found != EXPECTED
            print(f"{path.name}: {'as coded' if found == EXPECTED else found}")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
