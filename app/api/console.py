"""The console and the description of the API: pages without a build step, in two languages."""

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.api.assets import Assets, packed, script_hash
from app.settings import Settings

STATIC = Path(__file__).parents[1] / "web" / "static"
PACKAGES = {
    "preact": "vendor/preact.js",
    "preact/hooks": "vendor/hooks.js",
    "@preact/signals": "vendor/signals.js",
    "@preact/signals-core": "vendor/signals-core.js",
    "htm": "vendor/htm.js",
}
LANGUAGES = ("en", "de")
"""The first is the default for a language that is missing."""
PAGES = (
    "/",
    "/sign-in",
    "/sample",
    "/sample/{category}",
    "/chats/{chat_id}",
    "/chats/{chat_id}/{category}",
    "/jobs/{job_id}",
    "/credits",
    "/account",
)
"""Addresses of the console; which view they name, its scripts decide."""

_POLICY = (
    "default-src 'none'; script-src 'self' {hash}; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
_WANTED = re.compile(r"\s*([A-Za-z]{1,8})[A-Za-z0-9-]*\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")
_HEADER_CHARS_MAX = 500

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Page:
    plain: bytes
    packed: bytes | None
    headers: dict[str, str]


@cache
def static_files() -> Assets:
    """Styles and scripts of the pages."""
    return Assets(STATIC, PACKAGES)


async def console(request: Request) -> Response:
    """The console."""
    language = wanted_language(request.headers.get("accept-language", ""))
    settings: Settings = request.app.state.settings
    page = _page("console.html", "app/main.js", language, provider=settings.provider_name)
    return _sent(request, page)


for _address in PAGES:
    router.add_api_route(_address, console, methods=["GET"])


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The API, readable."""
    return _sent(request, _page("docs.html", "docs/docs.js", LANGUAGES[0]))


def wanted_language(header: str) -> str:
    """Of the languages there are, the one an Accept-Language header wants most (RFC 9110)."""
    best, most = LANGUAGES[0], 0.0
    for part in header[:_HEADER_CHARS_MAX].split(","):
        if (found := _WANTED.fullmatch(part)) is None:
            continue
        language, quality = found[1].lower(), float(found[2] or 1)
        if language in LANGUAGES and quality > most:
            best, most = language, quality
    return best


@cache
def _page(name: str, script: str, language: str, *, provider: str = "") -> _Page:
    assets = static_files()
    messages = {"sixfold__messages": f"messages/{language}.js"}
    import_map = assets.import_map(**messages)
    preloads = "\n  ".join(
        f'<link rel="modulepreload" href="{assets.address(one)}">'
        for one in assets.imported_by(script, **messages)
    )
    filled = {
        "language": language,
        "import_map": import_map,
        "preloads": preloads,
        "provider": escape(provider),
    }
    text = (STATIC / name).read_text(encoding="utf-8")
    for key, value in filled.items():
        text = text.replace("{{" + key + "}}", value)
    text = re.sub(r"\{\{([^}]+)\}\}", lambda found: assets.address(found[1]), text)
    plain = text.encode()
    headers = {
        "content-security-policy": _POLICY.format(hash=script_hash(import_map)),
        "cache-control": "no-cache",
        "content-language": language,
        "vary": "accept-language, accept-encoding",
    }
    return _Page(plain, packed(plain), headers)


def _sent(request: Request, page: _Page) -> Response:
    if page.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers = page.headers | {"content-encoding": "gzip"}
        return Response(page.packed, headers=headers, media_type="text/html")
    return Response(page.plain, headers=page.headers, media_type="text/html")
