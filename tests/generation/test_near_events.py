"""What only sounds like an event is none, in six languages; its true sibling is one."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.chats.message import Message
from app.generation.offline.measures.events import find_events
from app.generation.offline.measures.transcript import annotate, words_of_messages

IDLE = {
    "en": "I had soup for lunch and the bus was late|the cat sleeps on the shelf all day",
    "de": "ich hatte heute Suppe und der Bus war spät|die Katze schläft auf dem Regal",
    "es": "comí sopa al mediodía y el autobús llegó tarde|el gato duerme en la estantería",
    "fr": "j'ai mangé de la soupe et le bus était en retard|le chat dort sur l'étagère",
    "pt": "comi sopa ao almoço e o autocarro chegou tarde|o gato dorme na estante",
    "it": "ho mangiato la zuppa e l'autobus era in ritardo|il gatto dorme sullo scaffale",
}
DAYS_OF_SILENCE = 3


def told(language: str, scene: Sequence[str]) -> set[str]:
    """The kinds of events in a chat where `scene`, said in turn, follows three days of silence."""
    draw, idle = random.Random(1), IDLE[language].split("|")
    lines = [draw.choice(idle) for _ in range(40)]
    at = datetime(2025, 3, 3, 10, tzinfo=UTC)
    messages: list[Message] = []
    for place, text in enumerate([*lines, *scene, *lines]):
        at += timedelta(days=DAYS_OF_SILENCE) if place == len(lines) else timedelta(minutes=5)
        messages.append(Message(place + 1, at, ("Nadia", "Olek")[place % 2], text))
    events = find_events(annotate(messages, words_of_messages(messages)))
    kinds = ("promises", "plans", "quarrels", "decisions", "birthdays", "worries", "returns")
    return {kind for kind in kinds if getattr(events, kind)}


@pytest.mark.parametrize(
    ("language", "scene"),
    [
        ("en", ["sorry, wrong chat"]),
        ("en", ["Sorry, I can't hear you, the line is bad"]),
        ("en", ["I'm so sorry for your loss, I only read the text now", "thank you"]),
        ("en", ["happy birthday to your sister", "thanks, I'll pass it on"]),
        ("en", ["Shut up, you won the lottery??", "you never listen, I told you for weeks!"]),
        ("en", ["let's hope it rains tomorrow", "yes"]),
        ("en", ["Tom: I'll bring the tent on Saturday", "typical"]),
        ("en", ["I'll clean it on Friday, when pigs fly", "great"]),
        ("de", ["entschuldige, falscher Chat"]),
        ("de", ["Tut mir leid um deinen Opa, ich wollte nicht still sein", "danke"]),
        ("de", ["alles Gute zum Geburtstag an deine Mutter", "danke, richte ich aus"]),
        ("de", ["Halt die Klappe, du hast gewonnen??", "du vergisst nie etwas"]),
        ("de", ["lass uns hoffen, dass es morgen regnet", "ja"]),
        ("es", ["perdón, chat equivocado"]),
        ("es", ["feliz cumpleaños a tu hermana", "gracias de su parte"]),
        ("es", ["vamos a ver qué trae mañana", "sí"]),
        ("fr", ["désolée, mauvaise conversation"]),
        ("fr", ["joyeux anniversaire à ta sœur", "merci de sa part"]),
        ("fr", ["samedi je ferai le ménage, quand les poules auront des dents", "d'accord"]),
        ("pt", ["desculpa, chat errado"]),
        ("pt", ["feliz aniversário ao teu irmão", "obrigado da parte dele"]),
        ("pt", ["vamos ver o que traz amanhã", "sim"]),
        ("it", ["scusa, chat sbagliata"]),
        ("it", ["buon compleanno a tua sorella", "grazie da parte sua"]),
        ("it", ["sabato pulirò tutto, quando voleranno gli asini", "certo"]),
    ],
)
def test_what_only_sounds_like_an_event_is_none(language: str, scene: Sequence[str]) -> None:
    assert told(language, scene) == set()


@pytest.mark.parametrize(
    ("language", "kind", "scene"),
    [
        ("en", "returns", ["I'm sorry I was so quiet, it has been a hard week"]),
        ("en", "birthdays", ["happy birthday, Olek!", "thanks, that's sweet"]),
        ("en", "plans", ["let's meet at the lake tomorrow", "yes please"]),
        ("de", "returns", ["Tut mir leid, dass ich mich so lange nicht gemeldet habe"]),
        ("de", "birthdays", ["alles Gute zum Geburtstag!", "danke dir"]),
        ("es", "returns", ["perdona, he estado muy callada estos días"]),
        ("es", "birthdays", ["¡feliz cumpleaños!", "gracias"]),
        ("fr", "returns", ["désolée pour le silence, j'étais malade"]),
        ("fr", "birthdays", ["joyeux anniversaire !", "merci beaucoup"]),
        ("pt", "returns", ["desculpa o silêncio, foi uma semana difícil"]),
        ("pt", "birthdays", ["feliz aniversário!", "obrigado"]),
        ("it", "returns", ["scusa il silenzio, è stata una settimana dura"]),
        ("it", "birthdays", ["buon compleanno!", "grazie mille"]),
    ],
)
def test_its_true_sibling_is_one(language: str, kind: str, scene: Sequence[str]) -> None:
    assert told(language, scene) == {kind}
