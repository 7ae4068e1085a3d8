"""What the insights of a job are written from: prepared when the chat was uploaded."""

from sqlalchemy import Connection, text

from app.generation.context import VERSION, InsightContext, Part
from app.jobs.prepared_chats import opened_part
from benchmarks.sync_design.jobs import Job


def load_context(connection: Connection, job: Job) -> InsightContext:
    """The part that a model is shown, opened as the product opens it."""
    sealed = connection.execute(
        _PART,
        {
            "user_id": job.user_id,
            "chat_id": job.chat_id,
            "version": VERSION,
            "category": job.category.key,
            "part": Part.DISCLOSURE.value,
        },
    ).scalar_one()
    connection.commit()
    chat = (job.user_id, job.chat_id)
    plain = opened_part(job.key, chat, job.category.key, Part.DISCLOSURE, sealed)
    return InsightContext(job.message_count, {Part.DISCLOSURE: plain})


_PART = text("""
    SELECT sealed FROM prepared_chats
    WHERE user_id = :user_id AND chat_id = :chat_id AND version = :version
      AND category = :category AND part = :part
""")
