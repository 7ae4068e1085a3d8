"""Insights without a model: true sentences from what was measured over the whole chat."""

from collections.abc import Callable, Mapping

from app.catalog.categories import InsightSpec
from app.catalog.content import InsightContent, checked_evidence
from app.generation.context import InsightContext
from app.generation.offline.claims import family, friendship, romance, work
from app.generation.offline.measures.facts import Facts
from app.generation.protocol import CallGuard, Draft

MODEL = "offline-1"

WRITERS: Mapping[tuple[str, str], Callable[[Facts], InsightContent]] = {
    ("friendship", "who_reaches_out"): friendship.who_reaches_out,
    ("friendship", "listening"): friendship.listening,
    ("friendship", "warmth_and_humour"): friendship.warmth_and_humour,
    ("friendship", "rough_patches"): friendship.rough_patches,
    ("friendship", "plans_and_promises"): friendship.plans_and_promises,
    ("friendship", "chapters"): friendship.story,
    ("family", "who_holds_it_together"): family.who_holds_it_together,
    ("family", "care"): family.care,
    ("family", "logistics"): family.logistics,
    ("family", "shared_moments"): family.shared_moments,
    ("family", "worries"): family.worries,
    ("family", "who_is_heard"): family.who_is_heard,
    ("romance", "affection"): romance.affection,
    ("romance", "balance"): romance.balance,
    ("romance", "tension_and_repair"): romance.tension_and_repair,
    ("romance", "rituals"): romance.rituals,
    ("romance", "plans_together"): romance.plans_together,
    ("romance", "what_changes"): romance.what_changes,
    ("work", "decisions"): work.decisions,
    ("work", "action_items"): work.action_items,
    ("work", "blockers"): work.blockers,
    ("work", "workload"): work.workload,
    ("work", "response_flow"): work.response_flow,
    ("work", "themes"): work.themes,
}


class OfflineGenerator:
    """Writes insights from facts alone: deterministic, in English, at no cost.

    The metrics of every insight say `"generator": "offline"`.
    """

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Draft:
        """The insight, in English whatever `language` is, as its metrics say."""
        content = WRITERS[context.category, spec.key](context.facts)
        checked = checked_evidence(content, message_count=context.message_count)
        return Draft(checked, model=MODEL, tokens_in=0, tokens_out=0, cost_microusd=0)
