"""What the documents say of commands, settings, files and tests is so."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import typer

from app.cli import app as sixfold
from app.faults import Step
from app.jobs.attempt import CALL_BACKOFF_S, GRANT_FRESH_S
from app.jobs.leases import ATTEMPT_CLEANUP_S, REQUEUE_MAX_S
from app.jobs.models import JobState
from app.jobs.rescue import UNHEARD_S
from app.jobs.sweeps import (
    CLEANUP_PERIOD_S,
    ERASURE_PERIOD_S,
    RETENTION_PERIOD_S,
    RETRY_PAYMENT_PERIOD_S,
)
from app.local.children import MAX_ASYNC_TASKS
from app.settings import Settings
from app.users.deleted import POLL_S
from ops.write_docs import BLOCKS, with_block
from workers.process import METRICS_PORTS
from workers.tasks import WAKE_TIMEOUT_S

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ADR_LINES_MAX = 40
FIRST_PAGE_WORDS_MAX = 700
GLOSSARY_ROWS_MAX = 40

LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)\"""")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
TARGET = re.compile(r"`make ([a-z-]+)")
TRANSITION = re.compile(r"^ +(\w+) --> (\w+)", re.MULTILINE)


def default(setting: str) -> float:
    return Settings.model_fields[setting].default


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def by_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(command: Any, name: str) -> Iterator[str]:
    children: dict[str, Any] = getattr(command, "commands", {})
    for child_name, child in children.items():
        yield from commands(child, f"{name} {child_name}")
    if not children:
        yield name


def anchors(page: Path) -> set[str]:
    headings = HEADING.findall(FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_generated_from_the_code_is_current(name: str) -> None:
    page, written = BLOCKS[name]
    assert text_of(page) == with_block(text_of(page), name, written()), "run ops/write_docs.py"


def test_the_first_page_is_short() -> None:
    assert len(text_of(ROOT / "README.md").split()) <= FIRST_PAGE_WORDS_MAX


def test_every_promise_of_the_first_page_names_the_test_that_shows_it() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", text_of(ROOT / "README.md"), re.M)
    promises = rows[rows.index(("Promise", "Kept by", "Proof")) + 1 :]
    proofs = [TEST.fullmatch(proof) for _, _, proof in promises if "tests/" in proof]
    assert len(proofs) >= 10
    assert all(proof is not None and proof[2] for proof in proofs)


def test_the_table_of_commands_has_every_command_and_no_other() -> None:
    page = text_of(ROOT / "docs/commands.md")
    documented = re.findall(r"^\| `(sixfold [a-z-]+(?: [a-z]+)?)", page, re.M)
    assert sorted(documented) == sorted(commands(typer.main.get_command(sixfold), "sixfold"))


@pytest.mark.parametrize("page", PAGES, ids=by_page)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [first or second for first, second in LINK.findall(FENCE.sub("", text_of(page)))]
    for link in links:
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} does not exist"
        assert not anchor or anchor in anchors(target), f"{link} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=by_page)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for path, name in TEST.findall(text_of(page)):
        assert f"def {name}" in text_of(ROOT / path)


