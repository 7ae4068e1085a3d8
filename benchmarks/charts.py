"""Bar charts as SVG, with colours that can be read on a light and on a dark page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 820
LABEL_WIDTH, VALUE_WIDTH = 330, 90
BAR_HEIGHT, BAR_GAP = 22, 10
TOP = 56
TEXT = "#6e7781"
OURS, OTHERS = "#2f81f7", "#8b949e"


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    is_ours: bool


def bar_chart(title: str, unit: str, bars: Sequence[Bar], *, log: bool) -> str:
    """A horizontal bar for each value; with `log` each tenfold has the same length."""
    height = TOP + len(bars) * (BAR_HEIGHT + BAR_GAP) + 6
    scale = "logarithmic" if log else "linear"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' font-family="system-ui, sans-serif" font-size="13" fill="{TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<text x="0" y="18" font-size="16" font-weight="600">{escape(title)}</text>',
        f'<text x="0" y="38">{escape(unit)}, {scale} scale</text>',
    ]
    lengths = _lengths([bar.value for bar in bars], log=log)
    for place, (bar, length) in enumerate(zip(bars, lengths, strict=True)):
        top = TOP + place * (BAR_HEIGHT + BAR_GAP)
        baseline = top + BAR_HEIGHT - 6
        colour = OURS if bar.is_ours else OTHERS
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{baseline}" text-anchor="end">'
            f"{escape(bar.label)}</text>",
            f'<rect x="{LABEL_WIDTH}" y="{top}" width="{length:.1f}" height="{BAR_HEIGHT}"'
            f' rx="3" fill="{colour}"/>',
            f'<text x="{LABEL_WIDTH + length + 8:.1f}" y="{baseline}">{bar.value:,.4g}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _lengths(values: Sequence[float], *, log: bool) -> list[float]:
    longest = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    most = max(values, default=1.0)
    if not log:
        return [longest * value / most if most else 0.0 for value in values]
    least = min((value for value in values if value > 0), default=1.0)
    low = math.floor(math.log10(least))
    tens = max(math.log10(most) - low, 1e-9)
    return [
        longest * max((math.log10(value) - low) / tens, 0.01) if value > 0 else 0.0
        for value in values
    ]
