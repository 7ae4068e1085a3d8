"""How many tokens a text has, about: by its scripts, corrected by what was billed."""

from dataclasses import dataclass

from app.llm.protocol import Prompt

_LEARNT_SHARE = 0.3
"""Of the newest bill in what is known of a model."""
FACTOR_MIN, FACTOR_MAX = 0.3, 4.0
TRUNCATED_SHARE = 0.45
"""Fewer tokens than this share of what was expected: the server has cut the prompt."""
TRUNCATED_TOKENS_MIN = 1_500
"""Of a short prompt an estimate may be far off."""

_DIGITS = b"0123456789"
_LATIN_A_TOKEN, _DIGITS_A_TOKEN = 4.0, 2.0


@dataclass(frozen=True, slots=True)
class _Script:
    """Told by the first byte of its characters in UTF-8; `but` begin others with the same byte.

    `chars_a_token` are those of the common byte-pair vocabularies of 100,000 to 200,000 entries.
    """

    leads: bytes
    chars_a_token: float
    but: tuple[bytes, ...] = ()

    def count(self, encoded: bytes) -> int:
        found = len(encoded) - len(encoded.translate(None, self.leads))
        return found - sum(map(encoded.count, self.but)) if found else 0


_SCRIPTS = (
    _Script(bytes(range(0xCD, 0xDC)), 2.4),  # Greek, Cyrillic, Armenian, Hebrew, Arabic
    _Script(  # Indic, Thai, Lao, Tibetan, Ethiopic, Khmer; not Vietnamese
        b"\xdc\xdd\xde\xdf\xe0\xe1", 1.6, tuple(b"\xe1%c" % byte for byte in range(0xB8, 0xC0))
    ),
    _Script(bytes(range(0xE3, 0xEE)), 1.2),  # Chinese, Japanese, Korean
    _Script(b"\xe2\xf0", 0.5, (b"\xe2\x80", b"\xe2\x81")),  # Emoji and symbols; not quotes
)


def estimated_tokens(text: str) -> float:
    """Tokens of `text`, before any correction."""
    encoded = text.encode(errors="replace")
    digits = len(encoded) - len(encoded.translate(None, _DIGITS))
    tokens, left = digits / _DIGITS_A_TOKEN, len(text) - digits
    if len(encoded) > len(text):
        for script in _SCRIPTS:
            found = script.count(encoded)
            tokens += found / script.chars_a_token
            left -= found
    return tokens + max(0, left) / _LATIN_A_TOKEN


def shared_tokens(prompt: Prompt) -> float:
    """Of the part that several prompts share, counted once for all that were told of it."""
    known = prompt.shared_tokens
    return estimated_tokens(prompt.shared) if known is None else known


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
