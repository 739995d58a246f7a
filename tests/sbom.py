"""Writes what is installed as a software bill of materials: CycloneDX 1.6, JSON.

    python tests/sbom.py lock-all.txt sbom.json

Names, versions and licences are those of the running environment, the hashes those that the lock allows. It asks no
server; a scanner of known weaknesses (pip-audit, grype, trivy) reads the file.
"""

import importlib.metadata
import json
import re
import sys
from pathlib import Path
from typing import Any


def locked_hashes(text: str) -> dict[str, list[str]]:
    """Return the sha256 of the files that a lock allows, for each name in lower case with hyphens."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9][\w.-]*)==", line):
            name = canonical(match[1])
        found.setdefault(name, []).extend(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
    return found


def canonical(name: str) -> str:
    """Return a distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(hashes: dict[str, list[str]]) -> dict[str, Any]:
    """Return the bill of the running environment."""
    installed = {canonical(found.metadata["Name"]): found for found in importlib.metadata.distributions()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component("mer-live", installed.pop("mer-live"), [])},
        "components": [component(name, found, hashes.get(name, [])) for name, found in sorted(installed.items())],
    }


def component(name: str, found: importlib.metadata.Distribution, hashes: list[str]) -> dict[str, Any]:
    """Return one entry of the bill."""
    stated = next((found.metadata[name] for name in ("License-Expression", "License") if name in found.metadata), "")
    licence = stated.splitlines()[0][:100] if stated else ""
    return {
        "type": "library",
        "name": name,
        "version": found.version,
        "purl": f"pkg:pypi/{name}@{found.version}",
        **({"licenses": [{"license": {"name": licence}}]} if licence else {}),
        **({"hashes": [{"alg": "SHA-256", "content": digest} for digest in hashes]} if hashes else {}),
    }


if __name__ == "__main__":
    lock, target = map(Path, sys.argv[1:3])
    target.write_text(
        json.dumps(bill(locked_hashes(lock.read_text(encoding="utf-8"))), indent=1) + "\n", encoding="utf-8"
    )
