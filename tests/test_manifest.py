import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.manifest import (
    Deviation,
    Manifest,
    Target,
    load_pair,
    manifest_path,
    read_manifest,
    sha256,
    to_json,
    write_pair,
)
from mer.errors import MerError
from mer.labels import CLASSES

CONTENT = b"what the library loads"
ONNX = Manifest(
    file="a.onnx",
    sha256=sha256(CONTENT),
    backend="onnx",
    model="convlstm",
    parameters=6002253,
    mode="gray",
    classes=CLASSES,
    none_threshold=0.3,
    temperature=1.5,
    precision="fp16-weights",
    opset=17,
    training_data="none: random weights",
    versions={"onnx": "1.17.0"},
    deviation=Deviation("torch float64", 8, 1e-4, 1e-5),
)
PLAN = replace(
    ONNX,
    file="a.plan",
    backend="tensorrt",
    precision="fp16",
    target=Target("10.3.0", "NVIDIA A10", ("8.6",), "0" * 64, 8),
)


@pytest.mark.parametrize("manifest", [ONNX, PLAN, replace(ONNX, mode="flow", deviation=None)])
def test_a_manifest_survives_the_disk(tmp_path: Path, manifest: Any) -> None:
    path = tmp_path / manifest.file
    write_pair(path, CONTENT, manifest)

    assert load_pair(path) == (manifest, CONTENT)


def test_the_json_states_the_whole_input() -> None:
    written = json.loads(to_json(replace(ONNX, mode="flow")))

    assert written["input"]["shape"] == ["n", 13, 90, 90, 3]
    assert written["input"]["dtype"] == "uint8"
    assert written["training_data"] == "none: random weights"


def test_onnx_and_plan_of_one_name_do_not_share_a_manifest(tmp_path: Path) -> None:
    assert manifest_path(tmp_path / "m.onnx") != manifest_path(tmp_path / "m.plan")


def test_an_engine_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"no\.plan does not exist"):
        read_manifest(tmp_path / "no.plan")


def test_an_engine_without_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.plan").write_bytes(CONTENT)

    with pytest.raises(MerError, match=r"no manifest: expected a\.plan\.json"):
        load_pair(tmp_path / "a.plan")


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b" ", b""])
def test_another_content_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a.onnx"
    write_pair(path, CONTENT, ONNX)
    path.write_bytes(content)

    with pytest.raises(MerError, match="truncated, damaged or another one"):
        load_pair(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": 2}, "schema"),
        ({"classes": ["joy", "joy"]}, "classes"),
        ({"classes": ["joy", "none"]}, "classes"),
        ({"classes": ["joy", 3]}, "classes"),
        ({"classes": ["joy", "fear"]}, "output"),
        ({"mode": "infrared"}, "infrared"),
        ({"mode": "rgb"}, "input"),
        ({"sha256": "../../etc/passwd"}, "sha256"),
        ({"backend": "pickle"}, "backend"),
        ({"backend": "tensorrt"}, "target"),
        ({"none_threshold": 1.5}, "none_threshold"),
        ({"none_threshold": float("nan")}, "none_threshold"),
        ({"temperature": 0.0}, "temperature"),
        ({"parameters": True}, "parameters"),
        ({"precision": "int4"}, "precision"),
        ({"deviation": 3}, "deviation"),
        ({"versions": []}, "versions"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path: Path, change: Any, why: Any) -> None:
    path = tmp_path / "a.onnx"
    write_pair(path, CONTENT, ONNX)
    manifest_path(path).write_text(json.dumps(json.loads(to_json(ONNX)) | change))

    with pytest.raises(MerError, match=why):
        read_manifest(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\xff", "{}"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: Any) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(CONTENT)
    manifest_path(path).write_text(text, encoding="latin-1")

    with pytest.raises(MerError, match="cannot be used"):
        read_manifest(path)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(MerError, match="cannot be written"):
        write_pair(tmp_path / "file" / "a.onnx", CONTENT, ONNX)
