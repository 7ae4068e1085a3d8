"""What WhatsApp itself writes into an export, in the languages of its users.

Notices are known by their words, not by their place or their missing author: iOS writes them
under an author or under the group's name. The tables hold beginnings and stems where the
rest varies.
"""

import re
from typing import NamedTuple

from app.chats.formats.whatsapp.headers import MARKS
from app.chats.message import MessageKind


class Body(NamedTuple):
    """What a message's body holds once the marks of the export are taken off."""

    text: str
    kind: MessageKind = MessageKind.TEXT
    edited: bool = False


# The beginnings of the encryption notice: nobody types these by hand.
_ENCRYPTION = (
    "Messages and calls are end-to-end encrypted",
    "Messages to this chat and calls are now secured",
    "Messages you send to this chat and calls are now secured",
    "Messages to this group are now secured",
    "Messages you send to this group are now secured",
    "Messages are end-to-end encrypted",
    "Los mensajes y las llamadas están cifrados",
    "Los mensajes y llamadas están cifrados",
    "Los mensajes y las llamadas en este chat",
    "As mensagens e as chamadas são protegidas",
    "As mensagens e chamadas são protegidas",
    "As mensagens e ligações são protegidas",
    "As mensagens e as chamadas são encriptadas",
    "As mensagens e as ligações são protegidas",
    "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt",
    "Nachrichten, die du in diesem Chat sendest",
    "Nachrichten in diesem Chat sowie Anrufe sind",
    "Les messages et les appels sont chiffrés",
    "Les messages et appels sont chiffrés",
    "Les messages envoyés dans cette discussion",
    "I messaggi e le chiamate sono crittografati",
    "Berichten en oproepen worden end-to-end versleuteld",
    "Berichten en oproepen zijn end-to-end versleuteld",
    "Berichten en gesprekken zijn end-to-end versleuteld",
    "Wiadomości i połączenia są w pełni szyfrowane",
    "Wiadomości i połączenia są szyfrowane",
    "Сообщения и звонки защищены сквозным шифрованием",
    "Повідомлення та дзвінки захищено наскрізним шифруванням",
    "Повідомлення та виклики захищено наскрізним шифруванням",
    "Mesajlar ve aramalar uçtan uca şifreli",
    "Pesan dan panggilan dienkripsi secara end-to-end",
    "Pesan dan panggilan terenkripsi secara end-to-end",
    "الرسائل والمكالمات مشفرة",
    "ההודעות והשיחות מוצפנות מקצה לקצה",
    "मैसेज और कॉल एंड-टू-एंड",
    "संदेश और कॉल एंड-टू-एंड",
    "消息和通话都进行端到端加密",
    "訊息和通話經端對端加密",
    "訊息與通話皆受端對端加密",
    "メッセージと通話はエンドツーエンド",
    "메시지와 통화는 종단간 암호화",
    "메시지와 통화는 종단 간 암호화",
    "Meddelanden och samtal är totalsträckskrypterade",
    "Beskeder og opkald er krypteret fra ende til ende",
    "Meldinger og samtaler er ende-til-ende-kryptert",
    "Viestit ja puhelut ovat täysin salattuja",
    "Zprávy a hovory jsou koncově šifrovány",
    "Mesajele și apelurile sunt criptate integral",
    "Az üzenetek és a hívások végpontok közötti titkosítással",
    "Τα μηνύματα και οι κλήσεις είναι κρυπτογραφημένα",
    "Tin nhắn và cuộc gọi được mã hóa đầu cuối",
    "ข้อความและการโทรได้รับการเข้ารหัสจากต้นทางถึงปลายทาง",
)

