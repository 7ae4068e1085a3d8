"""The catalog, and unlocking a category of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.identity import WHOLE, Caller, StoredText
from app.api.problems import refusals
from app.api.state import api_state
from app.catalog.categories import CATEGORIES, UnknownCategory
from app.errors import NotFound
from app.unlocks.batch import UnlockOrder
from app.unlocks.unlock import (
    AlreadyUnlocked,
    DailyLimit,
    IdempotencyKeyReused,
    InsufficientCoins,
    PriceChanged,
    ProviderUnavailable,
    UnlockInProgress,
    unlock_category,
)

PRICE_COINS_MAX = 1_000_000
# A BCP 47 language tag: language, then script, region and variants.
LANGUAGE_TAG = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$"
PRINTABLE_ASCII = r"^[\x20-\x7e]+$"

router = APIRouter(prefix="/api", tags=["insights"])


class InsightTitle(BaseModel):
    key: str
    title: str
    description: str


class CategoryBody(BaseModel):
    key: str
    title: str
    price_coins: int
    insights: list[InsightTitle]


class CategoryList(BaseModel):
    items: list[CategoryBody]


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


@router.get("/categories", responses=refusals())
async def list_categories() -> CategoryList:
    """What can be unlocked, and for how many coins."""
    return CategoryList(
        items=[
            CategoryBody(
                key=category.key,
                title=category.title,
                price_coins=category.price_coins,
                insights=[
                    InsightTitle(key=one.key, title=one.title, description=one.description)
                    for one in category.insights
                ],
            )
            for category in CATEGORIES.values()
        ]
    )


@router.post(
    "/insights/unlock",
    status_code=202,
    responses=refusals(
        IdempotencyKeyReused,
        NotFound,
        UnknownCategory,
        AlreadyUnlocked,
        UnlockInProgress,
        PriceChanged,
        ProviderUnavailable,
        DailyLimit,
        InsufficientCoins,
    )
    | {
        202: {
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
    """Reserves the price and starts the six insights; coins are charged when all six exist."""
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
