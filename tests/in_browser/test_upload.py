"""The console's upload form, in a browser, on a real API process."""

import base64
import io
import json
import random
import zipfile

import pytest

from app.chats.archive import BadArchive, read_transcript
from app.chats.formats.registry import is_chat
from app.chats.transcript import SeveralChats
from tests.support.api import CHAT
from tests.support.browser import Page

UPLOAD_BYTES_MAX = 200_000
OPEN_DATES = "".join(f"0{n}/02/2024, 10:15 - {'Ana' if n % 2 else 'Ben'}: hi\n" for n in (1, 2, 3))
WORDS_OF_THE_API = ("date_order", "several_chats", "ambiguous_dates", "say which one")


@pytest.fixture(scope="module")
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"SIXFOLD_UPLOAD_BYTES_MAX": str(UPLOAD_BYTES_MAX)}


def zipped(*files: tuple[str, str | bytes], comment: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


def media(size: int) -> bytes:
    """What no archive packs."""
    return random.Random(size).randbytes(size)


def uploads(page: Page) -> int:
    return sum(address.endswith("/api/chats") for address in page.requests("POST"))


NOTES_FILES = """
globalThis.filesSent = [];
const append = FormData.prototype.append;
FormData.prototype.append = function (name, value) {
  if (value instanceof File) filesSent.push(value.size);
  return append.call(this, name, value);
};
"""
"""Has the page note how many bytes each file has that it puts into a form."""


def assert_plain_words(page: Page) -> None:
    shown = page.evaluate("document.body.innerText")
    assert not [words for words in WORDS_OF_THE_API if words in shown]


async def test_every_upload_of_a_visit_is_read_in_the_time_zone_of_the_browser(page, upload):
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    for name in ("Ana", "Ben"):
        await page.click(".chat-list a", "Upload a chat")
        await upload(f"WhatsApp Chat with {name}.txt", CHAT.encode())
        await page.shows("#chat-title", name)
        await page.shows(".tile", "600")
    sent = [page.form_of(request) for request in page.sent("POST", "/api/chats")]
    assert [form["timezone"] for form in sent] == [zone, zone]


async def test_dates_that_stay_open_are_asked_about_with_a_line_of_the_chat(page, upload):
    await upload("chat.txt", OPEN_DATES.encode())
    await page.shows("#questions h3", "When was this written?")
    choices = page.texts("#questions button")
    assert choices == [
        "1 February 2024\n01/02/2024, 10:15 - Ana: hi",
        "2 January 2024\n01/02/2024, 10:15 - Ana: hi",
    ]
    assert_plain_words(page)
    assert page.texts(".failure") == []
    await page.click("#questions button", "2 January 2024")
    await page.shows(".chat-head p", "2 Jan 2024 to 2 Mar 2024")
    assert page.texts("#questions button") == []


async def test_of_several_chats_one_is_chosen_and_then_its_dates(page, upload):
    names = ("Ana", "Ben")
    files = [(f"WhatsApp Chat with {name}.txt", OPEN_DATES) for name in names]
    await upload("chats.zip", zipped(*files, ("a.jpg", media(2 * UPLOAD_BYTES_MAX))))
    await page.shows("#questions h3", "several chats")
    assert page.texts("#questions button") == [f"WhatsApp Chat with {name}" for name in names]
    assert_plain_words(page)
    await page.click("#questions button", "with Ben")
    await page.click("#questions button", "1 February 2024")
    await page.shows(".chat-head p", "1 Feb 2024 to 3 Feb 2024")


async def test_chats_of_one_file_are_told_apart_by_how_long_they_are(page, upload):
    chats = [
        {"name": name, "type": "personal_chat", "id": number, "messages": [
            {"id": n, "type": "message", "date_unixtime": "1707819300", "from": name,
             "from_id": "user1", "text": f"hi {n}"} for n in range(number)
        ]}
        for number, name in enumerate(("Nobody", "Nia", "Olo"))
    ]  # fmt: skip
    await upload("result.json", json.dumps({"about": "", "chats": {"list": chats}}).encode())
    await page.shows("#questions h3", "several chats")
    assert page.texts("#questions button") == ["Olo\n2 messages", "Nia\n1 message"]
    await page.click("#questions button", "Olo")
    await page.shows("#chat-title", "Olo")


async def test_questions_about_a_file_leave_with_it(page, upload, tmp_path):
    await upload("chat.txt", OPEN_DATES.encode())
    await page.shows("#questions button")
    (tmp_path / "other.txt").write_text(CHAT)
    page.choose_file("#file", tmp_path / "other.txt")
    await page.shows("#file-name", "other.txt")
    assert page.texts("#questions button") == []


@pytest.mark.parametrize("media_bytes", [9_000, 2 * UPLOAD_BYTES_MAX, 5 << 20])
async def test_media_do_not_leave_the_machine(page, upload, media_bytes):
    page.evaluate(NOTES_FILES)
    name = "WhatsApp Chat - Maya.zip"
    await upload(name, zipped(("a.jpg", media(media_bytes)), ("_chat.txt", CHAT)))
    await page.shows("#chat-title", "Maya")
    await page.shows(".tile", "600")
    [sent] = page.evaluate("filesSent")
    assert sent < len(zipped(("_chat.txt", CHAT))) + 100
    assert uploads(page) == 1


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.zip", zipped(("_chat.txt", media(2 * UPLOAD_BYTES_MAX))), "without media"),
        ("a.zip", zipped(("_chat.txt", CHAT)) + media(2 * UPLOAD_BYTES_MAX), "without media"),
        ("a.txt", CHAT.encode() * 20, "a shorter time"),
    ],
)
async def test_what_stays_too_large_is_refused_with_advice(page, upload, name, content, advice):
    await upload(name, content)
    assert "too large" in (told := await page.shows(".failure", advice)) or "larger" in told
    assert_plain_words(page)


