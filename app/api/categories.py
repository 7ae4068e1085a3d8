"""The catalog, and what of it a chat can be unlocked for."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.identity import UserId
from app.api.problems import refusals
from app.catalog.categories import CATEGORIES
from app.catalog.fit import Fit
from app.errors import NotFound
from app.unlocks.offers import Offer, list_offers

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
