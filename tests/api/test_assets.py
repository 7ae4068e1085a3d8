"""Scripts and styles: named by their content, compressed, in the language that is asked for."""

import gzip
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from app.api.console import LANGUAGES, STATIC, wanted_language
from app.errors import DomainError
from tests.support.api import Client

VENDORED = STATIC / "vendor"
FILE_LINES_MAX = 300
IMPORT = re.compile(r'(?:from|import\()\s?"(\.[^"]+)"')
NOT_SHOWN = {
    "archived", "duplicate_header", "headers_too_large", "job_ended", "malformed_request",
    "method_not_allowed", "not_refundable", "reference_reused", "sees_one_user", "stream_finished",
}  # fmt: skip
"""Codes that nothing the console asks for is refused with."""


def own_scripts() -> list[Path]:
    return [path for path in STATIC.rglob("*.js") if VENDORED not in path.parents]


def messages(language: str) -> dict[str, str]:
    """Messages by their key; of several forms the general one."""
    text = (STATIC / "messages" / f"{language}.js").read_text(encoding="utf-8")
    pairs = re.findall(r'"([\w.]+)": (?:\{ one: "[^"]*", other: )?"((?:[^"\\]|\\.)*)"', text)
    assert len(pairs) > 300
    return dict(pairs)


async def test_a_page_names_files_by_their_content_and_they_are_kept_for_ever(
    stranger: Client,
) -> None:
    page = (await stranger.get("/")).text
    (main,) = re.findall(r'<script type="module" src="([^"]+)"', page)
    reply = await stranger.get(main)
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    digest = sha256((STATIC / "app/main.js").read_bytes()).hexdigest()
    assert main == f"/static/app/main.{digest[:12]}.js"
    assert (await stranger.get(main.replace(digest[:12], "0" * 12))).status_code == 404


async def test_a_file_by_its_plain_name_is_asked_about_each_time(stranger: Client) -> None:
    reply = await stranger.get("/static/app/main.js")
    assert reply.headers["cache-control"] == "no-cache"
    again = await stranger.get(
        "/static/app/main.js", headers={"if-none-match": reply.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert (await stranger.post("/static/app/main.js")).status_code == 404


@pytest.mark.parametrize("path", ["/", "/static/app/main.js", "/static/styles/base.css"])
async def test_text_is_compressed_for_those_who_can_read_it(stranger: Client, path: str) -> None:
    async with stranger.stream("GET", path, headers={"accept-encoding": "gzip"}) as reply:
        raw = b"".join([chunk async for chunk in reply.aiter_raw()])
        assert reply.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in reply.headers["vary"]
    plain = await stranger.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2


async def test_every_address_of_the_console_answers_with_its_page(stranger: Client) -> None:
    page = await stranger.get("/")
    for path in (
        "/chats/x",
        "/chats/x/y",
        "/jobs/x",
        "/credits",
        "/account",
        "/sample",
        "/sign-in",
    ):
        assert (await stranger.get(path)).content == page.content
    assert (await stranger.get("/elsewhere")).status_code == 404


async def test_the_policy_lets_one_inline_script_pass_the_map_of_names(stranger: Client) -> None:
    reply = await stranger.get("/")
    policy = reply.headers["content-security-policy"]
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
    (inline,) = re.findall(r"<script[^>]*>([^<]+)</script>", reply.text)
    assert policy.count("'sha256-") == 1
    imports = json.loads(inline)["imports"]
    assert imports["preact"].startswith("/static/vendor/preact.")
    for address in imports.values():
        assert (await stranger.get(address)).status_code == 200


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("de", "de"), ("de-CH,de;q=0.9,en;q=0.8", "de"), ("fr,en;q=0.3", "en"),
        ("fr", "en"), ("en;q=0.2, DE;q=0.7", "de"), ("de;q=0", "en"), ("*;;q=,de", "de"),
    ],
)  # fmt: skip
def test_the_language_is_the_one_that_is_wanted_most(header: str, language: str) -> None:
    assert wanted_language(header) == language


async def test_a_page_tells_caches_what_it_depends_on(stranger: Client) -> None:
    german = await stranger.get("/chats/x", headers={"accept-language": "de"})
    assert '<html lang="de">' in german.text
    assert german.headers["content-language"] == "de"
    assert "accept-language" in german.headers["vary"]
    assert "/static/messages/de." in german.text


def test_vendored_files_are_what_was_fetched_and_have_their_licence() -> None:
    told = dict(
        reversed(line.split("  "))
        for line in (VENDORED / "hashes.sha256").read_text().strip().split("\n")
    )
    files = [path for path in VENDORED.iterdir() if path.suffix in {".js", ".css"}]
    assert {path.name for path in files} == set(told)
    for path in files:
        assert sha256(path.read_bytes()).hexdigest() == told[path.name], path.name
    readme = (VENDORED / "README.md").read_text()
    assert all(f"`{path.name}`" in readme for path in files)
    for licence in re.findall(r"`(\w+\.LICENSE)`", readme):
        assert (VENDORED / licence).stat().st_size > 500


def test_scripts_are_short_and_import_what_there_is() -> None:
    for path in [*own_scripts(), *(STATIC / "styles").iterdir()]:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= FILE_LINES_MAX, path
    for path in own_scripts():
        for name in IMPORT.findall(path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), (path, name)


def test_both_languages_say_the_same_with_the_same_facts() -> None:
    said = {language: messages(language) for language in LANGUAGES}
    english, german = said["en"], said["de"]
    assert not set(english) - set(german)
    assert {key.split(".")[0] for key in set(german) - set(english)} <= {"insight"}
    for key, text in english.items():
        facts = [set(re.findall(r"\{\w+\}", one)) for one in (text, german[key])]
        assert facts[0] == facts[1], key


def test_every_message_that_a_script_asks_for_exists() -> None:
    known = set(messages("en"))
    asked = {
        key
        for path in own_scripts()
        for key in re.findall(r'\b(?:t|parts)\("([\w.]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(asked) > 150
    assert asked - known == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_has_a_sentence_of_the_page(language: str) -> None:
    codes = {kind.code for kind in _kinds(DomainError) if "code" in vars(kind)} - NOT_SHOWN
    said = messages(language)
    assert {code for code in codes if f"refusal.{code}" not in said} == set()


def _kinds(kind: type[DomainError]) -> set[type[DomainError]]:
    found = set(kind.__subclasses__())
    return {
        one
        for one in found.union(*(_kinds(each) for each in found))
        if one.__module__.startswith("app.")
    }
