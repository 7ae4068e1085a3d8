"""The tables of unlocked insights: jobs and their six rows."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from app.credits.models import archive_of, one_of
from app.db import metadata

INSIGHTS_PER_JOB = 6
ATTEMPTS_MAX = 3


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SETTLING = "settling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ACTIVE = (JobState.QUEUED, JobState.RUNNING, JobState.SETTLING)
ACTIVE_SQL = "state IN ('queued', 'running', 'settling')"


class InsightState(StrEnum):
    """`running` is not stored: a queued insight of a running job is one. An empty one is done as a
    completed one is, but there was nothing to say: it holds the reason, and is not paid for."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    EMPTY = "empty"
    FAILED = "failed"


class Verdict(StrEnum):
    """What a user thinks of a finding, or of an insight as a whole."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKIND = "unkind"


DONE_SQL = "state IN ('completed', 'empty')"
NOTHING_TO_SAY = "nothing_to_say"
"""Why a job failed whose insights are all empty, and why coins of a charge came back."""


jobs = Table(
    "jobs",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("chat_id", Uuid, nullable=False),
    Column("category", Text, nullable=False),
    Column("language", Text),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("lease_until", DateTime(timezone=True)),
    Column("attempt_until", DateTime(timezone=True)),
    Column("next_run_at", DateTime(timezone=True)),
    Column("price_coins", BigInteger, nullable=False),
    Column("content_hmac", LargeBinary, nullable=False),
    # The revision of the chat that it reads, and that its evidence names messages of.
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("prompt_version", Integer, nullable=False),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("error_code", Text),
    Column(
        "created_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("clock_timestamp()"),
    ),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint(one_of("state", JobState), name="state"),
    CheckConstraint("price_coins > 0", name="price_coins"),
    CheckConstraint(f"attempt BETWEEN 0 AND {ATTEMPTS_MAX}", name="attempt"),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease"),
    CheckConstraint(f"({ACTIVE_SQL}) = (finished_at IS NULL)", name="finished"),
    CheckConstraint(
        "state NOT IN ('queued', 'settling') OR next_run_at IS NOT NULL", name="next_run"
    ),
    Index(
        "uq_jobs_active",
        "user_id",
        "chat_id",
        "category",
        unique=True,
        postgresql_where=text(ACTIVE_SQL),
    ),
    Index("ix_jobs_due", "next_run_at", postgresql_where=text("state = 'queued'")),
    # Not `state = 'running'`: with stale statistics the fence check read that index whole.
    Index("ix_jobs_leased", "lease_until", postgresql_where=text("lease_until IS NOT NULL")),
    Index("ix_jobs_settling", "next_run_at", postgresql_where=text("state = 'settling'")),
    Index("ix_jobs_of_chat", "user_id", "chat_id", "category"),
    Index("ix_jobs_newest", "user_id", "created_at", "id"),
    Index("ix_jobs_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    postgresql_with={"fillfactor": 70},
)

insights = Table(
    "insights",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("job_id", Uuid, primary_key=True),
    Column("ord", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("sealed", LargeBinary),
    Column("model", Text),
    Column("tokens_in", Integer),
    Column("tokens_out", Integer),
    Column("cost_microusd", BigInteger),
    Column("duration_ms", Integer),
    Column("error_code", Text),
    Column("adopted_from", Uuid),
    Column("content_deleted", Boolean, nullable=False, server_default=text("false")),
    # The bill: how the insight was made and what its tokens were billed at, in micro-dollars for
    # a million; null when it is not known. Of several attempts, tokens and costs are sums.
    Column("prompt_version", Integer),
    Column("tokens_cached", Integer),
    Column("price_input", BigInteger),
    Column("price_cached", BigInteger),
    Column("price_output", BigInteger),
    # What its failed calls cost, a part of `cost_microusd`.
    Column("wasted_microusd", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint(f"ord BETWEEN 1 AND {INSIGHTS_PER_JOB}", name="ord"),
    CheckConstraint("state IN ('queued', 'completed', 'empty', 'failed')", name="state"),
    CheckConstraint(f"({DONE_SQL}) = (sealed IS NOT NULL OR content_deleted)", name="content"),
    # A row grows eightfold on its page: updates stay HOT.
    postgresql_with={"fillfactor": 12},
)

archived_jobs = archive_of(
    jobs,
    Index("ix_archived_jobs_newest", "user_id", "created_at", "id"),
    # Jobs are archived month by month: those of a day are on few pages.
    Index("ix_archived_jobs_finished_at", "finished_at", postgresql_using="brin"),
    added=frozenset({"revision"}),
)
archived_insights = archive_of(insights)

# What left the process for a model, word for word. A row of ord 0 and call 0 is the part that all
# calls of one claim (`fence`) begin with; the others are calls, numbered for each insight.
sent_prompts = Table(
    "sent_prompts",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("job_id", Uuid, primary_key=True),
    Column("fence", BigInteger, primary_key=True, autoincrement=False),
    Column("call", SmallInteger, primary_key=True, autoincrement=False),
    Column("ord", SmallInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column(
        "sent_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")
    ),
    CheckConstraint(f"ord BETWEEN 0 AND {INSIGHTS_PER_JOB}", name="ord"),
    CheckConstraint("(ord = 0) = (call = 0)", name="shared"),
    CheckConstraint("call BETWEEN 0 AND 9", name="call"),
)

# Findings count from 0; -1 is the insight as a whole. A trigger deletes it with the chat.
feedback = Table(
    "feedback",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("job_id", Uuid, primary_key=True),
    Column("ord", SmallInteger, primary_key=True, autoincrement=False),
    Column("finding", SmallInteger, primary_key=True, autoincrement=False),
    Column("verdict", Text, nullable=False),
    # What wrote the insight, as it was then: the prompt's version, and the model or "offline-1".
    Column("prompt_version", Integer, nullable=False),
    Column("writer", Text, nullable=False),
    Column(
        "given_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("clock_timestamp()"),
    ),
    CheckConstraint(f"ord BETWEEN 1 AND {INSIGHTS_PER_JOB}", name="ord"),
    CheckConstraint("finding >= -1", name="finding"),
    CheckConstraint(one_of("verdict", Verdict), name="verdict"),
)
