"""Postal addresses: a street with the number of a house, as countries write it."""

import re
from collections.abc import Iterable

from app.generation.model.redaction_accounts import Found

_UPPER = "A-ZÀ-ÖØ-ÞĀ-ſ"
_NAME = rf"[{_UPPER}][\w'.’-]{{1,20}}"
_HOUSE = r"\d{1,4}(?:[a-zA-Z](?!\w)|[ ][A-Z](?![\w.'])|[/-]\d{1,4})?"
_DOOR = (
    r"(?:,?[ ](?i:apt|flat|unit|piso|wohnung|lgh|int|daire|m|ap|app)\.?[ ]?#?\d{1,4}[A-Za-z]?(?!\w)"
    r"|,?[ ]#\d{1,5}[A-Za-z]?)?"
)
_OF = r"(?:(?:de|du|des|da|do|dos|das|del|della|dei|di|d'|l'|la|las|los|le|les|von|der|den)[ ]?)"
_NOT_A_HOUSE = (
    r"(?![\d.,:/-]*\d|[ ]?(?:[€%]|km|[Mm]in|[Uu]hr|uur|[Ss]tunden|h(?:oras?|eures?)?\b|ore\b))"
)

_ENGLISH = re.compile(
    rf"(?<![\w.,/-])\d{{1,5}}[a-zA-Z]?[ ](?:[NSEW]\.?[ ])?(?:{_NAME}[ ]){{1,3}}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Terrace|Close"
    rf"|Crescent|Cres|Gardens|Grove|Mews|Parade|Pde|Circle|Marg|Nagar)(?!\w)\.?{_DOOR}"
)
_GERMANIC = re.compile(
    rf"(?<![\w-])(?:(?:{_NAME}-){{0,3}}[{_UPPER}]\w{{1,20}}"
    r"(?:stra(?:ß|ss)e|str\.|gasse|allee|ufer|damm|weg|platz|straat|laan|plein|gracht|kade|dreef"
    r"|singel|gatan|vägen|vej|gade)"
    rf"|{_NAME}[ -](?:{_NAME}-)?(?:Stra(?:ß|ss)e|Str\.|Allee|Platz|Weg|Ufer|Damm))"
    rf"[ ]{_HOUSE}{_NOT_A_HOUSE}{_DOOR}"
)
_FRENCH = re.compile(
    rf"(?<![\w.,/-]){_HOUSE}(?:[ ](?:bis|ter))?,?[ ](?:rue|avenue|av\.|boulevard|bd|place|impasse"
    rf"|all[ée]e|chemin|quai|cours|route)[ ]{_OF}{{0,2}}{_NAME}(?:[ -]{_OF}{{0,2}}{_NAME}){{0,3}}"
)
_ROMANCE = re.compile(
    r"(?<!\w)(?:[Cc]alle|[Cc]/|[Aa]venida|[Aa]vda\.?|[Aa]v\.|[Pp]laza|[Pp]aseo|[Vv]ia(?:le)?"
    r"|[Pp]iazza|[Cc]orso|[Vv]icolo|[Rr]ua|[Tt]ravessa|[Pp]ra[çc]a|[Aa]lameda|[Cc]arrer)[ ]?"
    rf"{_OF}{{0,2}}(?:{_NAME}|\d{{1,2}}[ ]{_OF}{_NAME})(?:[ ]{_OF}{{0,2}}{_NAME}){{0,3}}"
    rf",?[ ](?:n\.?[ºo°]?\.?[ ]?|#|número[ ])?{_HOUSE}{_NOT_A_HOUSE}{_DOOR}"
)
_POLISH = re.compile(
    rf"(?<!\w)(?:ul\.|[Uu]lic[aey]|al\.|os\.|pl\.)[ ]?{_NAME}(?:[ ]{_NAME}){{0,2}}"
    rf"[ ]{_HOUSE}{_DOOR}"
)
_TURKISH = re.compile(
    rf"(?<!\w)(?:{_NAME}[ ]){{1,3}}(?:[Cc]addesi|[Cc]ad\.|[Ss]oka[kğ]\w{{0,2}}|[Ss]ok\."
    rf"|[Bb]ulvar[ıi]|[Mm]ah\.)[ ,]{{1,2}}(?:[Nn]o[:.]?[ ]?)?{_HOUSE}{_DOOR}"
)
_JAPANESE = re.compile(
    r"(?:[一-龠ヶ]{1,4}[都道府県])?[一-龠ヶ]{1,6}[市区町村][一-龠ぁ-んァ-ヶ]{1,8}"
    r"\d{1,3}(?:丁目|-)\d{1,3}(?:番地?|-)?\d{0,3}号?"
)
_ALL = (_ENGLISH, _GERMANIC, _FRENCH, _ROMANCE, _POLISH, _TURKISH, _JAPANESE)


def places(text: str) -> Iterable[Found]:
    """Streets with a house's number in the shadow of a text."""
    for pattern in _ALL:
        for found in pattern.finditer(text):
            yield found.start(), found.end(), "address"
