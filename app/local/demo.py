"""`sixfold demo`: the main job over HTTP, as any client would do it, shown on a terminal."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import httpx2
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.db import close_engine, open_engine
from app.local.job_bars import JobBars
from app.settings import RUN_FILE, Settings, load_settings
from app.users.auth import issue_token
from app.users.sign_in import new_code, sign_in_link

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "WhatsApp Chat with Maya.txt"
CATEGORY = "friendship"
START_TIMEOUT_S = 120.0
JOB_TIMEOUT_S = 180.0
TOKEN_S = 12 * 3600
STOP_TIMEOUT_S = 60.0
POLL_S = 0.1
EVIDENCE_SHOWN = 3
QUOTE_CHARS = 90

TERMINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})

Json = dict[str, Any]


class DemoFailed(Exception):
    """The demonstration did not come to its receipt; the message says where it stopped."""


def run_demo(*, data_dir: Path, once: bool) -> int:
    """Runs the main job on the sample chat; the exit code.

    It uses the instance of `data_dir`, and starts one if none runs there. On a terminal that one
    stays up until Ctrl-C, unless `once`.
    """
    console = Console(highlight=False)
    try:
        with _instance(data_dir, console) as settings:
            url = _run_file(data_dir)["url"]
            user = f"demo-{secrets.token_hex(4)}"
            token = issue_token(settings, user, (), TOKEN_S)
            _show_main_job(console, url, user, token)
            if not once and sys.stdout.isatty():
                _stay(console, settings, url, user)
    except (DemoFailed, httpx2.HTTPError) as error:
        console.print(f"[red]The demonstration failed:[/] {error}")
        return 1
    return 0


def _show_main_job(console: Console, url: str, user: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        before = _get(client, "/api/credits")
        chat = _upload(console, client)
        unlocked = _unlock(client, chat)
        snapshot = _follow(console, client, unlocked["links"]["events"])
        if snapshot["state"] != "succeeded":
            raise DemoFailed(f"the job {snapshot['state']}: {snapshot['message']}")
        _print_insights(console, client, chat, snapshot)
        _print_receipt(console, client, user, before, snapshot)


# The instance


@contextmanager
def _instance(data_dir: Path, console: Console) -> Generator[Settings]:
    """The settings of the instance in `data_dir`, started for as long as this lasts if need be."""
    os.environ["SIXFOLD_DATA_DIR"] = str(data_dir)
    for name in ("SIXFOLD_DATABASE_URL", "SIXFOLD_REDIS_URL"):
        os.environ.pop(name, None)  # The demonstration runs on an instance of its own.
    if _is_running(data_dir):
        yield load_settings()
        return
    console.print("Starting PostgreSQL, Valkey, API, worker and scheduler …")
    argv = [sys.executable, "-m", "app.cli", "up", "--data-dir", str(data_dir)]
    up = subprocess.Popen(argv, start_new_session=True)  # noqa: S603 (our own command)
    previous = signal.signal(signal.SIGTERM, _exit_on_signal)
    try:
        _wait_until_running(data_dir, up)
        yield load_settings()
    finally:
        signal.signal(signal.SIGTERM, previous)
        up.terminate()
        up.wait(STOP_TIMEOUT_S)


def _wait_until_running(data_dir: Path, up: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _is_running(data_dir):
        if up.poll() is not None:
            raise DemoFailed("`sixfold up` did not start; what it said stands above")
        if time.monotonic() > deadline:
            raise DemoFailed(f"`sixfold up` was not ready after {START_TIMEOUT_S:.0f} s")
        Event().wait(POLL_S)


def _is_running(data_dir: Path) -> bool:
    try:
        url = _run_file(data_dir)["url"]
        return httpx2.get(f"{url}/readyz", timeout=2).is_success
    except (OSError, ValueError, KeyError, httpx2.HTTPError):
        return False


def _run_file(data_dir: Path) -> Json:
    content: Json = json.loads((data_dir / RUN_FILE).read_bytes())
    return content


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


# The main job


def _upload(console: Console, client: httpx2.Client) -> Json:
    started = time.monotonic()
    answer = client.post(
        "/api/chats", files={"file": (SAMPLE.name, SAMPLE.read_bytes(), "text/plain")}
    )
    chat = _checked(answer, 201)
    took_s = time.monotonic() - started
    names = " and ".join(f"{one['name']} ({one['messages']})" for one in chat["participants"])
    console.print(
        f"Uploaded [b]{chat['title']}[/]: {chat['message_count']} messages by {names},"
        f" {chat['first_at'][:10]} to {chat['last_at'][:10]}, in {took_s:.2f} s"
    )
    return chat


def _unlock(client: httpx2.Client, chat: Json) -> Json:
    return _checked(
        client.post(
            "/api/insights/unlock",
            json={"chat_id": chat["id"], "category": CATEGORY},
            headers={"Idempotency-Key": secrets.token_hex(8)},
        ),
        202,
    )


def _follow(console: Console, client: httpx2.Client, events: str) -> Json:
    """The last snapshot of the stream, while six bars show how far each insight is."""
    snapshot: Json = {}
    with JobBars(console) as bars:
        for snapshot in _snapshots(client, events):
            bars.show(snapshot)
    if snapshot.get("state") not in TERMINAL:
        raise DemoFailed("the stream of events ended before the job did")
    return snapshot


def _snapshots(client: httpx2.Client, events: str) -> Iterator[Json]:
    timeout = httpx2.Timeout(30, read=JOB_TIMEOUT_S)
    with client.stream("GET", events, timeout=timeout) as stream:
        if not stream.is_success:
            stream.read()
            raise DemoFailed(f"the stream of events answered {stream.status_code}")
        for line in stream.iter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


def _print_insights(console: Console, client: httpx2.Client, chat: Json, snapshot: Json) -> None:
    for insight in snapshot["insights"]:
        content = insight["content"]
        if content is None:
            why = Text(insight["empty_reason"] or "")
            console.print(Panel(why, title=f"{insight['title']}: not charged", title_align="left"))
            continue
        body = Text(content["summary"] + "\n")
        for finding in content["findings"]:
            body.append(f"\n• {finding['claim']}\n")
            for quote in _quotes(client, chat, finding["evidence"][:EVIDENCE_SHOWN]):
                body.append(f"    {quote}\n", style="dim")
        label = content["metrics"].get("generator", "model")
        console.print(
            Panel(
                body,
                title=f"{insight['title']}: {Text(content['headline'])}",
                subtitle=f"{label} · confidence {content['confidence']:.0%}",
                title_align="left",
                subtitle_align="right",
            )
        )


def _quotes(client: httpx2.Client, chat: Json, numbers: list[int]) -> Iterator[str]:
    wanted = ",".join(str(number) for number in numbers)
    path = f"/api/chats/{chat['id']}/messages"
    for message in _get(client, path, numbers=wanted)["items"]:
        words = " ".join(message["text"].split())
        shown = words if len(words) <= QUOTE_CHARS else words[:QUOTE_CHARS] + "…"
        yield f"#{message['number']} {message['at'][:10]} {message['author']}: {shown}"


def _print_receipt(
    console: Console, client: httpx2.Client, user: str, before: Json, snapshot: Json
) -> None:
    """The receipt, from the ledger's own entries."""
    entries: list[Json] = _get(client, "/api/credits/entries", limit="100")["items"]
    of_job = [entry for entry in entries if entry["reservation_id"] == snapshot["job_id"]]
    reserved = sum(entry["amount"] for entry in of_job if entry["kind"] == "reserve")
    charges = [entry["amount"] for entry in of_job if entry["kind"] == "capture"]
    after = _get(client, "/api/credits")
    table = Table(title=f"Receipt of {user}", title_justify="left")
    table.add_column("coins")
    table.add_column("", justify="right")
    for name, coins in (
        ("before", before["available"]),
        ("reserved", reserved),
        (f"charged ({len(charges)} charge)", sum(charges)),
        ("after", after["available"]),
    ):
        table.add_row(name, str(coins))
    console.print(table)
    console.print(snapshot["message"])
    progress = snapshot["progress"]
    price = snapshot["price_coins"] * progress["completed"] // progress["total"]
    if charges != [price] or after != {"available": before["available"] - price, "held": 0}:
        raise DemoFailed("the ledger does not show exactly one charge of what was written")


def _stay(console: Console, settings: Settings, url: str, user: str) -> None:
    console.print(f"\nThe console is at [b]{url}/[/], the API's documentation at {url}/docs")
    if settings.auth_secret is not None:
        console.print("This link signs you in, once, within ten minutes:")
        link = sign_in_link(url, asyncio.run(_new_code(settings, user)))
        console.print(Text(link), soft_wrap=True)
        console.print(f"Another one: [b]sixfold sign-in {user}[/]")
    console.print("Ctrl-C ends everything.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping …")


async def _new_code(settings: Settings, user: str) -> str:
    await open_engine(settings.database_url, pool_size=1)
    try:
        return await new_code(user)
    finally:
        await close_engine()


def _get(client: httpx2.Client, path: str, **query: str) -> Json:
    return _checked(client.get(path, params=query), 200)


def _checked(answer: httpx2.Response, status: int) -> Json:
    if answer.status_code != status:
        raise DemoFailed(f"{answer.request.method} {answer.url.path}: {answer.text[:500]}")
    content: Json = answer.json()
    return content
