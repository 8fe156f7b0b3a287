"""Takes secrets and personal data out of what leaves for a language model. Pure.

Secrets are taken out for good. Personal data becomes a mark (``[e-mail 1]``) that is the same for the same datum
throughout one conversation, and can be put back into what a person sees.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from html import escape
from urllib.parse import quote

HIDDEN = "[hidden]"
MARK = re.compile(r"\[(?:e-mail|phone|card|account) \d+\]")
SHORTEST_SECRET = 6  # hiding anything shorter would hide ordinary words

_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_SHAPES = (
    re.compile(r"\bx(?:ox[a-z]|app)-[\w-]{6,}"),  # Slack
    re.compile(r"https?://hooks\.slack\.com/\S+"),
    re.compile(r"\b(?:sk|rk|pk)[-_](?:[\w-]{16,})"),  # OpenAI, Anthropic, Stripe
    re.compile(r"\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"),
    re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    re.compile(r"\bAIza[\w-]{30,}|\bya29\.[\w.-]{20,}"),  # Google
    re.compile(r"\bSG\.[\w-]{16,}\.[\w-]{16,}|\bnpm_\w{30,}|\bpypi-[\w-]{30,}|\bhv[sb]\.[\w-]{20,}|\bdop_v1_\w{30,}"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),  # JSON Web Tokens
)
_LED = (
    (re.compile(r"\b(Bearer)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (  # “basic settings” and “digest mismatch” are words
        re.compile(
            r"\b(Basic|Digest|Negotiate)\s+"
            r"(?=[\w.~+/-]*(?:[\d=+/]|(?-i:[a-z][A-Z]|[A-Z]{2})))[\w.~+/=-]{6,}",
            re.IGNORECASE,
        ),
        rf"\1 {HIDDEN}",
    ),
    (re.compile(r"\b((?:Set-)?Cookie\s*:\s*)[^\r\n]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\w://[^\s:/@]*:)[^\s/\"'<>]+(?=@)"), rf"\1{HIDDEN}"),
    (
        re.compile(r"([?&;](?:sig|signature|X-Amz-(?:Signature|Credential)|key|code)=)[^\s&\"'<>]{6,}", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
)
# password=…, "token": "…", --api-key …, also inside a JSON text that is itself a JSON string.
_NAMED = re.compile(
    r"(?P<name>(?<![a-z0-9])[\w.-]{0,40}?"
    r"(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|account[_-]?key"
    r"|private[_-]?key|client[_-]?secret|credentials?|authorization)"
    r"\\?[\"']?(?:\s*(?:=>|[=:])\s*|\s+is\s+(?=\S*\d)))"
    r"(?:(?P<escaped>\\\")(?:(?!\\\").)*\\\"|(?P<double>\")(?:[^\"\\]|\\.)*\"|(?P<single>')[^']*'|[^\s\"',;&\\<>]+)",
    re.IGNORECASE | re.ASCII,
)
_FLAG = re.compile(
    r"(?P<flag>(?<!\S)--?(?:[\w-]*-)?(?:password|passwd|pass|secret|token|api-key|access-key)\s+)(?!-)\S+",
    re.IGNORECASE,
)

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(
    r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\w-])|(?<![\w.-])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?![\w-])"
)
# Numbers abound in logs: a telephone number begins with + or 00, or stands in one of the ways in which people write it.
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"
    r"|\(\d{2,5}\)[ -]?\d{3,4}[ -]?\d{3,5}|\d{3}[-. ]\d{3}[-. ]\d{4})(?![\w.-]*\d)"
)
_PHONE_DIGITS = range(8, 16)


class Redaction:
    """One conversation's redaction: ``hide`` what leaves, ``show`` what comes back.

    ``secrets`` are hidden word for word, also as JSON, URLs and Slack write them; everything that looks like a secret
    is hidden whether it is known or not.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {
            form
            for text in set(secrets)
            if len(text) >= SHORTEST_SECRET
            for form in (text, json.dumps(text)[1:-1], quote(text, safe=""), escape(text, quote=False))
        }
        known = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._known = re.compile(known) if known else None
        self._marks: dict[str, str] = {}
        self._data: dict[str, str] = {}

    def hide(self, text: str) -> str:
        """The text without secrets and personal data, and without characters that nobody sees."""
        text = self.conceal(MARK.sub("[mark]", visible(text)))
        for shape, kind, is_one in _PERSONAL:
            text = shape.sub(lambda found, kind=kind, is_one=is_one: self._mark(found[0], kind, is_one), text)  # type: ignore[misc]  # defaults bind the loop's names
        return text

    def conceal(self, text: str) -> str:
        """The text without secrets; everything else stays as it is."""
        return without_secrets(self.conceal_known(text))

    def conceal_known(self, text: str) -> str:
        """The text without the secrets that are known, for texts whose markup must stay as it is."""
        return self._known.sub(HIDDEN, text) if self._known is not None else text

    def show(self, text: str) -> str:
        """The text with personal data back where its marks stand. Secrets stay hidden."""
        return MARK.sub(lambda mark: self._data.get(mark[0], mark[0]), text)

    def _mark(self, datum: str, kind: str, is_one: Callable[[str], bool]) -> str:
        if not is_one(datum):
            return datum
        if datum not in self._marks:
            mark = f"[{kind} {sum(one.startswith(f'[{kind} ') for one in self._data) + 1}]"
            self._marks[datum], self._data[mark] = mark, datum
        return self._marks[datum]


def without_secrets(text: str) -> str:
    """The text without what looks like a secret; everything else stays as it is."""
    text = _PEM.sub(HIDDEN, text)
    for shape, kept in _LED:
        text = shape.sub(kept, text)
    for shape in _SHAPES:
        text = shape.sub(HIDDEN, text)
    return _FLAG.sub(rf"\g<flag>{HIDDEN}", _NAMED.sub(_without_value, text))


def without_keys(text: str) -> str:
    """The text without private keys: in a part of one nothing would tell any more that it is one."""
    return _PEM.sub(HIDDEN, text)


def marks_in(text: str) -> frozenset[str]:
    """The marks of personal data in a text."""
    return frozenset(MARK.findall(text))


def visible(text: str) -> str:
    """The text without characters that nobody sees, which could hide a secret's shape or a mention."""
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Co"})


def _without_value(match: re.Match[str]) -> str:
    mark = match["escaped"] or match["double"] or match["single"] or ""
    return f"{match['name']}{mark}{HIDDEN}{mark}"


def is_card(text: str) -> bool:
    """Whether a text's digits can be a payment card's number: 13 to 19 of them, with the right check digit (Luhn)."""
    digits = [int(one) for one in text if one.isdecimal()]
    doubled = [d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(reversed(digits))]
    return len(digits) in range(13, 20) and sum(doubled) % 10 == 0


def is_account(text: str) -> bool:
    """Whether a text can be an international bank account number (ISO 13616): its check digits are right."""
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return len(plain) in range(15, 35) and int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


def _is_phone(text: str) -> bool:
    digits = sum(one.isdecimal() for one in text)
    return digits in _PHONE_DIGITS and (digits in _PHONE_DIGITS[2:] or digits < len(text) - 1)


def _always(_: str) -> bool:
    return True


_PERSONAL: tuple[tuple[re.Pattern[str], str, Callable[[str], bool]], ...] = (
    (_EMAIL, "e-mail", _always),
    (_IBAN, "account", is_account),
    (_CARD, "card", is_card),
    (_PHONE, "phone", _is_phone),
)
