"""The list of MEGC2019: what is in it, and what is said where a user's annotation differs."""

from collections import Counter
from pathlib import Path

import pytest

from mer.data import megc2019
from mer.data.sample import Sample
from mer.errors import UsageError


def sample(dataset: str, subject: str, clip: str, label: str = "surprise") -> Sample:
    return Sample(subject, clip, Path(clip), 200.0, 0, 5, 12, label, dataset)


IN_THE_LIST = (
    sample("casme2", "casme2.01", "EP02_01f", "happiness"),
    sample("samm", "samm.006", "006_1_2", "anger"),
    sample("smic-hs", "smic-hs.s01", "s1_ne_01", "negative"),
)


def test_the_list_has_the_published_numbers_of_clips() -> None:
    lines = Path(megc2019.__file__).with_suffix(".txt").read_text().split("\n")[:-1]
    assert len(set(lines)) == 442
    assert Counter(line.split()[0] for line in lines) == {"casme2": 145, "samm": 133, "smic-hs": 164}
    assert {name: (part.clips, sum(part.classes)) for name, part in megc2019.PUBLISHED.items()} == {
        "casme2": (145, 145),
        "samm": (133, 133),
        "smic-hs": (164, 164),
    }
    assert sum(part.people for part in megc2019.PUBLISHED.values()) == 68


def test_clips_of_the_list_are_kept_and_counted_beside_the_published_numbers() -> None:
    kept, remarks = megc2019.select(IN_THE_LIST)
    assert kept == list(IN_THE_LIST)
    assert "megc2019, casme2: 1 of 145 clips, 1 of 24 people; negative 0 of 88, positive 1 of 32, surprise 0 of 25" in (
        remarks
    )
    assert any(text.startswith("casme2: 144 clips of the list are not among the usable rows") for text in remarks)


@pytest.mark.parametrize(("subject", "clip"), [("1", "ep02_01F"), ("01", "EP2_1f"), ("sub01", "EP02_01f")])
def test_leading_zeros_and_case_do_not_matter(subject: str, clip: str) -> None:
    kept, _ = megc2019.select([sample("casme2", subject, clip)])
    assert len(kept) == 1


def test_clips_that_are_not_in_the_list_are_left_out_and_named() -> None:
    kept, remarks = megc2019.select([*IN_THE_LIST, sample("casme2", "casme2.99", "EP02_01f")])
    assert len(kept) == 3
    assert "casme2: 1 clips of the composite's emotions are not in the list: casme2.99/EP02_01f (surprise)" in remarks


def test_a_clip_of_the_list_that_is_annotated_otherwise_here_is_named() -> None:
    kept, remarks = megc2019.select([sample("casme2", "01", "EP02_01f", "others")])
    assert kept == []
    assert any("label outside of the composite here: 01/EP02_01f (others)" in text for text in remarks)


def test_missing_parts_are_named() -> None:
    _, remarks = megc2019.select(IN_THE_LIST[:1])
    assert remarks[-1] == "megc2019: samm, smic-hs not given; figures are not those of the whole composite"


def test_other_datasets_have_no_part_in_it() -> None:
    with pytest.raises(UsageError, match="no part 'mmew'; its parts are casme2, samm, smic-hs"):
        megc2019.select([sample("mmew", "S01", "S01-01-001")])
