"""`sixfold …`: the commands of operators."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import orjson
import typer

from app.chats.key_storage import erase_deleted_keys
from app.chats.rewrapping import rewrap_keys
from app.command_running import explained, print_json, refuse, seconds_of, with_engine
from app.costs.bill import BadSince, parse_since, read_bill
from app.costs.text import bill_text
from app.credits.accounts import adjust_coins, grant_coins, known_balance
from app.credits.invariants import check_invariants
from app.credits.service import GRANT_COINS_MAX, Entry
from app.crypto import KeyRing
from app.errors import DomainError
from app.export.user_archive import user_archive
from app.jobs.archive import MONTHS_KEPT, MONTHS_KEPT_MIN, archive_jobs
from app.jobs.models import JobState
from app.jobs.operations import find_job, list_jobs, release_job, requeue_job
from app.jobs.refund import refund_job
from app.jobs.user_deletion import DeletedUser
from app.jobs.user_deletion import delete_user as delete_all_of_user
from app.llm.ping import ping_model
from app.local.demo import run_demo
from app.local.job_bars import shown_snapshots
from app.local.supervisor import run_up
from app.logging import configure_logging
from app.progress.feedback import count_feedback, feedback_text
from app.progress.snapshots import QueuePositions
from app.progress.subscriptions import SnapshotFeed, watch
from app.settings import (
    DATA_DIR_DEFAULT,
    instance_url,
    load_api_settings,
    load_settings,
    shows_tracebacks,
)
from app.users.auth import issue_token
from app.users.sign_in import new_code, sign_in_link

Result = TypeVar("Result")

ROOT = Path(__file__).resolve().parent.parent
OPERATOR = "operator"

app = typer.Typer(
    name="sixfold",
    help="Sells AI insights about a chat for coins.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"sixfold {version('sixfold')}")
        raise typer.Exit


@app.callback()
def sixfold(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Sells AI insights about a chat for coins."""


jobs = typer.Typer(help="Find a job, start it now, or give its coins back.", no_args_is_help=True)
app.add_typer(jobs, name="jobs")
llm = typer.Typer(help="The language model that writes insights.", no_args_is_help=True)
app.add_typer(llm, name="llm")

DataDir = Annotated[
    Path, typer.Option(envvar="SIXFOLD_DATA_DIR", help="Folder of the embedded instance.")
]


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of the API; 0 chooses one.")] = 0,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
) -> None:
    """Run everything here, PostgreSQL and Valkey included, until Ctrl-C or SIGTERM."""
    raise typer.Exit(run_up(data_dir=data_dir, port=port, workers=workers))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Run the API."""
    from app.main import serve as serve_api  # It builds every route; other commands do not need it.

    serve_api(load_api_settings(), host=host, port=port)


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="Alembic revision to go to.")] = "head",
) -> None:
    """Bring the database up to date."""
    # A fifth of the start of every command, and no other needs it.
    from alembic import command
    from alembic.config import Config

    command.upgrade(Config(ROOT / "alembic.ini"), revision)


@app.command()
def token(
    user: str,
    scope: Annotated[list[str] | None, typer.Option(help="A scope; may be repeated.")] = None,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 30m, 12h, 7d.")] = "12h",
) -> None:
    """Print a token of a user, alone on the last line."""
    try:
        printed = issue_token(load_settings(), user, scope or (), seconds_of(ttl))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(printed)


@app.command(name="sign-in")
def sign_in(
    user: str,
    url: Annotated[str | None, typer.Option(help="Of the API; else that of the instance.")] = None,
) -> None:
    """Print a link that signs a user in here, once, within ten minutes; alone on the last line."""
    settings = load_settings()
    found = url or instance_url(settings.data_dir)
    if found is None:
        raise typer.BadParameter(
            f"no instance runs in {settings.data_dir}: name the API", param_hint="--url"
        )
    try:
        code = _run(lambda: new_code(user))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(sign_in_link(found, code))


def _granted(coins: int) -> int:
    if 1 <= coins <= GRANT_COINS_MAX:
        return coins
    told = f"a grant is of 1 to {GRANT_COINS_MAX:,} coins, not of {coins:,}"
    if coins < 0:
        told += f"; `sixfold adjust USER --coins {coins}` takes coins away"
    raise typer.BadParameter(told)


@app.command(context_settings={"ignore_unknown_options": True})  # -5 is a number, no option.
def grant(
    user: str,
    coins: Annotated[int, typer.Argument(callback=_granted)],
    reason: Annotated[str, typer.Option(help="Shown in the user's statement.")],
    reference: Annotated[str, typer.Option(help="Makes the grant happen once.")],
) -> None:
    """Give coins to a user, once for each reference."""
    entry, is_new = _run(
        lambda: grant_coins(user, coins=coins, reason=reason, reference=reference, actor=OPERATOR)
    )
    print_json({"granted": is_new, "entry": entry})


@app.command()
def adjust(
    user: str,
    coins: Annotated[int, typer.Option(help="Coins to add; negative ones are taken.")],
    reason: Annotated[str, typer.Option(help="Shown in the user's statement.")],
    reference: Annotated[str, typer.Option(help="Makes the adjustment happen once.")],
) -> None:
    """Correct a user's coins by hand, once for each reference."""
    entry, is_new = _run(
        lambda: adjust_coins(user, coins=coins, reason=reason, reference=reference, actor=OPERATOR)
    )
    print_json({"adjusted": is_new, "entry": entry})


