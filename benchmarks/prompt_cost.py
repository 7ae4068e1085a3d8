"""`python -m benchmarks.prompt_cost`: what the input of one job costs, and how long it takes.

Against a stub that counts a cache as providers do: in blocks of 128 tokens, from 1,024 on, once a
prompt has been read. "Before" are six calls at once, each line with its day and minute.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

from app.catalog.categories import CATEGORIES
from app.chats.message import Message
from app.generation.context import InsightContext
from app.generation.model.answer import InsightAnswer
from app.generation.model.briefing import brief
from app.generation.model.generator import ModelGenerator
from app.generation.preparation import build_context
from app.llm.client import ModelClient
from app.llm.prices import price_of
from benchmarks.open_guard import OpenGuard
from tests.provider_stub import Behaviour, ProviderStub

CATEGORY = CATEGORIES["friendship"]
WORDS = ("we", "you", "garden", "boat", "plan", "sorry", "tomorrow", "mum", "train", "late", "ok")


def context_of(messages: int) -> InsightContext:
    """A chat of several days, in bursts as people write."""
    random, at = Random(1), datetime(2024, 5, 12, 8, 0, tzinfo=UTC)
    chat: list[Message] = []
    for number in range(1, messages + 1):
        pause_s = random.choice((8, 15, 25, 40, 90)) if random.random() > 0.03 else 9_000
        at += timedelta(seconds=pause_s)
        text = " ".join(random.choices(WORDS, k=random.randint(2, 12)))
        chat.append(Message(number, at, random.choice(("Ann", "Ben")), text))
    return build_context(chat, CATEGORY)


def long_heads(shared: str) -> str:
    """`shared` with the day and the minute on each line, as it was sent before."""
    before, _, messages = shared.partition("Messages:\n")
    day = minute = ""
    lines: list[str] = []
    for line in messages.splitlines():
        if not line.startswith("#"):
            day = line if line[:4].isdigit() and line[4:5] == "-" else day
            lines += [] if line is day else [line]
            continue
        number, first, rest = line.split(" ", 2)
        if ":" in first and first[:2].isdigit():
            minute = first
        else:
            rest = f"{first} {rest}"
        lines.append(f"{number} {day} {minute} {rest}")
    return before + "Messages:\n" + "\n".join(lines)


async def before(client: ModelClient, context: InsightContext) -> None:
    briefing = brief(context)
    shared = long_heads(briefing.shared)
    prompts = [briefing.prompt(spec, language=None) for spec in CATEGORY.insights]
    await asyncio.gather(
        *(client.complete(replace(prompt, shared=shared), InsightAnswer) for prompt in prompts)
    )


async def now(client: ModelClient, context: InsightContext) -> None:
    generator = ModelGenerator(client, price=price_of(client.name))
    job = uuid4()
    await asyncio.gather(
        *(
            generator.write(spec, context, language=None, guard=OpenGuard(job_id=job))
            for spec in CATEGORY.insights
        )
    )
    await generator.close()


async def measured(
    work: Callable[[ModelClient, InsightContext], Awaitable[None]],
    context: InsightContext,
    given: argparse.Namespace,
) -> tuple[int, int, float, float]:
    """Tokens sent, of those cached, micro-dollars of input, seconds."""
    behaviour = Behaviour(latency_s=given.latency, prefill_s=given.prefill)
    async with ProviderStub(behaviour) as stub:
        client = ModelClient(model=given.model, api_key="sk", base_url=stub.base_url)
        started = time.monotonic()
        await work(client, context)
        took_s = time.monotonic() - started
        await client.close()
    price = price_of(given.model)
    if price is None:
        raise SystemExit(f"the price of {given.model} is not known")
    sent = sum(len(stub_call.text) // 4 for stub_call in stub.received)
    cached = stub.meter.cached_tokens
    return sent, cached, (sent - cached) * price.input + cached * price.cached, took_s


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompt_cost")
    parser.add_argument("--messages", type=int, default=4_000)
    parser.add_argument("--model", default="gpt-4.1-mini")
    parser.add_argument("--latency", type=float, default=9.0, help="seconds a call takes")
    parser.add_argument("--prefill", type=float, default=1.0, help="until a prompt is cached")
    given = parser.parse_args()
    context = context_of(given.messages)
    then = await measured(before, context, given)
    today = await measured(now, context, given)
    for name, (sent, cached, cost, took_s) in (("before", then), ("now", today)):
        sys.stdout.write(
            f"{name:7}{sent:9,} tokens sent {cached:9,} cached {cost:9,.0f} µ$ {took_s:6.2f} s\n"
        )
    sys.stdout.write(
        f"input cost {today[2] / then[2]:.2f} × (≤ 0.35), wall clock {today[3] / then[3]:.2f} ×"
        " (≤ 1.25)\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
