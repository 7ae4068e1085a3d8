"""Audit the locked dependencies for known vulnerabilities.

    python ops/audit.py                      exits 1 unless every dependency was audited
    python ops/audit.py --allow-unaudited    … or no source of advisories could be asked about it

Two sources are asked: the package index's own advisories, then, about what it did not answer, OSV.
pip-audit alone would say "No known vulnerabilities found" when its source knew none of the names.
A vulnerability that was found exits 1 in any case. `make audit AUDIT=--allow-unaudited` is for
machines that reach neither.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements-dev.lock"
AUDIT_TIMEOUT_S = 300
ANSWER_TIMEOUT_S = 10
ALLOW = "--allow-unaudited"
SOURCES = ("pypi", "osv")
NAMES_MAX = 10
REASON_CHARS_MAX = 200

Report = list[dict[str, Any]]
"""Of each dependency `name`, `version` and, if the source knows it, `vulns`."""


class SourceUnusable(Exception):
    """A source of advisories gave no report; the message is why."""


def main(arguments: list[str]) -> int:
    if set(arguments) - {ALLOW}:
        sys.stderr.write(f"usage: audit.py [{ALLOW}]\n")
        return 2
    return audit(ask, may_be_unaudited=ALLOW in arguments)


def audit(ask: Callable[[str], Report], *, may_be_unaudited: bool) -> int:
    """The exit code, by the reports that `ask` gets from each source; says what was found."""
    audited: dict[str, dict[str, Any]] = {}
    unaudited: set[str] | None = None
    for source in SOURCES:
        try:
            report = ask(source)
        except SourceUnusable as error:
            sys.stderr.write(f"{source}: not usable: {error}\n")
            continue
        known = {one["name"]: one for one in report if "vulns" in one}
        unknown = {one["name"] for one in report} - set(known)
        sys.stderr.write(f"{source}: {len(known)} dependencies known, {len(unknown)} not\n")
        audited |= {name: one for name, one in known.items() if one["vulns"] or name not in audited}
        unaudited = unknown if unaudited is None else unaudited - set(known)
        if not unaudited:
            break
    found = _count_vulnerabilities(audited)
    is_whole = bool(audited) and not unaudited
    if not is_whole:
        _say_unaudited(unaudited, told=f"allowed by {ALLOW}" if may_be_unaudited else "a failure")
    return 1 if found or not (is_whole or may_be_unaudited) else 0


def ask(source: str) -> Report:
    """The source's report about the lock, by pip-audit. Raises SourceUnusable."""
    with tempfile.TemporaryDirectory(prefix="sixfold-audit-") as folder:
        report = Path(folder) / "report.json"
        try:
            run = subprocess.run(  # noqa: S603 -- the environment's own pip-audit
                [
                    *(sys.executable, "-m", "pip_audit", "--progress-spinner", "off"),
                    *("--require-hashes", "--disable-pip", "--requirement", str(ROOT / LOCK)),
                    *("--vulnerability-service", source, "--timeout", str(ANSWER_TIMEOUT_S)),
                    *("--format", "json", "--output", str(report)),
                ],
                capture_output=True,
                text=True,
                check=False,
                timeout=AUDIT_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceUnusable("no answer in time") from error
        if not report.exists() or not report.stat().st_size:
            raise SourceUnusable(
                (run.stderr.strip().splitlines() or ["no report"])[-1][:REASON_CHARS_MAX]
            )
        return json.loads(report.read_text())["dependencies"]


def _count_vulnerabilities(audited: dict[str, dict[str, Any]]) -> int:
    """How many there are; says which."""
    found = [(one, each) for one in audited.values() for each in one["vulns"]]
    for one, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
        sys.stderr.write(
            f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in {fixed}\n"
        )
    sys.stderr.write(f"{len(found)} known vulnerabilities in {len(audited)} dependencies\n")
    return len(found)


def _say_unaudited(names: set[str] | None, *, told: str) -> None:
    listed = sorted(names or ())
    which = ", ".join([*listed[:NAMES_MAX], *(["…"] if len(listed) > NAMES_MAX else [])])
    which = f"{len(listed)} dependencies ({which})" if listed else "all dependencies"
    sys.stderr.write(f"NOT AUDITED, as no source of advisories knew them: {which}; {told}.\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