@app.command()
def refund(
    job: UUID,
    reason: Annotated[str, typer.Option(help="Shown in the user's statement.")],
) -> None:
    """Give the coins of a charged job back, hide its content, open its category again."""

    async def refund_it() -> tuple[Entry, bool]:
        found = await find_job(job)
        return await refund_job(found.user_id, job, reason=reason, actor=OPERATOR)

    entry, is_new = _run(refund_it)
    print_json({"refunded": is_new, "entry": entry})


@app.command()
def balance(user: str) -> None:
    """Print what a user has and what is held; exit 1 if there is no such user."""
    print_json(_run(lambda: known_balance(user)))


@app.command()
def check() -> None:
    """Check every invariant of the ledger; exit 1 when one is violated."""
    findings = _run(check_invariants)
    violations = sum(finding.violations for finding in findings)
    print_json({"healthy": violations == 0, "violations": violations, "invariants": findings})
    raise typer.Exit(1 if violations else 0)


@app.command()
def archive(
    months: Annotated[
        int, typer.Option(min=MONTHS_KEPT_MIN, help="Whole months that stay where they are.")
    ] = MONTHS_KEPT,
) -> None:
    """Move old jobs of deleted chats, with all that the ledger has of them, to the archive."""

    async def archive_all() -> None:
        async for moved in archive_jobs(months_kept=months):
            print_json(moved)

    _run(archive_all, as_owner=True)


@app.command()
def rewrap() -> None:
    """Move the key of every chat under the current master key; exit 1 while one is left."""
    told = _run(lambda: rewrap_keys(KeyRing(load_settings().master_keys)))
    print_json(told)
    raise typer.Exit(0 if told.is_complete else 1)


@app.command()
def export_user(
    user: str,
    to: Annotated[Path, typer.Option(help="The archive to write; it must not exist.")],
) -> None:
    """Write a ZIP archive of everything that is stored of a user."""

    async def export_all() -> int:
        keyring, size = KeyRing(load_settings().master_keys), 0
        with to.open("xb") as file:
            to.chmod(0o600)
            async for piece in user_archive(user, keyring):
                size += file.write(piece)
        return size

    print_json({"user_id": user, "file": to, "bytes": _run(export_all)})


