"""Postal addresses: a street with the number of a house, as countries write it."""

import re
from collections.abc import Iterable

from app.generation.model.redaction_accounts import Found

_UPPER = "A-ZÀ-ÖØ-ÞĀ-ſ"
_NAME = rf"[{_UPPER}][\w'.’-]{{1,20}}"
_HOUSE = (
    r"\d{1,4}(?:[a-zA-Z](?!\w)|hs(?!\w)|[ ][A-Z](?![\w.'])"
    r"|[/-](?:\d{1,4}|[a-zA-Z]|I{1,3})(?!\w))?"
)
_DOOR = (
    r"(?:,?[ ](?i:apt|flat|unit|piso|wohnung|lgh|int|daire|m|ap|app)\.?[ ]?#?\d{1,4}[A-Za-z]?(?!\w)"
    r"|,?[ ]#\d{1,5}[A-Za-z]?)?"
)
_OF = r"(?:(?:de|du|des|da|do|dos|das|del|della|dei|di|d'|l'|la|las|los|le|les|von|der|den)[ ]?)"
_NOT_A_HOUSE = (
    r"(?![\d.,:/-]*\d|[ ]?(?:[€%]|km|[Mm]in|[Uu]hr|uur|[Ss]tunden|h(?:oras?|eures?)?\b|ore\b))"
)

