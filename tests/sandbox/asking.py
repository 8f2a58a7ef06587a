"""A client that asks the sandbox for anything, also what no careful client would."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mailadmin.sandbox.server import Sandbox

FORM = "application/x-www-form-urlencoded"
IDENTITY = "robot@example.org"


@dataclass(frozen=True)
class Said:
    """What the sandbox answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Return "400 RequestBodyRead", or the status alone."""
        return f"{self.status} {self.json['error']['code']}" if self.body.startswith(b'{"error"') else str(self.status)


class Client:
    """One connection to the sandbox, with a token once it has asked for one."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        context = ssl.create_default_context(cadata=box.ca_pem)
        self._connection = HTTPSConnection("localhost", box.https_port, context=context, timeout=20)
        self.token = ""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *details: object) -> None:
        self._connection.close()

    def ask(self, method: str, address: str, body: bytes = b"", **headers: str) -> Said:
        """Ask for an address (or a path of the sandbox); `Content_Type` in `headers` becomes Content-Type."""
        parts = urlsplit(address)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)
        answer = self._connection.getresponse()
        return Said(answer.status, dict(answer.getheaders()), answer.read())

    def token_for(self, **changes: str) -> Said:
        """Ask for a token as the app does; `changes` are fields of the form, `tenant`, and `kind` (Content-Type)."""
        tenant, kind = changes.pop("tenant", self.box.tenant), changes.pop("kind", FORM)
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.box.client_id,
            "client_secret": self.box.client_secret,
            "scope": f"https://{self.box.https_host}/.default",
        } | changes
        form = urlencode({name: value for name, value in fields.items() if value}).encode()
        return self.ask("POST", f"/{tenant}/oauth2/v2.0/token", form, Content_Type=kind)

    def graph(self, method: str, path: str, body: object = b"", **headers: str) -> Said:
        """Ask below /v1.0/users/{mailbox}; a body that is not bytes is sent as JSON."""
        if not self.token:
            self.token = self.token_for().json["access_token"]
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content_Type": "application/json", **headers}
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.ask(method, f"/v1.0/users/{IDENTITY}{path}", body, **headers)

    def mime(self, path: str, raw: bytes) -> Said:
        """Hand a message over in MIME form."""
        return self.graph("POST", path, base64.b64encode(raw), Content_Type="text/plain")


def aadsts(said: Said) -> int:
    """Return the number of Entra's refusal, 0 for a token."""
    number: int = said.json.get("error_codes", [0])[0]
    return number


def signed(header: dict[str, Any], claims: dict[str, Any], key: str, pss: bool = True) -> str:
    """Return a JWT signed with the PEM `key`."""
    loaded = serialization.load_pem_private_key(key.encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    text = f"{_part(header)}.{_part(claims)}"
    how = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else padding.PKCS1v15()
    return f"{text}.{unpadded(loaded.sign(text.encode(), how, hashes.SHA256()))}"


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _part(value: dict[str, Any]) -> str:
    return unpadded(json.dumps(value).encode())
