"""What `make install` installs is pinned with the hash of every file, and by the versions that were tried."""

import re

import pytest
from sbom import bill, canonical, locked_hashes
from test_house import PROJECT, ROOT

LOCKS = ("lock-core.txt", "lock-all.txt")
UNHASHED = re.search(r"^UNHASHED = ((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {canonical(n): version for n, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert [name for name in pins(lock) if not locked_hashes(text)[name]] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_the_versions_that_were_tried(lock: str) -> None:
    tried = pins("constraints.txt")
    differing = {name: version for name, version in pins(lock).items() if tried.get(name, version) != version}
    assert differing == {}, "make lock"


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], ()), (LOCKS[1], ("train", "dev", "record", "lsl"))])
def test_every_direct_dependency_is_locked(lock: str, extras: tuple[str, ...]) -> None:
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in optional[extra])]
    names = {canonical(re.split(r"[\s<>=~!\[;]", line)[0]) for line in wanted}
    assert names - set(pins(lock)) <= {"torch"}, "make lock"


def test_only_torch_and_its_gpu_libraries_go_without_a_hash() -> None:
    assert UNHASHED is not None
    assert all(
        re.match(r"torch$|triton$|cuda-toolkit$|nvidia-", name) for name in UNHASHED[1].replace("\\", "").split()
    )


def test_the_makefile_installs_nothing_else_unhashed() -> None:
    recipes = re.findall(r"^\t\$\(PIP\) (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    free = [recipe for recipe in recipes if "--require-hashes" not in recipe]
    assert sorted(free) == ["--no-deps --no-build-isolation -e .", "-c constraints.txt torch"]


def test_the_bill_of_materials_names_what_is_installed_with_the_hashes_of_the_lock() -> None:
    made = bill({"numpy": ["ab" * 32]})
    (numpy,) = [entry for entry in made["components"] if entry["name"] == "numpy"]
    assert numpy["purl"] == f"pkg:pypi/numpy@{numpy['version']}"
    assert numpy["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert made["metadata"]["component"]["name"] == "mer-live"
