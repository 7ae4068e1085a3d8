"""What a run leaves behind: JSON, Markdown tables, charts, and the blocks of the documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import Row, middle
from benchmarks.charts import Bar, bar_chart
from benchmarks.criticism import criticism
from benchmarks.headline import headline, real_chats
from benchmarks.pages import CRITICISM, PERFORMANCE, README, fill
from benchmarks.tables import table

SPREAD = "A spread reads median (least to most of the rounds)."
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
    log: bool = False


CHARTS = (
    Chart("mixed", "Chats of 200 to 100,000 messages", "jobs/s", "jobs_s", CHART),
    Chart("even", "Chats of 4,000 messages", "ms of processor a job", "all_cpu_ms_job", "cost.svg"),
    Chart("overhead", "Jobs a second, LLM 0", "jobs/s", "jobs_s", "overhead.svg", log=True),
    Chart("growth", "Jobs a second by width", "jobs/s", "jobs_s", "growth.svg", log=True),
    Chart("growth", "Memory of the workers by width", "MB", "peak_mb", "memory.svg"),
)
PUBLISHED = frozenset(
    {
        *(
            "even",
            "mixed",
            "whole_job",
            "open_loop",
            "waiting",
            "overhead",
            "unlock",
            "idle",
            "connect",
        ),
        *("growth", "backlog", "held", "stream", "imports"),
    }
)
"""The scenarios with a block in docs/performance.md; a run without one of them fills no page."""


def write_report(
    run: dict[str, Any],
    *,
    results: Path = RESULTS,
    readme: Path = README,
    performance: Path = PERFORMANCE,
    criticism_page: Path = CRITICISM,
) -> Path:
    """Writes everything under `results`, and what the pages hold; the path of the tables."""
    results.mkdir(exist_ok=True)
    (results / "latest.json").write_text(json.dumps(run, indent=1, default=str) + "\n")
    for name, chart in _charts(run["scenarios"]).items():
        (results / name).write_text(chart)
    summary = results / "summary.md"
    summary.write_text(_summary(run))
    if is_claim(run):
        _fill_pages(run, readme=readme, performance=performance)
        criticism_page.write_text(criticism(run["scenarios"], _environment(run["environment"])))
    return summary


def is_claim(run: Mapping[str, Any]) -> bool:
    """Whether a run is whole: a quick one, or a part of one, fills no page."""
    return not run["environment"]["quick"] and set(run["scenarios"]) >= PUBLISHED


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


def _summary(run: dict[str, Any]) -> str:
    parts = ["# Benchmark\n", _environment(run["environment"])]
    if "mixed" in run["scenarios"]:
        parts += [headline(run["scenarios"]), f"\n![Jobs a second]({CHART})\n"]
    parts += ["## Targets\n", targets_table(run["targets"])]
    parts.append(f"{SPREAD}\n")
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
    scenarios = run["scenarios"]
    environment = _environment(run["environment"])
    chart = _picture("Jobs a second", f"benchmarks/results/{CHART}")
    fill(readme, "benchmark", f"{chart}\n{real_chats(scenarios)}\n")
    fill(performance, "headline", f"{headline(scenarios)}\n\n{environment}")
    fill(performance, "targets", f"{targets_table(run['targets'])}\n{environment}")
    for name in PUBLISHED:
        tables = f"{scenarios[name]['about']}\n\n{table(scenarios[name]['rows'])}"
        pictures = (
            _picture(chart.title, f"../benchmarks/results/{chart.file}")
            for chart in CHARTS
            if chart.scenario == name
        )
        fill(performance, name, "\n".join([tables, *pictures]))


def _picture(title: str, path: str) -> str:
    return f"![{title}]({path})\n"
