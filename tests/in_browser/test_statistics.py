"""The pictures of chats: many people, few messages, other scripts, hostile names, long chats."""

import random

from tests.support.api import CHAT
from tests.support.browser import Page
from tests.support.waiting import until

MANY = [f"Person {n:02}" for n in range(15)]


def chat_of(people, count, *, text="hello there", days=40):
    lines = []
    for n in range(count):
        minute = n * days * 1440 // count
        day, rest = divmod(minute, 1440)
        at = f"{1 + day % 28:02}/{1 + day // 28:02}/2024, {rest // 60:02}:{rest % 60:02}"
        lines.append(f"{at} - {people[n % len(people)]}: {text} {n}\n")
    return "".join(lines).encode()


async def test_everybody_of_a_group_is_shown_and_who_answers_whom(page, upload):
    people = [*MANY, "Donaudampfschifffahrt" * 4]
    await upload("WhatsApp Chat with All.txt", chat_of(people, 640))
    await page.shows(".picture .people")
    shown = " ".join(page.texts(".picture .people b"))
    assert all(name in shown for name in people)
    for width in (1280, 390, 320):
        page.show_at(width, 800)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    await page.shows(".matrix th", "Person 00")
    await page.click(".filter .chip", "Person 03")
    await page.shows(".filter .chip[aria-pressed=true]", "Person 03")
    await page.shows(".legend li", "Person 03")


