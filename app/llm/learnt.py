"""What a server turned out to want of a call; remembered until the process ends."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.llm.causes import Cause, cause_of
from app.llm.dialects import Anthropic, Ask, Dialect, OpenAI, family_of
from app.llm.messages import Format
from app.llm.protocol import Usage
from app.llm.tokens import TokenEstimate
from app.llm.told import Told

STRICTER_AGAIN_S = 600.0
"""After a refusal of the stricter form, which may have been an accident, it is tried again."""
TOKENS_MIN = 256
RAISED_BY, RAISED_TOKENS_MAX = 4, 32_000
KEYS_KEPT = 1_000
CACHE_MISSES_MAX = 5
"""Calls in a row that should have met a cache and did not, after which none is counted on."""
_UNKNOWN = (
    r"unsupported|unrecognized|unrecognised|unknown|not supported|not permitted|extra[_ ]|"
    r"unexpected|no longer supported|cannot find field|not allowed|does not support|invalid param|"
    r"deprecated|not (?:a )?recogni[sz]ed|not valid|forbidden|disabled|not implemented|not accept"
)
_LIMIT_NAMES = ("max_tokens", "max_completion_tokens")

log = structlog.get_logger()


@dataclass
class Learnt:
    """Of one model at one address."""

    model: str
    tokens_max: int
    dialect: type[Dialect] = Dialect
    limit_name: str = "max_tokens"
    format: Format = Format.JSON_SCHEMA
    merges_system: bool = False
    effort: str | None = None
    context_tokens: int | None = None
    """The longest prompt it takes, if it said so."""
    clock: Callable[[], float] = time.monotonic
    tokens: TokenEstimate = field(default_factory=TokenEstimate)
    _refused: set[str] = field(default_factory=set[str])
    _format_at: float = 0.0
    _is_raised: bool = False
    _is_truncating: bool = False
    _is_uncounted: bool = False
    _family: type[Dialect] | None = None
    _cache_misses: int = 0
    _cache_hits: int = 0
    _missed_at: float = 0.0
    _answered: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None])

    def format_now(self) -> Format:
        """How an answer is asked for; after a while the strictest way is tried again."""
        if self.format and self.clock() - self._format_at >= STRICTER_AGAIN_S:
            self.format = Format.JSON_SCHEMA
        if self.format not in self.dialect.formats:
            self.format = self.dialect.formats[-1]
        return self.format

    def extras(self, cache_key: str | None) -> dict[str, str]:
        """Optional parameters for a call."""
        wanted = {"prompt_cache_key": cache_key, "reasoning_effort": self.effort}
        known = (self._family or self.dialect).extras - self._refused
        return {name: value for name, value in wanted.items() if value and name in known}

    def meet(self, headers: Any, body: object) -> None:
        """Learns from an answer, good or bad, which family it is of."""
        family = None if self._family is not None else family_of(headers, body)
        if family is None:
            return
        self._family = family
        log.info("llm.family_met", family=family.name, model=self.model)
        if family is Anthropic or family.keeps_bounds:
            self.dialect = family

    def adapt(self, told: Told, ask: Ask) -> bool:
        """Whether something of `ask` was refused, not the prompt; the next call does without it.

        Of six calls at once that are refused, the first changes what is asked.
        """
        if told.status in (401, 402, 429) or not 200 <= told.status < 502:
            return False
        return self._drop(told, ask) or self._change_dialect(told, ask) or self._by_cause(told, ask)

    def raise_limit(self, ask: Ask) -> bool:
        """After an answer of nothing but thought: more room once, then less thought."""
        if ask.tokens_max < self.tokens_max or (self.effort and not (ask.extras or {})):
            return True  # Another call has changed it already.
        if not self._is_raised and self.tokens_max < RAISED_TOKENS_MAX:
            self.tokens_max = min(RAISED_BY * self.tokens_max, RAISED_TOKENS_MAX)
            self._is_raised = True
        elif self.effort is None and "reasoning_effort" not in self._refused:
            self.effort = "low"
        else:
            return False
        log.warning("llm.all_thought", model=self.model, tokens_max=self.tokens_max)
        return True

    def count(self, told: Usage | None, *, estimated: float, answer: float) -> Usage:
        """The usage to be billed: what was told, else about what it must have been."""
        if told is None:
            self._warn_uncounted()
            return Usage(self.tokens.tokens(estimated), 0, self.tokens.tokens(answer))
        if not self.tokens.learn(estimated, told.tokens_in) and not self._is_truncating:
            self._is_truncating = True
            log.warning(
                "llm.prompt_truncated",
                model=self.model,
                tokens_sent=round(estimated),
                tokens_read=told.tokens_in,
            )
        return told

    def expects_cached(self, key: str | None) -> bool:
        """Whether a call that is sent now should meet a cache: one with its key was answered."""
        return key in self._answered

    def met(self, key: str, usage: Usage, *, is_expected: bool) -> None:
        """Learns from the usage of a call whether beginnings of prompts are cached."""
        self._answered[key] = None
        if len(self._answered) > KEYS_KEPT:
            self._answered.popitem(last=False)
        if usage.tokens_cached:
            self._cache_hits, self._cache_misses = self._cache_hits + 1, 0
        elif is_expected and usage.tokens_in > self.cached_tokens_min:
            self._cache_misses += 1
            self._missed_at = self.clock()

    @property
    def caches(self) -> bool | None:
        """Whether it caches the beginning of prompts; None while that is not known."""
        is_recent = self.clock() - self._missed_at < STRICTER_AGAIN_S
        if self._cache_misses >= CACHE_MISSES_MAX and is_recent:
            return False
        return True if self._cache_hits else None

    @property
    def cached_tokens_min(self) -> int:
        return (self._family or self.dialect).cached_tokens_min

    def facts(self) -> dict[str, Any]:
        """To be printed."""
        return {
            "dialect": self.dialect.name,
            "family": (self._family or self.dialect).name,
            "schema": self.format.name.lower(),
            "tokens_parameter": self.limit_name,
            "max_tokens": self.tokens_max,
            "system_role": not self.merges_system,
            "context_tokens": self.context_tokens,
            "caches": self.caches,
            "parameters_refused": sorted(self._refused),
            "tokens_factor": round(self.tokens.factor, 2),
        }

    def _warn_uncounted(self) -> None:
        if not self._is_uncounted:
            self._is_uncounted = True
            log.warning("llm.usage_missing", model=self.model)

    def _drop(self, told: Told, ask: Ask) -> bool:
        """A parameter that the server does not know, or knows by another name."""
        said = told.words
        if not re.search(_UNKNOWN, said):
            return False
        for name in ask.extras or {}:
            if name in said:
                self._refused.add(name)
                return True
        known = re.search(rf"\b{ask.limit_name}\b", said)
        if known is None or ask.limit_name not in _LIMIT_NAMES:
            return False
        if self.limit_name == ask.limit_name:
            if "limit_name" in self._refused:
                return False  # Neither name will do: no use in going round.
            self._refused.add("limit_name")
            self.limit_name = next(name for name in _LIMIT_NAMES if name != ask.limit_name)
        return True

    def _change_dialect(self, told: Told, ask: Ask) -> bool:
        """An address without chat completions may be one of Messages."""
        if told.status not in (404, 405) or ask.dialect is Anthropic:
            return False
        if cause_of(told) is not Cause.ADDRESS or self._family not in (None, Anthropic):
            return False
        self.dialect = Anthropic
        return True

    def _by_cause(self, told: Told, ask: Ask) -> bool:
        without = {Cause.FORMAT} if ask.format is Format.PLAIN else set[Cause]()
        if ask.messages[0].role != "system":
            without.add(Cause.SYSTEM_ROLE)
        match cause_of(told, without=frozenset(without)):
            case Cause.LIMIT:
                return self._clamp(told, ask)
            case Cause.SYSTEM_ROLE:
                self.merges_system = True
                return True
            case Cause.FORMAT:
                return self._loosen(ask.format)
            case _:
                return False

    def _clamp(self, told: Told, ask: Ask) -> bool:
        if ask.tokens_max <= TOKENS_MIN:
            return False
        fitting = [each for each in told.numbers if TOKENS_MIN <= each < ask.tokens_max]
        clamped = max(fitting, default=max(ask.tokens_max // 2, TOKENS_MIN))
        if fitting and "context" in told.words:  # It is shared with the prompt.
            clamped -= max((each for each in told.numbers if each < clamped), default=0)
        self.tokens_max = min(self.tokens_max, clamped)
        self._is_raised = True  # There is no more room than that.
        log.warning("llm.limit_clamped", model=self.model, tokens_max=self.tokens_max)
        return True

    def _loosen(self, asked: Format) -> bool:
        if self.format is asked:
            looser = [each for each in self.dialect.formats if each > asked]
            self.format, self._format_at = looser[0], self.clock()
            log.warning("llm.format_unsupported", format=asked.name, model=self.model)
        return True


def learnt_for(*, model: str, tokens_max: int, base_url: str | None) -> Learnt:
    """What is supposed of a server before it has answered."""
    if base_url is None:
        return Learnt(model, tokens_max, OpenAI, OpenAI.limit_name, _family=OpenAI)
    if "api.anthropic.com" in base_url:
        return Learnt(model, tokens_max, Anthropic, _family=Anthropic)
    return Learnt(model, tokens_max)