@pytest.mark.parametrize("page", PAGES, ids=by_page)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    makefile = text_of(ROOT / "Makefile")
    for target in TARGET.findall(text_of(page)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_diagram_of_a_job_has_every_state() -> None:
    arrows = TRANSITION.findall(text_of(ROOT / "docs/architecture.md"))
    drawn = {state for arrow in arrows for state in arrow}
    assert drawn >= set(JobState)


def test_the_steps_that_the_architecture_names_are_steps() -> None:
    named = re.findall(r"step `(\w+)`", text_of(ROOT / "docs/architecture.md"))
    assert named
    assert set(named) <= {str(step) for step in Step}


NUMBERS = {
    "docs/architecture.md": {
        r"none; ≤ ([\d.]+) ms": WAKE_TIMEOUT_S * 1000,
        r"within the last ([\d.]+) s \(step `renew`\)": GRANT_FRESH_S,
        r"a failed call waits ([\d.]+) s": CALL_BACKOFF_S,
        r"lasts ([\d.]+) s and is renewed": default("lease_s"),
        r"is renewed every ([\d.]+) s": default("heartbeat_s"),
        r"`attempt_until`, ([\d.]+) s after the claim": default("attempt_s") + ATTEMPT_CLEANUP_S,
        r"An \*\*attempt\*\* has ([\d.]+) s": default("attempt_s"),
        r"with ([\d.]+) s for what must still": ATTEMPT_CLEANUP_S,
        r"the next attempt \(at most ([\d.]+) min\)": REQUEUE_MAX_S / 60,
        r"the stream, and, every ([\d.]+) s": default("rescue_s"),
        r"jobs due for ([\d.]+) s or more": UNHEARD_S,
        r"`cleanup_expired_reservations` \| ([\d.]+) min": CLEANUP_PERIOD_S / 60,
        r"`retry_payment` \| ([\d.]+) min": RETRY_PAYMENT_PERIOD_S / 60,
        r"`delete_unused_chats` \| ([\d.]+) h": RETENTION_PERIOD_S / 3600,
        r"`erase_keys` \| ([\d.]+) min": ERASURE_PERIOD_S / 60,
    },
    "docs/privacy.md": {
        r"within ([\d.]+) s in all others": POLL_S,
    },
    "docs/deployment.md": {
        r"at most ([\d.]+) connections": default("db_pool_size") + default("db_pool_overflow"),
        r"worker processes\) × ([\d.]+)": default("db_pool_size") + default("db_pool_overflow"),
        r"next free one of ([\d.]+) ports": METRICS_PORTS,
        r"run again some ([\d.]+) s later": default("lease_s") + default("rescue_s"),
        r"A process holds ([\d.]+) jobs in flight": MAX_ASYNC_TASKS,
    },
}
"""What pages say in figures, and the values of the code."""


@pytest.mark.parametrize("page", NUMBERS)
def test_the_figures_of_a_page_are_those_of_the_code(page: str) -> None:
    text = text_of(ROOT / page)
    said = {pattern: [float(one) for one in re.findall(pattern, text)] for pattern in NUMBERS[page]}
    assert said == {pattern: [value] for pattern, value in NUMBERS[page].items()}


def test_all_pages_name_the_same_oldest_redis_and_postgresql() -> None:
    for name, oldest in (("Redis", "6.2"), ("PostgreSQL", "15")):
        sources = [*PAGES, *(ROOT / "app").rglob("*.py")]
        found = [re.findall(rf"{name} ([\d.]+) or newer", text_of(source)) for source in sources]
        assert {version for versions in found for version in versions} == {oldest}


def test_the_glossary_is_short_and_every_name_in_it_exists() -> None:
    rows = re.findall(r"^\| .+ \| `([\w.]+)` \|$", text_of(ROOT / "docs/glossary.md"), re.M)
    assert 20 <= len(rows) <= GLOSSARY_ROWS_MAX
    for name in rows:
        assert resolve_name(name) is not None


def test_every_dependency_has_its_row_and_what_is_written_by_hand_exists() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    text, _, by_hand = text_of(ROOT / "docs/dependencies.md").partition("## Written by hand")
    rows = re.findall(r"^\| `([\w-]+)` \| .+ \| .+ \| \S+, \d{4}-\d\d-\d\d \| .+ \|$", text, re.M)
    assert sorted(rows) == sorted(re.split(r"[^\w-]", one)[0] for one in wanted)
    places = re.findall(r"^\| .+ \| `([\w/.]+)` \| .+ \|$", by_hand, re.M)
    assert len(places) > 10
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_every_decision_is_short_numbered_and_says_what_was_rejected() -> None:
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = text_of(page)
        assert len(text.splitlines()) <= ADR_LINES_MAX
        assert text.startswith(f"# {int(page.name[:4])}. ")
        for part in ("Context", "Decision", "Consequences", "Rejected"):
            assert f"\n## {part}\n" in text, f"{page.name} has no {part}"
