"""Accounts that money is sent to: IBANs, payment cards and wallets, told by their checksums."""

import re
from collections.abc import Iterable
from hashlib import sha256

CARD_DIGITS_MIN, CARD_DIGITS_MAX = 13, 19
IBAN_MIN, IBAN_MAX = 15, 34
IBAN_DIGITS_MIN = 10

Found = tuple[int, int, str]
"""Where it begins and ends, and of which kind it is."""

_IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FO FI GL NL SD", 19: "MK SI", 20: "AT BA EE KZ XK LT LU MN",
    21: "HR LV LI CH", 22: "BH BG CR GE DE IE ME RS GB VA", 23: "TL GI IQ IL OM SO AE",
    24: "AD CZ MD PK RO SA SK ES SE TN VG", 25: "LY PT ST", 26: "IS TR",
    27: "BI DJ FR GR IT MR MC SM",
    28: "AL AZ BY CY DO SV GT HU LB NI PL", 29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC",
    32: "LC", 33: "RU",
}  # fmt: skip
_LENGTH_OF = {country: length for length, all_ in _IBAN_LENGTHS.items() for country in all_.split()}
_IBAN = re.compile(r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}[ ]?\d{2}(?:[\s.,/-]{0,3}[A-Za-z0-9]){11,32}))")
_CARD_GROUPS = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1)}
_CARD_BEGINS = re.compile(r"3[0-9]|4|5|6|2[2-7]|81|82|9792")

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_FORM = re.compile(r"[a-z_]{2,20}1[ac-hj-np-z02-9]{11,110}")
_BECH32_CHECKS = (1, 0x2BC830A3)
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_WALLET = re.compile(
    r"(?<![A-Za-z0-9])(?:0x[0-9a-fA-F]{40}|(?i:[a-z_]{2,20}1[a-z0-9]{38,110}|(?:bc|tb)1[a-z0-9]{11,37})"
    r"|[1-9A-HJ-NP-Za-km-z]{25,110})(?![A-Za-z0-9])"
)


def ibans(text: str) -> Iterable[Found]:
    """IBANs in pieces of any length; with a typing error too, if as long as their country's."""
    end = 0
    for found in _IBAN.finditer(text):
        length = _iban_length(found[1]) if found.start() >= end else None
        if length is not None:
            end = found.start() + length
            yield found.start(), end, "iban"


def _iban_length(text: str) -> int | None:
    """How many characters of `text`, separators too, are an IBAN."""
    places = [place for place, char in enumerate(text) if char.isalnum()]
    wanted = _LENGTH_OF.get(text[:2].upper(), 0)
    if not wanted or len(places) < wanted:
        return None
    end = places[wanted - 1] + 1
    compact = "".join(text[place] for place in places[:wanted]).upper()
    if is_iban(compact):
        return end
    is_whole = not text[end : end + 1].isalnum() and len(set(text[:end]) & set(" -./,\n")) <= 1
    digits = sum(char.isdigit() for char in compact)
    return end if is_whole and digits >= IBAN_DIGITS_MIN and text[:2].isupper() else None


def is_iban(text: str) -> bool:
    """Whether the whole text is one, by its country's length and its checksum."""
    compact = re.sub(r"[\s.,/-]+", "", text).upper()
    if not (compact.isascii() and compact.isalnum() and compact[2:4].isdigit()):
        return False
    if len(compact) != _LENGTH_OF.get(compact[:2]):
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def is_card(digits: str, groups: tuple[int, ...]) -> bool:
    """Whether digits that are written in such groups number a payment card."""
    if not CARD_DIGITS_MIN <= len(digits) <= CARD_DIGITS_MAX or not _CARD_BEGINS.match(digits):
        return False
    return (len(groups) == 1 or groups in _CARD_GROUPS) and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of the others."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def wallets(text: str) -> Iterable[Found]:
    """Addresses of coins on a chain. Ethereum's are told by their form: a checksum is optional."""
    for found in _WALLET.finditer(text):
        if _is_wallet(found[0]):
            yield found.start(), found.end(), "wallet"


def _is_wallet(text: str) -> bool:
    if text.startswith("0x"):
        return True
    folded = text.lower()
    if _BECH32_FORM.fullmatch(folded) and _passes_bech32(folded):
        return True
    if text.startswith(("4", "8")) and len(text) == 95:
        return True  # Monero's checksum needs a hash that Python has not.
    if not 25 <= len(text) <= 44:
        return False
    return (
        _passes_base58(text, _BASE58)
        or (text.startswith("r") and _passes_base58(text, _RIPPLE))
        or _is_solana(text)
    )


def _decoded(text: str, alphabet: str) -> bytes:
    number = 0
    for char in text:
        number = number * 58 + alphabet.index(char)
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _passes_base58(text: str, alphabet: str) -> bool:
    if not 25 <= len(text) <= 36:
        return False
    raw = _decoded(text, alphabet)
    return len(raw) == 25 and sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _is_solana(text: str) -> bool:
    """A public key of 32 bytes: no checksum, so it must look drawn by lot."""
    if not 43 <= len(text) <= 44 or len(_decoded(text, _BASE58)) != 32:
        return False
    return (
        any(map(str.isdigit, text)) and any(map(str.isupper, text)) and any(map(str.islower, text))
    )


def _passes_bech32(text: str) -> bool:
    prefix, _, coded = text.rpartition("1")
    if len(coded) < 6 or any(char not in _BECH32 for char in coded):
        return False
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    check = 1
    for value in [*values, *map(_BECH32.index, coded)]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check in _BECH32_CHECKS
