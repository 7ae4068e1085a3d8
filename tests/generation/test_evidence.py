"""A claim of a model is stored only if the messages it cites carry what it says."""

from datetime import UTC, datetime

import pytest

from app.generation.model.evidence import Shown, carriers

LINES = (
    "#1 2024-05-12 14:00 P1: you forgot my dinner, I'm so angry",
    "#2 2024-05-12 14:03 P2: that is not fair, I paid 250 euros",
    "#3 2024-05-12 14:05 P1: leave me alone, P3 said so too",
    "#4 2024-05-12 17:05 P2: I'm sorry, Sabine told me about Lisbon",
    "#5 2024-05-13 09:00 P1: the bread was warm",
)
MEASURED = {"opened": {"Ana": 34, "Ben": 12}, "share": 0.74, "last": "2024-05-12", "none": None}


def judged(claim: str, *cited: int) -> list[int]:
    return carriers(claim, [Shown.of(LINES[number - 1]) for number in cited], MEASURED)


def test_a_line_is_read_as_it_was_shown():
    at = datetime(2024, 5, 12, 14, 3, tzinfo=UTC).replace(tzinfo=None)
    assert Shown.of(LINES[1]) == Shown(2, at, "P2", "that is not fair, I paid 250 euros")


@pytest.mark.parametrize(
    ("claim", "cited", "kept"),
    [
        ("P2 apologised: “I'm sorry”.", (4,), [4]),
        ("P2 apologised, „I’m sorry“, in the end.", (4,), [4]),
        ("P1 was angry and P2 answered.", (1, 2), [1, 2]),
        ("P2 speaks of the 250 euros.", (2,), [2]),
        ("On 12 May 2024 P1 asked to be left alone.", (3,), [3]),
        ("Three hours later, after 3 hours, P2 made up with P1.", (1, 4), [1, 4]),
        ("P1 opened 34 conversations, P2 12, so 74% were P1's.", (1, 2), [1, 2]),
        ("At 14:05 P1 names P3.", (3,), [3]),
        ("In the end Sabine comes up.", (4,), [4]),
        ("See #4: P2 made up.", (4,), [4]),
        ("There was a quarrel.", (1, 2), [1, 2]),
        ("Der Streit kam vom Essen, sagt P1 mit Nachdruck.", (1,), [1]),
    ],
)
def test_what_is_carried_stays(claim: str, cited: tuple[int, ...], kept: list[int]):
    assert judged(claim, *cited) == kept


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("P1 apologised: “I'm sorry”.", (4,)),
        ("P3 was angry.", (1, 2)),
        ("P2 apologised: “I am so sorry”.", (4,)),
        ("P2 paid 350 euros.", (2,)),
        ("On 14 May 2024 P1 was angry.", (1,)),
        ("Nine hours later, after 9 hours, P2 made up with P1.", (1, 4)),
        ("P2 apologised: “I'm sorry”.", (2,)),
        ("P1 opened 35 conversations.", (1,)),
        ("In the end Petra comes up.", (4,)),
        ("P2 and P1 fell out.", (1, 5)),
        ("P1 and P2 fell out.", ()),
    ],
    ids=[
        "wrong person", "person not cited", "invented quote", "wrong number", "wrong day",
        "wrong span", "unrelated message", "wrong measure", "invented name", "half cited", "none",
    ],
)  # fmt: skip
def test_what_is_not_carried_is_dropped(claim: str, cited: tuple[int, ...]):
    assert judged(claim, *cited) == []


def test_a_message_that_carries_nothing_is_not_cited():
    assert judged("P2 apologised: “I'm sorry”.", 2, 4, 5) == [4]
    assert judged("P1 was angry.", 1, 2) == [1]
    assert judged("P2 said “I'm sorry” to P1.", 4, 5) == [4, 5]