# Group events, calls and changes of settings. They count only where the export marks the
# line as its own (see read_body), so that "Bob added sugar" stays what Bob said.
_EVENTS = re.compile(
    r"""(?ix)
    \bcreated\ (?:this\ |the\ )?(?:group|community) | \badded\b | \bremoved\b | \bleft$
    | \bleft\ (?:the\ )?group | \bjoined\b | \brequested\ to\ (?:join|add)
    | \bchanged\ (?:the|this|their|to|your|his|her)\b | security\ code .* changed
    | \bdeleted\ this\ group's | \b(?:is\ now|now)\ an?\ (?:group\ |community\ )?admin
    | no\ longer\ an\ admin | disappearing\ messages | message\ timer | \bpinned\ a\ message
    | ^missed\ .*call | ^(?:silenced\ )?(?:voice|video|group)\ call | \bstarted\ a\ .*call
    | ^this\ (?:chat|business|account) | ^you\ (?:un)?blocked | ^tap\ to | ^your\ security
    | \bis\ a\ contact | \ballow(?:ed)?\ (?:all\ )?(?:participants|members|admins)
    | \bgroup\ settings | turned\ (?:on|off)\ | \breset\ (?:this|the)\ group
    | \bcre[oó]\ (?:el|este)\ grupo | \b(?:añadió|agregó|eliminó|cambió|añadiste|agregaste)\b
    | \bcreaste\ (?:el|este)\ grupo | \bsali[oó]\ del\ grupo | \bse\ unió | ^llamada\ .*perdida
    | ^(?:video)?llamada | código\ de\ seguridad
    | \bcriou\ (?:o|este)\ grupo | \b(?:adicionou|removeu|mudou|alterou)\b | \bsaiu$
    | \bentrou\ (?:usando|com) | ^(?:ligação|chamada)\ .*perdida | ^você\ (?:criou|adicionou)
    | \b(?:erstellt|hinzugefügt|entfernt|verlassen|geändert|beigetreten|gewechselt)\.?$
    | ^verpasste | sicherheitsnummer
    | \ba\ (?:créé|ajouté|retiré|supprimé|quitté|changé|modifié|rejoint)\b | ^appel\ .*manqué
    | \bavez\ (?:créé|ajouté|retiré|changé|modifié)\b
    | \bha[i]?\ (?:creato|aggiunto|rimosso|abbandonato|cambiato|modificato)\b
    | ^(?:video)?chiamata\ .*persa | \bè\ entrato | \bè\ uscito
    | \b(?:heeft|hebt)\ .*(?:gemaakt|aangemaakt|toegevoegd|verwijderd|verlaten|gewijzigd)\.?$
    | ^gemiste\ | \b(?:utworzył|dodał|usunął|zmienił|opuścił) | ^nieodebrane
    | \b(?:создал|добавил|удалил|изменил|покинул|вышел|вступил) | ^пропущенный
    | \b(?:створи|дода|видали|зміни|залиши)(?:в|ла|ли)\b
    | \b(?:oluşturdu|ekledi|çıkardı|değiştirdi|ayrıldı|katıldı|oluşturdunuz|eklediniz)
    | \b(?:membuat|menambahkan|mengeluarkan|mengubah|keluar|bergabung)\b
    | أنشأ | أضاف | غادر | غيّر | غيَّر | יצר | הוסיף | עזב | שינה
    | 创建了 | 添加了 | 退出了 | 更改了 | 移除了 | 建立了 | 加入了 | 已退出 | 更改
    | 作成しました | 追加しました | 退出しました | 変更しました | 참여했습니다 | 추가했습니다
    | 나갔습니다 | 변경했습니다 | 만들었습니다 | \bskapade | \blade\ till | \blämnade
    | \boprettede | \btilføjede | \bforlod | \bopprettet | \bla\ til | \bforlot
    | \bloi\ ryhmän | \blisäsi | \bpoistui
    """
)
_NAMING = re.compile(
    r"(?i)\b(?:created|changed|creó|creaste|cambió|criou|mudou|alterou|erstellt|geändert|créé|"
    r"changé|modifié|creato|cambiato|modificato|gemaakt|gewijzigd|создал|изменил)\w*\b"
)
_NAMED_THING = re.compile(
    r"(?i)\b(?:group|subject|grupo|asunto|nombre|nome|assunto|gruppe|betreff|gruppennamen?|groupe|"
    r"sujet|objet|nom|gruppo|oggetto|groep|onderwerp|групп\w*|тем\w*)\b"
)
_QUOTED = re.compile(r'["“„«”]\s?([^"“”„«»\n]{1,100}?)\s?["”“»]')

