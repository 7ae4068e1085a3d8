"""Words that say what a number or a word beside them is, in the languages of the chats.

Each is a regular expression without groups that capture; all are matched in any case.
"""


def _any_of(*words: str) -> str:
    return "(?:" + "|".join(" ".join(words).split()).replace("_", "[ ]") + ")"


PHONE_WORDS = _any_of(
    r"\btele?(?:f|ph)\w* \btel\b \bphone\w* \bcall\b \bring\b \bdial\b \bcell\b \bmobile\w*",
    r"\bmob\b",
    r"\btext_(?:me|him|her|us)\b \bsms\b \bwhats(?:app)?\b \bzap\b \bhandy\w* \bruf\b \bfestnetz",
    r"\b(?:my|his|her|new|mom's|mum's)_(?:new_)?(?:number|no\.|cell)",
    r"\b(?:meine|neue)_(?:neue_)?nummer \bappelle\w* \bjoindre\b \bmon_num[eé]ro \bportable\b",
    r"\bll[aá]ma\w* \bm[oó]vil\b \bcel(?:ular)?\b \bmi_n[uú]mero \bm[aá]rca\w* \bfijo\b",
    r"\bchiama\w* \bcellulare \bmio_numero \bliga\b \btelem[oó]vel \bmeu_n[uú]mero \bme_liga",
    r"\bbel\b \bmijn_nummer \bzadzwo\w* \bm[oó]j_numer \bdzwo\w* \bkom[oó]rk\w*",
    r"\bara\b \bnumaram\b \bnumber_is\b \bmera_number \bphone_me",
    r"電話 番号は ケータイ 携帯 手机 电话 微信 전화 휴대폰 \bтелефон\w* \bпозвони\w* \bномер\b",
    r"هاتف फोन नंबर",
)
"""A telephone's number follows."""

ID_WORDS = _any_of(
    r"ssn social_security(?:_(?:number|no\.?))? tax(?:payer)?_(?:id|number|file_number) itin tfn",
    r"national_(?:id|insurance)(?:_(?:number|no\.?))? ni_number nino",
    r"id_(?:card_)?number identity_number",
    r"passport(?:_(?:number|no\.?))? (?:sa|rsa|my|his|her|your)_id aadhaar aadhar",
    r"pan(?:_card|_number)",
    r"dni nie nif c[eé]dula curp rfc pasaporte seguridad_social n[uú]mero_de_identidad",
    r"codice_fiscale c\.?f\.? carta_d'identit[aà] passaporto",
    r"nir num[eé]ro_de_s[eé]cu(?:rit[eé]_sociale)? s[eé]curit[eé]_sociale passeport",
    r"cpf cnpj rg contribuinte cart[aã]o_de_cidad[aã]o passaporte",
    r"bsn burgerservicenummer sofi-?nummer paspoort(?:nummer)?",
    r"pesel nr_dowodu dow[oó]d_osobisty paszport\w{0,3} nip",
    r"personnummer samordningsnummer (?:steuer-?)?id-?nr\.?",
    r"steuer-?(?:id|identifikationsnummer|nummer)",
    r"sozialversicherungsnummer (?:personal)?ausweis(?:nummer)?",
    r"(?:reise)?pass-?(?:nummer|nr\.?) reisepass pasaport\w{0,4} (?:загран)?паспорт\w{0,3}",
    r"passi(?:n|numero)?",
    r"nhs(?:_(?:number|no\.?))?",
    r"ahv(?:-?nummer)? tc_(?:kimlik|no) kimlik_(?:no|numar\w{1,6}) my_number id_no\.?",
)
"""Before a number that a state has given to a person."""

ID_SIGNS = (
    "(?:マイナンバー|個人|パスポート|旅券|护照|護照|身份证|여권|주민등록)"
    "(?:番号|号码?|號碼|[ ]?번호)?[は是는은]?"
)
"""The same in scripts without spaces, or with endings."""

