"""A small certificate authority for the demo's shop, and certificates on a host's disk.

::

    shop-01/tls/
        3f…/key.pem  3f…/certificate.pem      one folder for each certificate, named by its serial number
        current -> 3f…                        what is served
        previous -> 1c…                       what was served before the last renewal
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "shop.example"
DAYS = 90  # how long a certificate holds
EARLIER = timedelta(minutes=5)  # clocks of those who check may be slow


class NotSigned(ValueError):
    """The authority does not sign this. The text says why."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs requests for the shop's name. ``certificate`` is its own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def found(cls, now: datetime) -> "Authority":
        """A new authority, which holds for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Fettle demo authority (sample)")
        builder = (
            _builder(name, now, now + timedelta(days=3650))
            .issuer_name(name)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return _pem(self.certificate)

    def sign(self, request: str, now: datetime, days: float = DAYS) -> str:
        """A certificate for a request in PEM that ends ``days`` after ``now``. Raises ``NotSigned``."""
        try:
            asked = x509.load_pem_x509_csr(request.encode())
            names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            public = asked.public_key()
        except (ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature) as failure:
            raise NotSigned(f"that is no certificate request with names: {failure}") from failure
        if not asked.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
            raise NotSigned("the request is not signed with an elliptic curve's key of its own")
        if set(names) != set(_names()):
            raise NotSigned(f"only {NAME} on this machine is signed here")
        ends = now + timedelta(days=days)
        builder = (
            _builder(_name(NAME), ends - timedelta(days=DAYS) - EARLIER, ends)
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        return _pem(builder.sign(self.key, hashes.SHA256()))


def request_for(key: ec.EllipticCurvePrivateKey) -> str:
    """A request for the shop's certificate, in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(NAME))
    asked = builder.add_extension(x509.SubjectAlternativeName(_names()), critical=False)
    return asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def lay_out(tls: Path, authority: Authority, now: datetime, days: float = DAYS) -> str:
    """Put a certificate that ends in so many days onto a host and serve it; gives its serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    signed = authority.sign(request_for(key), now, days)
    serial = f"{x509.load_pem_x509_certificate(signed.encode()).serial_number:x}"
    folder = tls / serial
    folder.mkdir(parents=True)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    (folder / "certificate.pem").write_text(signed, encoding="ascii")
    point(tls / "current", serial)
    return serial


def point(link: Path, target: str) -> None:
    """Let a link point at a folder beside it, in one step."""
    fresh = link.with_name(f"{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def days_left(certificate: x509.Certificate, now: datetime) -> float:
    """How many days until it ends; negative afterwards."""
    return (certificate.not_valid_after_utc - now) / timedelta(days=1)


def on_disk(tls: Path) -> x509.Certificate | None:
    """The certificate that a host serves by its files; None where it has none."""
    try:
        return x509.load_pem_x509_certificate((tls / "current" / "certificate.pem").read_bytes())
    except (OSError, ValueError):
        return None


def _names() -> list[x509.GeneralName]:
    return [x509.DNSName(NAME), x509.IPAddress(IPv4Address("127.0.0.1"))]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
