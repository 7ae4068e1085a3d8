"""The catalog, and unlocking a category of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.identity import WHOLE, Caller, StoredText, UserId
from app.api.problems import refusals
from app.api.state import api_state
from app.catalog.categories import CATEGORIES, UnknownCategory
from app.catalog.fit import Fit
from app.errors import NotFound
from app.unlocks.batch import UnlockOrder
from app.unlocks.offers import Offer, list_offers
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


class ShortageBody(BaseModel):
    code: str
    text: str


class OfferBody(BaseModel):
    """A category, and whether the chat can carry it: `none` is not sold, of `thin` some insights
    may turn out empty, which are not charged. `reason` says what is missing. `owned`: it is
    unlocked for what the chat holds now, by the job `job_id`."""

    category: str
    title: str
    price_coins: int
    owned: bool
    job_id: UUID | None
    fit: Fit
    reason: ShortageBody | None


class OfferList(BaseModel):
    items: list[OfferBody]


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


@router.get("/chats/{chat_id}/categories", responses=refusals(NotFound))
async def list_categories_of_chat(user_id: UserId, chat_id: UUID) -> OfferList:
    """What a chat can be unlocked for, for how many coins, and whether it holds enough for it."""
    return OfferList(items=[_offered(offer) for offer in await list_offers(user_id, chat_id)])


def _offered(offer: Offer) -> OfferBody:
    short = offer.short
    return OfferBody(
        category=offer.category.key,
        title=offer.category.title,
        price_coins=offer.category.price_coins,
        owned=offer.job_id is not None,
        job_id=offer.job_id,
        fit=offer.fit,
        reason=short and ShortageBody(code=short.code, text=short.text),
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
        NotEnoughMessages,
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
