"""What counts as a word, a link and an emoji, and which words say nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)

_WORD_CHARS = range(2, 31)
# Above this many different words the rare ones are forgotten: a chat of noise stays small.
_VOCABULARY_MAX, _VOCABULARY_KEPT = 200_000, 50_000

_PICTURE = (
    "[\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u2600-\u26ff\u2702\u2705\u2708-\u270d\u270f\u2712"
    "\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757"
    "\u2763\u2764\u2795-\u2797\u27a1\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\U0001f004\U0001f0cf"
    "\U0001f170-\U0001f19a\U0001f201-\U0001f251\U0001f300-\U0001f3fa\U0001f400-\U0001faff]"
)
_MODIFIED = rf"{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?[\U000e0020-\U000e007f]{{0,8}}"
# One emoji as people see it: flags, keycaps, skin tones and joined families are one each.
EMOJI = re.compile(
    rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|"
    rf"{_MODIFIED}(?:\u200d{_MODIFIED}){{0,7}}|[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa"
    r"\u25aa-\u25fe\u2934\u2935\u2b05-\u2b07\u3030\u303d]\ufe0f"
)

_STOP_TEXT = """
a about after again all also always am an and any are aren't as at back be because been before
being but by can can't cause come could couldn't did didn't do does doesn't doing don't down even
ever every for from get gets getting go goes going gonna good got had has have haven't having he
he's her here here's hers him his how i i'd i'll i'm i've if in into is isn't it it's its itself
just keep know let let's like lol make maybe me mean might more most much must my myself need
never no not now of off oh ok okay on once one only or other our ours out over own really right
said same say see she she's should shouldn't so some something still such sure take than that
that's the their them then there there's these they they're thing things think this those though
through to today tomorrow too two u under until up us use very want wanna was wasn't way we we'll
we're we've well went were weren't what what's when where which while who who's why will with
won't would wouldn't yeah yep yes yet you you'd you'll you're you've your yours
de la que el en y los se del las un por con no una su para es al lo como más o pero sus le ya si
porque muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno les ni
contra otros ese eso ante ellos e esto mí antes algunos qué unos yo otro otras otra él tanto esa
estos mucho nada poco ella estar estas tú te ti tu está estoy son fue era ser soy voy va vamos
jaja jajaja sí bien ahora bueno así vale
um os da das dos em uma na nas nos pra pro foi não mas eu você vc ele ela isso esse essa meu minha
mais muito também só já tá tô né aqui tem ter vai vou bom tudo sim kkk kkkk
der die das und ist ich du er sie es wir ihr nicht ein eine einen einem einer mit auf für von zu
den dem des im in am an auch so dass daß wie wenn aber oder noch nur schon mal ja nein doch was
wer wo da dann denn hab habe hast hat haben bin bist sind war wird werden kann mich mir dich dir
uns euch sich mein dein sein aus bei nach über um zum zur gut mehr sehr immer jetzt halt
le les des et à est je tu il elle on nous vous ils ne pas plus que qui quoi où un une du au aux
ce cette ces ça c'est j'ai mon ton son ma ta sa mes tes ses pour par sur dans avec sans mais ou
donc si tout tous bien oui non fait être avoir suis es ai as a d'accord moi toi lui très trop
il lo gli le di da del della dei che chi non è sono sei ho hai ha mi ti ci vi si con su per tra
come anche ma se più io tu lui lei noi voi loro questo questa quello quella ancora poi già sì bene
de het een en van ik je jij hij zij we wij jullie ze dat die dit niet is zijn ben bent was heb hebt
heeft met op voor naar ook maar als er aan om te nog wel ja nee dan wat wie waar hoe geen bij uit
и в не на я что с он она они мы вы ты это как а но да нет у к по за из так же бы то все всё ещё
уже только мне меня тебе тебя его её их был была было если или для от до вот ну там тут где когда
i w nie na się z do to że jest o jak za ale po co czy tak już mnie mi ja ty od dla tylko być
ve bir bu da de mi ben sen o için ile çok ne var yok ama gibi daha ki evet hayır şey değil
yang di ke dari dan itu ini ada aku kamu saya dia tidak gak ga ya nya sudah udah aja juga bisa
"""
STOP_WORDS = frozenset(_STOP_TEXT.split())


def batches(texts: Iterable[str], *, chars_max: int = 200_000) -> Iterator[str]:
    """The texts joined by newlines into batches of about `chars_max`, so that splitting them
    into words never holds all words of a chat at once."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        batch.append(text)
        chars += len(text)
        if chars >= chars_max:
            yield "\n".join(batch)
            batch, chars = [], 0
    if batch:
        yield "\n".join(batch)


def telling(vocabulary: Counter[str], *, count: int) -> list[tuple[str, int]]:
    """The commonest words that are not stop words, most frequent first."""
    heard = (
        (word, times)
        for word, times in vocabulary.items()
        if len(word) in _WORD_CHARS and word.replace("’", "'") not in STOP_WORDS
    )
    return sorted(heard, key=lambda item: (-item[1], item[0]))[:count]


def prune(vocabulary: Counter[str]) -> Counter[str]:
    """`vocabulary`, without its rarest words if it has grown beyond bounds."""
    if len(vocabulary) <= _VOCABULARY_MAX:
        return vocabulary
    return Counter(dict(vocabulary.most_common(_VOCABULARY_KEPT)))


def find_emoji(text: str) -> list[str]:
    """The emoji of a text, in order; hearts with and without the mark that asks for colour are
    one emoji."""
    return [] if text.isascii() else [one.replace("\ufe0f", "") for one in EMOJI.findall(text)]


def shown_emoji(emoji: str) -> str:
    """`emoji`, asking for colour where a font would draw it black: ❤ becomes ❤️."""
    return f"{emoji}\ufe0f" if len(emoji) == 1 and emoji < "\u2800" else emoji
