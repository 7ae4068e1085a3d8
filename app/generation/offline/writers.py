"""Who writes which insight offline: one function of the facts for each of the catalog's.

One that finds nothing returns None, or raises EvidenceMissing: then the insight is empty.
"""

from collections.abc import Callable

from app.catalog.content import InsightContent
from app.generation.offline.claims import family, friendship, romance, work
from app.generation.offline.measures.facts import Facts

WRITERS: dict[tuple[str, str], Callable[[Facts], InsightContent | None]] = {
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