_MEDIA_STEMS = (
    "media|médi|mídi|medien|medii|multim|medya|medier|médias|fichier|ficheiro|медиа|медіа|وسائط|"
    "מדיה|मीडिया|多媒体|多媒體|媒體|媒体|メディア|미디어|สื่อ|πολυμέσ|view once"
)
_OMITTED_STEMS = (
    "omitted|omitid|omiss|ocultad|oculta|weggelassen|ausgelassen|ausgeschlossen|absent|omis|"
    "retiré|manquant|omess|inclus|esclus|weggelaten|pominięt|пропущен|опущен|не добавлен|"
    "dahil edilmedi|eklenmedi|tidak disertakan|省略|忽略|생략|제외|含まれ|استبعاد|הושמט|לא נכלל|"
    "utelämn|utelad|udelad|utelat|jätetty|vynech|omise|kihagy|हटा|छोड़|παραλ|ละเว้น|bỏ qua"
)
_OMITTED_LINE = re.compile(rf"(?i)(?=.*(?:{_OMITTED_STEMS})).{{3,200}}")
_OMITTED_BRACKETS = re.compile(rf"(?i)<[^<>\n]{{0,60}}(?:{_MEDIA_STEMS})[^<>\n]{{0,60}}>")
_ATTACHED_BRACKETS = re.compile(r"<[^<>:\n]{2,40}[ \u00a0]?[:：] ?[^<>\n]{1,300}\.\w{2,5}>")
_ATTACHED_PARENS = re.compile(
    r"(?P<mark>\u200e?)(?P<file>[^\n]{1,300}\.\w{2,5}) [(（](?P<word>[^()（）\n]{3,40})[)）]$"
)
_CAMERA_FILE = re.compile(r"(?:IMG|VID|PTT|AUD|STK|DOC)-\d{8}-WA\d+\.")
_ATTACHED_WORDS = frozenset(
    """file attached|archivo adjunto|arquivo anexado|ficheiro anexado|datei angehängt|fichier joint|
    file allegato|bestand bijgevoegd|bestand toegevoegd|plik dołączony|załączono plik|файл добавлен|
    файл прикреплён|файл прикреплен|файл додано|dosya ekli|dosya eklendi|file terlampir|ملف مرفق|
    الملف مرفق|קובץ מצורף|फ़ाइल संलग्न|文件附件|附件|檔案已附加|ファイル添付|添付ファイル|파일 첨부됨|
    첨부된 파일|fil bifogad|fil vedhæftet|vedhæftet fil|fil vedlagt|tiedosto liitetty|
    přiložený soubor|fișier atașat|fájl csatolva|συνημμένο αρχείο|tệp đính kèm""".replace(
        "\n    ", ""
    ).split("|")
)
# iOS without the mark before it, as very old exports and copied text have it.
_OMITTED_WHOLE = frozenset(
    f"{thing} {gone}"
    for things, gone in (
        ("image|video|audio|sticker|gif|document|contact card|video note|media", "omitted"),
        ("imagen|multimedia|tarjeta de contacto", "omitida"),
        ("video|audio|sticker|gif|documento", "omitido"),
        ("imagem|mídia|figurinha", "ocultada"),
        ("imagem|figurinha", "omitida"),
        ("vídeo|áudio|documento|gif", "omitido"),
        ("vídeo|áudio|documento|gif", "ocultado"),
        ("bild|video|audio|sticker|gif|dokument|kontaktkarte", "weggelassen"),
        ("image|vidéo", "absente"),
        ("audio|sticker", "omis"),
        ("immagine", "omessa"),
        ("video|audio|documento", "omesso"),
        ("afbeelding|video|audio|sticker|gif|document", "weggelaten"),
    )
    for thing in things.split("|")
)

