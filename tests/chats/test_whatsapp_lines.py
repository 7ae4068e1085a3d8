"""Nothing is lost silently: every line of a file is accounted for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import find_format
from app.chats.formats.whatsapp.export import parse_export
from app.chats.transcript import DateOrder
from app.errors import DomainError

ANDROID = ("{d:02}/{m:02}/2024, {h:02}:{n:02} - ", "{d}.{m}.24, {h}:{n:02} - ")
IOS = ("[{d:02}/{m:02}/24, {h:02}:{n:02}:00] ", "\u200e[{d:02}/{m:02}/24, {h:02}:{n:02}:00] ")
NAMES = ("Nia", "Olo", "ACME: Support", "\u202a+49 170\u202c", "Lago")
BODIES = (
    "hi", "", "\u200e", "\u200eimage omitted", "\u200exyzzy", "<Media omitted>", "a: b: c", "left",
    "\u200eMissed voice call", "\u200eMessages and calls are end-to-end encrypted.", "null",
    "This message was deleted.", "see <This message was edited>", "Will you be added?",
)  # fmt: skip
LOOSE = (
    "and more", "", " ", "31/02/2024, 99:99 - Nia: never", "05/06/2010, 10:00 - Carol: pasted",
    "13/2/24 9:05 blorb - Olo: unknown", "[1/2/10, 10:00:00] Dave: other layout", "Nia: no header",
    "Lake: ", "\u200bodd",
)  # fmt: skip
NOTICES = (
    "Nia left", "Olo added Nia", "Your security code with ACME: Support changed.", "xyzzy blorb",
    'Nia changed the subject to "a: b"', "Messages and calls are end-to-end encrypted.",
)  # fmt: skip


@st.composite
def exports(draw):
    """An export with a token of its own on every line."""
    header = draw(st.sampled_from(ANDROID + IOS))
    is_ios = header in IOS
    lines, minute = [], 0
    for _ in range(draw(st.integers(1, 25))):
        minute += draw(st.integers(-3, 40))
        at = max(0, minute)
        written = header.format(d=13 + at // 1440, m=2, h=at // 60 % 24, n=at % 60)
        kind = draw(st.sampled_from(("message", "message", "notice", "loose")))
        if kind == "loose" or (kind == "notice" and is_ios):
            lines.append(draw(st.sampled_from(LOOSE)))
        elif kind == "notice":
            lines.append(written + draw(st.sampled_from(NOTICES)))
        else:
            lines.append(
                f"{written}{draw(st.sampled_from(NAMES))}: {draw(st.sampled_from(BODIES))}"
            )
    return lines


@given(exports())
@settings(max_examples=300, deadline=None)
def test_every_line_is_of_a_message_of_a_notice_unparsed_or_merged(lines):
    raw = "\n".join(lines).encode()
    try:
        chat = find_format(raw).read(raw, ReadingOptions(DateOrder.DMY))
    except DomainError:
        return
    report = chat.report
    lines_in_file = len("\n".join(lines).removesuffix("\n").split("\n"))
    assert lines_in_file == (
        report.message_lines
        + report.notice_lines
        + report.unparsed_lines
        + report.merged_headers
        + report.blank_lines
    )
    assert report.notices == len(chat.notices)
    assert len(chat.messages) + report.notices <= report.message_lines + report.notice_lines
    assert [m.number for m in chat.messages] == list(range(1, len(chat.messages) + 1))


@given(st.lists(st.sampled_from(("alpha", "beta", "", "gamma: delta")), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_every_word_of_a_message_comes_back(words):
    body = "\n".join(f"{word} {n}" for n, word in enumerate(words))
    chat = parse_export(f"13/02/2024, 10:15 - Nia: {body}\n13/02/2024, 10:16 - Olo: ok\n")
    assert chat.messages[0].text == body


def test_a_token_on_every_line_is_found_again_exactly_once():
    lines = [
        "tok1 before", "",
        "13/02/2024, 10:15 - Nia: tok2", "tok3", "",
        "13/02/2024, 10:16 - tok4 unknown words",
        "13/02/2024, 10:17 - Olo: <Media omitted>", "tok5 caption",
        "05/06/2010, 10:00 - Carol: tok6",
        "31/02/2024, 10:00 - Olo: tok7",
        "13/02/2024, 10:18 - Olo joined tok8",
    ]  # fmt: skip
    chat = parse_export("\n".join(lines))
    found = [m.text for m in chat.messages] + [n.text for n in chat.notices]
    found += [e.text for e in chat.report.examples if e.kind == "unparsed_line" and e.line == 1]
    for token in range(1, 9):
        assert sum(f"tok{token}" in text for text in found) == 1, token
    assert (chat.report.unparsed_lines, chat.report.merged_headers) == (2, 1)
