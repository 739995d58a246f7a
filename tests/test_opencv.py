"""What OpenCV 5 does otherwise than OpenCV 4, held on whichever version is installed.

`make test-environments` renders and replays with OpenCV 4.10 to 5; these fail on the pinned version, too.
"""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mer.process import settle
from realtime.spotting import reference

ROOT = Path(__file__).parent.parent


def test_systems_are_solved_with_a_right_side_of_two_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    original = cv2.solve

    def strict(system: Any, right_side: Any, **options: Any) -> Any:
        if right_side.ndim != 2:
            raise cv2.error("OpenCV 5: src2 is no matrix")
        return original(system, right_side, **options)

    monkeypatch.setattr(cv2, "solve", strict)
    solution = reference.solve(np.diag([2.0, 4.0]), np.array([2.0, 8.0]))
    np.testing.assert_allclose(solution, [1.0, 2.0])


@pytest.mark.parametrize("package", ["mer", "engines", "realtime"])
def test_an_absent_map_is_none_and_no_empty_array(package: str) -> None:
    calls = [
        (path.name, call)
        for path in sorted((ROOT / package).rglob("*.py"))
        for call in re.findall(r"cv2\.remap\((.*?)cv2\.INTER", path.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert [(name, call) for name, call in calls if "empty(" in call or "array(" in call] == []


def test_the_log_is_silent_on_versions_that_set_it_otherwise() -> None:
    settle()
    logging = getattr(cv2.utils, "logging", cv2)
    assert logging.getLogLevel() == 0