ORDER_WORDS = _any_of(
    r"\border \binvoice \breceipt \btrack(?:ing)?\b \bparcel \bref\b \br[eé]f\. \breference",
    r"\bbooking \bconfirmation \breservation \bticket \bcase_no \bjob\b \bquote\b \bitem \barticle",
    r"\bmodel \bserial \bimei\b \bisbn \bean\b \bsku\b \bpnr\b \bawb\b \bwaybill \bconsignment",
    r"\bdocket \bbill_no \bmember\w* \bcustomer \bclient\w* \bpolicy \bmeter \bcase\b \bid\b",
    r"\bbestell\w* \bauftrag\w* \brechnung\w* \bsendung\w* \bkunden\w* \bvorgang\w* \bakten\w*",
    r"\bz[aä]hler\w* \bartikel\w* \bvertrag\w* \bmitglied\w* \bpaket\w*",
    r"\bcommande \bfacture \bcolis \bsuivi \bdossier \bcontrat \badh[eé]rent",
    r"\bpedido \bfactura \blocalizador \bseguimiento \bexpediente \bgu[ií]a\b \bfolio \borden\b",
    r"\bn[uú]mero_de_cliente \bcliente \breferencia \bboleto \benv[ií]o",
    r"\bordine \bspedizione \bpratica \bfattura \bcodice \brif\. \babbonamento",
    r"\bencomenda \bfatura \bprocesso \bprotocolo \bnota_fiscal \brastreio \blote\b \bobjeto",
    r"\bquota",
    r"\bbestelling \bordernummer \bfactuur \bklant\w* \btrack\b \bzending \blidnummer",
    r"\bzam[oó]wieni\w* \bfaktur\w* \bpaczk\w* \bsygnatur\w* \bnumer_klienta \bprzesył\w*",
    r"\bsipariş \bkargo \bmüşteri \bdosya \bürün \babone",
    r"注文 伝票 予約 会員 請求 問い合わせ 订单 单号 快递 주문 송장 예약 \bзаказ\w* \bтрек\w*",
    r"\bнакладн\w*",
    r"\bpopulation \bversion \bbuild\b \bfirmware \bpi\b \bupc\b \bgtin \bbarcode \btimestamp",
    r"\bunix \bepoch\b",
)
"""A number follows that is not a telephone number."""

AMOUNT_WORDS = _any_of(
    r"km m g kg cm mm mb gb kb hz mah kwh w ft sq_ft miles? pounds? lbs",
    r"euros? eur usd gbp dollars? bucks pesos? reais rupees zł tl kr chf yen",
    r"people views steps followers likes times years million billion inhabitants points",
    r"einwohner\w* menschen euro mal jahre habitants? habitantes personnes personas de_habit\w+",
    r"abitanti persone pessoas inwoners mensen mieszka\w+ ludzi osób kişi de_mexicanos aussies",
    r"crore lakh loan kredi \bkredyt mortgage hypotheek mutuo",
)
"""A number of so many follows, or goes before."""

PASSWORD_WORDS = _any_of(
    r"pa(?:ss|\$\$)(?:_|-)?w[o0]r[dt]\w{0,2} p/w passwd passcode passwort\w{0,2} pass_?phrase",
    r"pwd pw kennw[oö]rt\w* losung",
    r"mot_de_passe mdp contraseñas? contrasena contra clave parola(?:_d'ordine)? senha",
    r"palavra-passe",
    r"wachtwoord ww has[łl](?:[oa]|em) şifre\w{0,4} sifre\w{0,4} wagwoord l[oö]senord(?:et)?",
    r"adgangskoden? kodeord(?:et)?",
    r"passord(?:et)? salasanan?i? hesl[oa] jelsz[óo] sandi mật_khẩu парол[ьяюе]м? κωδικός",
    r"passe? login_pass pass",
)
"""Of scripts with spaces; a password follows."""

SIGNS_OF_ONE = "パスワード|パス|密码|密碼|口令|비밀번호|비번|पासवर्ड|كلمة السر|كلمة المرور|סיסמה"
"""Of the other scripts."""

SEED_WORDS = _any_of(
    r"seed_phrase recovery_phrase backup_phrase secret_phrase mnemonic passphrase",
    r"wiederherstellungsphrase phrase_de_récupération frase_semilla frase_de_recuperación",
)
"""Several words follow, which together are the secret."""

