"""The history held against the ledger: every rule a client may rely on, each a generator of
violations in words."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from uuid import UUID

from app.unlocks.unlock import UnlockOrder, job_id_of
from tests.chaos.audit import Entry, Evidence
from tests.chaos.history import History, Json, Kind, Operation, Outcome

Rule = Callable[[History, Evidence], Iterator[str]]

CLOCK_SLACK_S = 0.05

LEGAL = frozenset(
    {
        (None, "queued"),
        ("queued", "running"),
        ("queued", "cancelled"),
        ("queued", "expired"),
        ("queued", "failed"),
        ("running", "running"),
        ("running", "queued"),
        ("running", "settling"),
        ("running", "succeeded"),
        ("running", "failed"),
        ("running", "cancelled"),
        ("running", "expired"),
        ("settling", "succeeded"),
        ("settling", "failed"),
        # Six insights were there when cleanup or an exhausted attempt ended it.
        ("queued", "succeeded"),
    }
)


def acknowledged_unlocks_exist(history: History, evidence: Evidence) -> Iterator[str]:
    """202 means: the job is there, with its reserve entry and the balance that was told."""
    reserves = _by_op_key(evidence)
    for operation in history.of(Kind.UNLOCK, Outcome.OK):
        told = operation.reply or {}
        job = evidence.jobs.get(told["job_id"])
        entry = reserves.get((operation.user, f"reserve:{told['job_id']}"))
        if job is None or entry is None or job.user != operation.user:
            yield f"{_name(operation)}: acknowledged, but not there"
            continue
        balance = {"available": entry.available, "held": entry.held}
        if (told["balance"], told["price_coins"]) != (balance, entry.amount):
            yield f"{_name(operation)}: told {told['balance']}, booked {balance}"
        if (job.chat, job.category) != (operation.asked["chat"], operation.asked["category"]):
            yield f"{_name(operation)}: another job than was asked for"


def one_key_has_one_answer(history: History, _: Evidence) -> Iterator[str]:
    """Every 202 to a key has the same body, and after the first nothing else is answered."""
    for operation in history.of(Kind.UNLOCK):
        told = [one for one in operation.tries if one.status == 202 and one.body]
        if any(one.body != told[0].body for one in told):
            yield f"{_name(operation)}: different answers {[one.body for one in told]}"
        if not told:
            continue
        known_at = min(one.answered_at or 0 for one in told)
        for one in operation.tries:
            if one.sent_at > known_at and one.status not in {None, 202, 503}:
                yield f"{_name(operation)}: {one.status} after it was acknowledged"
    for operation in history.of(Kind.REUSE, Outcome.OK):
        yield f"{_name(operation)}: one key sold two categories"
    for operation in history.of(Kind.REUSE, Outcome.FAIL):
        if (operation.reply or {}).get("code") != "idempotency_key_reused":
            yield f"{_name(operation)}: a reused key was refused with {operation.reply}"


def refused_unlocks_left_nothing(history: History, evidence: Evidence) -> Iterator[str]:
    """A refusal after which no try of the key could still arrive left no job."""
    for operation in history.of(Kind.UNLOCK, Outcome.FAIL):
        answers = {one.status for one in operation.tries}
        if not answers & {None, 202, 503} and _job_id(operation) in evidence.jobs:
            yield f"{_name(operation)}: refused with {operation.reply}, but the job is there"


def granted_coins_are_there_once(history: History, evidence: Evidence) -> Iterator[str]:
    granted: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entries in evidence.entries.values():
        for entry in entries:
            if entry.op_key.startswith("grant:"):
                granted[entry.user, entry.op_key.removeprefix("grant:")].append(entry)
    asked = {(one.user, one.key): one for one in history.of(Kind.GRANT)}
    for place, operation in asked.items():
        amounts = [entry.amount for entry in granted[place]]
        wanted = operation.asked["coins"]
        if operation.outcome is Outcome.OK and amounts != [wanted]:
            yield f"{_name(operation)}: acknowledged {wanted} coins, booked {amounts}"
        if operation.outcome is Outcome.FAIL:
            yield f"{_name(operation)}: refused with {operation.reply}"
        if len(amounts) > 1:
            yield f"{_name(operation)}: booked {amounts}"
    for place in granted.keys() - asked.keys():
        if granted[place]:
            yield f"a grant nobody asked for: {granted[place]}"


def nothing_is_sold_unasked(history: History, evidence: Evidence) -> Iterator[str]:
    asked = {_job_id(operation): operation for operation in history.of(Kind.UNLOCK)}
    for job in evidence.jobs.values():
        if job.id not in asked or asked[job.id].user != job.user:
            yield f"job {job.id} of {job.user} was never asked for"


def cancelled_jobs_stay_cancelled(history: History, evidence: Evidence) -> Iterator[str]:
    for operation in history.of(Kind.CANCEL, Outcome.OK):
        state = evidence.jobs[operation.key].state
        if state != "cancelled":
            yield f"{_name(operation)}: acknowledged, but the job is {state}"
    for operation in history.of(Kind.CANCEL, Outcome.FAIL):
        if (operation.reply or {}).get("code") != "not_cancellable":
            yield f"{_name(operation)}: refused with {operation.reply}"


def seen_ends_are_final(history: History, evidence: Evidence) -> Iterator[str]:
    """Who saw a job end, with what it was charged, saw what the ledger says for ever."""
    for operation in history.of(Kind.WATCH, Outcome.OK):
        seen = operation.reply or {}
        if seen.get("finished_at") is None:
            continue
        job = evidence.jobs[operation.key]
        charged = seen["settlement"]["charged_coins"]
        if seen["state"] != job.state or (charged > 0) != (job.state == "succeeded"):
            yield f"{_name(operation)}: seen {seen['state']} for {charged}, now {job.state}"


def ended_jobs_moved_their_coins_once(_: History, evidence: Evidence) -> Iterator[str]:
    """Succeeded: captured for what is completed, and the rest came back. Failed, cancelled,
    expired: the whole price did. Nothing else."""
    moved: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for entries in evidence.entries.values():
        for entry in entries:
            if entry.kind in {"capture", "release"}:
                job_id = entry.op_key.rpartition(":")[2]
                moved[job_id].append((entry.kind, entry.amount))
    for job in evidence.jobs.values():
        if job.finished_at is None:
            continue
        charged = job.charge if job.state == "succeeded" else 0
        parts = [("capture", charged), ("release", job.price - charged)]
        if moved[job.id] != [(kind, coins) for kind, coins in parts if coins]:
            yield f"job {job.id}: {job.state} for {job.price}, but moved {moved[job.id]}"


def deleted_chats_are_gone(history: History, evidence: Evidence) -> Iterator[str]:
    for operation in history.of(Kind.DELETE, Outcome.OK):
        if operation.key in evidence.chats:
            yield f"{_name(operation)}: acknowledged, but the chat is there"
    for operation in history.of(Kind.DELETE, Outcome.FAIL):
        if len(operation.tries) > 1:
            continue  # An earlier try, whose answer was lost, deleted it.
        yield f"{_name(operation)}: refused with {operation.reply}"
    if evidence.unshredded:
        yield f"{evidence.unshredded} insights outlived their chat"


def seq_respects_real_time(history: History, evidence: Evidence) -> Iterator[str]:
    """Acknowledged before another was asked for: booked before it, too."""
    booked = _by_op_key(evidence)
    acknowledged: dict[str, list[tuple[float, float, int, str]]] = defaultdict(list)
    for operation in history.operations:
        entry = booked.get((operation.user, _op_key(operation)))
        if operation.outcome is Outcome.OK and operation.ended_at and entry:
            acknowledged[operation.user].append(
                (operation.invoked_at, operation.ended_at, entry.seq, _name(operation))
            )
    for operations in acknowledged.values():
        for _, ended_at, seq, name in operations:
            for invoked_at, _, later_seq, later in operations:
                if invoked_at > ended_at and later_seq < seq:
                    yield f"{later} has seq {later_seq}, {name} before it has {seq}"


def reads_see_what_was_acknowledged(history: History, evidence: Evidence) -> Iterator[str]:
    """A balance that is read is that after some entry, none older than what is known booked."""
    booked = _by_op_key(evidence)
    known: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for operation in history.operations:
        entry = booked.get((operation.user, _op_key(operation)))
        if operation.outcome is Outcome.OK and operation.ended_at and entry:
            known[operation.user].append((operation.ended_at, entry.seq))
    for operation in history.of(Kind.READ, Outcome.OK):
        sent_at = operation.tries[-1].sent_at
        least = max((seq for at, seq in known[operation.user] if at < sent_at), default=1)
        until = (operation.ended_at or 0) + CLOCK_SLACK_S
        possible = [
            {"available": entry.available, "held": entry.held}
            for entry in evidence.entries.get(operation.user, [])
            if entry.seq >= least and entry.at <= until
        ]
        if operation.reply not in possible:
            yield f"{_name(operation)}: read {operation.reply}, which was never so after {least}"


def jobs_changed_legally(_: History, evidence: Evidence) -> Iterator[str]:
    for job, changes in evidence.changes.items():
        before = None
        for change in changes:
            if change.was != before or (change.was, change.state) not in LEGAL:
                yield f"job {job} went from {change.was} to {change.state} (it was {before})"
            before = change.state


RULES: tuple[Rule, ...] = (
    acknowledged_unlocks_exist,
    one_key_has_one_answer,
    refused_unlocks_left_nothing,
    granted_coins_are_there_once,
    nothing_is_sold_unasked,
    cancelled_jobs_stay_cancelled,
    seen_ends_are_final,
    ended_jobs_moved_their_coins_once,
    deleted_chats_are_gone,
    seq_respects_real_time,
    reads_see_what_was_acknowledged,
    jobs_changed_legally,
)


def _by_op_key(evidence: Evidence) -> dict[tuple[str, str], Entry]:
    return {
        (entry.user, entry.op_key): entry
        for entries in evidence.entries.values()
        for entry in entries
    }


def _job_id(operation: Operation) -> str:
    """The job's id as the contract derives it from user and key."""
    chat, category = UUID(operation.asked["chat"]), operation.asked["category"]
    order = UnlockOrder(operation.user, chat, category, idempotency_key=operation.key)
    return str(job_id_of(order))


def _op_key(operation: Operation) -> str:
    reply: Json = operation.reply or {}
    match operation.kind:
        case Kind.UNLOCK:
            return f"reserve:{reply.get('job_id')}"
        case Kind.GRANT:
            return f"grant:{operation.key}"
        case _:
            return ""


def _name(operation: Operation) -> str:
    return f"{operation.kind} {operation.key} of {operation.user} (#{operation.number})"
