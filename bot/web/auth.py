"""Whether a delivery comes from whom it says: a bearer token, or a signature over its bytes."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping

from bot.domain.source import Bearer, Hmac, Open, Source
from bot.errors import Unauthentic
from bot.settings import Secret

SecretOf = Callable[[str], Secret | None]


def check_token(source: Source, headers: Mapping[str, str], secret_of: SecretOf) -> None:
    """Raise ``Unauthentic`` unless the bearer token is right; says nothing about other kinds."""
    if not isinstance(source.auth, Bearer):
        return
    secret = _secret(source, source.auth.variable, secret_of)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthentic("found no token, expected “Authorization: Bearer …”", "Authorization")
    if not _same(token.strip(), secret.reveal()):
        raise Unauthentic(f"the token is not the one that {source.name} has in Fettle's settings", "Authorization")


def check_signature(source: Source, headers: Mapping[str, str], body: bytes, secret_of: SecretOf) -> None:
    """Raise ``Unauthentic`` unless the body's signature is right; says nothing about other kinds.

    The header may carry several signatures, separated by commas, while a secret is being replaced.
    """
    auth = source.auth
    if isinstance(auth, Open | Bearer):
        return
    given = headers.get(auth.header.lower(), "")
    if not given:
        raise Unauthentic(f"found no signature, expected the header {auth.header}", auth.header)
    right = sign(auth, body, _secret(source, auth.variable, secret_of))
    fitting = [_same(one.strip(), right) for one in given.split(",")[:5]]
    if not any(fitting):
        raise Unauthentic("the signature does not fit the body and the secret in Fettle's settings", auth.header)


def sign(auth: Hmac, body: bytes, secret: Secret) -> str:
    """The signature that the header must carry for this body."""
    mac = hmac.new(secret.reveal().encode(), body, hashlib.sha256)
    text = mac.hexdigest() if auth.encoding == "hex" else base64.b64encode(mac.digest()).decode()
    return auth.prefix + text


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
