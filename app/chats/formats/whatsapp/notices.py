"""What WhatsApp tells in a chat: the notices, known by their words in the user's language."""

import re

from app.chats.formats.whatsapp import phrase_table
from app.chats.formats.whatsapp.headers import MARKS
from app.chats.transcript import NoticeKind

NOTICE_CHARS_MAX = 500

_ENCRYPTION = tuple(phrase_table.phrases("encrypted"))
_SECURITY_CODE = phrase_table.templates("security_code")
_CALLS = phrase_table.keys("missed_call", "call")
_CALL_END = re.compile(r"[,，،.。\n(]|\bat\b")

_JOINED = re.compile(
    r"""(?ix)
    \badded\b | \bjoined\b | \bwas\ added | \binvited\b | \baccepted\ the\ invit
    | \b(?:añadió|agregó|añadiste|agregaste)\b | \bse\ unió
    | \b(?:adicionou|adicionaste)\b | \bentrou\ (?:usando|com)\b
    | \b(?:hinzugefügt|beigetreten|eingeladen)\.?(?:$|:\ )
    | \b(?:añadid|agregad|adicionad)[oa]s?\b | \b(?:aggiunt[oaie]|ajoutée?s?)\b
    | \ba\ (?:ajouté|rejoint)\b | \bavez\ (?:ajouté|rejoint)\b
    | \b(?:ha|hai)\ aggiunto\b | \bè\ entrat[oa]\b | \bsi\ è\ unit[oa]\b
    | \b(?:toegevoegd|deelgenomen)\.?(?:$|:\ ) | \bneemt\ deel\b
    | \bdoda(?:ł|ła|łeś|łaś)\b | \bdołączył | \bдобавил | \bвступил | \bприсоединил
    | \b(?:додав|додала|додали|приєднав|приєдналася)\b | \bekledi | \bkatıldı
    | \b(?:menambahkan|bergabung|menyertai)\b | أضاف | انضم | أضفت | הוסיף | הצטרף
    | 添加了 | 加入了 | 邀请 | 邀請 | 新增了 | 追加しました | 参加しました
    | 추가했습니다 | 참여했습니다 | 초대
    | \bla\ till | \bgick\ med | \btilføjede | \bdeltager | \bla\ til\b | \bble\ med
    | \blisäsi | \bliittyi | \bpřidal | \bse\ připojil | \bpridal | \bse\ pridal | \bhozzáad
    | \bcsatlakozott | \ba\ adăugat | \bs-a\ alăturat | \bπρόσθεσε | \bmπήκε | \bdodao | \bdodala
    | \bpridružio | \bдобави\b | \bse\ присъедини | \bha\ afegit | \bs'ha\ unit | \bđã\ thêm
    | \bđã\ tham\ gia | ได้เพิ่ม | เข้าร่วม | اضافه کرد | پیوست | شامل کیا | شامل ہو
    | ने\ जोड़ा | जुड़े | জোড়া | যোগ | जोडले | ઉમેર
    """
)
_LEFT = re.compile(
    r"""(?ix)
    \bleft\b(?!\ to\b) | \bremoved\b | \bsali[oó]\b | \bsaliste\b | \beliminó\ a\b | \bsacó\ a\b
    | \bsaiu\b | \bsaíste\b | \bremoveu\b | \b(?:verlassen|entfernt)\.?$
    | \ba\ (?:quitté|retiré)\b | \bavez\ (?:quitté|retiré)\b
    | \b(?:ha|hai)\ (?:abbandonato|rimosso)\b | \bè\ uscit[oa]\b
    | \b(?:heeft|hebt|is)\ .*(?:verlaten|verwijderd)\.?$
    | \bopuści(?:ł|ła|łeś|łaś)\b | \busun(?:ął|ęła|ąłeś|ęłaś)\b(?!\ tę) | \bпокинул | \bвышел
    | \bвышла\b | \bудалил | \b(?:залишив|залишила|видалив|видалила)\b | \bayrıldı | \bçıkardı
    | \b(?:keluar|mengeluarkan|meninggalkan)\b | غادر | أزال | عزل | עזב | הסיר | 退出了 | 已退出
    | 离开 | 移除了 | 退出しました | 削除しました$ | 나갔습니다 | 내보냈습니다
    | \blämnade | \btog\ bort
    | \bforlod | \bfjernede | \bforlot | \bfjernet | \bpoistui | \bpoisti\b | \bopustil | \bodešel
    | \bodebral | \bodstránil | \bkilépett | \beltávolít | \ba\ ieșit | \ba\ eliminat
    | \bαποχώρησε | \bαφαίρεσε | \bnapustio | \bnapustila | \buklonio | \bнапусна | \bпремахна
    | \bha\ marxat | \bha\ sortit | \bha\ eliminat | \bđã\ rời | \bđã\ xóa | ออกจาก | นำออก
    | ترک کرد | حذف کرد | چھوڑ | خارج | ने\ निकाला | छोड़ | ছেড়ে | सोडला | છોડ
    """
)
_SETTING = re.compile(
    r"""(?ix)
    \bcreated\ (?:this\ |the\ |a\ )?(?:group|community) | \brequested\ to\ (?:join|add)
    | \bchanged\ (?:the|this|their|to|your|his|her)\b | security\ code .* changed
    | \bdeleted\ this\ group's | \b(?:is\ now|now)\ an?\ (?:group\ |community\ )?admin
    | no\ longer\ an\ admin | disappearing\ messages | message\ timer | \bpinned\ a\ message
    | ^this\ (?:chat|business|account|group) | ^tap\ to | ^your\ security
    | \b(?:un)?blocked\b | \bblockiert\.?$ | \bbloque(?:ó|aste|ado|ou)\b | \bhai\ s?bloccato\b
    | \bbloqué\b | \bgeblokkeerd\.?$
    | \bis\ a\ contact | \ballow(?:ed)?\ (?:all\ )?(?:participants|members|admins)
    | \bgroup\ settings | turned\ (?:on|off)\ | \breset\ (?:this|the)\ group | admin\ approval
    | \bcre[oó]\ (?:el|este)\ grupo | \b(?:eliminó|cambió|cambiaste|fijó|activó|desactivó)\b
    | \bcreaste\ (?:el|este)\ grupo | código\ de\ seguridad | mensajes\ temporales
    | \bcriou\ (?:o|este)\ grupo | \b(?:mudou|alterou|fixou|ativou|desativou)\b
    | código\ de\ segurança | mensagens\ temporárias | ^você\ (?:criou|adicionou|mudou)
    | \b(?:erstellt|geändert|gewechselt|fixiert|angepinnt|aktiviert|deaktiviert)\.?$
    | sicherheitsnummer | selbstlöschende | verschwindende\ nachrichten
    | \ba\ (?:créé|supprimé|changé|modifié|épinglé|activé|désactivé)\b | messages\ éphémères
    | \bavez\ (?:créé|changé|modifié|activé|désactivé|épinglé)\b | code\ de\ sécurité
    | \b(?:ha|hai)\ (?:creato|cambiato|modificato|fissato|attivato|disattivato)\b
    | messaggi\ effimeri | codice\ di\ sicurezza
    | \b(?:heeft|hebt)\ .*(?:gemaakt|aangemaakt|gewijzigd|vastgezet|ingeschakeld)\.?$
    | verdwijnende\ berichten | beveiligingscode
    | \b(?:utworzył|zmienił|przypiął|włączył|wyłączył) | kod\ zabezpieczeń | znikające
    | \b(?:создал|изменил|закрепил|включил|отключил) | код\ безопасности | исчезающие
    | \b(?:створи|зміни|закріпи|увімкну|вимкну)(?:в|ла|ли)\b | код\ безпеки
    | \b(?:oluşturdu|değiştirdi|sabitledi|oluşturdunuz|eklediniz) | güvenlik\ kodu | süreli\ mesaj
    | \b(?:membuat|mengubah|menyematkan|mengaktifkan)\b | kode\ keamanan | pesan\ sementara
    | أنشأ | غيّر | غيَّر | قام\ بتغيير | الرسائل\ ذاتية | רכיב | יצר | שינה | הודעות\ נעלמות
    | 创建了 | 更改 | 建立了 | 变更 | 變更 | 置顶 | 釘選 | 限时消息 | 限時訊息 | 自動銷毀
    | 作成しました | 変更しました | 消えるメッセージ | 변경했습니다 | 만들었습니다
    | 사라지는\ 메시지
    | \bskapade | \bändrade | \boprettede | \bændrede | \bopprettet | \bendret | \bloi\ ryhmän
    | \bmuutti\b | \bvytvořil | \bzměnil | \bvytvoril | \bzmenil | \blétrehozta | \bmegváltozt
    | \ba\ creat\ | \ba\ schimbat | \bδημιούργησε | \bάλλαξε | \bstvorio | \bizradio | \bpromijeni
    | \bсъздаде | \bпромени | \bha\ creat\ | \bha\ canviat | \bđã\ tạo | \bđã\ thay\ đổi
    | สร้างกลุ่ม | เปลี่ยน | ایجاد | تغییر | تبدیل | बनाया | बदल
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
_CHAT_THING = re.compile(
    rf"{_NAMED_THING.pattern}|(?i:\b(?:icon|description|link|admins?|settings|messages|number|code|"
    r"community|mensajes|mensagens|nachrichten|messaggi|berichten|сообщени\w+|\w*bild|"
    r"\w*beschreibung|descripción|descrição|descrizione)\b)"
)
_JOINERS = frozenset({"and", "to", "y", "e", "a", "und", "et", "ed", "en", "и", "i"})
_CREATED = re.compile(r"(?i)\b(?:created|creó|creaste|criou|erstellt|créé|creato|gemaakt|создал)\b")
_QUOTED = re.compile(r'["“„«”]\s?([^"“”„«»\n]{1,100}?)\s?["”“»]')
# A new group has one name, whatever stands in it.
_QUOTED_WHOLE = re.compile(r'["“„«”]\s?([^\n]{1,100})(?<=\S)\s?["”“»]')
_WHO_LEFT = re.compile(r"^(.{1,255}?) left\b|\bremoved (.{1,255}?)\.?$")
_WHO_JOINED = re.compile(
    r"^(.{1,255}?) (?:joined\b|was added\b)|\badded (.{1,255}?)(?: to (?:the|a) group\b.*)?\.?$"
)
_SEVERAL = re.compile(r", | and ")


def is_notice(line: str) -> bool:
    """The line, which has no author of its own, is one of WhatsApp's notices in known words."""
    return kind_of(line) is not NoticeKind.UNKNOWN


def kind_of(notice: str) -> NoticeKind:
    """What a notice tells; UNKNOWN where its words are in no table."""
    line = notice.strip(MARKS).partition("\n")[0][:NOTICE_CHARS_MAX].rstrip(MARKS)
    if line.startswith(_ENCRYPTION):
        return NoticeKind.SETTING
    if _CALLS.intersection(map(phrase_table.key, (line, _CALL_END.split(line, maxsplit=1)[0]))):
        return NoticeKind.CALL
    if _SECURITY_CODE.match(phrase_table.key(line)):
        return NoticeKind.SETTING
    for kind, words in _WORDS:
        if words.search(line):
            return kind
    return NoticeKind.UNKNOWN


_WORDS = (
    (NoticeKind.JOINED, _JOINED),
    (NoticeKind.LEFT, _LEFT),
    (NoticeKind.SETTING, _SETTING),
)


def is_whole_event(event: str) -> bool:
    """`event`, what stands behind the name of who did it, is a notice from its first word to its
    last: about the chat, or of names and at most two other words. A sentence about other things
    that begins alike is a person's."""
    event = event[:NOTICE_CHARS_MAX]
    if _CHAT_THING.search(event):
        return True
    words = [word for word in event.rstrip(".").split() if word not in _JOINERS]
    plain = sum(word[0].islower() for word in words)
    return plain < 2 or (plain == 2 and plain < len(words))


def is_encryption_notice(body: str) -> bool:
    """The body is the notice that opens every chat."""
    return body.strip(MARKS).startswith(_ENCRYPTION)


def is_security_notice(line: str) -> bool:
    """The line is the notice of a changed security code, which may hold any name."""
    return _SECURITY_CODE.match(phrase_table.key(line)) is not None


def group_name(notice: str) -> str | None:
    """The group's name if `notice` tells that a person created or renamed the group."""
    notice = notice[:NOTICE_CHARS_MAX]
    if _NAMING.search(notice) is None or _NAMED_THING.search(notice) is None:
        return None
    if _CREATED.search(notice) and (whole := _QUOTED_WHOLE.search(notice)):
        return whole[1]
    names = _QUOTED.findall(notice)
    return names[-1] if names else None


def people_of(notice: str, kind: NoticeKind, names: frozenset[str]) -> tuple[str, ...]:
    """Who joined or left, as far as it can be told: in English exactly, elsewhere those of
    `names` that stand in the notice."""
    if kind not in (NoticeKind.JOINED, NoticeKind.LEFT):
        return ()
    line = notice.strip(MARKS)[:NOTICE_CHARS_MAX]
    words = _WHO_JOINED if kind is NoticeKind.JOINED else _WHO_LEFT
    if found := words.search(line):
        told = found[1] or found[2]
        return tuple(name.strip(f"{MARKS} ") for name in _SEVERAL.split(told))
    return tuple(sorted(name for name in names if name in line))
