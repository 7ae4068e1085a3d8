"""Unlocking a category of a chat."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.api.identity import PRINCIPAL, WHOLE, Caller, StoredText
from app.api.problems import refusals
from app.api.state import api_state
from app.catalog.categories import UnknownCategory
from app.errors import NotFound
from app.unlocks.batch import UnlockOrder
from app.unlocks.unlock import (
    AlreadyUnlocked,
    DailyLimit,
    IdempotencyKeyReused,
    InsufficientCoins,
    NotEnoughMessages,
    PriceChanged,
    ProviderUnavailable,
    UnlockInProgress,
    unlock_category,
)

PRICE_COINS_MAX = 1_000_000
# A BCP 47 language tag: language, then script, region and variants.
LANGUAGE_TAG = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$"
PRINTABLE_ASCII = r"^[\x20-\x7e]+$"

UNLOCKED = 202


class UnlockBody(BaseModel):
    """`price_coins`: the price the user agreed to; if it is another by now, nothing is sold."""

    model_config = ConfigDict(extra="forbid")

    chat_id: UUID
    category: Annotated[StoredText, Field(min_length=1, max_length=64)]
    price_coins: Annotated[int | None, Field(strict=True, ge=0, le=PRICE_COINS_MAX), WHOLE] = None
    language: Annotated[str | None, Field(max_length=35, pattern=LANGUAGE_TAG)] = None


class BalanceBody(BaseModel):
    available: int
    held: int


class LinksBody(BaseModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    self_: Annotated[str, Field(alias="self")]
    events: str


class UnlockedBody(BaseModel):
    job_id: UUID
    state: str
    price_coins: int
    balance: BalanceBody
    links: LinksBody


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=PRINTABLE_ASCII,
        description="The same key and body always get the same answer, and are charged once.",
    ),
]


class _ShortRoute(APIRoute):
    """Answers the usual request by the same function and models, without FastAPI's general way
    through dependencies, validation and serialisation, which is a sixth of what an unlock costs.

    What it does not read at once goes the general way, which says what is wrong with it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of requests."""
        general = super().get_route_handler()

        async def handle(request: Request) -> Response:
            principal = request.scope.get(PRINCIPAL)
            if principal is None or request.headers.get("content-type") != "application/json":
                return await general(request)
            try:
                given = UnlockBody.model_validate_json(await request.body())
                key = _KEY.validate_python(request.headers.get("idempotency-key"))
            except ValidationError:
                return await general(request)
            response = Response(status_code=UNLOCKED, media_type="application/json")
            unlocked = await unlock(request, response, principal, given, key)
            response.body = unlocked.model_dump_json().encode()
            response.headers["Content-Length"] = str(len(response.body))
            return response

        return handle


_KEY = TypeAdapter[str | None](IdempotencyKey)

router = APIRouter(prefix="/api", tags=["insights"], route_class=_ShortRoute)


@router.post(
    "/insights/unlock",
    status_code=UNLOCKED,
    responses=refusals(
        IdempotencyKeyReused,
        NotFound,
        UnknownCategory,
        AlreadyUnlocked,
        UnlockInProgress,
        NotEnoughMessages,
        PriceChanged,
        ProviderUnavailable,
        DailyLimit,
        InsufficientCoins,
    )
    | {
        UNLOCKED: {
            "headers": {
                "Idempotency-Replayed": {
                    "description": "`true` when this repeats the answer to an earlier call.",
                    "schema": {"type": "string"},
                }
            }
        }
    },
)
async def unlock(
    request: Request,
    response: Response,
    principal: Caller,
    given: UnlockBody,
    idempotency_key: IdempotencyKey = None,
) -> UnlockedBody:
    """Reserves the price and starts the six insights; a sixth of it is charged for each that is
    written, and what is empty is not charged."""
    state = api_state(request)
    order = UnlockOrder(
        user_id=principal.user_id,
        chat_id=given.chat_id,
        category=given.category,
        price_coins=given.price_coins,
        language=given.language,
        idempotency_key=idempotency_key,
        issued_at=principal.issued_at,
    )
    sells = await state.rejections.current() is None
    unlocked = await unlock_category(order, wake=state.wake, batcher=state.unlocks, sells=sells)
    if unlocked.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    job = f"/api/insights/jobs/{unlocked.job_id}"
    return UnlockedBody(
        job_id=unlocked.job_id,
        state=unlocked.state,
        price_coins=unlocked.price_coins,
        balance=BalanceBody(available=unlocked.available, held=unlocked.held),
        links=LinksBody(self_=job, events=f"{job}/events"),
    )
