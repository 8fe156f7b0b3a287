#!/usr/bin/python
"""An Ansible module: a host's certificate is renewed where it ends soon.

Arguments: ``folder`` (the host's ``tls``), ``authority`` (address of whoever signs), ``names`` (host names and
addresses), ``days`` (leave a certificate alone that holds longer). A new key is made on the host and stays there; the
authority gets a request only. In check mode nothing is written, and the authority is asked only what it would do.

It stands on no part of Ansible: the word WANT_JSON makes Ansible hand its arguments over as a file of JSON.
"""

import ipaddress
import json
import os
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE = 10.0


def main() -> None:
    """Read the arguments, renew, and say what was changed."""
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    tls, authority, names = Path(given["folder"]), str(given["authority"]), [str(name) for name in given["names"]]
    try:
        before = x509.load_pem_x509_certificate((tls / "current" / "certificate.pem").read_bytes())
    except (OSError, ValueError) as failure:
        fail(f"The certificate that is there cannot be read: {failure}")
    if before.not_valid_after_utc - datetime.now(UTC) > timedelta(days=float(given["days"])):
        say({"changed": False, "serial": f"{before.serial_number:x}", "msg": "it holds for long enough"})
    dry = given.get("_ansible_check_mode") in (True, "True", "true")
    shown = {"before_header": "tls/current", "after_header": "tls/current"}
    try:
        terms = ask(authority, None)
        if not set(names) <= set(terms["names"]):
            fail(f"The authority signs {', '.join(terms['names'])} only.")
        if dry:
            ends = datetime.now(UTC) + timedelta(days=terms["days"])
            diff = shown | {"before": text(before.not_valid_after_utc), "after": text(ends)}
            say({"changed": True, "diff": diff, "serial": ""})
        after, serial = renew(tls, authority, names)
    except (OSError, ValueError, KeyError) as failure:
        fail(f"It was not renewed, and the old one is still in use: {failure}")
    diff = shown | {"before": text(before.not_valid_after_utc), "after": text(after)}
    say({"changed": True, "diff": diff, "serial": serial})


def renew(tls: Path, authority: str, names: list[str]) -> tuple[datetime, str]:
    """Make a key, have it signed, and point ``current`` at the new pair; gives its end and its serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject)
    asked = asked.add_extension(x509.SubjectAlternativeName([general(name) for name in names]), critical=False)
    request = asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    signed = ask(f"{authority}/certificates", {"request": request})["certificate"]
    made = x509.load_pem_x509_certificate(signed.encode())
    if made.public_key() != key.public_key():
        raise ValueError("the authority signed another key than ours")
    serial = f"{made.serial_number:x}"
    folder = tls / serial
    folder.mkdir()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    (folder / "certificate.pem").write_text(signed, encoding="ascii")
    point(tls / "previous", (tls / "current").readlink())
    point(tls / "current", Path(serial))
    return made.not_valid_after_utc, serial


def general(name: str) -> x509.GeneralName:
    """A host's name or address as certificates have it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def ask(url: str, body: dict[str, str] | None) -> dict[str, Any]:
    """Ask the authority. Raises ``OSError`` when it does not answer or refuses."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is no web address")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310  # checked above
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310  # as above
        found: dict[str, Any] = json.load(response)
    return found


def point(link: Path, target: Path) -> None:
    """Let a link point at its target, in one step."""
    fresh = link.with_name(f"{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def text(end: datetime) -> str:
    """The day on which it ends: two dry runs foresee the same."""
    return f"ends {end:%Y-%m-%d}\n"


def say(result: dict[str, Any]) -> NoReturn:
    """Give Ansible the result."""
    sys.stdout.write(json.dumps(result) + "\n")
    sys.exit(0)


def fail(reason: str) -> NoReturn:
    """Tell Ansible that it failed."""
    sys.stdout.write(json.dumps({"failed": True, "msg": reason}) + "\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