_ENGLISH = (
    rf"(?<![\w.,/-])(?:\d{{1,4}}/)?\d{{1,5}}[a-zA-Z]?(?:-\d{{1,4}})?[ ](?:[NSEW][EW]?\.?[ ])?"
    rf"(?:(?:{_NAME}|\d{{1,3}}(?:st|nd|rd|th))[ ]){{1,3}}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Terrace|Close"
    r"|Crescent|Cres|Gardens|Grove|Mews|Parade|Pde|Circle|Marg|Nagar|Way|Place|Square|Highway|Hwy"
    rf"|Parkway|Pkwy|Esplanade|Quay|Row|Hill)(?!\w)\.?{_DOOR}"
)
_INDIAN = (
    r"(?<!\w)(?:[Hh]\.?[ ]?[Nn]o|[Ff]lat[ ]?[Nn]o|[Pp]lot[ ]?[Nn]o|[Dd]oor[ ]?[Nn]o)[.:]?[ ]?"
    rf"[A-Z]?-?\d[\d/A-Z-]{{0,11}},[ ](?:{_NAME}[ ]?){{1,4}}"
)
_GERMANIC = (
    rf"(?<![\w-])(?:(?:(?:(?:Van|De|Het)[ ](?:de[rn]?|den)?|(?:Lange|Korte|Oude|Nieuwe|Eerste"
    r"|Tweede|Große|Kleine|Alte|Neue|Obere|Untere|Hintere|[12]e))[ ]?)?"
    rf"(?:(?:{_NAME}-){{0,3}}[{_UPPER}]\w{{1,20}}"
    r"(?:stra(?:ß|ss)e|str\.|gasse|allee|ufer|damm|weg|platz|straat|laan|plein|gracht|kade|dreef"
    r"|singel|gatan|vägen|vej|gade|STRA(?:SS|ß)E|STR\.|WEG|PLATZ|ALLEE|STRAAT)"
    r"|[\w-]{3,30}(?:stra(?:ß|ss)e|str\.?|straat|gracht|gatan))"
    rf"|{_NAME}[ -](?:{_NAME}-)?(?:Stra(?:ß|ss)e|Str\.|Allee|Platz|Weg|Ufer|Damm)"
    rf"|(?:Laan|Plein)[ ]van[ ](?:de[ ])?{_NAME}"
    rf"|(?:Am|Im|Zum|Zur|An[ ]de[rn]|Auf[ ]de[rm]|In[ ]de[rn]|Unter[ ]den)[ ](?:{_NAME}[ ])?"
    rf"(?:[{_UPPER}]\w{{0,16}})?(?i:markt|hof|bach|wald|berg|tor|ring|graben|anger|park|feld|garten"
    r"|mühle|kirche|rain|winkel|stein|brunnen|linden|wiese|höhe|hang|brücke))"
    rf"[ ]{_HOUSE}{_NOT_A_HOUSE}{_DOOR}"
)
_FRENCH = (
    rf"(?<![\w.,/-]){_HOUSE}(?:[ ](?:bis|ter))?,?[ ](?:rue|avenue|av\.|boulevard|bd|place|impasse"
    rf"|all[ée]e|chemin|quai|cours|route|passage|square|faubourg|villa|r\.)[ ]"
    rf"{_OF}{{0,2}}{_NAME}(?:[ -]{_OF}{{0,2}}{_NAME}){{0,3}}"
)
_ROMANCE = (
    r"(?<!\w)(?:[Cc]alle|[Cc]/|[Aa]venida|[Aa]vda\.?|[Aa]v\.|[Pp]laza|[Pp]za\.|[Pp]aseo|[Pp]asseig"
    r"|[Pp]laça|[Aa]vinguda|[Rr]ambla|[Rr]onda|[Cc]amino|[Cc]arretera|[Cc]tra\.|[Cc]alz(?:ada|\.)"
    r"|[Bb]lvd\.|[Cc]errada|[Pp]rivada|[Vv]ia(?:le)?|V\.le|[Pp]iazza(?:le)?|P\.?(?:zza|za)|[Cc]orso"
    r"|C\.so|[Vv]icolo|[Ll]argo|[Ll]ungotevere|[Ss]trada|[Rr]ua|R\.|[Tt]ravessa|[Tt]v\.|[Pp]ra[çc]a"
    r"|[Aa]lameda|[Ee]strada|[Rr]odovia|[Bb]eco|[Cc]alçada|[Cc]arrer)[ ]?"
    rf"{_OF}{{0,2}}(?:{_NAME}|\d{{1,2}}[ ]{_OF}{_NAME})(?:[ ]{_OF}{{0,2}}{_NAME}){{0,3}}"
    rf",?[ ](?:n\.?[ºo°]?\.?[ ]?|#|número[ ])?{_HOUSE}{_NOT_A_HOUSE}{_DOOR}"
)
_POLISH = (
    rf"(?<!\w)(?:ul\.|[Uu]lic[aeyęą]|al\.|[Aa]lej[aię]|os\.|[Oo]siedl[eu]|pl\.)[ ]?"
    rf"(?:\d{{1,2}}[ ])?{_NAME}(?:[ ]{_NAME}){{0,2}}[ ]{_HOUSE}{_DOOR}"
)
_RUSSIAN = (
    r"(?<!\w)(?:ул\.|[Уу]лиц[аеыу]|пр\.|пр-т|[Пп]роспект\w?|пер\.|[Пп]ереулок|пл\.|наб\.|б-р)[ ]?"
    r"(?:[А-ЯЁ\d][\w-]{0,20}[ ,]{1,2}){1,3}(?:д\.|дом)?[ ]?\d{1,4}(?:/\d{1,3}|[а-я](?!\w))?"
)
_TURKISH = (
    rf"(?<!\w)(?:{_NAME}[ ]){{1,3}}(?:[Cc]addesi|[Cc]ad\.|[Ss]oka[kğ]\w{{0,2}}|[Ss]ok\."
    rf"|[Bb]ulvar[ıi]|[Mm]ah\.)[ ,]{{1,2}}(?:[Nn]o[:.]?[ ]?)?{_HOUSE}{_DOOR}"
)
_JAPANESE = (
    r"(?:[一-龠ヶ]{1,4}[都道府県])?[一-龠ヶ]{1,6}[市区町村][一-龠ぁ-んァ-ヶ]{1,8}"
    r"\d{1,3}(?:丁目|-)\d{1,3}(?:番地?|-)?\d{0,3}号?"
)
_TYPED = (_ENGLISH, _GERMANIC, _FRENCH, _ROMANCE, _POLISH, _TURKISH)
_ALL = tuple(map(re.compile, (*_TYPED, _INDIAN, _RUSSIAN, _JAPANESE)))
_IN_ANY_CASE = [re.compile(one, re.IGNORECASE) for one in _TYPED]
_LIVES = re.compile(
    r"(?<!\w)(?:i|we|he|she|they|lives?|living|moved|come|go|drive|send|deliver|address|ich|wir|wohn\w*"
    r"|komm\w*|adresse|anschrift|habit\w+|viv[oeia]\w*|dirección|abit\w+|indirizzo|moro|mora\w*|endereço"
    r"|woon\w*|adres\w{0,3}|mieszka\w*|przyjedź|otur\w+|j'habite)"
    r"[: ]{1,2}(?:(?:live|lives|is|ist|at|to|it|in|on|over|round|now|jetzt|der|an|zu[rm]?"
    r"|au|à|en|la|el|na|no|nella|op|de|aan|est|è|é|es|it's)[: ]{1,2}){0,4}",
    re.IGNORECASE,
)
"""After these words an address may be written all in small letters."""
_NO_NAME = re.compile(
    r"[ ](?:way|lane|min\w*|hours?|days?|houses?|blocks?|miles?|kms?|stunden?|tage?|jahren?)[ ]"
)


def places(text: str) -> Iterable[Found]:
    """Streets with a house's number in the shadow of a text."""
    for pattern in _ALL:
        for found in pattern.finditer(text):
            yield found.start(), found.end(), "address"
    for said in _LIVES.finditer(text):
        for pattern in _IN_ANY_CASE:
            found = pattern.match(text, said.end())
            if found and not _NO_NAME.search(found[0].lower()):
                yield found.start(), found.end(), "address"