@app.command()
def delete_user(
    user: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy the keys of all of a user's chats; the ledger keeps a pseudonym. For good."""
    if not yes:
        typer.confirm(f"Delete {user} and all that is stored of them?", abort=True)

    async def delete_and_erase() -> DeletedUser:
        deleted = await delete_all_of_user(user)
        await erase_deleted_keys()
        return deleted

    print_json(_run(delete_and_erase))


@app.command()
def costs(
    since: Annotated[
        str, typer.Option(help="First day (UTC), as 2026-11-01 or 7d for seven days ago.")
    ] = "7d",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what models cost and what coins came in, by day, model and category."""
    try:
        first = parse_since(since, today=datetime.now(UTC).date())
    except BadSince as error:
        raise typer.BadParameter(str(error), param_hint="--since") from error
    bill = _run(lambda: read_bill(first))
    if as_json:
        told = {"since": bill.since, "costs": bill.costs, "earned": bill.earned}
        print_json(told | {"totals": bill.totals})
    else:
        typer.echo(bill_text(bill))


@app.command()
def feedback(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print how many findings users call right, wrong or unkind, by insight, prompt and writer."""
    counts = _run(count_feedback)
    if as_json:
        print_json({"feedback": counts})
    else:
        typer.echo(feedback_text(counts))


@app.command(name="watch")
def watch_job(job: UUID) -> None:
    """Follow a job until it ends: bars on a terminal, elsewhere a line of JSON for each change."""
    _run(lambda: _watch(job))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit after the receipt.")] = False,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """The main job on a sample chat: upload, unlock, six insights, the receipt."""
    raise typer.Exit(run_demo(data_dir=data_dir, once=once))


@jobs.command(name="list")
def list_(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
) -> None:
    """Print jobs, newest first, one line of JSON each."""
    for job in _run(lambda: list_jobs(state=state, limit=limit)):
        typer.echo(orjson.dumps(job, default=str))


@jobs.command()
def show(job: UUID) -> None:
    """Print a job."""
    print_json(_run(lambda: find_job(job)))


@jobs.command()
def requeue(job: UUID) -> None:
    """Make a waiting job, or one whose charge waits, due now."""
    print_json(_run(lambda: requeue_job(job)))


@jobs.command()
def release(
    job: UUID,
    reason: Annotated[str, typer.Option(help="Kept in the ledger.")],
) -> None:
    """End a job that has not been charged, and give its coins back."""
    print_json(_run(lambda: release_job(job, reason=reason)))


@llm.command()
def ping() -> None:
    """Ask the configured model once: which it is, how long it takes, how many tokens."""
    settings = load_settings()
    configure_logging(json=settings.log_json, level="WARNING")  # Standard output is for the answer.
    is_well, told = asyncio.run(ping_model(settings))
    print_json(told)
    raise typer.Exit(0 if is_well else 1)


def main() -> None:
    """The console script. A failure is one line and exit code 1; at level DEBUG a traceback."""
    try:
        app()
    except Exception as error:
        if shows_tracebacks():
            raise
        raise SystemExit(f"sixfold: {explained(error)}") from None


async def _watch(job_id: UUID) -> None:
    job = await find_job(job_id)
    keyring = KeyRing(load_settings().master_keys)
    feed = SnapshotFeed(keyring, QueuePositions(), stopping=asyncio.Event())
    with shown_snapshots() as show:
        async for event in watch(feed, job.user_id, job_id, after_version=None):
            # An operator sees how far it is, not what it says.
            hidden = {"insights": {"__all__": {"content", "empty_reason"}}}
            show(event.snapshot.model_dump(mode="json", exclude=hidden))
    await feed.close()


def _run(work: Callable[[], Awaitable[Result]], *, as_owner: bool = False) -> Result:
    """The result of `work`, on the event loop of this command."""
    try:
        return asyncio.run(with_engine(work, as_owner=as_owner))
    except DomainError as error:
        refuse(error)


if __name__ == "__main__":
    main()