async def test_a_part_of_the_time_is_shown_everywhere(page, upload):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    await page.shows(".tile", "600")
    page.evaluate(
        "(() => { const field = document.querySelectorAll('.filter input')[1];"
        " field.value = '2024-03-10';"
        " field.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    await page.shows(".tile", "240")
    await page.shows(".people b", "Ana")
    page.evaluate(
        "(() => { const field = document.querySelectorAll('.filter input')[0];"
        " field.value = '1999-01-01'; field.dispatchEvent(new Event('change')); })()"
    )
    await page.click(".filter .chip", "All time")
    await page.shows(".tile", "600")


async def test_one_person_is_shown_everywhere(page, upload):
    lines = []
    for n in range(120):
        at = f"{1 + n % 28:02}/{1 + n // 28:02}/2024, 10:{n % 60:02}"
        lines.append(f"{at} - Ana: {'garden' if n < 60 else 'harbour'} ❤️\n")
        if n < 40:
            lines.append(f"{at} - Ben: mountain 😂\n")
            lines.append(f"{at} - Cem: mountain\n")
    await upload("WhatsApp Chat with All.txt", "".join(lines).encode())
    await page.shows(".calendar")
    await page.shows(".tile", "200")
    page.evaluate("document.querySelectorAll('.behind').forEach((one) => { one.open = true; })")
    await page.click(".filter .chip", "Ben")
    await page.shows(".tile", "28 days")
    assert [text for text in page.texts(".tile") if "days with messages" in text and "40" in text]
    shown = {text.splitlines()[0]: text for text in page.texts(".picture")}
    assert set(shown) == {
        "Messages over time", "Who writes", "When you write", "Day by day",
        "How quickly you answer", "Who starts", "Who answers whom",
        "Words that tell you apart", "Favourite words", "Emoji",
    }  # fmt: skip
    assert "20% of all messages are by Ben." in shown["Who writes"]
    assert "the longest streak was 28 days" in shown["Day by day"]
    assert "“mountain” leads, 40 times." in shown["Favourite words"]
    assert "😂 leads, 40 times." in shown["Emoji"]
    for title in ("Messages over time", "Who writes", "How quickly you answer", "Who starts"):
        assert "Cem" not in shown[title], title
    assert not [text for text in page.texts(".picture") if "garden" in text or "❤️" in text]
    await page.click(".filter .chip", "Ana")
    await page.shows(".picture h4", "2024")
    seasons = [text for text in page.texts(".word-group") if "garden" in text]
    assert "harbour" not in seasons[-1]
    await page.click(".filter .chip", "Ben")
    page.evaluate(
        "(() => { const field = document.querySelectorAll('.filter input')[0];"
        " field.value = '2024-03-01';"
        " field.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    await page.shows(".absent", "Ben is not among those who wrote most in this time.")
    await page.shows(".filter .chip[aria-pressed=true]", "Ben")
    await page.click(".filter .chip", "Everybody")
    await page.shows(".tile", "64")


async def test_every_picture_has_a_sentence_and_a_table_behind_it(page, upload):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    await page.shows(".calendar")
    await page.shows(".chart[data-drawn]")
    for title in ("Messages over time", "Who writes", "When you write", "Day by day", "Emoji"):
        assert [text for text in page.texts(".picture h3") if text == title]
    page.evaluate("document.querySelectorAll('.behind').forEach((one) => { one.open = true; })")
    await until(lambda: len(page.texts(".behind tbody")) >= 6)
    assert all(page.texts(".behind tbody"))
    pictures = page.evaluate("document.querySelectorAll('.picture').length")
    said = page.texts(".picture figcaption")
    assert len(said) == len(page.texts(".behind table")) == pictures
    assert all(text.endswith(".") for text in said)
    await page.shows(".picture figcaption", "Half of the answers come within 1 h 1 min")
    median = [text for text in page.texts(".people small") if "answers in" in text]
    assert "answers in 1 h 1 min" in median[0]


async def test_three_messages_are_a_chat_too(page, upload):
    await upload("WhatsApp Chat with Ana.txt", chat_of(["Ana", "Ben"], 3))
    await page.shows(".tile", "3")
    await page.shows(".calendar")
    assert "NaN" not in page.evaluate("document.body.innerText")
    await page.shows(".category.none .reason", "too few messages")
    assert page.texts(".unlock") == []


async def test_arabic_is_shown_from_right_to_left(page, upload):
    names = ["ليلى", "سامي"]
    await upload("WhatsApp Chat with ليلى.txt", chat_of(names, 90, text="صباح الخير يا صديقي"))
    await page.shows("#chat-title", "ليلى")
    assert page.evaluate("getComputedStyle(document.querySelector('#chat-title')).direction") == (
        "rtl"
    )
    await page.shows(".people b", "ليلى")


async def test_hostile_names_and_words_stay_text(page, upload):
    name = "<img src=x onerror=alert(1)>"
    await upload("WhatsApp Chat with A.txt", chat_of([name, "${alert(1)}"], 60))
    await page.shows(".people b", name)
    assert page.evaluate("document.querySelectorAll('main img').length") == 0


async def test_a_hundred_thousand_messages_are_drawn_without_a_long_task(page, upload):
    draw = random.Random(1)
    lines = []
    for n in range(100_000):
        day, minute = divmod(n, 100)
        at = f"{1 + day % 28:02}/{1 + day // 28 % 12:02}/{2015 + day // 336}"
        clock = f"{8 + minute // 10:02}:{minute % 60:02}"
        lines.append(f"{at}, {clock} - {'Ana' if draw.random() < 0.6 else 'Ben'}: some words {n}\n")
    await upload("WhatsApp Chat with Ana.txt", "".join(lines).encode())
    await page.shows(".tile", "100,000")
    await page.shows(".chart[data-drawn]")
    await page.shows("button", "Show all")
    assert page.evaluate("document.querySelectorAll('.calendar').length") == 2
    assert page.evaluate("document.querySelectorAll('*').length") < 6_000


async def test_the_sample_chat_needs_no_account(blank: Page):
    await blank.click("a", "Explore a sample chat")
    await blank.shows("#chat-title", "Maya")
    await blank.shows(".chart[data-drawn]")
    await blank.click(".category a", "Read")
    await blank.click(".open-evidence")
    await blank.shows(".bubble.marked")
    await blank.click("button", "Make a card")
    await blank.shows("dialog canvas, dialog .check", "")
    assert blank.evaluate("document.querySelector('canvas').getAttribute('aria-label')").count(
        "Maya"
    ) == (0)
    assert [path for path in blank.requests("GET") if "/api/" in path] == []
