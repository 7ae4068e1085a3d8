"""Scripts and styles of the pages: named by their content, compressed once, kept for ever.

A page holds an import map from the names that scripts use to the names that hold a hash, so the
files are served as they stand in the folder and need no build step.
"""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import NotFound

PREFIX = "/static/"
HASH_CHARS = 12
COMPRESSED_BYTES_MIN = 400

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"
_IMPORT = re.compile(r'^(?:import|export)\s(?:[\w*{},\s]+?\sfrom\s)?"([^"]+)";$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `address` names its content."""

    address: str
    media_type: str
    plain: bytes
    packed: bytes | None
    tag: str


class Assets:
    """The files of a folder, read once. An ASGI application below PREFIX."""

    def __init__(self, folder: Path, packages: dict[str, str]) -> None:
        """`packages` maps names that scripts import to files."""
        self._packages = packages
        self._files = {
            path.relative_to(folder).as_posix(): _asset(folder, path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in MEDIA_TYPES
        }
        self._by_address = {asset.address: asset for asset in self._files.values()}

    def address(self, name: str) -> str:
        """Where the file is served, with its hash."""
        return self._files[name].address

    def import_map(self, **packages: str) -> str:
        """The map for a page, as JSON; `packages` adds names to those that every page has."""
        scripts = {
            PREFIX + name: asset.address
            for name, asset in self._files.items()
            if name.endswith((".js", ".json"))
        }
        named = {
            name.replace("__", "/"): self.address(file)
            for name, file in {**self._packages, **packages}.items()
        }
        return json.dumps({"imports": named | scripts}, separators=(",", ":"))

    def imported_by(self, name: str, **packages: str) -> list[str]:
        """The script and all that it imports before it runs, so that a page can ask for them at
        once."""
        known = self._packages | {key.replace("__", "/"): file for key, file in packages.items()}
        found: list[str] = []
        waiting = [name]
        while waiting:
            script = waiting.pop(0)
            if script in found:
                continue
            found.append(script)
            for imported in _IMPORT.findall(self._files[script].plain.decode()):
                waiting.append(known.get(imported) or _resolved(script, imported))
        return found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, as StaticFiles does."""
        path: str = scope["path"]
        asset = self._by_address.get(path)
        is_hashed = asset is not None
        asset = asset or self._files.get(path.removeprefix(PREFIX))
        if asset is None or scope["method"] not in ("GET", "HEAD"):
            raise NotFound
        given = dict(scope["headers"])
        headers = {
            "cache-control": FOR_EVER if is_hashed else "no-cache",
            "vary": "accept-encoding",
            "etag": asset.tag,
        }
        if given.get(b"if-none-match", b"").decode("latin-1") == asset.tag:
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        content = asset.plain
        if asset.packed is not None and b"gzip" in given.get(b"accept-encoding", b""):
            content = asset.packed
            headers["content-encoding"] = "gzip"
        await Response(content, headers=headers, media_type=asset.media_type)(scope, receive, send)


def script_hash(script: str) -> str:
    """How a content security policy names an inline script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def packed(content: bytes) -> bytes | None:
    """The content compressed, always to the same bytes; None where that saves nothing."""
    if len(content) < COMPRESSED_BYTES_MIN:
        return None
    return gzip.compress(content, 9, mtime=0)


def _asset(folder: Path, path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:HASH_CHARS]
    name = path.relative_to(folder).as_posix()
    return Asset(
        address=f"{PREFIX}{name.removesuffix(path.suffix)}.{digest}{path.suffix}",
        media_type=MEDIA_TYPES[path.suffix],
        plain=content,
        packed=packed(content),
        tag=f'"{digest}"',
    )


def _resolved(script: str, imported: str) -> str:
    """The file that a relative name means in a script."""
    parts = script.split("/")[:-1]
    for part in imported.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
