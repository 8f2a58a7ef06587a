"""One-time codes in subjects: found by the words beside them, so that the log need not keep what opens an account.

A code is a short run of digits (or of capitals with digits) near a word such as "code", "PIN" or "Passwort". What is
named as something else (an order, an amount, a day) is left, and so is a year that no such word stands right before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .redact import MASK

_NEAR = 40  # characters between the word and the code: "code to sign in to Contoso's customer portal: 123456"

# What people call such a code, in the languages of most of the world's mail. Beginnings of words: "Code", "Codes".
_CODE_WORDS = (
    r"\b(?:one[- ]time|pass ?codes?|pass ?words?|pass ?phrase|pins?\b|pin-|otps?\b|totp|m?tans?\b|2fa|mfa|tokens?\b"
    r"|verif\w*|authenticat\w*|log ?in|sign[- ]?in|security|access|confirmation|activation)"
    r"|codes?\b(?! review)|\bcod[ei]c[ei]\b|c[óo]digos?\b|\bkod(?:[ue]|um|unuz|er|en)?\b|k[óo]d(?:ja|od)?\b|koodi\w*"
    r"|kennw[oö]rt\w*|passw[oö]rt\w*|schl[üu]ssel|best[äa]tigung\w*|freischalt\w*|zugang\w*"
    r"|mot de passe|v[ée]rifi\w*|contrase[ñn]as?|clave|\bsenha|parola\b|wachtwoord|l[öo]senord|has[łl]o|heslo|jelsz[óo]"
    r"|parole|salasana|adgangskode|код\w*|парол\w*|κωδικ\w*|קוד|סיסמ|رمز|كود|کد|कोड|ओटीपी|รหัส|mã\b|mật khẩu"
    r"|验证码|驗證碼|校验码|动态码|密码|密碼|コード|認証|パスワード|인증|코드|비밀번호"
)
_WORD = re.compile(_CODE_WORDS)  # in lower case
# "error code 550", "postal code 10115": codes that are no secret.
_OTHER_CODE = re.compile(
    r"\b(?:error|status|exit|return|response|http|postal|post|zip|country|area|product|item|source|colou?r|bar|qr"
    r"|fehler|status|artikel|produkt|erreur|postale?|error de|errore)[- ]?$",
    re.IGNORECASE,
)
# In groups ("123 456", "12-34-56") or as one; with a letter before ("G-123456"); or capitals and digits ("A1B2C3").
_CANDIDATE = re.compile(
    r"(?<![\w.,:/€$£%#-])(?:[A-Z]{1,3}-)?"
    r"(?:\d(?: \d){3,7}|\d{2,5}(?:[ -]\d{2,5}){1,3}|\d{4,10}"
    r"|(?=[A-Z-]*\d)[A-Z\d]{3,5}(?:-[A-Z\d]{3,5}){1,3}|(?=[A-Z]*\d)[A-Z\d]{5,10})"
    r"(?![\w€$£%]|[.,:/-]\d)"
)
_ALWAYS = re.compile(r"G-\d{6}")  # Google's, which are known without any word
_YEAR = re.compile(r"(?:19|20)\d\d")
_DAY = re.compile(r"(?:19|20)\d\d[- ]?[01]\d[- ]?[0-3]\d|[0-3]?\d[- ][01]?\d[- ](?:19|20)\d\d")
# A number that is named as something else, right before it.
_NAMED = re.compile(
    r"(?:#|№|\bn[ro]?[.°º]|\b(?:no|nr|num|number|nummer|num[ée]ro|n[úu]mero|order|invoice|ticket|case|change|id|ref(?:erence)?"
    r"|booking|shipment|parcel|flight|room|customer|account|bestellung|rechnung|auftrag|vorgang|kunde|konto|sendung"
    r"|commande|facture|dossier|pedido|factura|ordine|fattura|bestelling|factuur|zam[óo]wieni[ea]|faktura|заказ[аеу]?"
    r"|счет|счёт|注文|订单|訂單|주문|eur|usd|gbp|chf|jpy|kr|zł|rs))\W{0,3}$",
    re.IGNORECASE,
)
# The word right before the code: "code is 2024", "PIN: 1999"; nothing else may be between them.
_BESIDE = re.compile(r"^\W*(?:(?:is|lautet|ist|est|es|è|é|to|er|är|:)\W*)?$", re.IGNORECASE)
_AFTER = re.compile(r"^\W*(?:(?:is|ist|est|es|è|é)\b)", re.IGNORECASE)  # "2024 is your code"
_MONEY = re.compile(r"^\s*(?:€|\$|£|¥|eur|usd|gbp|chf|kr|zł|%|percent|prozent)", re.IGNORECASE)
_LINK = re.compile(r"(https?://[^\s/?#]+)[/?#]\S+", re.IGNORECASE)
_SHORTEST, _LONGEST = 4, 10


def hide_codes(subject: str) -> str:
    """Return `subject` with each one-time code in it, and the tail of each link, replaced by a mask."""
    if "://" in subject:
        subject = _LINK.sub(rf"\1/{MASK}", subject)
    if not any(map(str.isdigit, subject)):
        return subject
    for start, end in sorted(_codes(subject), reverse=True):
        subject = f"{subject[:start]}{MASK}{subject[end:]}"
    return subject


def _codes(subject: str) -> Iterator[tuple[int, int]]:
    """Yield where the codes are, each once."""
    candidates = list(_CANDIDATE.finditer(subject))
    words = _words(subject) if candidates else []
    for found in candidates:
        digits = sum(map(str.isdigit, found[0]))
        fits = digits <= _LONGEST and len(found[0].replace("-", "").replace(" ", "")) >= _SHORTEST
        if fits and (_ALWAYS.fullmatch(found[0]) or _is_code(subject, found.span(), words)):
            yield found.span()


def _words(subject: str) -> list[tuple[int, int]]:
    """Return where words stand that a code may belong to."""
    lower = subject.lower()
    if len(lower) != len(subject):  # a letter that has no single lower one; places must not move
        lower = subject
    return [found.span() for found in _WORD.finditer(lower) if not _OTHER_CODE.search(subject, 0, found.start())]


def _is_code(subject: str, span: tuple[int, int], words: list[tuple[int, int]]) -> bool:
    """Tell whether what stands at `span` is a code for one of the `words`."""
    start, end = span
    if _DAY.fullmatch(subject[start:end]) or _NAMED.search(subject, 0, start) or _MONEY.match(subject[end:]):
        return False
    beside = any(word_end <= start and _BESIDE.match(subject[word_end:start]) for _, word_end in words)
    if _YEAR.fullmatch(subject[start:end]):
        return beside or bool(_AFTER.match(subject[end:]))
    return beside or any(
        0 <= start - word_end <= _NEAR or 0 <= word_start - end <= _NEAR for word_start, word_end in words
    )
