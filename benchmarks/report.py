"""What a run leaves behind: JSON, Markdown tables, charts, and the block of the README."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import Row, middle
from benchmarks.charts import Bar, bar_chart
from benchmarks.pages import PERFORMANCE, README, fill

RESULTS = Path(__file__).parent / "results"
CHART = "throughput.svg"


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar for the `number` of each row of a scenario."""

    scenario: str
    title: str
    unit: str
    number: str
    file: str
    log: bool = True


CHARTS = (
    Chart("realistic", "Jobs a second, LLM 1 s, context 1 s", "jobs/s", "jobs_s", CHART),
    Chart("overhead", "Jobs a second, LLM 0", "jobs/s", "jobs_s", "overhead.svg"),
    Chart("growth", "Jobs a second by width", "jobs/s", "jobs_s", "growth.svg"),
    Chart("growth", "Memory of the workers by width", "MB", "peak_mb", "memory.svg", log=False),
)
PUBLISHED = frozenset(
    {"overhead", "realistic", "unlock", "idle", "connect", "growth", "backlog", "stream", "imports"}
)
"""The scenarios with a block in docs/performance.md; a run without one of them fills no page."""
HEADINGS = {
    "jobs_s": "jobs/s",
    "requests_s": "requests/s",
    "parsed_s": "parsed/s",
    "kb_a_listener": "kB a listener",
    "cpu_ms_job": "CPU ms a job",
    "postgres_cpu_ms_job": "PostgreSQL CPU ms a job",
}
HIDDEN = frozenset({"max_ms", "seconds"})


def write_report(
    run: dict[str, Any],
    *,
    results: Path = RESULTS,
    readme: Path = README,
    performance: Path = PERFORMANCE,
) -> Path:
    """Writes everything under `results`, and the blocks of both pages; the path of the tables."""
    results.mkdir(exist_ok=True)
    (results / "latest.json").write_text(json.dumps(run, indent=1, default=str) + "\n")
    for name, chart in _charts(run["scenarios"]).items():
        (results / name).write_text(chart)
    summary = results / "summary.md"
    summary.write_text(_summary(run))
    _fill_pages(run, readme=readme, performance=performance)
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
        parts += [_headline(run["scenarios"]["realistic"]), f"![Jobs a second]({CHART})\n"]
    parts += ["## Targets\n", targets_table(run["targets"])]
    parts.append("A spread reads median (least to most of the rounds).\n")
    for name, scenario in run["scenarios"].items():
        parts += [
            f"## {name.capitalize()} ({scenario['took_s']:.0f} s)\n",
            f"{scenario['about']}\n",
            table(scenario["rows"]),
        ]
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
    return {
        chart.file: bar_chart(
            chart.title,
            chart.unit,
            _bars(scenarios[chart.scenario]["rows"], chart.number),
            log=chart.log,
        )
        for chart in CHARTS
        if chart.scenario in scenarios
    }


def _bars(rows: Sequence[Row], number: str) -> list[Bar]:
    bars: dict[str, Bar] = {}
    for row in rows:
        name = row["contestant"]
        value = middle(row.get(number) or 0.0)
        bars.setdefault(name, Bar(name, value, name.startswith("sixfold")))
    return list(bars.values())


def _fill_pages(run: dict[str, Any], *, readme: Path, performance: Path) -> None:
    """The blocks of the documents; a quick run or a part of one is no claim and fills none."""
    scenarios = run["scenarios"]
    if run["environment"]["quick"] or not set(scenarios) >= PUBLISHED:
        return
    environment = _environment(run["environment"])
    headline = _headline(scenarios["realistic"])
    chart = _picture("Jobs a second", f"benchmarks/results/{CHART}")
    fill(readme, "benchmark", f"{headline}\n{chart}\n{environment}")
    fill(performance, "targets", f"{targets_table(run['targets'])}\n{environment}")
    for name in PUBLISHED:
        shown = f"{scenarios[name]['about']}\n\n{table(scenarios[name]['rows'])}"
        pictures = (
            _picture(chart.title, f"../benchmarks/results/{chart.file}")
            for chart in CHARTS
            if chart.scenario == name
        )
        fill(performance, name, "\n".join([shown, *pictures]))


def _picture(title: str, path: str) -> str:
    return f"![{title}]({path})\n"


def _headline(scenario: Mapping[str, Any]) -> str:
    """The product, the sync design at its best and as configured, which counts as 1 ×."""
    rows = [scenario[name] for name in ("product", "sync_best", "sync_configured")]
    return table(
        [
            {
                "design": row["contestant"],
                "jobs/s": middle(row["jobs_s"]),
                "×": middle(row["jobs_s"]) / max(middle(rows[-1]["jobs_s"]), 1e-9),
                "p50 s": middle(row["p50_ms"]) / 1000 if row.get("p50_ms") else None,
                "memory MB": middle(row["peak_mb"]) if row.get("peak_mb") else None,
                "database connections": middle(row.get("connections") or 0),
            }
            for row in rows
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
