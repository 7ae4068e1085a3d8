"""Why providers refuse: their words, as data. The first rule that fits decides.

Words are each vendor's own, found in their documentation, their clients and reports of their
users; gateways rewrite the status and keep the words, so most rules ask for no status.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from app.llm.told import Told


class Cause(StrEnum):
    """What is wrong, by who can mend it."""

    REFUSED = "refused"
    UNUSABLE = "unusable"
    CONTEXT = "context_too_long"
    LIMIT = "limit_too_large"
    SYSTEM_ROLE = "system_role"
    FORMAT = "format"
    QUOTA = "quota"
    CREDIT = "credit"
    KEY = "key"
    MODEL = "model"
    ACCESS = "access"
    ADDRESS = "address"
    RATE = "rate_limited"
    OUTAGE = "outage"
    BAD_REQUEST = "bad_request"

    @property
    def is_rejection(self) -> bool:
        """Whether it takes a human: the account, the key, the model's name or the address."""
        return self in _ADVICE

    @property
    def advice(self) -> str:
        """What a human can do about a rejection; empty for what is none."""
        return _ADVICE.get(self, "")


_ADVICE = {
    Cause.QUOTA: "the quota or spend limit is used up: raise it, or wait until it is renewed",
    Cause.CREDIT: "the account has no credit: top it up at the provider",
    Cause.KEY: "the key is not accepted: check SIXFOLD_LLM_API_KEY",
    Cause.MODEL: "the server does not know the model: check SIXFOLD_LLM_MODEL",
    Cause.ACCESS: "the account may not do this: check its permissions, region and the key's scope",
    Cause.ADDRESS: "nothing answers there: check SIXFOLD_LLM_BASE_URL, up to and with /v1",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """`cause` for an error with one of `statuses` (None: any) whose words match."""

    cause: Cause
    words: re.Pattern[str]
    statuses: frozenset[int] | None = None


def _rule(cause: Cause, *words: str, statuses: frozenset[int] | None = None) -> Rule:
    return Rule(cause, re.compile("|".join(words), re.DOTALL | re.MULTILINE), statuses)


_TAKEN_ILL = frozenset({400, 404, 415, 422, 500, 501})
_NAMED = r"(?:[^.\n]|\.(?=\S)){0,80}?"
"""Words of the same sentence; the dots in names of models and hosts do not end it."""
_LIMIT_NAME = r"max(?:imum)?[_ ]?(?:completion|output|new)?[_ ]?tokens"

RULES = (
    _rule(
        Cause.REFUSED,
        r"content_?filter|content_policy|responsibleaipolicy|moderation_blocked|data_inspection",
        r"inappropriate content|content exists risk|requires moderation|input was flagged",
        r"usage guidelines|safety_check|guardrail|prohibited_content|high_risk|sensitive content",
        r"content filter(?:s|ing)?\b|blocked by .{0,20}filter|safety (?:system|filter)",
        r"(?:prompt|input|content|request|messages?)[^.\n]{0,40}flagged|prohibited use",
        r"violat[^.\n]{0,40}(?:polic|guideline|terms|standards)",
        r"sensitivecontent|sensitive (?:information|words)|敏感|blocked: prohibited",
    ),
    _rule(
        Cause.REFUSED,
        r"^(?:safety|prohibited_content|blocklist|spii|recitation)$",
        statuses=frozenset({200}),
    ),
    _rule(Cause.UNUSABLE, r"json_validate_failed|failed to generate json|tool_use_failed"),
    _rule(
        Cause.CONTEXT,
        r"context_length_exceeded|exceed_context_size|context_exceeded|context limit",
        r"reduce the length|prompt is too long|input is too long|prompt too long",
        r"input token count .{0,40}exceeds|request[ _]too[ _]large|tokens_limit_reached",
        r"reduce your (?:message|prompt)|input or output tokens must be reduced",
        r"exceeds? the (?:available |model'?s? )?(?:maximum )?context|context size has been",
        r"maximum prompt length|too large for model|exceeds? context window|too many input tokens",
        r"range of input length|prompt contains too many tokens|max_prompt_tokens",
        r"(?:prompt|input)[^.\n]{0,60}(?:longer than|exceeds)[^.\n]{0,60}context",
        r"(?:prompt|input)[^.\n]{0,60}(?:longer than|exceeds)[^.\n]{0,60}(?:model|sequence) len",
        r"inputs` must have|exceeds max(?:imum)? length|exceeded model token limit",
        r"prompt tokens exceed|inputs` tokens|inputs? too long|prompt length exceeds",
        r"number of tokens[^.\n]{0,60}over the limit|\bcontext is \d",
        r"messages? exceeds? [^.\n]{0,20}(?:token|length|context)",
        r"(?:prompt|request) has \d+ tokens",
        r"string_above_max_length|input length .{0,40}exceed|context window is",
    ),
    _rule(
        Cause.LIMIT,
        _LIMIT_NAME + r"\W.{0,80}?(?:too (?:large|high|big)|less than|at most|must be|range|"
        r"maximum|greater|exceed|>|between|larger|should be)",
        rf"range of {_LIMIT_NAME}|at most \d+ (?:completion|output) tokens",
        r"maximum allowed number of output tokens",
        statuses=frozenset({400, 422, 500}),
    ),
    _rule(
        Cause.CONTEXT,
        r"maximum context length|max_model_len|context window|context length",
        statuses=frozenset({400, 413, 422, 500}),
    ),
    _rule(
        Cause.SYSTEM_ROLE,
        r"system role|developer instruction|roles must alternate|only user and assistant roles",
        r"system[ _](?:message|prompt|instruction)s?\b[^.\n]{0,40}(?:not|unsupported|disabled)",
        r"role[^.\n]{0,30}system[^.\n]{0,60}(?:not|unsupported|unknown|invalid|must)",
        r"(?:unexpected|unsupported|invalid|unknown) (?:message )?role[^.\n]{0,20}system",
        r"'system'.{0,40}(?:does not match|expected tags|should be)|valid role|permitted: 'user'",
        r"(?:not|n't) support(?:ed)? ['\"]?system|first message must be",
        r"(?:only|user,?)[^.\n]{0,12} assistant[^.\n]{0,30}role",
        statuses=_TAKEN_ILL,
    ),
    _rule(
        Cause.FORMAT,
        r"response[_ ]?format|output_(?:format|config)|json[_ ]?schema|json_object|json mode",
        r"structured|grammar|\$ref|\$defs|guided[_ ]|constrained|schema",
        statuses=_TAKEN_ILL,
    ),
    _rule(
        Cause.RATE,
        r"limited to \d+[^.\n]{0,24}(?:per|/|a) ?min|online_prediction_",
        statuses=frozenset({429}),
    ),
    _rule(
        Cause.CREDIT,
        r"insufficient[ _](?:balance|credits?|funds)|credit balance|more credits|add credits",
        r"out of credits?|(?:no|any|available) credits|payment required|arrearage|overdue",
        r"credits are (?:depleted|exhausted)|arrears|余额不足|欠费|prepaid balance",
        r"good standing|credits?[ _](?:exhausted|required|depleted)",
        r"balance is (?:too low|not|insufficient|exhausted|negative)",
        r"insufficient[^.\n]{0,20}balance|(?:add|enter|set up) a (?:valid )?payment method",
        r"free trial (?:has |is )?(?:ended|expired|over)",
    ),
    _rule(
        Cause.QUOTA,
        r"insufficient_quota|billing_|spend(?:ing)?[ _]limit|usage limits?|budget|hard[ _]limit",
        r"perday|per[ _-]day|\b[rt]pd\b|daily|monthly|per[ _-]month|permonth|limit: 0\b",
        r"calls / (?:month|day)|call volume quota|spend alert|key limit exceeded",
        r"weekly|for today|per[ _-]week|per 24 ?h|24 hours|session usage limit",
        r"exceeded_current_quota|freetieronly|free allocated quota|allocationquota",
    ),
    _rule(
        Cause.RATE,
        r"perminute|per[ _-]minute|\b[rt]pm\b|resource has been exhausted|please retry in",
        statuses=frozenset({200, 429, 503}),
    ),
    _rule(Cause.QUOTA, r"exceeded your current quota|quota[ _]?exceeded|exceeded .{0,20}quota"),
    _rule(
        Cause.KEY,
        r"(?:invalid|malformed|no|missing)[_ ](?:x-)?api[_ -]?key|incorrect api key|virtual key",
        r"api[_ -]?key[_ ][^.\n]{0,30}?(?:not[_ ]valid|invalid|expired|disabled|revoked|reported)",
        r"auth(?:entication)?[_ ]?error|invalid[_ ]authentication|authentication fails",
        r"unauthenticated|no auth credentials|signature[^.\n]{0,40}does not match",
        r"(?:security )?token [^.\n]{0,30}is invalid",
        r"invalid (?:bearer )?token|token (?:is |has )?(?:expired|invalid)|invalid credentials",
    ),
    _rule(
        Cause.MODEL,
        r"model_?(?:not_?(?:found|available|supported|exist)|decommissioned|deprecated)",
        rf"\bmodels?\b{_NAMED}(?:does not exist|not found|not exist|is not supported|not "
        r"available|no longer|decommissioned|deprecated|inaccessible|not loaded|not a valid|"
        r"retired|not served|not deployed|on-demand throughput)",
        r"(?:unknown|no such|invalid|missing) model|no models loaded|not a valid model",
        rf"model identifier is invalid|deployment{_NAMED}(?:does not exist|not found)",
        r"failed to load model|deploymentnotfound|no endpoints found|no allowed providers|model:",
        statuses=frozenset({200, 400, 403, 404, 410, 422, 500, 502}),
    ),
    _rule(
        Cause.ACCESS,
        r"permission_?(?:denied|error)|organization has been disabled|account.{0,30}(?:deactivated|"
        r"disabled|suspended)|user location is not supported|unsupported_country|access_?denied",
        r"(?:account|access)[^.\n]{0,40}terminated|organization[ _](?:has been )?restricted",
        r"requires terms acceptance",
        r"access to the organization|ip (?:address )?is not (?:allowed|authorized)|ip_not_auth",
        r"not authorized to perform",
        statuses=frozenset({200, 400, 401, 403, 451, 500}),
    ),
    _rule(
        Cause.OUTAGE,
        r"overloaded|over capacity|server_?error|internal_error|upstream|temporarily|unavailable",
        statuses=frozenset({200}),
    ),
    _rule(Cause.RATE, r"rate[_ -]?limit|too many requests|throttl", statuses=frozenset({200})),
)

_BY_STATUS = {
    401: Cause.KEY,
    402: Cause.CREDIT,
    403: Cause.ACCESS,
    404: Cause.ADDRESS,
    405: Cause.ADDRESS,
    407: Cause.ACCESS,
    408: Cause.OUTAGE,
    409: Cause.OUTAGE,
    410: Cause.MODEL,
    413: Cause.CONTEXT,
    425: Cause.OUTAGE,
    429: Cause.RATE,
    451: Cause.ACCESS,
    499: Cause.OUTAGE,
}
_PARTS = re.compile(
    r"(\d+) in (?:the )?(?:messages|prompt|text input)\D+(\d+) in (?:the )?(?:compl|outp)"
)
_INPUT = re.compile(r"context length is (?:only )?(\d+)\D+?(\d+) input tokens")


def cause_of(told: Told, *, without: frozenset[Cause] = frozenset()) -> Cause:
    """What `told` means. `without` are causes that cannot be: of what was not asked for."""
    parts = _PARTS.search(told.words)
    if parts is not None and int(parts[2]) > int(parts[1]):
        return Cause.LIMIT  # Said to be the context's length, but it is the answer's.
    room = _INPUT.search(told.words)
    if room is not None and 2 * int(room[2]) > int(room[1]):
        return Cause.CONTEXT  # Said to be the answer's length, but it is the prompt's.
    for rule in RULES:
        if rule.cause in without or not (rule.statuses is None or told.status in rule.statuses):
            continue
        if rule.words.search(told.words):
            return rule.cause
    if told.status in _BY_STATUS:
        return _BY_STATUS[told.status]
    return Cause.BAD_REQUEST if 400 <= told.status < 500 else Cause.OUTAGE
