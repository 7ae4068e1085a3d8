"""Links that are credentials by themselves, and links that name a person."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from app.generation.model.redaction_accounts import Found
from app.generation.model.redaction_secrets import is_drawn_by_lot

LINK_MAX = 8000
VALUE_DRAWN_MIN, PATH_DRAWN_MIN = 16, 22

_LINK = re.compile(
    rf"(?:(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{{1,20}}://"
    r"|(?<![a-z0-9@.-])(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?::\d{1,5})?[/?#])"
    rf"[^\s<>\"]{{1,{LINK_MAX}}}",
    re.IGNORECASE,
)
_AFTER = ".,;:!?'\"*"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_USER = re.compile(r"://[^/?#@]{1,200}@")
_INVITES = re.compile(
    r"(?:chat\.whatsapp\.com/|whatsapp\.com/channel/|wa\.me/qr/|(?:t|telegram)\.(?:me|dog)/(?:\+"
    r"|joinchat/)"
    r"|discord\.gg/|discord(?:app)?\.com/invite/|signal\.(?:group|me|art)/#|join\.slack\.com/"
    r"|join\.skype\.com/|line\.me/(?:r/)?ti/|meet\.google\.com/[a-z]{3,4}-|teams\.live\.com/meet/"
    r"|teams\.microsoft\.com/l/meetup-join/|facetime\.apple\.com/join|invite\.viber\.com/"
    r"|m\.me/j/|ig\.me/j/|vm\.tiktok\.com/invite|matrix\.to/#/!|groupme\.com/join_group/"
    r"|photos\.app\.goo\.gl/|1drv\.ms/|we\.tl/|icloud\.com/(?:share|photos/#)"
    r"|dropbox\.com/(?:s|sh|scl|t|request)/|mega\.(?:nz|io)/(?:file|folder|#)|wetransfer\.com/downloads/"
    r"|(?:drive|docs)\.google\.com/(?:[a-z]{1,20}/){1,3}(?:d/|folders/)?[\w-]{20}"
    r"|sharepoint\.com/:|zoom\.us/(?:j|my|w|s)/|webex\.com/(?:meet|join|[\w-]{1,30}/j\.php)"
    r"|meet\.jit\.si/|whereby\.com/|gotomeet\.me/|(?:tg|viber)://\S{0,40}invite)",
    re.IGNORECASE,
)
_PROFILES = re.compile(
    r"(?:https?://)?(?:www\.|m\.)?(?:(?:instagram|tiktok|twitter|x|facebook|threads|twitch|snapchat"
    r"|pinterest|onlyfans|soundcloud)\.(?:com|net|tv)/(?:add/|u/)?@?|linkedin\.com/in/|t\.me/@?"
    r"|paypal\.(?:me|com/paypalme)/|venmo\.com/(?:u/)?|cash\.app/\$|bsky\.app/profile/"
    r"|github\.com/|vk\.com/|linktr\.ee/|patreon\.com/|ko-fi\.com/|reddit\.com/u(?:ser)?/"
    r"|youtube\.com/(?:c|user)/|steamcommunity\.com/id/|last\.fm/user/|letterboxd\.com/|keybase\.io/)"
    r"(?P<who>[a-z0-9_.-]{2,40})/?(?:\?[^/]*)?",
    re.IGNORECASE,
)
_NOBODY = frozenset(
    " ".join(
        (
            "p reel reels explore stories tv watch share groups events pages status i search",
            "hashtag home",
            " intent marketplace photo photos video videos s c channel login settings about help",
            "jobs",
            " privacy terms discover trending features pricing",
        )
    ).split()
)
_AT_PATH = re.compile(
    r"[^/?#]{0,20}?(?://)?[^/?#]{1,80}/@[a-z0-9_.-]{2,40}/?(?:\?[^/]*)?", re.IGNORECASE
)
"""The profile of a person, on whichever host: youtube.com/@somebody."""
_COMMIT = re.compile(
    r"/(?:commits?|tree|blob|blame|compare|raw)/[0-9a-f]{7,64}(?![^/.?#])", re.IGNORECASE
)
_TRACK = re.compile(r"spotify\.com/(?:[a-z-]{2,10}/)?(?:track|album|artist|episode|show)/\w{22}")
_PHONES = re.compile(r"(?:https?://)?(?:wa\.me|api\.whatsapp\.com|signal\.me)/", re.IGNORECASE)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_SECRETS = frozenset(
    " ".join(
        (
            "token key sig signature pass password passwd passwort passcode pwd pw secret code",
            "auth",
            " authorization session sessionid sid jwt otp pin totp invite invitation hash hmac",
            "ticket",
            " credential credentials cred access oauth nonce verify verification verifier",
            "confirm magic",
            " apikey accesskey authkey privatekey bearer sso saml csrf xsrf refresh unlock reset",
            "clave",
            " contrasena senha motdepasse mdp haslo sifre phone tel mobile msisdn email mail",
            "iban card",
        )
    ).split()
)
"""Of the name of a parameter, one word of which is enough."""
_HARMLESS = frozenset(
    " ".join(
        ("zipcode postcode countrycode langcode keyword keywords keyboard colorcode areacode",)
    ).split()
)


def links(text: str) -> Iterable[Found]:
    """All links: of the kind "url" or "handle", or "" where nothing in them is secret."""
    for found in _LINK.finditer(text):
        link = _trimmed(found[0])
        yield found.start(), found.start() + len(link), _kind(link)


def _trimmed(link: str) -> str:
    """Without the sentence's own marks behind it."""
    while link:
        opened = _BRACKETS.get(link[-1])
        if link[-1] not in _AFTER and (opened is None or opened in link):
            break
        link = link[:-1]
    return link


def _kind(link: str) -> str:
    plain = unquote(link) if "%" in link else link
    if plain.lower().startswith("otpauth") or _USER.search(plain) or _INVITES.search(plain):
        return "url"
    if any(_is_secret(*one) for one in _parameters(plain)) or any(map(_is_drawn, _path(plain))):
        return "url"
    who = _PROFILES.fullmatch(plain)
    if (who and who["who"].lower() not in _NOBODY) or _AT_PATH.fullmatch(plain):
        return "handle"
    return "phone_holder" if _PHONES.match(plain) else ""


def _parameters(link: str) -> Iterable[tuple[str, str]]:
    _, *rest = re.split(r"[?&#;]", link)
    for one in rest:
        name, is_given, value = one.partition("=")
        yield (name, value) if is_given else ("", name)


def _is_secret(name: str, value: str) -> bool:
    if len(value) >= VALUE_DRAWN_MIN and is_drawn_by_lot(value):
        return True
    joined = re.sub(r"[^a-z]", "", name.lower())
    if not value or joined in _HARMLESS:
        return False
    parts = {part.lower() for part in _PARTS.findall(name)}
    return bool(parts & _SECRETS) or joined in _SECRETS or joined.endswith(("token", "apikey"))


def _path(link: str) -> Iterable[str]:
    path = re.split(r"[?#]", link, maxsplit=1)[0]
    return _TRACK.sub("", _COMMIT.sub("", path)).split("/")[1:]


def _is_drawn(part: str) -> bool:
    return len(part) >= PATH_DRAWN_MIN and is_drawn_by_lot(part)
