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
from app.jobs.models import JobState
from ops.write_docs import BLOCKS, with_block

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
    documented = re.findall(r"^\| `(sixfold [a-z]+(?: [a-z]+)?)", page, re.M)
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