_EDITED_NOTICES = (
    "This message was edited",
    "Se editó este mensaje",
    "Mensaje editado",
    "Mensagem editada",
    "Esta mensagem foi editada",
    "Diese Nachricht wurde bearbeitet",
    "Ce message a été modifié",
    "Questo messaggio è stato modificato",
    "Dit bericht is bewerkt",
    "Dit bericht werd bewerkt",
    "Ta wiadomość została edytowana",
    "Wiadomość edytowana",
    "Данное сообщение изменено",
    "Это сообщение изменено",
    "Сообщение изменено",
    "Це повідомлення відредаговано",
    "Bu mesaj düzenlendi",
    "Pesan ini diedit",
    "Pesan ini telah diedit",
    "تم تعديل هذه الرسالة",
    "ההודעה נערכה",
    "הודעה זו נערכה",
    "यह मैसेज एडिट किया गया",
    "此消息已编辑",
    "已编辑此消息",
    "此訊息已編輯",
    "このメッセージは編集されました",
    "이 메시지는 수정되었습니다",
    "이 메시지는 편집되었습니다",
    "Meddelandet redigerades",
    "Denne besked blev redigeret",
    "Denne meldingen ble redigert",
    "Tätä viestiä muokattiin",
    "Tato zpráva byla upravena",
)
_EDITED = re.compile(
    rf"[{MARKS} \u00a0]{{0,3}}<(?:{'|'.join(map(re.escape, _EDITED_NOTICES))})[.。]?>[{MARKS}\s]*$"
)
_EDITED_MARKED = re.compile(r"(?s)(?<=\S)\s?\u200e<[^<>:：\n]{5,60}>$")

_DELETED_NOTICES = (
    "This message was deleted",
    "You deleted this message",
    "This message was deleted by an admin",
    "Message deleted",
    "Se eliminó este mensaje",
    "Este mensaje fue eliminado",
    "Eliminaste este mensaje",
    "Mensaje eliminado",
    "Mensagem apagada",
    "Esta mensagem foi apagada",
    "Apagou esta mensagem",
    "Você apagou esta mensagem",
    "Diese Nachricht wurde gelöscht",
    "Du hast diese Nachricht gelöscht",
    "Ce message a été supprimé",
    "Vous avez supprimé ce message",
    "Message supprimé",
    "Questo messaggio è stato eliminato",
    "Hai eliminato questo messaggio",
    "Dit bericht is verwijderd",
    "Dit bericht werd verwijderd",
    "U hebt dit bericht verwijderd",
    "Je hebt dit bericht verwijderd",
    "Ta wiadomość została usunięta",
    "Wiadomość została usunięta",
    "Usunąłeś tę wiadomość",
    "Данное сообщение удалено",
    "Сообщение удалено",
    "Вы удалили данное сообщение",
    "Вы удалили это сообщение",
    "Це повідомлення видалено",
    "Ви видалили це повідомлення",
    "Bu mesaj silindi",
    "Bu mesajı sildiniz",
    "Pesan ini dihapus",
    "Pesan ini telah dihapus",
    "Anda menghapus pesan ini",
    "تم حذف هذه الرسالة",
    "لقد حذفت هذه الرسالة",
    "ההודעה נמחקה",
    "הודעה זו נמחקה",
    "מחקת הודעה זו",
    "यह मैसेज डिलीट किया गया",
    "यह संदेश हटा दिया गया",
    "आपने यह मैसेज डिलीट किया",
    "此消息已删除",
    "你已删除此消息",
    "您已删除此消息",
    "此訊息已刪除",
    "您已刪除此訊息",
    "您已刪除這則訊息",
    "このメッセージは削除されました",
    "このメッセージを削除しました",
    "삭제된 메시지입니다",
    "이 메시지는 삭제되었습니다",
    "이 메시지를 삭제했습니다",
    "Det här meddelandet togs bort",
    "Det här meddelandet raderades",
    "Du raderade det här meddelandet",
    "Denne besked blev slettet",
    "Du slettede denne besked",
    "Denne meldingen ble slettet",
    "Du slettet denne meldingen",
    "Tämä viesti poistettiin",
    "Poistit tämän viestin",
    "Tato zpráva byla odstraněna",
    "Acest mesaj a fost șters",
    "Ezt az üzenetet törölték",
    "Αυτό το μήνυμα διαγράφηκε",
    "Tin nhắn này đã bị xóa",
    "ข้อความนี้ถูกลบแล้ว",
)
_DELETED = frozenset(notice.casefold() for notice in _DELETED_NOTICES)
# Never delivered to this phone: there was a message, and the export has no word of it.
_UNDELIVERED = (
    "Waiting for this message",
    "Esperando el mensaje",
    "Aguardando mensagem",
    "Warten auf diese Nachricht",
    "En attente de ce message",
    "In attesa del messaggio",
)

