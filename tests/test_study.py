import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_samples import event, write_results

from realtime.commands.study import main
from realtime.study.exclusion import rule
from realtime.study.rates import PerPerson, Rate, bootstrap

PARTICIPANTS = 6


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve recordings of six people in two conditions; the second condition has twice as many events."""
    monkeypatch.chdir(tmp_path)
    lines = ["recording,participant,condition,stimulus_s"]
    for number in range(2 * PARTICIPANTS):
        name, condition = f"r{number:02d}.mp4", "sad" if number >= PARTICIPANTS else "neutral"
        onsets = [12.0 + 5 * k for k in range(4 if condition == "sad" else 2)]
        events = [event(k, onset_s) for k, onset_s in enumerate(onsets, start=1)]
        write_results(Path("results", f"r{number:02d}"), Path(name), events, watched_from_s=10.0)
        lines.append(f"{name},P{number % PARTICIPANTS},{condition},10;30")
    Path("study.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def run(*options: str) -> dict[str, list[dict[str, str]]]:
    assert main(["--study", "study.csv", "--results-dir", "results", "--out", "out", *options]) == 0
    return tables(Path("out"))


def tables(out: Path) -> dict[str, list[dict[str, str]]]:
    return {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in out.glob("*.csv")}


@pytest.mark.usefixtures("study")
def test_rates_are_per_minute_that_could_be_watched() -> None:
    conditions = {row["condition"]: row for row in run()["conditions"]}
    assert float(conditions["neutral"]["watched_minutes"]) == pytest.approx(PARTICIPANTS * 50 / 60, rel=1e-3)
    assert float(conditions["neutral"]["events_per_minute"]) == pytest.approx(2 / (50 / 60), rel=1e-3)
    assert float(conditions["sad"]["events_per_minute"]) == pytest.approx(4 / (50 / 60), rel=1e-3)


@pytest.mark.usefixtures("study")
def test_tables_have_a_row_for_each_thing_they_are_about() -> None:
    found = run()
    rows = {name: len(table) for name, table in found.items()}
    assert rows == {
        **{"events": PARTICIPANTS * 6, "recordings": 12, "participants": 12, "conditions": 2},
        **{"contrasts": 1, "timecourse": 24},
    }
    assert found["contrasts"][0]["participants_in_both"] == str(PARTICIPANTS)


@pytest.mark.usefixtures("study")
def test_an_event_in_time_that_could_not_be_watched_is_kept_and_not_counted() -> None:
    unseen = [event(1, 3.0, watchable=None), event(2, 20.0)]
    (Path("results/r00/events.jsonl")).write_text("".join(json.dumps(one) + "\n" for one in unseen))
    rows = [row for row in run()["events"] if row["recording"] == "r00.mp4"]
    assert [row["counted"] for row in rows] == ["0", "1"]


@pytest.mark.usefixtures("study")
def test_the_time_course_counts_onsets_after_each_stimulus() -> None:
    steps = [row for row in run("--before", "0", "--after", "10")["timecourse"] if row["condition"] == "neutral"]
    assert [int(row["events"]) for row in steps] == [0, 0, 6, 0, 0, 0, 0, 6, 0, 0]
    assert float(steps[2]["watched_minutes"]) == pytest.approx(12 / 60)
    assert {row["watched_time"] for row in steps} == {"by frame"}


@pytest.mark.usefixtures("study")
def test_time_before_anything_could_be_watched_is_no_exposure() -> None:
    Path("study.csv").write_text("recording,participant,stimulus_s\nr00.mp4,P0,8\n")
    steps = run("--before", "2", "--after", "4")["timecourse"]
    assert [row["from_s"] for row in steps] == ["2.0", "3.0"]


@pytest.mark.usefixtures("study")
def test_rules_leave_recordings_out_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    summary = Path("results/r03/summary.json")
    summary.write_text(summary.read_text().replace('"face_coverage": 1.0', '"face_coverage": 0.7'))
    found = run("--exclude", "face<80%", "rate<5")
    row = next(row for row in found["recordings"] if row["recording"] == "r03.mp4")
    assert (row["included"], row["excluded_by"]) == ("0", "face<80%")
    assert next(row for row in found["conditions"] if row["condition"] == "neutral")["participants"] == "5"
    assert "excluded: r03.mp4 (face<80%)" in capsys.readouterr().out


@pytest.mark.usefixtures("study")
def test_the_settings_file_gives_the_same_study_again(capsys: pytest.CaptureFixture[str]) -> None:
    run("--exclude", "face<80%", "--seed", "7", "--watchable", "3")
    capsys.readouterr()
    assert main(["--config", "out/study.toml", "--out", "again"]) == 0
    assert capsys.readouterr().err == ""
    files = sorted(path.name for path in Path("out").iterdir())
    assert files == sorted(path.name for path in Path("again").iterdir())
    assert [name for name in files if Path("out", name).read_bytes() != Path("again", name).read_bytes()] == []


@pytest.mark.usefixtures("study")
def test_what_has_changed_since_the_settings_were_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    (Path("results/r00/events.jsonl")).write_text(json.dumps(event(1, 20.0)) + "\n")
    capsys.readouterr()
    assert main(["--config", "out/study.toml", "--out", "again"]) == 0
    assert "results r00.mp4 has changed" in capsys.readouterr().err


@pytest.mark.usefixtures("study")
def test_a_stretch_counts_its_own_time_and_events() -> None:
    rows = ["r00.mp4,P0,calm,0,15", "r00.mp4,P0,sad,15,40"]
    Path("study.csv").write_text("\n".join(["recording,participant,condition,start_s,end_s", *rows]) + "\n")
    conditions = {row["condition"]: row for row in run()["conditions"]}
    assert (conditions["calm"]["events"], conditions["sad"]["events"]) == ("1", "1")
    assert float(conditions["calm"]["watched_minutes"]) == pytest.approx(5 / 60, rel=1e-3)
    assert float(conditions["sad"]["watched_minutes"]) == pytest.approx(25 / 60, rel=1e-3)


@pytest.mark.usefixtures("study")
def test_two_people_in_one_recording_are_two_participants() -> None:
    people = [{"person": n, "face_coverage": 1.0, "watchable": {"0.5": 0, "1": 0, "2": n / 4, "3": 1}} for n in (1, 2)]
    summary = Path("results/r00/summary.json")
    summary.write_text(json.dumps({**json.loads(summary.read_text()), "people": people}))
    events = [{**event(number, 20.0 + number), "person": 1 + number // 2} for number in (1, 2, 3)]
    Path("results/r00/events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    Path("study.csv").write_text("recording,participant,person\nr00.mp4,A,1\nr00.mp4,B,2\n")
    rows = {row["participant"]: row for row in run()["participants"]}
    assert (rows["A"]["events"], rows["B"]["events"]) == ("1", "2")
    assert float(rows["B"]["watched_minutes"]) == pytest.approx(2 * float(rows["A"]["watched_minutes"]))


@pytest.mark.usefixtures("study")
def test_the_page_needs_nothing_else_and_holds_the_numbers() -> None:
    rate = run()["conditions"][1]["events_per_minute"]
    page = Path("out/study.html").read_text()
    assert re.findall(r'(?:src|href)="(?!#|data:)', page) == []
    assert f"{float(rate):.3g}" in page
    assert "r11.mp4" in page


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("recording\nr00.mp4\n", "participant"),
        ("recording,participant\nr00.mp4,\n", "no participant given"),
        ("recording,participant\nmissing.mp4,P\n", "missing.mp4 has no results"),
        ("recording,participant\nr00.mp4,P\nr00.mp4,P\n", "in study.csv row 2 already"),
        ("recording,participant\nr00.mp4,P\nr00,P\n", "names one recording twice"),
        ("recording,participant,stimulus_s\nr00.mp4,P,soon\n", "'soon' is not a time"),
        ("recording,participant,start_s,end_s\nr00.mp4,P,5,5\n", "the end after the start"),
        ("recording,participant,start_s\nr00.mp4,P,500\n", "no frame from 500 s on"),
        ("recording,participant,person\nr00.mp4,P,x\n", "person 'x' is not a number"),
        ("recording,participant\n", "no rows below its header"),
    ],
)
@pytest.mark.usefixtures("study")
def test_a_table_that_makes_no_sense_is_refused(table: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("study.csv").write_text(table)
    assert main(["--study", "study.csv", "--results-dir", "results", "--out", "out"]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"source": "a", "seconds": "x"}'])
@pytest.mark.usefixtures("study")
def test_damaged_results_are_named(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("results/r05/summary.json").write_text(content)
    assert main(["--study", "study.csv", "--results-dir", "results", "--out", "out"]) == 1
    assert "r05/summary.json is not a result of mer-replay" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["face", "face<80", "rate<5%", "colour<3", "face<x%", "face=80%", "face<1.2.3%", ""])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rule|share"):
        rule(text)


def test_a_rule_compares_the_figure_it_names() -> None:
    assert rule("face<80%").excludes({"face": 0.79})
    assert not rule("face < 80 %").excludes({"face": 0.8})
    assert rule("eyes<=40").excludes({"eyes": 40.0})
    assert not rule("eyes<40").excludes({"eyes": None})


@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_interval_of_a_count_leaves_a_fortieth_on_each_side(count: int) -> None:
    """Poisson's distribution summed by hand, beside the quantiles of chi squared."""
    low, high = Rate(count, 2.0).poisson(0.95) or (0.0, 0.0)

    def at_most(k: int, mean: float) -> float:
        return float(sum(np.exp(-mean) * mean**i / float(np.prod(range(1, i + 1))) for i in range(k + 1)))

    assert at_most(count, 2.0 * high) == pytest.approx(0.025)
    assert low == 0.0 if count == 0 else 1.0 - at_most(count - 1, 2.0 * low) == pytest.approx(0.025)


def test_no_time_has_no_rate() -> None:
    assert Rate(0, 0.0).value is None
    assert Rate(0, 0.0).poisson(0.95) is None


def test_the_bootstrap_of_a_mean_agrees_with_its_normal_interval() -> None:
    generator = np.random.default_rng(1)
    people = PerPerson(generator.poisson(20.0, 400).astype(np.float64), np.full(400, 2.0))
    low, high = bootstrap(people.pooled, participants=400, resamples=4000, level=0.95, seed=3) or (0.0, 0.0)
    error = people.counts.std() / 2.0 / np.sqrt(400)
    assert low == pytest.approx(people.rate.value - 1.96 * error, abs=0.05)
    assert high == pytest.approx(people.rate.value + 1.96 * error, abs=0.05)


def test_one_participant_has_no_bootstrap() -> None:
    people: Any = PerPerson(np.array([3.0]), np.array([1.0]))
    assert bootstrap(people.pooled, participants=1, resamples=10, level=0.95, seed=0) is None
