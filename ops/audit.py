"""Audit the locked dependencies for known vulnerabilities.

A found vulnerability exits 1. Dependencies that could not be asked about are named as such and do
not fail: without a network the rest of the checks must still be usable. pip-audit alone would
say "No known vulnerabilities found" when its service knew none of the names.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements-dev.lock"
AUDIT_TIMEOUT_S = 300
ANSWER_TIMEOUT_S = 10

UNREACHABLE = ("Could not connect", "ConnectionError", "ProxyError", "SSLError", "Timeout")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="sixfold-audit-") as folder:
        report = Path(folder) / "report.json"
        try:
            run = _run_audit(report)
        except subprocess.TimeoutExpired:
            return _say_unaudited("it did not answer in time")
        if report.exists() and report.stat().st_size:
            return judge(json.loads(report.read_text())["dependencies"])
    if any(sign in run.stderr for sign in UNREACHABLE):
        return _say_unaudited(run.stderr.strip().splitlines()[-1][:200])
    sys.stderr.write(f"The dependency audit failed:\n{run.stderr}\n")
    return 1


def judge(dependencies: list[dict[str, Any]]) -> int:
    """The exit code for pip-audit's report; says what was found and what was not looked at."""
    audited = [one for one in dependencies if "vulns" in one]
    found = [(one["name"], one["version"], v) for one in audited for v in one["vulns"]]
    for name, version, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
        sys.stderr.write(f"{name} {version}: {vulnerability['id']}, fixed in {fixed}\n")
    if not audited:
        return _say_unaudited("it knows none of the locked dependencies")
    sys.stderr.write(
        f"Dependency audit: {len(found)} known vulnerabilities in {len(audited)} dependencies"
        f"; {len(dependencies) - len(audited)} could not be audited.\n"
    )
    return 1 if found else 0


def _run_audit(report: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- the environment's own pip-audit
        [
            *(sys.executable, "-m", "pip_audit", "--progress-spinner", "off"),
            *("--require-hashes", "--disable-pip", "--requirement", str(ROOT / LOCK)),
            *("--format", "json", "--output", str(report), "--timeout", str(ANSWER_TIMEOUT_S)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=AUDIT_TIMEOUT_S,
    )


def _say_unaudited(reason: str) -> int:
    sys.stderr.write(
        f"NOT AUDITED: the vulnerability service could not be used ({reason})."
        " No dependency was checked for known vulnerabilities.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