def of_a_stream() -> bytes:
    """A zip whose sizes stand behind its files, as phones write it."""

    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, chunk: object) -> int:
            self.written += bytes(chunk)
            return len(bytes(chunk))

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", media(9_000))
        archive.writestr("WhatsApp Chat with Ana.txt", CHAT)
    return bytes(stream.written)


def large(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A zip as of more than four gigabytes: sizes and places are in fields of 64 bits."""
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZIP64_LIMIT", 10)
        return zipped(("a.jpg", media(9_000)), ("_chat.txt", CHAT))


def named_in_cp437(archive: bytes) -> bytes:
    """The same with "~" in a name as a letter of the oldest code page, which is no UTF-8."""
    return archive.replace(b"(~)", b"(\x84)")


def export_of(sender: str) -> str:
    told = [
        {"sender_name": sender, "timestamp_ms": 1_707_819_300_000 + n, "content": f"{n}"}
        for n in range(3)
    ]
    return json.dumps({"participants": [{"name": sender}], "messages": told})


A_PICTURE = ("a.jpg", media(9_000))
NIA, OLO = export_of("Nia"), export_of("Olo")
ARCHIVES = {
    "iphone": zipped(A_PICTURE, ("_chat.txt", CHAT), ("notes.txt", "buy milk")),
    "android": zipped(A_PICTURE, ("notes.txt", "buy milk"), ("Chat de WhatsApp con Ana.txt", CHAT)),
    "shouted": zipped(A_PICTURE, ("x/_CHAT.TXT", CHAT)),
    "comment": zipped(A_PICTURE, ("_chat.txt", CHAT), comment=b"PK" + b"x" * 90),
    "of a Mac": zipped(
        A_PICTURE, ("c/Ana.txt", CHAT), ("__MACOSX/c/._Ana.txt", "x"), ("._b.txt", "x")
    ),
    "old names": named_in_cp437(
        zipped(A_PICTURE, ("(~)/Chat (~).txt", CHAT), ("(~).txt", "buy milk"))
    ),
    "new names": zipped(A_PICTURE, ("ä/Chat 李.txt", CHAT), ("ö.txt", "buy milk")),
    "streamed": of_a_stream(),
    "notes only in text": zipped(A_PICTURE, ("a.txt", "x"), ("b.txt", "y"), ("result.json", NIA)),
    "parts": zipped(A_PICTURE, ("in/nia/message_2.json", NIA), ("in/nia/message_1.json", OLO)),
    "several": named_in_cp437(
        zipped(A_PICTURE, ("Ana (~).txt", CHAT), ("Ben.txt", CHAT * 2), ("c.txt", "x"))
    ),
    "several folders": zipped(
        A_PICTURE, ("in/nia/message_1.json", NIA), ("in/olo/message_1.json", OLO)
    ),
    "all information": zipped(
        A_PICTURE,
        ("no-data.txt", "x"),
        ("logins.json", "{}"),
        ("in/nia/message_1.json", NIA),
        ("in/olo/message_1.json", OLO),
    ),
}

LIGHTENED = """
import("/static/views/archive.js").then(async ({ withoutMedia }) => {
  const given = Uint8Array.from(atob("%s"), (char) => char.charCodeAt(0));
  const light = await withoutMedia(new File([given], "a.zip"), %s);
  if (light === null) return null;
  const bytes = new Uint8Array(await light.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
})
"""


def lightened(page: Page, archive: bytes, chat: str | None = None) -> bytes | None:
    """What the page would send of an archive; None if all of it."""
    answer = page.evaluate(LIGHTENED % (base64.b64encode(archive).decode(), json.dumps(chat)))
    return None if answer is None else base64.b64decode(answer)


def chosen(archive: bytes, chat: str | None = None) -> object:
    """What the server reads of an archive."""
    try:
        return read_transcript(archive, "a.zip", is_chat=is_chat, chat=chat)
    except SeveralChats as refusal:
        chats = refusal.facts["chats"]
        return [(chat, chosen(archive, chat["chat"])) for chat in chats]
    except BadArchive as refusal:
        return refusal.detail


async def test_the_server_reads_the_same_chat_out_of_an_archive_without_its_media(
    blank, monkeypatch
):
    await blank.shows("h1")
    for name, archive in {**ARCHIVES, "large": large(monkeypatch)}.items():
        light = lightened(blank, archive)
        assert light is not None, name
        assert len(light) < len(archive) - 8_000, name
        assert chosen(light) == chosen(archive), name
        with zipfile.ZipFile(io.BytesIO(light)) as read:
            assert read.testzip() is None, name
            assert "a.jpg" not in read.namelist(), name


NAMES = (
    "_chat.txt", "x/_chat.txt", "WhatsApp Chat with Ana.txt", "Chat WhatsApp Ä.TXT", "a.txt",
    "x/b.txt", "._a.txt", "__MACOSX/a.txt", "result.json", "x/logins.json", "c.csv", "d.pdf",
    "in/nia/message_1.json", "in/nia/message_2.json", "in/olo/message_1.json", "x/",
)  # fmt: skip


def drawn(seed: int) -> bytes:
    """Any files beside a picture: what holds a chat, by its name, does. What stands beside the
    chats of a download holds none."""
    draw = random.Random(seed)
    names = [A_PICTURE[0], *draw.sample(NAMES, draw.randrange(1, 6))]
    is_download = any("message_" in name for name in names)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            chat = NIA if name.endswith("json") else CHAT
            is_beside = is_download and not name.casefold().endswith("txt")
            is_told = "message_" in name or "chat" in name.casefold()
            is_chat = is_told or (draw.random() < 0.7 and not is_beside)
            content = A_PICTURE[1] if name == A_PICTURE[0] else chat if is_chat else "buy milk"
            archive.writestr(name, content, draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return packed.getvalue()


async def test_whatever_an_archive_holds_the_same_chats_are_found(blank):
    await blank.shows("h1")
    for seed in range(300):
        archive = drawn(seed)
        light = lightened(blank, archive)
        if light is not None:
            assert chosen(light) == chosen(archive), seed


async def test_only_the_chat_is_sent_where_it_is_told_by_its_name(blank):
    await blank.shows("h1")
    for name, kept in (("iphone", ["_chat.txt"]), ("android", ["Chat de WhatsApp con Ana.txt"])):
        light = lightened(blank, ARCHIVES[name])
        with zipfile.ZipFile(io.BytesIO(light)) as read:
            assert read.namelist() == kept


async def test_of_a_download_of_all_information_only_chats_are_sent_and_then_the_chosen_one(blank):
    await blank.shows("h1")
    archive = ARCHIVES["all information"]
    nia, olo = "in/nia/message_1.json", "in/olo/message_1.json"
    for chat, kept in ((None, ["no-data.txt", nia, olo]), ("in/olo", [olo])):
        with zipfile.ZipFile(io.BytesIO(lightened(blank, archive, chat))) as read:
            assert read.namelist() == kept


async def test_what_is_no_archive_or_a_broken_one_is_left_as_it_is(blank):
    await blank.shows("h1")
    whole = ARCHIVES["iphone"]
    office = zipped(A_PICTURE, ("[Content_Types].xml", "x"), ("a.xml", "x"))
    for other in (b"", b"PK", CHAT.encode(), office, zipped(A_PICTURE), whole[:-5], whole[2_000:]):
        assert lightened(blank, other) is None
    cut = random.Random(1)
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(3):
            broken[cut.randrange(len(whole) - 400, len(whole))] = cut.randrange(256)
        lightened(blank, bytes(broken))
