"""The table of one-time codes by which a user signs in on the machine that made them."""

from sqlalchemy import Column, DateTime, LargeBinary, Table, Text, Uuid, text

from app.db import metadata

sign_in_codes = Table(
    "sign_in_codes",
    metadata,
    # Found before it is known whose it is. The code itself is nowhere.
    Column("code_hash", LargeBinary, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column(
        "created_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("clock_timestamp()"),
    ),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    # The call that used it: one that lost the reply to its COMMIT finds its own.
    Column("used_by", Uuid),
)
