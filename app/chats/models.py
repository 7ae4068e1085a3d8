"""The tables of chats: a sealed description, blocks of sealed messages, what is prepared, keys."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from app.db import metadata

chats = Table(
    "chats",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    # Both empty where the key stands apart, in `chat_keys`.
    Column("key_id", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("sealed_meta", LargeBinary, nullable=False),
    Column("content_hmac", LargeBinary, nullable=False),
    Column("message_count", Integer, nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column(
        "used_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")
    ),
    Column(
        "created_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("clock_timestamp()"),
    ),
    Column("preparing_until", DateTime(timezone=True)),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    # What the newest revision holds (app.chats.substance); null where it was not counted yet.
    Column("worded_count", Integer),
    Column("voice_count", Integer),
    Column("day_count", Integer),
    CheckConstraint("message_count > 0", name="message_count"),
    Index("ix_chats_newest", "user_id", "created_at", "id"),
    Index("ix_chats_used_at", "used_at"),
    Index("ix_chats_key_id", "key_id", postgresql_where=text("key_id <> ''")),
)

chat_blocks = Table(
    "chat_blocks",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("chat_id", Uuid, primary_key=True),
    Column("ord", Integer, primary_key=True, autoincrement=False),
    Column("first_message", BigInteger, nullable=False),
    Column("message_count", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # Its ord is the block's among those of all revisions of the chat.
    Column("revision", Integer, nullable=False, server_default=text("1")),
    ForeignKeyConstraint(["user_id", "chat_id"], ["chats.user_id", "chats.id"], ondelete="CASCADE"),
    CheckConstraint("message_count > 0", name="message_count"),
)

prepared_chats = Table(
    "prepared_chats",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("chat_id", Uuid, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column(
        "prepared_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("clock_timestamp()"),
    ),
    ForeignKeyConstraint(["user_id", "chat_id"], ["chats.user_id", "chats.id"], ondelete="CASCADE"),
)

chat_keys = Table(
    "chat_keys",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("chat_id", Uuid, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Index("ix_chat_keys_key_id", "key_id"),
)

key_erasures = Table(
    "key_erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)

# What has been done that no process of a release before may be left for.
contractions = Table(
    "contractions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)
