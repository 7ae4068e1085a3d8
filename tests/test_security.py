"""The threat model has a row of every kind for every process, and what it names as proof exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
PROCESSES = {
    *("API", "Worker", "Scheduler", "PostgreSQL", "Redis", "Provider"),
    *("Browser console", "Operator's commands", "Embedded services"),
}
ROW = re.compile(r"^\| ([STRIDE]) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
LINES = re.compile(r"^\| .+ \|$", re.MULTILINE)
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))


def test_every_process_is_looked_at() -> None:
    assert set(SECTIONS) == PROCESSES


@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_a_process_has_a_row_of_each_kind_with_a_test_or_a_reason(process: str) -> None:
    rows = ROW.findall(SECTIONS[process])
    assert len(rows) == len(LINES.findall(SECTIONS[process])) - 1
    assert {kind for kind, *_ in rows} == set("STRIDE")
    assert [kind for kind, *_ in rows] == sorted((k for k, *_ in rows), key="STRIDE".index)
    for _, threat, _, proof in rows:
        named = PROOF.fullmatch(proof)
        if named is None:
            assert re.fullmatch(r"accepted, because .{20,}", proof), threat
            continue
        path, name = named.groups()
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE), threat
