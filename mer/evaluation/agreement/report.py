"""Agreement as Markdown with a paragraph for a methods section, and as a tidy table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mer.evaluation.agreement.figures import COMPARED, SPANS
from mer.evaluation.matching import MOMENTS
from mer.text import csv_text, printable

COLUMNS: Final = ("first", "second", "scope", "figure", "value", "low", "high")
NAMES: Final = {
    "f1": "F1 of events",
    "f1_with_label": "F1 of events with the same label",
    "found_by_second": "found by the second of the first's",
    "found_by_first": "found by the first of the second's",
    "label_agreement": "same label, of matched events",
    "kappa_labels": "kappa of labels, matched events",
    "kappa_events": "kappa of events and labels (EasyDIAg)",
    "kappa_candidates": "kappa of candidates, by label",
    "kappa_candidates_any": "kappa of candidates, accepted or not",
    "kappa_frames": "kappa of frames, by label",
    "kappa_frames_any": "kappa of frames, any event or none",
}
"""Figures of two coders as tables call them; a table leaves out those that no pair has."""


def to_csv(result: Mapping[str, Any]) -> str:
    """Return every figure of every pair on a line of its own."""
    rows = [
        {"first": "all", "second": "all", "scope": "all", "figure": name, **figure}
        for name, figure in result["all"].items()
    ]
    for pair in result["pairs"]:
        who = dict(zip(("first", "second"), pair["coders"]))
        rows += [{**who, "scope": "all", "figure": name, **figure} for name, figure in pair["figures"].items()]
        for part, figures in (*pair["classes"].items(), *pair["people"].items()):
            rows += [{**who, "scope": part, "figure": name, **figure} for name, figure in figures.items()]
        for name, spread in pair["differences_ms"].items():
            for key, value in (spread or {}).items():
                rows.append({**who, "scope": "all", "figure": f"difference_{name}_ms_{key}", "value": value})
    return csv_text(COLUMNS, [{**row, **{k: "" for k, v in row.items() if v is None}} for row in rows])


def matches_csv(result: Mapping[str, Any]) -> str:
    """Return every event of every pair on a line, matched ones together: what to look at when coders talk it over."""
    sides = ("first", "second")
    rows = []
    for pair in result["pairs"]:
        for match in pair["matches"]:
            row = {**dict(zip(sides, pair["coders"])), "recording": match["recording"]}
            row["matched"] = all(match[side] for side in sides)
            for side in sides:
                row |= {f"{name}_{side}": value for name, value in (match[side] or {}).items() if value is not None}
            rows.append(row)
    return csv_text([*sides, "recording", "matched", *(f"{name}_{side}" for side in sides for name in COMPARED)], rows)


def to_markdown(result: Mapping[str, Any]) -> str:
    """Return tables of all pairs, what was assumed, and a paragraph for a methods section."""
    lines = ["# Agreement", "", _about(result), ""]
    lines += _pair_table(result)
    lines += ["", "## Onset, apex and offset of matched events", ""]
    lines += _moment_table(result)
    lines += ["", "## By class or action unit", ""]
    lines += _class_table(result)
    if any(pair["people"] for pair in result["pairs"]):
        lines += ["", "## By person", "", *_people_table(result)]
    for pair in result["pairs"]:
        lines += [
            "",
            f"## Events of {_pair_name(pair)}",
            "",
            *_counts(pair["events"], result["labels"], pair["coders"]),
        ]
    lines += ["", "## For a methods section", "", methods(result)]
    return "\n".join(lines) + "\n"


def methods(result: Mapping[str, Any]) -> str:
    """Return how agreement was measured and how large it is, in sentences with the figures filled in."""
    lengths_s = {one["recording"]: one["seconds"] for one in result["recordings"]}
    minutes, count = sum(lengths_s.values()) / 60, len(lengths_s)
    said = [
        f"Agreement was computed with mer-live over {count} {'recording' if count == 1 else 'recordings'} "
        f"({minutes:.1f} min). Two events were matched, one to one, if their intervals had an intersection over union "
        f"of {result['min_iou']:g} or more."
    ]
    said += [_pair_sentence(pair) for pair in result["pairs"]]
    if (value := result["all"]["alpha_frames"])["value"] is not None:
        said.append(
            f"Krippendorff's alpha over frames (nominal, {len(result['coders'])} coders) was {_interval(value)}."
        )
    if result["draws"]:
        said.append(f"Brackets hold 95 % percentile intervals from {result['draws']} bootstrap samples of recordings.")
    else:
        said.append("With one recording there are no intervals over recordings.")
    return " ".join(said)


def shown_rows(result: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each figure that a pair has, and its text for every pair."""
    for name, text in NAMES.items():
        figures = [pair["figures"][name] for pair in result["pairs"]]
        if any(figure["value"] is not None for figure in figures):
            yield text, [_interval(figure) for figure in figures]


def pair_names(result: Mapping[str, Any]) -> list[str]:
    """Return what each pair is called."""
    return [_pair_name(pair) for pair in result["pairs"]]


