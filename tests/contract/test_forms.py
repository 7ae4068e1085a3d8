"""Upload forms that are nearly good, against the real API process: read or refused, never broken.

The forms are of one user; another one's chat is neither seen nor changed by any of them.
"""

import json
import random
import sys
import zlib
from typing import Any

import httpx2
import pytest

from app.settings import Settings
from app.users.auth import issue_token
from tests.contract.fuzzing import (
    SEED,
    UNLIMITED,
    answer_to,
    code_of,
    examples,
    in_batches,
    known_codes,
    one_of,
    port_of,
)
from tests.support.api import CHAT
from tests.support.processes import Client
from tests.support.raw_http import Connection

EXAMPLES = examples(400)
OFTEN = 0.04
TEXT = CHAT[-3_000:].partition("\n")[2].encode()
BOUNDARIES = [b"x", b"----WebKitFormBoundary7MA4YWxkTrZu0gW", b"0123456789-_.", b"a" * 70]
NO_BOUNDARIES = [b"", b" ", b'"', b'""', b"a" * 5_000, b"\xff", b"a b", b"a;b", b"--", b"'", b"%00"]
MEDIA_TYPES = [b"multipart/form-data"]
NO_MEDIA_TYPES = [
    b"multipart/mixed", b"multipart/form-dat", b"", b"text/plain", b"application/json", b";",
    b"multipart/form-data, text/plain", b"\xff\xfe",
]  # fmt: skip
PARAMETERS = [
    b"; boundary=%s", b'; boundary="%s"', b"; charset=utf-8; boundary=%s", b";boundary=%s;",
]  # fmt: skip
NO_PARAMETERS = [
    b"", b"; boundary", b"; Boundary*=utf-8''%s", b"; boundary=%s; boundary=y", b"; boundary='%s",
    b'; boundary="%s', b"; charset=utf-16; boundary=%s", b"; charset=\xff; boundary=%s",
]  # fmt: skip
NAMES = [b"file", b"timezone", b"date_order", b"chat"]
NO_NAMES = [
    b"", b"FILE", b"file\0", b"file[]", b"\xff", b"n" * 20_000, b"../file", b'fi\\"le', b"user_id",
    "ﬁle".encode(), b"__proto__",
]  # fmt: skip
FILENAMES = [b"chat.txt", "Чат с Анной.txt".encode(), b"WhatsApp Chat.zip"]
NO_FILENAMES = [
    b"", b"../../etc/passwd", b"a\0b.txt", b"\xff\xfe.txt", b"f" * 100_000, b'a\\".txt', b"a;b",
    b"C:\\chat.txt", "e\u0301\u202e.txt".encode(), b"=?utf-8?q?a?=",
]  # fmt: skip
DISPOSITIONS = [b'form-data; name="%s"']
NO_DISPOSITIONS = [
    b"form-data", b"attachment; name=%s", b"form-data; name=%s", b'form-data; name="%s', b";", b"",
    b'form-data; name="%s"; name="file"', b"form-data; name*=utf-8''%s", b"\xff", b'name="%s"',
]  # fmt: skip
HEADERS_BESIDE = [
    b"Content-Type: text/plain", b"Content-Type: text/plain; charset=utf-16", b"Content-Type: \xff",
    b"Content-Transfer-Encoding: base64", b"Content-Length: 99999", b"X: " + b"y" * 100_000,
    b"Content-Encoding: gzip", b"No colon", b": empty", b" folded", b"X\0: y", b"X: \0",
]  # fmt: skip
VALUES = {b"timezone": [b"Europe/Berlin"], b"date_order": [b"dmy"], b"chat": [b"1"]}
NO_VALUES = [b"", b"\xff", b"\0", b"v" * 2_000, b"Mars/Phobos", "￿".encode(), b"\r\n"]
FILES = [TEXT, TEXT, TEXT[:400], "01/02/2024, 10:00 - Ana: ü\n".encode("utf-16")]
NO_FILES = [
    b"", b"\0", b"PK\3\4" + b"z" * 200, b"\xff\xfe", zlib.compress(TEXT), b"{" * 10_000, b"\r\n--",
    b"l" * 200_000, b"<?xml version='1.0'?><a>", TEXT[:500] + b"\xff\0\x80" + TEXT[:500],
    "\ud83d".encode("utf-8", "surrogatepass") * 100,
]  # fmt: skip


