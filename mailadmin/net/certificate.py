"""What a server's certificate says, in words an administrator can check."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mailadmin.core.dates import day
from mailadmin.core.texts import _

if TYPE_CHECKING:  # loaded where a certificate is read: a process that only sends does without
    from cryptography import x509

_SHOWN_NAMES = 5  # a content network's certificate may carry a hundred
# Signature algorithms, by the beginning of their OID.
_FAMILIES = {
    "1.2.840.113549.1.1.": "RSA",
    "1.2.840.10045.4.": "ECDSA",
    "1.2.840.10040.4.": "DSA",
    "2.16.840.1.101.3.4.3.": "DSA",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}
_SHOWN_CHARS = 100  # a name is under the peer's control


@dataclass(frozen=True)
class Certificate:
    """The facts of one TLS connection and the certificate it showed. Dates are aware; `names` are the
    DNS names and IP addresses the certificate is for; `key` and `signature` are words such as "EC secp256r1";
    `fingerprint` is the SHA-256 of the whole. `chain` holds, where it was asked for, this certificate and those of
    its issuers, from the bottom up; of these `sent` tells which came from the server and not from our own store."""

    tls_version: str
    cipher: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str = ""
    signature: str = ""
    fingerprint: str = ""
    self_issued: bool = False
    sent: bool = True
    chain: tuple[Certificate, ...] = ()

    def days_left(self, now: datetime) -> int:
        """Return the whole days until the certificate ends; negative once it has."""
        return (self.not_after - now).days

    def words(self, now: datetime) -> str:
        """Return who it was issued to, by whom, and when it starts or ends, as part of a sentence."""
        if now < self.not_before:
            text = _("issued to {subject} for {names} by {issuer}, starts on {day}")
        elif now > self.not_after:
            text = _("issued to {subject} for {names} by {issuer}, ended on {day}")
        else:
            text = _("issued to {subject} for {names} by {issuer}, ends on {day}")
        shown = day(self.not_before if now < self.not_before else self.not_after)
        return text.format(subject=self.subject, names=self.shown_names(), issuer=self.issuer, day=shown)

    def shown_names(self) -> str:
        """Return the first few names, for a sentence."""
        more = len(self.names) - _SHOWN_NAMES
        shown = ", ".join(self.names[:_SHOWN_NAMES]) or _("no name")
        return _("{names} and {number} more").format(names=shown, number=more) if more > 0 else shown

    def carries(self, host: str) -> bool:
        """Tell whether the certificate is for `host`: an exact name or address, or a wildcard for exactly
        the left-most label (RFC 9525 section 6.3)."""
        wanted = host.lower().removesuffix(".")
        parent = wanted.partition(".")[2]
        return any(
            name == wanted or (name.startswith("*.") and "." in parent and name[2:] == parent)
            for name in (name.lower().removesuffix(".") for name in self.names)
        )


def read_certificate(der: bytes, tls_version: str, cipher: str) -> Certificate:
    """Return the facts of a DER certificate. Raises ValueError when it cannot be parsed."""
    from cryptography import x509

    try:
        parsed = x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:  # the library's errors have no common ancestor
        raise ValueError(str(error)) from None
    return Certificate(
        tls_version=tls_version,
        cipher=cipher,
        subject=_title(parsed.subject),
        issuer=_issuer(parsed.issuer),
        names=_names(parsed),
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        key=_key(parsed),
        signature=_signature(parsed),
        fingerprint=hashlib.sha256(der).digest().hex(":").upper(),
        self_issued=parsed.issuer == parsed.subject,
    )


def _title(name: x509.Name) -> str:
    """Return the common name, or the organisation, or the whole name."""
    from cryptography.x509.oid import NameOID

    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(kind):
            return _printable(str(found[0].value))
    return _printable(name.rfc4514_string()) or _("nobody")


def _issuer(name: x509.Name) -> str:
    """Return the title of an issuer and its organisation, which tells a firewall that calls itself by its number."""
    from cryptography.x509.oid import NameOID

    title = _title(name)
    found = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    firm = _printable(str(found[0].value)) if found else ""
    return f"{title} ({firm})" if firm and firm not in title else title


def _key(parsed: x509.Certificate) -> str:
    """Return kind and size of the public key, as tools name them."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = parsed.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return _("of a kind that is not known here")
    if isinstance(key, rsa.RSAPublicKey):
        return _("RSA {number} bits").format(number=key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.strip("_").removesuffix("PublicKey")


def _signature(parsed: x509.Certificate) -> str:
    """Return what the certificate was signed with: the family by its OID (RFC 8017, 5758, 8410) and the hash."""
    from cryptography.exceptions import UnsupportedAlgorithm

    oid = parsed.signature_algorithm_oid.dotted_string
    family = next((word for beginning, word in _FAMILIES.items() if oid.startswith(beginning)), "")
    family = family or _("algorithm {oid}").format(oid=oid)
    try:
        signed_with = parsed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return family
    if not signed_with:
        return family
    return _("{family} with {hash}").format(family=family, hash=signed_with.name.upper())


def _names(parsed: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return ()
    names: list[str] = extension.value.get_values_for_type(x509.DNSName)
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        address
        for address in extension.value.get_values_for_type(x509.IPAddress)
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    ]
    return tuple(_printable(name) for name in (*names, *map(str, addresses)))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_SHOWN_CHARS].strip()