_NOTICE_CHARS_MAX = 500

# A body whose first or last character or first few letters are none of these is plain text.
ODD_EDGES = frozenset(f"{MARKS}<> )）")
_HEAD_CHARS = 6
ODD_HEADS = frozenset(
    phrase[:_HEAD_CHARS]
    for notice in (*_ENCRYPTION, *_DELETED_NOTICES, *_UNDELIVERED, *_OMITTED_WHOLE)
    for phrase in (notice, notice.capitalize())
) | {"GIF omitted"[:_HEAD_CHARS]}
HEAD = slice(_HEAD_CHARS)


def read_body(body: str, *, author: str, group: str | None = None) -> Body | None:
    """The message in `body`; None when WhatsApp wrote it and not `author`.

    `group` is the group's name if it is known by now: what stands under it is a notice.
    """
    bare = body.strip(MARKS)
    if not bare or bare.isspace():
        return Body("", MessageKind.EMPTY)
    notice = bare.strip().rstrip(".。")
    if notice.casefold() in _DELETED:
        return Body("", MessageKind.DELETED)
    if bare.startswith(_UNDELIVERED):
        return Body("", MessageKind.EMPTY)
    medium = _read_medium(body, bare)
    if medium is not None:
        return medium
    if _is_notice(body, bare, author=author, group=group):
        return None
    unedited = _EDITED.sub("", bare)
    if unedited == bare:
        unedited = _EDITED_MARKED.sub("", bare)
    edited = unedited != bare
    text = unedited.strip(MARKS)
    return Body(text, MessageKind.TEXT if text else MessageKind.EMPTY, edited)


def is_event(line: str) -> bool:
    """The line, which has no author of its own, is one of WhatsApp's notices."""
    return is_encryption_notice(line) or _tells_event(line.strip(MARKS))


def is_encryption_notice(body: str) -> bool:
    """The body is the notice that opens every chat."""
    return body.strip(MARKS).startswith(_ENCRYPTION)


def group_name(notice: str) -> str | None:
    """The group's name if `notice` tells that somebody created or renamed the group."""
    notice = notice[:_NOTICE_CHARS_MAX]
    if _NAMING.search(notice) is None or _NAMED_THING.search(notice) is None:
        return None
    names = _QUOTED.findall(notice)
    return names[-1] if names else None


def _is_notice(body: str, bare: str, *, author: str, group: str | None) -> bool:
    if is_encryption_notice(bare):
        return True
    is_marked = body[0] in MARKS or author == group or bare.startswith(author)
    return is_marked and "\n" not in bare and _tells_event(bare)


def _tells_event(line: str) -> bool:
    return _EVENTS.search(line, 0, _NOTICE_CHARS_MAX) is not None


def _read_medium(body: str, bare: str) -> Body | None:
    if found := _OMITTED_BRACKETS.match(bare):
        rest = bare[found.end() :]
        if not rest or rest.startswith("\n") or _EDITED.fullmatch(rest):
            return _medium(rest)
    if found := _ATTACHED_BRACKETS.search(bare):
        return _medium(f"{bare[: found.start()].strip(MARKS)}{bare[found.end() :]}")
    first, _, caption = body.partition("\n")
    if (found := _ATTACHED_PARENS.match(first)) and _is_attached(found):
        return _medium(caption)
    if bare.casefold() in _OMITTED_WHOLE:
        return _medium("")
    caption, mark, last = body.rpartition("\u200e")
    if mark and "\n" not in last and len(last) < 80 and _OMITTED_LINE.fullmatch(last.strip()):
        return _medium(caption.replace("\u200e", ""))
    return None


def _is_attached(line: re.Match[str]) -> bool:
    return (
        bool(line["mark"])
        or line["word"].casefold() in _ATTACHED_WORDS
        or _CAMERA_FILE.match(line["file"]) is not None
    )


def _medium(caption: str) -> Body:
    unedited = _EDITED.sub("", caption)
    text = unedited.strip(f"{MARKS}\n ")
    return Body(text, MessageKind.MEDIA, edited=unedited != caption)
