"""What Entra and Azure look at: a signed assertion, verified for real, and a machine's identity endpoint."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import time
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind, EntraApp
from tests.fakes.certificates import Identity
from tests.fakes.graph_server import TENANT, Exchange, Microsoft, Request, Says, Script, ScriptedServer, token_body

CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DAY = datetime.timedelta(days=1)


@cache
def rsa_identity(
    bits: int = 2048, starts: datetime.timedelta = -_DAY, ends: datetime.timedelta = 90 * _DAY
) -> Identity:
    """Return a self-signed certificate with an RSA key, as one is uploaded to Entra; made once (keys cost time)."""
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mailadmin")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    form, locked = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Identity(pem, key.private_bytes(serialization.Encoding.PEM, form, locked).decode(), pem)


def certificate_credential(identity: Identity, version: str = "") -> Credential:
    """Return what an app registration with this certificate has."""
    return Credential(CredentialKind.CERTIFICATE, Secret(identity.key), identity.certificate, version=version)


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a token request."""
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def verify_assertion(request: Request, certificate: str, client_id: str, audience: str) -> dict[str, Any]:
    """Return the claims of the assertion in a token request, once everything about it is as Microsoft wants it: PS256
    (RFC 7518 section 3.5), x5t#S256 (RFC 7515 section 4.1.8), the claims of RFC 7523 section 3."""
    form = form_of(request)
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"] == CLIENT_ASSERTION
    assert "client_secret" not in form
    signed, _, signature = form["client_assertion"].rpartition(".")
    head, claims = (json.loads(_unpacked(part)) for part in signed.split("."))
    own = x509.load_pem_x509_certificate(certificate.encode())
    digest = hashlib.sha256(own.public_bytes(serialization.Encoding.DER)).digest()
    assert head["alg"] == "PS256"
    assert _unpacked(head["x5t#S256"]) == digest
    assert "x5t" not in head
    public = own.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
    public.verify(_unpacked(signature), signed.encode(), pss, hashes.SHA256())
    assert claims["aud"] == audience
    assert claims["iss"] == claims["sub"] == client_id
    assert 0 < claims["exp"] - time.time() <= 600
    assert claims["jti"]
    return dict(claims)


class CertifiedMicrosoft(Microsoft):
    """Entra that gives a token only for an assertion of `identity`; `claims` are those of the accepted ones."""

    def __init__(self, identity: Identity, client_id: str = "") -> None:
        self.client_id = client_id
        self.claims: list[dict[str, Any]] = []
        self.faults: list[BaseException] = []
        self._identity = identity
        super().__init__(tokens=(self._judge,))

    def _judge(self, exchange: Exchange) -> None:
        request = exchange.read()
        try:
            audience = f"https://{self.host}/{TENANT}/token"
            claims = verify_assertion(request, self._identity.certificate, self.client_id, audience)
        except Exception as error:
            self.faults.append(error)
            exchange.answer(401, {"error": "invalid_client", "error_description": f"AADSTS700027: {error!r}"})
            return
        self.claims.append(claims)
        exchange.answer(200, token_body())


class Machine(ScriptedServer):
    """The identity endpoint of a machine (plain HTTP); gives `said`, or plays it."""

    def __init__(self, said: Says | Script | None = None) -> None:
        given = said or Says(200, machine_token())

        def script(exchange: Exchange) -> None:
            if isinstance(given, Says):
                exchange.read()
                exchange.answer(given.status, given.body, **given.headers)
            else:
                given(exchange)

        super().__init__(script, tls=False)
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def queries(self) -> list[dict[str, str]]:
        """Return what each request asked for."""
        return [{name: values[0] for name, values in parse_qs(urlsplit(path).query).items()} for path in self.paths()]


def machine_token(token: str = "machine-token") -> dict[str, str]:
    """Return a token answer as virtual machines get it: every value is a text."""
    return {"access_token": token, "expires_in": "86000", "token_type": "Bearer", "resource": "x"}


def machine_app(app: EntraApp, **changes: Any) -> EntraApp:
    """Return `app` as the identity of the machine."""
    credential = Credential(CredentialKind.MANAGED_IDENTITY, version="managed-identity")
    values = {**vars(app), "credential": credential, "tenant": "", "client_id": "", **changes}
    return EntraApp(**values)


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
