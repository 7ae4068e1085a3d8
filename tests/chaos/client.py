"""One user's requests: sent again, with the same key, until there is an answer."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx2

from tests.chaos.history import History, Json, Kind, Operation, Outcome, Try, end

TIMEOUT_S = 8.0
IMPATIENT_S = 0.25
"""Some clients give up this early: their next try meets the first one still at work."""
IMPATIENT_SHARE = 0.06
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 0.6
TRY_AGAIN = frozenset({429, 500, 502, 503})
ERRORS_MAX = 4
"""After so many internal errors an operation is given up: another try will not help."""


class Client:
    """Speaks to every API process in turn. A lost answer is no answer: it asks again."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        urls: Sequence[str],
        history: History,
        token_of: Callable[[str], str],
        seed: str,
    ) -> None:
        self._http = http
        self._urls = urls
        self._history = history
        self._token_of = token_of
        self._drawn = random.Random(seed)
        self.give_up_at = float("inf")
        """`time.monotonic()` after which an unanswered operation is left open."""

    async def unlock(
        self, user: str, key: str, chat: str, category: str, *, at_once: int = 1
    ) -> Operation:
        """`at_once` requests with one key, at the same time."""
        operation = self._history.invoke(user, Kind.UNLOCK, key, chat=chat, category=category)
        await asyncio.gather(*(self.repeat_unlock(operation) for _ in range(at_once)))
        return operation

    async def reuse(self, user: str, key: str, chat: str, category: str) -> Operation:
        """An unlock under a key that was used for another category: to be refused."""
        operation = self._history.invoke(user, Kind.REUSE, key, chat=chat, category=category)
        await self.repeat_unlock(operation)
        return operation

    async def repeat_unlock(self, operation: Operation) -> None:
        """Asks (again) under the operation's own key; its outcome is that of the first 202."""
        asked = {"chat_id": operation.asked["chat"], "category": operation.asked["category"]}
        headers = {"Idempotency-Key": operation.key}
        await self._insist(operation, "POST", "/api/insights/unlock", json=asked, headers=headers)

    async def grant(self, user: str, reference: str, coins: int) -> Operation:
        operation = self._history.invoke(user, Kind.GRANT, reference, coins=coins)
        given = {"user_id": user, "coins": coins, "reason": "chaos", "reference": reference}
        await self._insist(operation, "POST", "/api/credits/grants", json=given, caller="granter")
        return operation

    async def cancel(self, user: str, job: str) -> Operation:
        operation = self._history.invoke(user, Kind.CANCEL, job)
        await self._insist(operation, "POST", f"/api/insights/jobs/{job}/cancel")
        return operation

    async def delete(self, user: str, chat: str) -> Operation:
        operation = self._history.invoke(user, Kind.DELETE, chat)
        await self._insist(operation, "DELETE", f"/api/chats/{chat}")
        return operation

    async def upload(self, user: str, name: str, export: bytes) -> Operation:
        operation = self._history.invoke(user, Kind.UPLOAD, name)
        files = {"file": (f"WhatsApp Chat with {name}.txt", export)}
        order = {"date_order": "dmy"}
        await self._insist(operation, "POST", "/api/chats", files=files, data=order)
        return operation

    async def read(self, user: str) -> Operation:
        operation = self._history.invoke(user, Kind.READ, "")
        await self._insist(operation, "GET", "/api/credits", is_patient=False)
        return operation

    async def watch(self, user: str, job: str) -> Operation:
        operation = self._history.invoke(user, Kind.WATCH, job)
        await self._insist(operation, "GET", f"/api/insights/jobs/{job}")
        return operation

    async def _insist(
        self,
        operation: Operation,
        method: str,
        path: str,
        *,
        caller: str | None = None,
        is_patient: bool = True,
        **sent: Any,
    ) -> None:
        headers = sent.pop("headers", {}) | {
            "Authorization": f"Bearer {self._token_of(caller or operation.user)}"
        }
        while time.monotonic() < self.give_up_at:
            url = self._drawn.choice(self._urls) + path
            answer = await self._try(operation, method, url, headers=headers, **sent)
            if answer is not None and answer.status not in TRY_AGAIN:
                if operation.outcome is not Outcome.OK:
                    is_ok = answer.status is not None and answer.status < 300
                    end(operation, Outcome.OK if is_ok else Outcome.FAIL, answer.body)
                return
            errors = sum(one.status == 500 for one in operation.tries)
            if not is_patient or errors >= ERRORS_MAX:
                break
            await asyncio.sleep(self._drawn.uniform(PAUSE_MIN_S, PAUSE_MAX_S))
        if operation.outcome is Outcome.OPEN:
            end(operation, Outcome.INFO)

    async def _try(self, operation: Operation, method: str, url: str, **sent: Any) -> Try | None:
        attempt = Try(time.monotonic())
        operation.tries.append(attempt)
        is_impatient = self._drawn.random() < IMPATIENT_SHARE
        timeout_s = IMPATIENT_S if is_impatient else TIMEOUT_S
        try:
            answer = await self._http.request(method, url, timeout=timeout_s, **sent)
        except httpx2.TransportError:
            return None
        attempt.answered_at = time.monotonic()
        attempt.status = answer.status_code
        attempt.body = _body(answer)
        attempt.replayed = answer.headers.get("idempotency-replayed") == "true"
        self._look_at(operation, answer)
        return attempt

    def _look_at(self, operation: Operation, answer: httpx2.Response) -> None:
        """An internal error is never right, nor is an unavailability that names no wait."""
        what = f"{operation.kind} {operation.key} of {operation.user}"
        if answer.status_code >= 500 and answer.status_code != 503:
            self._history.strange.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        elif answer.status_code == 503 and "retry-after" not in answer.headers:
            self._history.strange.append(f"{what}: 503 without Retry-After")
        elif answer.status_code in {401, 403, 405, 429}:
            self._history.strange.append(f"{what}: {answer.status_code} {answer.text[:200]}")


def _body(answer: httpx2.Response) -> Json | None:
    try:
        body: Json = answer.json()
    except ValueError:
        return None
    return body
