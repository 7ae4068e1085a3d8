"""What a provider must not see: who the people are, how they are reached or paid, what opens.

Participants become P1, P2 …, numbers, addresses and secrets become placeholders such as
[PHONE_1]; an answer that names them is refused before it is stored. People who are spoken of
but do not write keep their names: nothing tells them from other words.

A text is searched in its shadow, and what is found is cut from the text itself.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.chats.names import printable
from app.generation.model.redaction_accounts import Found, ibans, wallets
from app.generation.model.redaction_handles import emails, handles
from app.generation.model.redaction_ids import ids
from app.generation.model.redaction_links import links
from app.generation.model.redaction_names import mentioned, names_of
from app.generation.model.redaction_numbers import numbers, phone_digits, significant
from app.generation.model.redaction_places import places
from app.generation.model.redaction_secrets import codes, drawn, keys, passwords
from app.generation.model.redaction_shadow import shadow_of, shadow_text, visible

__all__ = ["Redactor", "mentioned", "restored", "visible"]

_LITERAL = re.compile(r"(?<!\w)P\d+|\[[A-Z]+_\d+\]")
_ALIAS = re.compile(r"(?<!\w)P(\d{1,5})(?!\d)|\[[A-Z]+_\d{1,5}\]")
_DIGIT = re.compile(r"[0-9]")
_SIGN = re.compile(r"[0-9@#/:=-]")
_HIDDEN = "\0"
"""Stands in the shadow for what was found, so that nothing is found in it twice."""


def restored(text: str, originals: Mapping[str, str]) -> str:
    """`text` with what its aliases and placeholders stand for; unknown ones stay."""
    return _ALIAS.sub(lambda found: originals.get(found[0], found[0]), text)


class Redactor:
    """Redacts the texts of one chat; equal things get equal placeholders."""

    def __init__(self, people: Sequence[str]) -> None:
        """`people` are the names of the authors, the first becomes P1."""
        self._aliases = {name: f"P{place}" for place, name in enumerate(people, start=1)}
        self._originals = {alias: printable(name) for name, alias in self._aliases.items()}
        self._placeholders: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()
        known = ((phone_digits(shadow_text(name)), alias) for name, alias in self._aliases.items())
        self._phones = {digits: alias for digits, alias in known if digits}
        self._names = names_of(self._aliases)

    def alias(self, name: str) -> str:
        """What stands for the author `name`; P0 for an unknown author."""
        return self._aliases.get(name, "P0")

    def redact(self, text: str) -> str:
        """`text` without names, addresses, numbers and secrets of people."""
        found = sorted(self._found(shadow_text(text)))
        if not found:
            return text
        shadow = shadow_of(text)
        if shadow.text != shadow_text(text):
            found = sorted(self._found(shadow.text))
        parts: list[str] = []
        at = 0
        for start, end, kind in found:
            begin, after = shadow.span(start, end)
            begin = max(begin, at)  # Two may share a character that the shadow wrote as several.
            if begin < after:
                stands_for = self._replacement(kind, shadow.text[start:end], text[begin:after])
                parts += [text[at:begin], stands_for]
                at = after
        return "".join([*parts, text[at:]])

    @property
    def originals(self) -> dict[str, str]:
        """What the aliases and placeholders made so far stand for."""
        return self._originals

    def placeholder(self, kind: str, text: str) -> str:
        """What stands for `text`, which is of this kind: [PHONE_1] and so on."""
        key = (kind, text)
        if key not in self._placeholders:
            self._counts[kind] += 1
            placeholder = f"[{kind.upper()}_{self._counts[kind]}]"
            self._placeholders[key] = placeholder
            self._originals[placeholder] = text
        return self._placeholders[key]

    def _found(self, shadow: str) -> list[Found]:
        search = _Search(shadow)
        if _SIGN.search(shadow):
            search.hide(keys(search.text))
            search.hide_links()
        has_digits = _DIGIT.search(shadow) is not None
        if has_digits:
            search.hide(codes(search.guarded))
        search.hide(passwords(search.text))
        search.hide(emails(search.text))
        if has_digits:
            for kind in (places, wallets, ibans, ids, drawn):
                search.hide(kind(search.guarded))
        if _SIGN.search(shadow):
            search.hide(one for one in handles(search.guarded) if not self._is_name(shadow, one))
            search.hide(numbers(search.guarded))
        # An alias that somebody wrote; after the rest, which may begin like one: P0pcorn!
        search.hide((found.start(), found.end(), "word") for found in _LITERAL.finditer(shadow))
        if self._names.pattern is not None:
            named = self._names.pattern.finditer(search.text)
            search.hide((found.start(), found.end(), "name") for found in named)
        return search.found

    def _is_name(self, shadow: str, found: Found) -> bool:
        """@Anna is Anna, whom an alias stands for."""
        start, end, _ = found
        who = shadow[start:end].removeprefix("@")
        return self._names.meant(who)[0] is not None

    def _replacement(self, kind: str, shadow: str, text: str) -> str:
        match kind:
            case "phone":
                return self._phones.get(significant(shadow)) or self.placeholder(kind, text)
            case "name":
                meant, suffix = self._names.meant(shadow)
                if meant:
                    return meant + suffix
                return self.placeholder(kind, text.removesuffix(suffix)) + suffix
            case _:
                return self.placeholder(kind, text)


class _Search:
    """The shadow of a text, in which less is left to be found with each search."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.guarded = text
        """Without the links that stay: no number in them belongs to a person."""
        self.found: list[Found] = []

    def hide(self, found: Iterable[Found]) -> None:
        """Keep what was found, but what was found before or begins inside of another."""
        end, kept = 0, list[Found]()
        for one in sorted(found, key=lambda one: (one[0], -one[1])):
            if one[0] >= end and _HIDDEN not in self.text[one[0] : one[1]]:
                kept.append(one)
                end = one[1]
        if kept:
            self.found += kept
            self.text = _masked(self.text, kept)
            self.guarded = _masked(self.guarded, kept)

    def hide_links(self) -> None:
        """Keep those that are secret or name a person; guard the others."""
        all_ = list(links(self.text))
        self.hide(one for one in all_ if one[2] in ("url", "handle"))
        self.guarded = _masked(self.guarded, [one for one in all_ if not one[2]])


def _masked(text: str, found: Iterable[Found]) -> str:
    """`text` of the same length, without what was found, which is in order."""
    parts, at = list[str](), 0
    for start, end, _ in found:
        parts += [text[at:start], _HIDDEN * (end - start)]
        at = end
    return "".join([*parts, text[at:]])
