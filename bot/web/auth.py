"""Whether a delivery comes from whom it says: a token, a password, or a signature over its bytes."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from bot.domain.source import Basic, Bearer, Header, Hmac, Source
from bot.errors import Unauthentic
from bot.settings import Secret

MOST_SIGNATURES = 5
STAMP_SECONDS = 300.0  # how far a signed time may be from ours

SecretOf = Callable[[str], Secret | None]


def check_token(source: Source, headers: Mapping[str, str], secret_of: SecretOf) -> None:
    """Raise ``Unauthentic`` unless the token or password is right; says nothing about signatures."""
    match source.auth:
        case Bearer(variable):
            secret = _secret(source, variable, secret_of)
            scheme, _, token = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise Unauthentic("found no token, expected “Authorization: Bearer …”", "Authorization")
            if not _same(token.strip(), secret.reveal()):
                raise Unauthentic(
                    f"the token is not the one that {source.name} has in Fettle's settings", "Authorization"
                )
        case Basic(variable, user):
            secret = _secret(source, variable, secret_of)
            name, password = _basic(headers.get("authorization", ""))
            fitting = [_same(name, user), _same(password, secret.reveal())]
            if not all(fitting):
                said = f"the user or password is not the one that {source.name} has in Fettle's settings"
                raise Unauthentic(said, "Authorization")
        case Header(variable, header):
            secret = _secret(source, variable, secret_of)
            given = headers.get(header.lower(), "")
            if not given:
                raise Unauthentic(f"found no token, expected the header {header}", header)
            if not _same(given.strip(), secret.reveal()):
                raise Unauthentic(f"the token is not the one that {source.name} has in Fettle's settings", header)
        case _:
            return


def check_signature(
    source: Source, headers: Mapping[str, str], body: bytes, secret_of: SecretOf, now: datetime
) -> None:
    """Raise ``Unauthentic`` unless the body's HMAC is right; says nothing about other kinds.

    The header may carry several signatures, separated by commas, while a secret is being replaced.
    """
    auth = source.auth
    if not isinstance(auth, Hmac):
        return
    given = headers.get(auth.header.lower(), "")
    if not given:
        raise Unauthentic(f"found no signature, expected the header {auth.header}", auth.header)
    signed = _stamped(auth, headers, body, now) if auth.stamp else body
    right = sign(auth, signed, _secret(source, auth.variable, secret_of))
    fitting = [_same(one.strip(), right) for one in given.split(",")[:MOST_SIGNATURES]]
    if not any(fitting):
        raise Unauthentic("the signature does not fit the body and the secret in Fettle's settings", auth.header)


def sign(auth: Hmac, body: bytes, secret: Secret) -> str:
    """The signature that the header must carry for these bytes."""
    mac = hmac.new(secret.reveal().encode(), body, hashlib.sha256)
    text = mac.hexdigest() if auth.encoding == "hex" else base64.b64encode(mac.digest()).decode()
    return auth.prefix + text


def _stamped(auth: Hmac, headers: Mapping[str, str], body: bytes, now: datetime) -> bytes:
    stamp = headers.get(auth.stamp.lower(), "").strip()
    if not re.fullmatch(r"[0-9]{9,11}", stamp):
        raise Unauthentic(f"found no time, expected seconds since 1970 in the header {auth.stamp}", auth.stamp)
    if abs(now.timestamp() - int(stamp)) > STAMP_SECONDS:
        raise Unauthentic(f"it was signed more than {STAMP_SECONDS:g} s away from Fettle's time", auth.stamp)
    return stamp.encode() + b":" + body


def _basic(header: str) -> tuple[str, str]:
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic" or not coded.strip():
        raise Unauthentic("found no password, expected “Authorization: Basic …”", "Authorization")
    try:
        name, _, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise Unauthentic("cannot be read, expected user:password in base64", "Authorization") from None
    return name, password


def _secret(source: Source, variable: str, secret_of: SecretOf) -> Secret:
    secret = secret_of(variable)
    if secret is None:
        raise Unauthentic(
            f"{source.name} has no secret, so nothing is accepted from it: set {variable} or FETTLE_WEBHOOK_TOKEN",
            "Authorization",
        )
    return secret


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(errors="replace"), right.encode())
