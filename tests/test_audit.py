"""The audit fails unless every dependency was asked about, or it is told that it may not."""

import subprocess
import sys
from typing import Any

import pytest

from ops.audit import ALLOW, ROOT, SOURCES, SourceUnusable, audit

WELL: dict[str, Any] = {"name": "one", "version": "1", "vulns": []}
UNKNOWN = {"name": "one", "skip_reason": "not found"}
OTHER: dict[str, Any] = {"name": "other", "version": "2", "vulns": []}
BAD: dict[str, Any] = {
    "name": "one",
    "version": "1",
    "vulns": [{"id": "CVE-2026-1", "fix_versions": ["2"]}],
}
FIRST, SECOND = SOURCES


@pytest.mark.parametrize(
    ("answers", "strict", "allowed"),
    [
        ({}, 1, 0),
        ({FIRST: []}, 1, 0),
        ({FIRST: [UNKNOWN]}, 1, 0),
        ({FIRST: [UNKNOWN, OTHER]}, 1, 0),
        ({FIRST: [UNKNOWN], SECOND: [UNKNOWN]}, 1, 0),
        ({FIRST: [UNKNOWN, OTHER], SECOND: [WELL, OTHER]}, 0, 0),
        ({SECOND: [WELL]}, 0, 0),
        ({FIRST: [WELL]}, 0, 0),
        ({FIRST: [BAD]}, 1, 1),
        ({FIRST: [BAD, {**UNKNOWN, "name": "other"}]}, 1, 1),
        ({FIRST: [UNKNOWN], SECOND: [BAD]}, 1, 1),
    ],
)
def test_only_a_whole_audit_without_a_finding_passes(
    answers: dict[str, list[dict[str, Any]]],
    strict: int,
    allowed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ask(source: str) -> list[dict[str, Any]]:
        if source not in answers:
            raise SourceUnusable("away")
        return answers[source]

    assert audit(ask, may_be_unaudited=False) == strict
    said = capsys.readouterr().err
    assert ("NOT AUDITED" in said) == (strict != allowed or "other" in said)
    assert audit(ask, may_be_unaudited=True) == allowed
    if allowed:
        assert "one 1: CVE-2026-1, fixed in 2" in capsys.readouterr().err


def test_only_the_named_flag_allows_it_and_ci_says_that_it_does() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "ops/audit.py", "--quiet"], capture_output=True, check=False
    )
    assert run.returncode == 2
    ci = (ROOT / ".ci/run").read_text()
    assert f"audit={ALLOW}\n" in ci
    assert 'echo "Auditing dependencies with $audit"' in ci
    assert "$(AUDIT)" in (ROOT / "Makefile").read_text()