def _about(result: Mapping[str, Any]) -> str:
    coders = ", ".join(f"{one['name']}{' (program)' if one['program'] else ''}" for one in result["coders"])
    assumed = [f"{one['name']}: {text}" for one in result["recordings"] for text in one["assumed"]]
    alpha = _interval(result["all"]["alpha_frames"])
    notes = f" Assumed: {'; '.join(assumed)}." if assumed else ""
    return printable(f"Coders: {coders}. Krippendorff's alpha of all, over frames: {alpha}.{notes}")


def _pair_table(result: Mapping[str, Any]) -> list[str]:
    lines = [_line(["", *pair_names(result)]), _line(["---"] * (1 + len(result["pairs"])))]
    for key, text in (("events_first", "events of the first"), ("events_second", "events of the second")):
        lines.append(_line([text, *(f"{pair['figures'][key]['value']:.0f}" for pair in result["pairs"])]))
    lines.append(_line(["matched", *(f"{pair['figures']['matched']['value']:.0f}" for pair in result["pairs"])]))
    return lines + [_line([text, *cells]) for text, cells in shown_rows(result)]


def _moment_table(result: Mapping[str, Any]) -> list[str]:
    lines = [
        "Second minus first, ms: mean difference, limits of agreement (Bland and Altman), each with half its 95 % "
        "confidence interval, and ICC(A,1). The ICC of a moment is high wherever events lie far apart; report that of "
        "the duration.",
        "",
        _line(["coders", "", "n", "difference", "lower limit", "upper limit", "ICC(A,1)"]),
        _line(["---"] * 7),
    ]
    for pair in result["pairs"]:
        for name in (*MOMENTS, *SPANS):
            spread = pair["differences_ms"][name]
            if spread is None:
                continue
            cells = [f"{spread[key]:.1f} ± {1.96 * spread[error]:.1f}" for key, error in _ERRORS]
            icc = _interval(pair["figures"][f"icc_{name}"])
            lines.append(_line([_pair_name(pair), name, spread["n"], *cells, icc]))
    return lines


_ERRORS: Final = (("bias", "bias_error"), ("low", "limit_error"), ("high", "limit_error"))


def _class_table(result: Mapping[str, Any]) -> list[str]:
    lines = [
        _line(["coders", "class or unit", "first", "second", "matched", "F1", "kappa of frames"]),
        _line(["---"] * 7),
    ]
    for pair in result["pairs"]:
        for part, figures in pair["classes"].items():
            counts = [f"{figures[key]['value']:.0f}" for key in ("events_first", "events_second", "matched")]
            cells = [_interval(figures[key]) for key in ("f1", "kappa_frames")]
            lines.append(_line([_pair_name(pair), part, *counts, *cells]))
    return lines


def _people_table(result: Mapping[str, Any]) -> list[str]:
    heads = ("events_first", "events_second", "matched"), ("f1", "kappa_labels", "kappa_frames")
    names = ["coders", "recording and person", "first", "second", "matched", "F1", "kappa of labels", "kappa of frames"]
    lines = [_line(names), _line(["---"] * len(names))]
    for pair in result["pairs"]:
        for name, figures in pair["people"].items():
            counts = [f"{figures[key]['value']:.0f}" for key in heads[0]]
            lines.append(_line([_pair_name(pair), name, *counts, *(_interval(figures[key]) for key in heads[1])]))
    return lines


def _counts(counts: Sequence[Sequence[int]], labels: Sequence[str], coders: Sequence[str]) -> list[str]:
    names = [*labels, "not coded"]
    lines = [_line([f"{coders[0]} \\ {coders[1]}", *names]), _line(["---"] * (1 + len(names)))]
    return lines + [_line([name, *row]) for name, row in zip(names, counts)]


def _pair_sentence(pair: Mapping[str, Any]) -> str:
    figures = pair["figures"]
    first, second = pair["coders"]
    n = {key: f"{figures[key]['value']:.0f}" for key in ("events_first", "events_second", "matched")}
    text = (
        f"{first} coded {n['events_first']} events and {second} {n['events_second']}, of which {n['matched']} matched "
        f"(F1 = {_interval(figures['f1'])})"
    )
    more = [
        f"Cohen's kappa {words} was {_interval(figures[key])}"
        for key, words in (
            ("kappa_labels", "of their labels"),
            ("kappa_candidates", "over the candidates that both judged"),
            ("kappa_frames", "over frames"),
        )
        if figures[key]["value"] is not None
    ]
    for name in ("onset", "offset"):
        if spread := pair["differences_ms"][name]:
            more.append(
                f"the {name} of {second} was {spread['bias']:.0f} ms later on average "
                f"(limits of agreement {spread['low']:.0f} to {spread['high']:.0f} ms)"
            )
    if figures["icc_duration"]["value"] is not None:
        more.append(f"ICC(A,1) of the durations was {_interval(figures['icc_duration'])}")
    return printable("; ".join([text, *more]) + ".")


def _interval(figure: Mapping[str, float | None]) -> str:
    value, low, high = (figure[key] for key in ("value", "low", "high"))
    if value is None:
        return "-"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _pair_name(pair: Mapping[str, Any]) -> str:
    return " and ".join(pair["coders"])


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(printable(cell).replace("|", "\\|") for cell in cells) + " |"