class Forms:
    """Makes requests with forms by chance; here and there something is wrong with one."""

    def __init__(self, token: str) -> None:
        self._chance = random.Random(SEED)
        self._token = token.encode()

    def request(self) -> bytes:
        boundary = self._of(BOUNDARIES, NO_BOUNDARIES)
        told = self._of(PARAMETERS, NO_PARAMETERS)
        kind = self._of(MEDIA_TYPES, NO_MEDIA_TYPES) + told.replace(b"%s", boundary)
        lines = [b"POST /api/chats HTTP/1.1", b"Host: a", b"Connection: close"]
        lines.append(b"Authorization: Bearer " + self._token)
        kinds = self._of([[kind]], [[], [kind, kind], [b"multipart/form-data; boundary=y", kind]])
        lines += [b"Content-Type: " + one for one in kinds]
        body = self._damaged(self._body(boundary))
        if self._chance.random() < 0.3:
            lines.append(b"Transfer-Encoding: chunked")
            body = self._chunked(body)
        else:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([*lines, b"", body])

    def _of(self, good: list[Any], bad: list[Any]) -> Any:
        return one_of(self._chance, good, bad, often=OFTEN)

    def _body(self, boundary: bytes) -> bytes:
        names = self._chance.sample(NAMES[1:], self._chance.randrange(3))
        names.insert(self._chance.randrange(len(names) + 1), b"file")
        names = self._of([names], [[*names, b"file"], names[1:], [], names * 10])
        line = self._of([b"\r\n"], [b"\n", b"\r", b"\r\n\r\n"])
        body = self._of([b""], [b"preamble\r\n", b"\r\n", b"--", b"\xff"])
        for name in names:
            body += b"--" + boundary + line + self._part(name, line) + line
        end = self._of([b"--" + boundary + b"--\r\n"], [b"", b"--" + boundary, b"--y--\r\n"])
        return body + end + self._of([b""], [b"epilogue", b"--" + boundary + b"\r\n", b"\0" * 99])

    def _part(self, name: bytes, line: bytes) -> bytes:
        told = self._of(DISPOSITIONS, NO_DISPOSITIONS)
        told = told.replace(b"%s", self._of([name], NO_NAMES))
        content = self._of(VALUES.get(name, FILES), NO_VALUES if name in VALUES else NO_FILES)
        if name == b"file":
            told += b'; filename="' + self._of(FILENAMES, NO_FILENAMES) + b'"'
        headers = [b"Content-Disposition: " + told]
        headers = self._of([headers], [[], headers * 2, headers * 50, [b"content-disposition:"]])
        if self._chance.random() < 0.3:
            headers = [*headers, self._chance.choice(HEADERS_BESIDE)]
        return line.join([*headers, b"", content])

    def _damaged(self, body: bytes) -> bytes:
        place = self._chance.randrange(len(body) + 1)
        bad = [body[:place], body[place:], body[:place] + b"\0" + body[place:], body + body]
        flipped = body[:place] + bytes([self._chance.randrange(256)]) + body[place + 1 :]
        return self._of([body], [*bad, flipped])

    def _chunked(self, body: bytes) -> bytes:
        size = self._chance.choice([1_000, 7_001, 1_000_000])
        starts = range(0, len(body), size)
        pieces = [body[start : start + size] for start in starts]
        return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


@pytest.mark.timeout(3_000)
async def test_no_form_breaks_the_api_or_reaches_another_user(
    api: httpx2.AsyncClient, settings: Settings
) -> None:
    bob = Client(api, issue_token(settings, "bob", (), 36_000))
    theirs = await bob.upload(CHAT.replace("Ana", "Zdenka").encode())
    forms = Forms(issue_token(settings, "alice", (), 36_000))
    codes, port = await known_codes(api, "/api/chats", "post"), port_of(api)

    async def each(sent: bytes) -> str:
        if len(sent) % 25 == 0:  # It is cut off on the way, and whoever sent it is gone.
            async with Connection(port) as connection:
                await connection.send(sent[: len(sent) * 2 // 3])
                connection.leave()
            return "left"
        answer = await answer_to(port, sent)
        assert answer is not None, sent
        assert b"Zdenka" not in answer.body
        assert theirs["id"].encode() not in answer.body
        if answer.status == 201:
            assert json.loads(answer.body)["id"]
            return "stored"
        return code_of(answer, sent, codes)

    seen = await in_batches(each, (forms.request() for _ in range(EXAMPLES)))
    assert {"stored", "validation_failed", "unrecognised_format"} <= set(seen)
    assert seen["stored"] > EXAMPLES / 10
    assert [one["id"] for one in (await bob.get("/api/chats"))["items"]] == [theirs["id"]]
    assert (await api.get("/healthz")).status_code == 200
    sys.stdout.write(f"{EXAMPLES} forms: {dict(seen)}\n")
