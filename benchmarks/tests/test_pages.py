"""What a whole run fills into the documents, and what a part of one leaves alone."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.criticism import OBJECTIONS, criticism
from benchmarks.headline import NOT_MEASURED
from benchmarks.pages import PERFORMANCE, README, filled
from benchmarks.profile import PROFILES
from benchmarks.report import CHARTS, PUBLISHED, write_report

FIRST_PAGE_WORDS_MAX = 700
PAGE = "before\n<!-- {name}: written by make bench -->\nold\n<!-- end of {name} -->\nafter\n"


def spread(value: float) -> dict[str, float]:
    return {"median": value, "min": value / 2, "max": value * 2}


def row(name: str, jobs_s: float) -> dict[str, Any]:
    return {
        "contestant": name,
        "jobs_s": spread(jobs_s),
        "rate_s": 5.5,
        "load": "80 %",
        "transaction": "open",
        "p50_ms": 2_500.0,
        "p99_ms": 3_500.0,
        "claim_p99_ms": 9.0,
        "dead_rows": 7,
        **{"cpu_ms_job": 5.0, "all_cpu_ms_job": 12.0},
        "peak_mb": 200.0,
        "mb_in_flight": 3.0,
        "connections": 3,
        **{"lost": 2, "jobs": 100, "tries": 3, "why": "a reason"},
        "rounds": 3,
        "preparing_ms": 250.0,
    }


def invented_run(*, quick: bool = False, without: str = "") -> dict[str, Any]:
    """A run with the shape of a real one. Its numbers were measured nowhere."""
    rows = [
        row("sixfold, 2,000 in flight", 700.0),
        row("sync, a & b", 7.0),
        row("sync, gevent 1", 0.1),
    ]
    roles = {
        **dict.fromkeys(
            ("product", "product_two", "product_new", "stub_4000", "engine", "open", "before"),
            rows[0],
        ),
        **dict.fromkeys(("sync_best", "rewritten_best", "ceiling", "batched"), rows[1]),
        **dict.fromkeys(("stock", "sync", "rewritten"), rows[1]),
        "sync_configured": rows[2],
    }
    scenarios = {
        name: {"about": f"About {name}.", "rows": rows, "took_s": 1.0, **roles}
        for name in PUBLISHED - {without}
    }
    if "open_loop" in scenarios:
        scenarios["open_loop"] |= {"product": [rows[0]], "at_their_rate": [rows[0]]}
    environment = {
        **{"processor": "P", "cores": 2, "memory_gb": 1.0, "system": "S", "python": "3"},
        **{"commit": "c", "seconds": 1.0, "quick": quick, "load_average_before": [0.0]},
        "servers": {
            "postgres": {"server_version": "18", "fsync": "on", "synchronous_commit": "on"},
            "valkey": "9",
        },
    }
    target = {"name": "jobs/s", "target": "≥ 50 ×", "measured": 100.0, "met": True}
    return {"environment": environment, "scenarios": scenarios, "targets": [target]}


@pytest.fixture
def pages(tmp_path: Path) -> dict[str, Path]:
    """Copies of both documents, and a folder for results."""
    copies = {"readme": tmp_path / "README.md", "performance": tmp_path / "performance.md"}
    for page, original in zip(copies.values(), (README, PERFORMANCE), strict=True):
        page.write_text(original.read_text(encoding="utf-8"), encoding="utf-8")
    return {
        "results": tmp_path / "results",
        "criticism_page": tmp_path / "CRITICISM.md",
        **copies,
    }


def test_a_whole_run_writes_results_and_fills_both_documents(pages: dict[str, Path]):
    run = invented_run()

    summary = write_report(run, **pages)

    assert json.loads((pages["results"] / "latest.json").read_text()) == run
    readme = pages["readme"].read_text()
    assert "this design does **700 jobs/s** (350 to 1,400) at 12 ms of processor a job" in readme
    assert "](benchmarks/results/throughput.svg)" in readme
    assert len(readme.split()) <= FIRST_PAGE_WORDS_MAX
    performance = pages["performance"].read_text()
    assert "| sixfold, 2,000 in flight | 12 | 200 | 3.0 | 3 |" in performance
    assert "thousands of times fewer jobs" in performance
    for name in PUBLISHED:
        assert f"About {name}." in performance
        assert f"About {name}." in summary.read_text()
    assert "| jobs/s | ≥ 50 × | 100 | yes |" in performance
    criticism = pages["criticism_page"].read_text()
    for objection, _ in OBJECTIONS:
        assert f"**{objection}**" in criticism
    assert NOT_MEASURED not in criticism


def test_an_objection_whose_row_is_invalid_or_missing_is_answered_without_a_figure():
    run = invented_run(without="held")
    broken = {"contestant": "sync, a & b", "invalid": "3 of 9 jobs did not end"}
    run["scenarios"]["mixed"]["sync_best"] = broken

    page = criticism(run["scenarios"], "here")

    assert "the synchronous one no valid figure at the best of its settings" in page
    assert f"drowns in dead rows.** {NOT_MEASURED}" in page


def test_every_chart_of_a_run_is_valid_and_has_no_background(pages: dict[str, Path]):
    write_report(invented_run(), **pages)

    for chart in CHARTS:
        drawn = ElementTree.parse(pages["results"] / chart.file)  # noqa: S314 (ours)
        bars = [each for each in drawn.getroot() if each.tag.endswith("rect")]
        assert len(bars) == 3, "a bar for each row, and nothing behind them"


@pytest.mark.parametrize(
    "run", [invented_run(quick=True), invented_run(without="idle")], ids=["quick", "a part"]
)
def test_a_quick_run_and_a_part_of_one_fill_no_document(
    run: dict[str, Any], pages: dict[str, Path]
):
    before = {name: pages[name].read_text() for name in ("readme", "performance")}

    write_report(run, **pages)

    assert {name: pages[name].read_text() for name in before} == before
    assert (pages["results"] / "latest.json").exists()


@pytest.mark.parametrize("kind", PROFILES)
def test_the_document_has_a_place_for_every_profile(kind: str):
    text = PERFORMANCE.read_text(encoding="utf-8")

    assert filled(text, f"profile of {kind}", "new") is not None


def test_a_block_is_put_between_its_own_markers_alone():
    text = PAGE.format(name="one") + PAGE.format(name="two")

    after = filled(text, "two", r"a \1 | b")

    assert after is not None
    assert after == PAGE.format(name="one") + PAGE.format(name="two").replace("old", r"a \1 | b")
    assert filled(text, "three", "new") is None
