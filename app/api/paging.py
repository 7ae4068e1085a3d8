"""How lists are asked for page by page."""

from typing import Annotated

from fastapi import Query

from app.cursors import LIMIT_MAX, POSITION_PATTERN, SEQ_PATTERN

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(
        description="The `next_cursor` of the page before.",
        json_schema_extra={"pattern": POSITION_PATTERN},
    ),
]
SeqCursor = Annotated[
    str | None,
    Query(
        description="The `next_cursor` of the page before.",
        json_schema_extra={"pattern": SEQ_PATTERN},
    ),
]