IS_WORDS = _any_of(
    r"is was are ist war lautet heißt est c'est es era è é sono is_het jest to hai är er on",
    r"dir это είναι adalah is_now ist_jetzt",
)
"""Between what is named and what it is."""

PLAIN_WORDS = frozenset(
    " ".join(
        (
            "wrong right correct incorrect expired invalid required weak strong secure safe easy",
            "hard long",
            " short the a an same needed gone back here there not now still too very so being",
            "that this",
            " what in on for my your his her our falsch richtig abgelaufen weg sicher zu nicht",
            "noch das",
            " der die faux correct expiré le la un une pas trop incorrecta correcta la el un una",
            "no muy",
            " sbagliata giusta scaduta non la errada certa expirada a o muito verkeerd goed",
            "verlopen niet",
            " złe dobre za nie yanlış doğru galat sahi written saved stored known changed reset",
            "broken",
            " down empty blank secret private unknown hidden visible manager page again and or",
            "but gut",
            " good bad fine ok okay great important difficult simple new old stupid ridiculous",
            " funny",
            " fácil difícil segura larga corta nueva vieja débil fuerte mala buena facile",
            " difficile",
            " longue courte nouveau nouvelle debole vecchia nuova semplice lunga longa curta nova",
            " fraca forte einfach schwer lang kurz neu alt schwach stark leicht kompliziert geheim",
            " makkelijk moeilijk kort nieuw oud simpel zwak sterk łatwe trudne długie krótkie nowe",
            " stare proste słabe silne kolay zor uzun kısa yeni eski zayıf güçlü basit",
        )
    ).split()
)
"""What a password is said to be that is none."""

CODE_WORDS = _any_of(
    r"\botp\b \b2fa\b \bmfa\b \btan\b \bsms-?code \bsms-?tan \bone[- ]time_(?:pass)?code passcode",
    r"\bcode(?:'s)?\b \bcodes\b \w{0,24}code\b \bverification\b \beinmal\w+ \bzugangscode",
    r"\bc[oó]digos?\b \bcodice\b \bkod\b \bkodu\w{0,2}\b \bkode\b \bkoodi\b \bkóð\w* \bkodi?m?\b",
    r"\bkód\b \bcod\b \bкод\b \bкоду\b \bblik\b \bmã\b \bκωδικός",
    r"認証コード 確認コード コード ワンタイム\w* 验证码 驗證碼 校验码 인증_?번호 인증_?코드",
    r"رمز_التحقق رمز कोड ओटीपी",
)
"""A code that is used once, or opens a door, is near."""

PIN_WORDS = _any_of(r"\bpin\b \bpin-?code \bpasscode \bpin-nummer \bkoda?_pin")

NO_CODE_BEFORE = _any_of(
    r"zip postal posta post почтовый area error product item article country dress source bar",
    r"qr discount promo",
    r"coupon colou?r morse status exit fault plz ürün hata articolo fiscal sort swift bic produkt",
    r"item no machine building penal civil error_de",
)
"""A word with which a code is none that opens anything."""

NO_CODE_AFTER = _any_of(
    r"postale? postal_code fiscale? pénal civil articolo review red blue breaker promo\w* article",
    r"de_la_route rabatt\w* produit produto postaux pocztowy postcode artigo de_barras",
)

NO_CODE_BETWEEN = frozenset(
    " ".join(
        (
            "since before after in from until at line lines about over only costs and or page",
            "sector than",
            " seit vor ab bis nach depuis avant après desde antes hasta dal prima dopo od przed",
            "review red",
            " bug bugs version room bus took takes has had with without",
        )
    ).split()
)

HANDLE_PLACES = _any_of(
    r"insta(?:gram)? instam ig snap(?:chat)? telegram tiktok discord twitter skype steam psn kik",
    r"gamertag venmo cashapp wechat weixin threads bluesky bsky twitch インスタ",
)
"""The name of an account there follows."""

NO_HANDLES = frozenset(
    " ".join(
        (
            "home work school noon night midnight everyone everybody all here channel team me",
            "you us them",
            " the my your his her our gym uni college church office station hotel beach bar pub",
            "the_office",
            " admin admins mods group media people room lunch dinner breakfast least first last",
        )
    ).split()
)
