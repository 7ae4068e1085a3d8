"""The bill as a terminal shows it: money in US dollars, to the last micro-dollar."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from app.costs.bill import Bill
from app.terminal_table import Row, shown_name, table

NOT_HERE = (
    "Not in the tables: results that came after their job had ended or moved to another\n"
    "worker. The workers' "
    'metrics count it: sixfold_llm_wasted_microusd_total{reason="fenced"}.'
)


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
    spending, trading = table(_spending(bill), texts=3), table(_trading(bill), texts=2)
    return "\n\n".join([spending, trading, _totals(bill), NOT_HERE])


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
                shown_name(one.model or "-"),
                *(f"{count:,}" for count in counts),
                dollars(one.cost_microusd),
                dollars(one.wasted_microusd),
            )
        )
    return rows


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
