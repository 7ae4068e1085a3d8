"""What a run leaves behind: JSON, Markdown tables, charts, and the block of the README."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench import Row, middle
from benchmarks.charts import Bar, bar_chart

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
CHART = "throughput.svg"
HEADINGS = {
    "jobs_s": "jobs/s",
    "requests_s": "requests/s",
    "parsed_s": "parsed/s",
    "kb_a_listener": "kB a listener",
}
HIDDEN = frozenset({"max_ms", "seconds", "succeeded"})


def write_report(run: dict[str, Any]) -> Path:
    """Writes everything under `results/`; the path of the tables."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(run, indent=1, default=str) + "\n")
    for name, chart in _charts(run["scenarios"]).items():
        (RESULTS / name).write_text(chart)
    summary = RESULTS / "summary.md"
    summary.write_text(_summary(run))
    _fill_readme(run)
    return summary


def targets_table(targets: Sequence[Row]) -> str:
    """Target, measured, met."""
    marks = {True: "yes", False: "**no**", None: "not run"}
    return table(
        [
            {
                "what": row["name"],
                "target": row["target"],
                "measured": row["measured"],
                "met": marks[row["met"]],
            }
            for row in targets
        ]
    )


def table(rows: Sequence[Row]) -> str:
    """A Markdown table with a column for every name that any row has."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    names = [name for name in names if name not in HIDDEN]
    lines = [
        f"| {' | '.join(HEADINGS.get(name, name.replace('_', ' ')) for name in names)} |",
        f"|{'|'.join('---' if _is_text(rows, name) else '--:' for name in names)}|",
    ]
    lines += [f"| {' | '.join(_shown(row.get(name)) for name in names)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _summary(run: dict[str, Any]) -> str:
    parts = ["# Benchmark\n", _environment(run["environment"])]
    if "realistic" in run["scenarios"]:
        parts += [_headline(run["scenarios"]["realistic"]["rows"]), f"![Jobs a second]({CHART})\n"]
    parts += ["## Targets\n", targets_table(run["targets"])]
    parts.append("A spread reads median (least to most of the rounds).\n")
    for name, scenario in run["scenarios"].items():
        parts += [f"## {name.capitalize()}\n", f"{scenario['about']}\n", table(scenario["rows"])]
    return "\n".join(parts)


def _environment(environment: Mapping[str, Any]) -> str:
    postgres = environment["servers"]["postgres"]
    return (
        f"{environment['processor']}, {environment['cores']} cores,"
        f" {environment['memory_gb']} GB; {environment['system']};"
        f" Python {environment['python']}; PostgreSQL {postgres['server_version']}"
        f" (fsync {postgres['fsync']}, synchronous_commit {postgres['synchronous_commit']});"
        f" Valkey {environment['servers']['valkey']}; commit {environment['commit']};"
        f" {environment['seconds']:.0f} s{', quick' if environment['quick'] else ''};"
        f" load before {environment['load_average_before'][0]}.\n"
    )


def _charts(scenarios: Mapping[str, Any]) -> dict[str, str]:
    charts: dict[str, str] = {}
    for scenario, title, name in (
        ("realistic", "Jobs a second, LLM 1 s, context 1 s", CHART),
        ("overhead", "Jobs a second, LLM 0", "overhead.svg"),
        ("growth", "Jobs a second by width", "growth.svg"),
    ):
        if scenario in scenarios:
            rows = scenarios[scenario]["rows"]
            charts[name] = bar_chart(title, "jobs/s", _bars(rows), log=True)
    return charts


def _bars(rows: Sequence[Row]) -> list[Bar]:
    bars: dict[str, Bar] = {}
    for row in rows:
        name = row["contestant"]
        bars.setdefault(name, Bar(name, middle(row["jobs_s"]), name.startswith("sixfold")))
    return list(bars.values())


def _fill_readme(run: dict[str, Any]) -> None:
    """Between the markers of the README; without markers, or in a part of a run, nowhere."""
    text = README.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or "realistic" not in run["scenarios"] or run["environment"]["quick"]:
        return
    block = (
        f"\n{_headline(run['scenarios']['realistic']['rows'])}\n"
        f"![Jobs a second](benchmarks/results/{CHART})\n\n"
        f"{_environment(run['environment'])}"
    )
    README.write_text(f"{before}{BEGIN}{block}{END}{after}", encoding="utf-8")


def _headline(rows: Sequence[Row]) -> str:
    return table(
        [
            {
                "design": row["contestant"],
                "jobs/s": middle(row["jobs_s"]),
                "p50 s": middle(row["p50_ms"]) / 1000 if row.get("p50_ms") else None,
                "memory MB": middle(row["peak_mb"]) if row.get("peak_mb") else None,
                "database connections": middle(row.get("connections") or 0),
            }
            for row in rows[:3]
        ]
    )


def _is_text(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row.get(name), str) for row in rows)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        if value["min"] == value["max"]:
            return _number(value["median"])
        return f"{_number(value['median'])} ({_number(value['min'])} to {_number(value['max'])})"
    if isinstance(value, float):
        return _number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _number(value: float) -> str:
    """Three digits that say something."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
