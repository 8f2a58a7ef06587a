"""The record of a DKIM key (RFC 6376 section 3.6.1), read without asking anybody (pure)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from .texts import N_, _

_TAG = re.compile(r"\s*([a-z][a-z0-9_]*)\s*=\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)
_ED25519_BYTES = 32  # RFC 8463 section 4: the bare key


@dataclass(frozen=True)
class DkimKey:
    """What a record says: the algorithm, the size of the key (bits; 0 where it has none), whether it was taken back
    and whether receivers are asked not to judge by it. `problem` says why it is no usable key."""

    algorithm: str = "rsa"
    bits: int = 0
    revoked: bool = False
    testing: bool = False
    problem: str = ""


def tags(record: str) -> dict[str, str]:
    """Return the tags of a "name=value; ..." record (RFC 6376 section 3.2), names in lower case, the first of each."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        if match := _TAG.fullmatch(part):
            found.setdefault(match[1].lower(), match[2])
    return found


def is_record(text: str) -> bool:
    """Tell whether a TXT record is meant as a DKIM key: `v=DKIM1`, or a `p=` where no version is given."""
    found = tags(text)
    return found.get("v", "DKIM1" if "p" in found else "") == "DKIM1"


def read(record: str) -> DkimKey:
    """Return what the record of a key says."""
    found = tags(record)
    algorithm = found.get("k", "rsa").lower()
    testing = "y" in found.get("t", "").lower().split(":")
    if "p" not in found:
        return DkimKey(algorithm, testing=testing, problem=_("The record holds no key (p=)."))
    text = re.sub(r"\s+", "", found["p"])
    if not text:
        return DkimKey(algorithm, revoked=True, testing=testing)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return DkimKey(algorithm, testing=testing, problem=_("The key (p=) is not base64; it was perhaps cut off."))
    if algorithm == "ed25519":
        fits = len(raw) == _ED25519_BYTES
        return DkimKey(algorithm, 256 if fits else 0, testing=testing, problem="" if fits else _UNREADABLE)
    if algorithm != "rsa":
        return DkimKey(
            algorithm,
            testing=testing,
            problem=_("“{algorithm}” is no kind of key that receivers know.").format(algorithm=algorithm),
        )
    bits = _rsa_bits(raw)
    return DkimKey(algorithm, bits, testing=testing, problem="" if bits else _UNREADABLE)


_UNREADABLE = N_("The key (p=) cannot be read; it was perhaps cut off when it was pasted into the DNS.")


def _rsa_bits(raw: bytes) -> int:
    """Return the size of an RSA public key, 0 when it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm  # a process that only sends does without
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0
