"""What is known of WhatsApp's lines: languages, platforms and kinds of lines."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.chats.formats.whatsapp.phrase_table import languages, table

PLATFORMS = ("Android", "iOS")

KINDS = (
    ("encrypted", "encryption"),
    ("media", "media left out"),
    ("attached", "attached file"),
    ("deleted", "deleted"),
    ("edited", "edited"),
    ("missed_call", "missed call"),
    ("location", "location"),
    ("poll", "poll"),
    ("security_code", "security code"),
)
"""Kinds of lines and their titles."""

# The languages that each app can be set to, as far as its phrases are public.
_IOS = (
    "ar bn ca cs da de el en es fa fi fr ga gu he hi hr hu id it ja ko mr ms nb nl pl pt-BR pt-PT "
    "ro ru sk sv th tr uk ur vi zh-CN zh-HK zh-TW"
)
REQUIRED: Mapping[str, frozenset[str]] = {
    "Android": frozenset(languages()),
    "iOS": frozenset(_IOS.split()),
}
"""The languages of each platform: of each of them the kinds in GUARANTEED are known."""

GUARANTEED: Mapping[str, frozenset[str]] = {
    "Android": frozenset({"encrypted", "media", "attached", "deleted", "missed_call", "location"}),
    "iOS": frozenset(
        {"encrypted", "media", "attached", "deleted", "edited", "missed_call", "location", "poll",
         "security_code"}
    ),
}  # fmt: skip

# Known by their structure on iOS, in any language.
_BY_STRUCTURE = frozenset({"attached", "edited", "location", "poll"})
_ROWS = {"media": {"Android": ("media_omitted",), "iOS": ("omitted",)}}
# Of a medium each kind has its mark: image, video, audio, sticker, GIF, contact, document.
_MEDIA_MARKS_MIN = {"Android": 1, "iOS": 7}


@dataclass(frozen=True, slots=True)
class Known:
    """`rows` counts the phrases of a language and a kind of the table."""

    languages: Mapping[str, str]
    rows: Mapping[tuple[str, str], int]

    def has(self, language: str, kind: str, platform: str) -> bool:
        """A line of this kind is read right on the platform, in this language."""
        if language not in REQUIRED[platform]:
            return False
        if kind in _BY_STRUCTURE and (platform == "iOS" or kind == "poll"):
            return True
        kinds = _ROWS.get(kind, {}).get(platform, (kind,))
        count = sum(self.rows.get((language, each), 0) for each in kinds)
        return count >= (_MEDIA_MARKS_MIN[platform] if kind == "media" else 1)

    def gaps(self) -> list[tuple[str, str, str]]:
        """(platform, language, kind) that are guaranteed and not known."""
        return [
            (platform, language, kind)
            for platform, kinds in GUARANTEED.items()
            for language in sorted(REQUIRED[platform])
            for kind in sorted(kinds)
            if not self.has(language, kind, platform)
        ]


def known() -> Known:
    """What the table of phrases and the structure of lines make known."""
    rows: dict[tuple[str, str], int] = {}
    for language, kind, _ in table():
        rows[language, kind] = rows.get((language, kind), 0) + 1
    return Known(languages(), rows)
