"""The bill as a terminal shows it: money in US dollars, to the last micro-dollar."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.costs.bill import Bill

NOT_HERE = (
    "Not in the tables: results that came after their job had ended or moved to another\n"
    "worker. The workers' "
    'metrics count it: sixfold_llm_wasted_microusd_total{reason="fenced"}.'
)

MODEL_CHARS_MAX = 60

Row = Sequence[str]


@dataclass
class _Trade:
    """Coins against money, of a category on a day."""

    captured: int = 0
    refunded: int = 0
    cost_microusd: int = 0
    wasted_microusd: int = 0


def bill_text(bill: Bill) -> str:
    """Two tables and the totals: by day, category and model; coins against money by the first two.

    Coins are paid for a category, whichever models wrote its insights.
    """
    return "\n\n".join([_table(_spending(bill)), _table(_trading(bill)), _totals(bill), NOT_HERE])


def dollars(microusd: int) -> str:
    """US dollars with six decimals, exact."""
    sign = "-" if microusd < 0 else ""
    whole, rest = divmod(abs(microusd), 1_000_000)
    return f"{sign}{whole:,}.{rest:06d}"


def _spending(bill: Bill) -> list[Row]:
    counted = ("jobs", "insights", "tokens in", "cached", "out")
    rows: list[Row] = [("day", "category", "model", *counted, "cost US$", "wasted US$")]
    for one in bill.costs:
        counts = (one.jobs, one.insights, one.tokens_in, one.tokens_cached, one.tokens_out)
        rows.append(
            (
                str(one.day),
                one.category,
                _shown(one.model or "-"),
                *(f"{count:,}" for count in counts),
                dollars(one.cost_microusd),
                dollars(one.wasted_microusd),
            )
        )
    return rows


def _shown(model: str) -> str:
    """A name that a provider chose: short, and nothing a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in model[:MODEL_CHARS_MAX])


def _trading(bill: Bill) -> list[Row]:
    trades: defaultdict[tuple[date, str], _Trade] = defaultdict(_Trade)
    for one in bill.costs:
        trade = trades[one.day, one.category]
        trade.cost_microusd += one.cost_microusd
        trade.wasted_microusd += one.wasted_microusd
    for one in bill.earned:
        trade = trades[one.day, one.category]
        trade.captured += one.captured_coins
        trade.refunded += one.refunded_coins
    rows: list[Row] = [
        ("day", "category", "coins captured", "refunded", "earned", "cost US$", "wasted US$")
    ]
    for (day, category), trade in sorted(trades.items()):
        coins = (trade.captured, trade.refunded, trade.captured - trade.refunded)
        money = (trade.cost_microusd, trade.wasted_microusd)
        rows.append((str(day), category, *(f"{one:,}" for one in coins), *map(dollars, money)))
    return rows


def _totals(bill: Bill) -> str:
    totals = bill.totals
    wasted = {
        "failed": totals.wasted_failed_microusd,
        "cancelled": totals.wasted_cancelled_microusd,
        "expired": totals.wasted_expired_microusd,
    }
    reasons = ", ".join(f"{reason} {dollars(spent)}" for reason, spent in wasted.items())
    return (
        f"Since {bill.since}: {dollars(totals.cost_microusd)} US$ spent,"
        f" {totals.captured_coins - totals.refunded_coins:,} coins earned"
        f" ({totals.captured_coins:,} captured, {totals.refunded_coins:,} refunded).\n"
        f"Wasted: {dollars(sum(wasted.values()))} US$ ({reasons})."
    )


def _table(rows: Sequence[Row]) -> str:
    """Texts to the left, numbers to the right; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    texts = rows[0].index("model") + 1 if "model" in rows[0] else rows[0].index("category") + 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
