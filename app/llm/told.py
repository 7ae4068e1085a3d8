"""What a provider's error says: names and words, out of a body of any shape."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import orjson

DEPTH_MAX, PARTS_MAX, WORDS_MAX = 8, 60, 1_000
_NAMES = frozenset(
    {"code", "type", "status", "reason", "reasons", "quotaid", "quotametric", "param", "loc"}
    | {"error_code", "error_type", "errorcode", "limit_source"}
    | {"blockreason", "block_reason", "finishreason", "finish_reason"}
)
_WORDS = frozenset(
    {"message", "msg", "detail", "error", "errors", "error_message", "error_description", "raw"}
    | {"title", "statusmessage", "error_msg", "errormessage"}
)
"""Only what stands under these is read: a body may quote the prompt, and a chat must not be able
to say that an account is empty."""
_NUMBER = re.compile(r"\d[\d,_]*")


@dataclass(frozen=True, slots=True)
class Told:
    """An error. `words` are names first, then sentences, in lower case, a line each."""

    status: int
    words: str = ""
    body: Any = None

    @property
    def numbers(self) -> list[int]:
        """Numbers in the sentences, in order."""
        said = "\n".join(line for line in self.words.split("\n") if not line.isdecimal())
        found = (each.replace(",", "").replace("_", "") for each in _NUMBER.findall(said))
        return [int(each) for each in found if len(each) < 10]


def told_by(content: bytes, status: int) -> Told:
    """What an error's body says. A status inside an answer that claims success, or the failure of
    a gateway, is the error's."""
    body = _json(content)
    if body is None:  # A gateway's page: its words count, up to a limit.
        return Told(status, content[:WORDS_MAX].decode(errors="replace").lower())
    parts = [part for part, _ in zip(_parts(body, 0), range(PARTS_MAX), strict=False)]
    if status < 400 or status == 500:
        codes = (int(part) for part in parts if re.fullmatch(r"[45]\d\d", part))
        status = next(codes, status)
    return Told(status, "\n".join(parts), body)


def _parts(value: object, depth: int, key: str = "") -> Iterator[str]:
    if depth > DEPTH_MAX:
        return
    match value:
        case dict():
            for name, each in cast("dict[str, object]", value).items():
                yield from _parts(each, depth + 1, name.lower())
        case list():
            for each in cast("list[object]", value):
                yield from _parts(each, depth + 1, key)
        case str() if key in _NAMES or key in _WORDS or not key:
            inner = _json(value.encode(errors="replace")) if "{" in value[:40] else None
            if isinstance(inner, dict | list):  # A gateway passes on another's error as text.
                yield from _parts(cast("object", inner), depth + 1)
            else:
                yield value[:WORDS_MAX].lower()
        case int() if key in _NAMES and not isinstance(value, bool):
            yield str(value)
        case _:
            return


def _json(content: bytes) -> Any:
    start = min((at for at in (content.find(b"{"), content.find(b"[")) if at >= 0), default=-1)
    if start < 0:
        return _loaded(content) if content[:1] == b'"' else None
    whole = _loaded(content)
    # `ProviderError - b'{…}'`: the words before are the gateway's own.
    return whole if whole is not None else _loaded(content[start:].rstrip(b"'\" \n"))


def _loaded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return None
