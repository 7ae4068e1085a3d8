"""The console and the description of the API: static pages, no build step."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parents[1] / "web" / "static"

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'"
    ),
    "cache-control": "no-cache",
}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def console() -> FileResponse:
    """The console."""
    return FileResponse(STATIC / "console.html", headers=_HEADERS)


@router.get("/docs")
async def docs() -> FileResponse:
    """The API, readable."""
    return FileResponse(STATIC / "docs.html", headers=_HEADERS)


def static_files() -> StaticFiles:
    """Styles and scripts of the pages."""
    return StaticFiles(directory=STATIC)
