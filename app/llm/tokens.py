"""How many tokens a text has, about: by its scripts, corrected by what was billed."""

import re
from dataclasses import dataclass

_LEARNT_SHARE = 0.3
"""Of the newest bill in what is known of a model."""
FACTOR_MIN, FACTOR_MAX = 0.3, 4.0
TRUNCATED_SHARE = 0.45
"""Fewer tokens than this share of what was expected: the server has cut the prompt."""
TRUNCATED_TOKENS_MIN = 1_500
"""Of a short prompt an estimate may be far off."""

# Characters a token, of the common byte-pair vocabularies of 100,000 to 200,000 entries.
_SCRIPTS = (
    (re.compile(r"[\u0370-\u06ff]+"), 2.4),  # Greek, Cyrillic, Armenian, Hebrew, Arabic
    (re.compile(r"[\u0700-\u109f\u1200-\u1dbf]+"), 1.6),  # Indic, Thai, Lao, Tibetan, Ethiopic
    (re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]+"), 1.2),
    (re.compile(r"[\u2190-\u2bff\U0001f000-\U0001faff]+"), 0.5),  # Emoji and symbols
)
_DIGITS = re.compile(r"\d+")
_LATIN_A_TOKEN, _DIGITS_A_TOKEN = 4.0, 2.0


def estimated_tokens(text: str) -> float:
    """Tokens of `text`, before any correction."""
    digits = sum(map(len, _DIGITS.findall(text)))
    tokens, left = digits / _DIGITS_A_TOKEN, len(text) - digits
    if not text.isascii():
        for script, chars_a_token in _SCRIPTS:
            found = sum(map(len, script.findall(text)))
            tokens += found / chars_a_token
            left -= found
    return tokens + max(0, left) / _LATIN_A_TOKEN


@dataclass
class TokenEstimate:
    """Estimates for one model."""

    factor: float = 1.0
    is_learnt: bool = False

    def tokens(self, estimated: float) -> int:
        """`estimated_tokens` of a text as this model would count them."""
        return round(estimated * self.factor)

    def learn(self, estimated: float, billed: int) -> bool:
        """Corrects by a bill; False when far fewer tokens were billed than were sent."""
        if not estimated or not billed:
            return True
        share = billed / estimated
        if estimated >= TRUNCATED_TOKENS_MIN and share < TRUNCATED_SHARE * self.factor:
            return False
        weight = _LEARNT_SHARE if self.is_learnt else 1.0
        factor = self.factor + weight * (share - self.factor)
        self.factor = min(max(factor, FACTOR_MIN), FACTOR_MAX)
        self.is_learnt = True
        return True
