"""Commands that cannot do their work say why in one line, and end with a code that is not 0."""

import asyncio
import socket
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.support.environment import AUTH_SECRET
from tests.support.processes import ROOT, worker

PASSWORD = "wr0ng-s3cr3t"


async def _ended(environment: dict[str, str], *argv: str) -> tuple[int | None, str, str]:
    """The exit code and both outputs of `python …`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *argv),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


def _broken(environment: dict[str, str], fault: str) -> tuple[dict[str, str], str]:
    """The environment with that fault, and what the line says of it."""
    url = environment["SIXFOLD_DATABASE_URL"]
    environment = {**environment}
    del environment["SIXFOLD_MIGRATION_DATABASE_URL"]  # Commands of the owner go there, too.
    base, _, database = url.rpartition("/")
    scheme, _, host = base.rpartition("@")
    match fault:
        case "no server":
            return environment | {"SIXFOLD_DATABASE_URL": "postgresql://u:p@127.0.0.1:9/s"}, "9"
        case "wrong password":
            user = scheme.rpartition(":")[0]
            return environment | {
                "SIXFOLD_DATABASE_URL": f"{user}:{PASSWORD}@{host}/{database}"
            }, "28P01"
        case "no database":
            return environment | {"SIXFOLD_DATABASE_URL": f"{base}/nothing"}, "3D000"
        case "no such name":
            return environment | {
                "SIXFOLD_DATABASE_URL": "postgresql://u:p@sixfold.invalid/s"
            }, "cannot be resolved"
        case "not honoured":
            return environment | {
                "SIXFOLD_DATABASE_URL": f"{url}?channel_binding=require"
            }, "channel_binding"
        case "missing setting":
            return {
                key: value for key, value in environment.items() if key != "SIXFOLD_REDIS_URL"
            }, "SIXFOLD_REDIS_URL"
        case _:
            raise AssertionError(fault)


def _is_one_line(errors: str, why: str) -> bool:
    assert PASSWORD not in errors
    assert AUTH_SECRET not in errors
    return len(errors.strip().splitlines()) == 1 and why in errors


@pytest.mark.parametrize(
    "fault",
    ["no server", "wrong password", "no database", "no such name", "not honoured"],
)
async def test_a_command_without_its_database_says_why(
    environment: dict[str, str], fault: str, tmp_path: Path
) -> None:
    broken, why = _broken(environment, fault)
    broken |= {"SIXFOLD_DATA_DIR": str(tmp_path)}
    commands = (("check",), ("migrate",))
    ended = await asyncio.gather(*(_ended(broken, "-m", "app.cli", *one) for one in commands))
    for command, (code, output, errors) in zip(commands, ended, strict=True):
        assert code == 1, command
        assert output == "", command
        assert _is_one_line(errors, why), (command, errors)


async def test_a_check_that_is_cut_short_does_not_say_that_the_database_cannot_be_reached(
    environment: dict[str, str], tmp_path: Path
) -> None:
    url = environment["SIXFOLD_DATABASE_URL"]
    slow = environment | {
        "SIXFOLD_DATABASE_URL": f"{url}?options=-c%20statement_timeout%3D50",
        "SIXFOLD_DATA_DIR": str(tmp_path),
    }
    stranger = await asyncpg.connect(url)
    try:
        async with stranger.transaction():
            await stranger.execute("LOCK TABLE accounts")
            code, output, errors = await _ended(slow, "-m", "app.cli", "check")
    finally:
        await stranger.close()
    assert (code, output) == (1, "")
    assert _is_one_line(errors, "took too long")
    assert "reach" not in errors


@pytest.mark.parametrize("process", ["api", "worker", "scheduler"])
async def test_a_process_without_a_setting_ends_with_it(
    environment: dict[str, str], process: str, tmp_path: Path
) -> None:
    broken, why = _broken(environment, "missing setting")
    scheduler = ("-m", "taskiq", "scheduler", "workers.scheduler:scheduler")
    argv = {
        "api": ("-m", "app.cli", "serve"),
        "worker": worker("--no-configure-logging", "--workers", "2"),
        "scheduler": (*scheduler, "--no-configure-logging"),
    }[process]
    code, _, errors = await _ended(broken | {"SIXFOLD_DATA_DIR": str(tmp_path)}, *argv)
    assert code != 0
    assert _is_one_line(errors, why), errors


async def test_an_api_whose_port_is_taken_says_so(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, errors = await _ended(environment, "-m", "app.cli", "serve", "--port", port)
    assert code != 0
    assert [line for line in errors.splitlines() if "address already in use" in line], errors
    assert "Traceback" not in errors


async def test_a_setting_can_ask_for_the_whole_story(environment: dict[str, str]) -> None:
    broken, _ = _broken(environment, "no server")
    broken |= {"SIXFOLD_LOG_LEVEL": "DEBUG"}
    _, _, errors = await _ended(broken, "-m", "app.cli", "migrate")
    assert "Traceback" in errors
