"""Signed assertions in place of a client secret: of the registered certificate, or of another issuer (federated).

Rules: learn.microsoft.com, "Microsoft identity platform application authentication certificate credentials" and
"Set up a Microsoft Entra Workload ID federated credential"; RFC 7515 for the form, RFC 7523 section 3 for the claims.
The sandbox is stricter than Entra in two points: it takes PS256 with x5t#S256 only, and no assertion twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .tokens import decoded, packed, unpacked, unpadded

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
MAX_SECONDS = 600 + 60  # Microsoft: 5 to 10 minutes; a minute for clocks
SKEW_SECONDS = 300
FEDERATED_AUDIENCE = "api://AzureADTokenExchange"
FEDERATED_SUBJECT = "system:serviceaccount:mailadmin:sandbox"
FEDERATED_SECONDS = 3600

_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)  # RFC 7518 section 3.5


class AssertionRefused(Exception):
    """Entra's refusal of an assertion: the AADSTS number and a text."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number, self.text = number, text


@dataclass(frozen=True)
class _Parts:
    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


@dataclass(frozen=True)
class Issuer:
    """Another issuer whom the registration trusts (a cluster, a build system): its address and its key."""

    address: str
    key: rsa.RSAPrivateKey

    def assertion(self, now: float) -> str:
        """Return an assertion that holds for an hour."""
        times = {"iat": int(now), "nbf": int(now), "exp": int(now) + FEDERATED_SECONDS}
        who = {"iss": self.address, "sub": FEDERATED_SUBJECT, "aud": FEDERATED_AUDIENCE, "jti": str(uuid4())}
        signed = f"{packed({'typ': 'JWT', 'alg': 'RS256', 'kid': 'sandbox'})}.{packed(who | times)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{unpadded(signature)}"


class Assertions:
    """Checks assertions for the app `client_id`; `clock` returns seconds since the epoch."""

    def __init__(
        self, client_id: str, certificate: str, issuer: Callable[[], Issuer], clock: Callable[[], float]
    ) -> None:
        self._client_id, self._issuer, self._clock = client_id, issuer, clock
        self._certificate = x509.load_pem_x509_certificate(certificate.encode())
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, text: str, endpoint: str) -> None:
        """Accept an assertion that was sent to the token `endpoint`. Raises AssertionRefused."""
        parts = _parts(text)
        if parts.claims.get("iss") == self._client_id:
            self._check_certificate(parts)
            self._check_claims(parts.claims, endpoint)
            self._check_once(parts.claims)
        elif parts.header.get("x5t#S256"):
            raise AssertionRefused(700021, "The issuer of the assertion is not the application of the request.")
        else:
            self._check_federated(parts)

    def _check_certificate(self, parts: _Parts) -> None:
        if parts.header.get("alg") != "PS256":
            raise AssertionRefused(700027, "The assertion must be signed with PS256.")
        known = unpadded(self._certificate.fingerprint(hashes.SHA256()))
        if str(parts.header.get("x5t#S256", "")).rstrip("=") != known:
            text = "The certificate of the assertion is not registered. [Reason - The key was not found.]"
            raise AssertionRefused(700027, text)
        self._verify(self._certificate.public_key(), parts, _PSS)

    def _check_claims(self, claims: dict[str, Any], endpoint: str) -> None:
        if claims.get("sub") != self._client_id:
            raise AssertionRefused(700021, "The subject of the assertion is not the application of the request.")
        if claims.get("aud") != endpoint:
            raise AssertionRefused(700023, f"The audience of the assertion must be {endpoint}.")
        self._check_times(claims)
        if claims["exp"] > self._clock() + MAX_SECONDS:
            raise AssertionRefused(700024, "The assertion holds for more than ten minutes.")

    def _check_times(self, claims: dict[str, Any]) -> None:
        now, ends, begins = self._clock(), claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(ends, int | float) or not isinstance(begins, int | float):
            raise AssertionRefused(50027, "The assertion does not say how long it holds.")
        if ends <= now - SKEW_SECONDS or begins > now + SKEW_SECONDS:
            raise AssertionRefused(700024, "The assertion is not within its valid time range.")

    def _check_once(self, claims: dict[str, Any]) -> None:
        number, now = claims.get("jti"), self._clock()
        if not isinstance(number, str) or not number:
            raise AssertionRefused(50027, "The assertion has no jti.")
        with self._lock:
            self._used = {one: ends for one, ends in self._used.items() if ends > now - SKEW_SECONDS}
            if number in self._used:
                raise AssertionRefused(50027, "The assertion was used before; each request needs a new one.")
            self._used[number] = claims["exp"]

    def _check_federated(self, parts: _Parts) -> None:
        issuer, claims = self._issuer(), parts.claims
        wanted = (
            (700211, "iss", issuer.address),
            (700213, "sub", FEDERATED_SUBJECT),
            (700212, "aud", FEDERATED_AUDIENCE),
        )
        for number, name, value in wanted:
            if claims.get(name) != value:
                text = f"No federated identity record matches the assertion: its {name} must be '{value}'."
                raise AssertionRefused(number, text)
        if parts.header.get("alg") != "RS256":
            raise AssertionRefused(700027, "The issuer signs with RS256.")
        self._verify(issuer.key.public_key(), parts, padding.PKCS1v15())
        self._check_times(claims)

    def _verify(self, key: Any, parts: _Parts, how: padding.AsymmetricPadding) -> None:
        try:
            key.verify(parts.signature, parts.signed, how, hashes.SHA256())
        except InvalidSignature:
            text = "The signature of the assertion does not fit. [Reason - The key that signed it is another one.]"
            raise AssertionRefused(700027, text) from None


def _parts(text: str) -> _Parts:
    """Return the parts of a JWS in compact form (RFC 7515 section 3.1). Raises AssertionRefused."""
    try:
        header, claims, signature = text.split(".")
        return _Parts(unpacked(header), unpacked(claims), f"{header}.{claims}".encode("ascii"), decoded(signature))
    except (ValueError, RecursionError):
        raise AssertionRefused(50027, "The assertion is no JSON Web Token.") from None
