"""N17: the simulated Entra: who gets a token, and which AADSTS number the others get."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.client_key import client_certificate
from mailadmin.sandbox.server import Sandbox
from mailadmin.sandbox.tokens import Registration
from mailadmin.transports.entra.tokens import fetch_token
from tests.fakes.sandbox import running_sandbox, sandbox_app, sandbox_folder

from .asking import Client, aadsts, signed, unpadded

OPEN = NetworkPolicy()
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with Client(box) as client:
        yield client


def test_p13_a_certificate_and_an_assertion_of_another_issuer_get_tokens(box: Sandbox) -> None:
    """P13."""
    for credential in (
        Credential(CredentialKind.CERTIFICATE, Secret(box.client_key), box.client_certificate),
        Credential(CredentialKind.FEDERATED, Secret(box.assertion())),
    ):
        app = sandbox_app(box, credential=credential)
        token = fetch_token(app, (f"https://{box.https_host}/.default",), OPEN, fresh=True)
        assert token.claims["roles"] == ["Mail.Send", "Mail.ReadWrite", "Mail.Read"]


def header(box: Sandbox, **changes: object) -> dict[str, object]:
    certificate = x509.load_pem_x509_certificate(box.client_certificate.encode())
    return {"alg": "PS256", "typ": "JWT", "x5t#S256": unpadded(certificate.fingerprint(hashes.SHA256())), **changes}


def claims(box: Sandbox, **changes: object) -> dict[str, object]:
    now = time.time()
    endpoint = f"https://{box.https_host}/{box.tenant}/oauth2/v2.0/token"
    who = {"iss": box.client_id, "sub": box.client_id, "aud": endpoint, "jti": str(uuid4())}
    said = {**who, "iat": now, "nbf": now, "exp": now + 600, **changes}
    return {name: value for name, value in said.items() if value is not None}


def by_assertion(client: Client, assertion: str) -> int:
    return aadsts(client.token_for(client_secret="", client_assertion=assertion, client_assertion_type=TYPE))


@pytest.mark.parametrize(
    ("in_header", "in_claims", "number"),
    [
        ({}, {}, 0),
        ({"alg": "RS256"}, {}, 700027),
        ({"x5t#S256": unpadded(bytes(32))}, {}, 700027),
        ({}, {"aud": "https://login.microsoftonline.com/x/oauth2/v2.0/token"}, 700023),
        ({}, {"iss": "00000000-0000-0000-0000-000000000000"}, 700021),
        ({}, {"sub": "00000000-0000-0000-0000-000000000000"}, 700021),
        ({}, {"exp": time.time() - 3600}, 700024),
        ({}, {"exp": time.time() + 7200}, 700024),
        ({}, {"nbf": time.time() + 3600}, 700024),
        ({}, {"exp": "soon"}, 50027),
        ({}, {"jti": None}, 50027),
    ],
)
def test_an_assertion_of_the_certificate_is_checked_in_every_part(
    client: Client, in_header: dict[str, Any], in_claims: dict[str, Any], number: int
) -> None:
    box = client.box
    assert by_assertion(client, signed(header(box, **in_header), claims(box, **in_claims), box.client_key)) == number


def test_an_assertion_signed_by_another_key_or_used_twice_or_broken_is_refused(
    client: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = client.box
    _, other_key = client_certificate(tmp_path_factory.mktemp("other"))
    assert by_assertion(client, signed(header(box), claims(box), other_key)) == 700027
    once = signed(header(box), claims(box), box.client_key)
    assert [by_assertion(client, once), by_assertion(client, once)] == [0, 50027]
    for broken in ("x", "a.b.c", "e30.W10.AA", once.replace(".", "", 1), "é.é.é"):
        assert by_assertion(client, broken) == 50027
    untyped = client.token_for(client_secret="", client_assertion=once)
    assert aadsts(untyped) == 900144


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"iss": "https://elsewhere.example"}, 700211),
        ({"aud": "api://somebody"}, 700212),
        ({"sub": "system:serviceaccount:other"}, 700213),
        ({"exp": 1}, 700024),
    ],
)
def test_an_assertion_of_another_issuer_must_match_the_federated_credential(
    client: Client, changes: dict[str, object], number: int
) -> None:
    box = client.box
    right = {
        "iss": "https://localhost/federation",
        "sub": "system:serviceaccount:mailadmin:sandbox",
        "aud": "api://AzureADTokenExchange",
        "exp": time.time() + 600,
    }
    assert by_assertion(client, box.assertion()) == 0
    issuer_key = (sandbox_folder() / "issuer.key").read_text()
    assert by_assertion(client, signed({"alg": "RS256"}, right | changes, issuer_key, pss=False)) == number
    assert by_assertion(client, signed({"alg": "RS256"}, right, box.client_key, pss=False)) == 700027
    assert by_assertion(client, signed({"alg": "PS256"}, right, issuer_key)) == 700027


@pytest.mark.parametrize(
    ("changes", "status", "number"),
    [
        ({"client_secret": ""}, 401, 7000218),
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, 700016),
        ({"tenant": "example.org"}, 400, 90002),
        ({"tenant": "no~tenant"}, 400, 900023),
        ({"tenant": "common"}, 400, 50059),
        ({"scope": ""}, 400, 900144),
        ({"kind": "text/plain"}, 400, 900144),
        ({"grant_type": "password"}, 400, 70003),
        ({"scope": "https://localhost/Mail.Send"}, 400, 1002012),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, 500011),
        ({"scope": "https://localhost/.default https://localhost:1/.default"}, 400, 70011),
    ],
)
def test_a_wrong_request_gets_entras_own_number(
    client: Client, changes: dict[str, str], status: int, number: int
) -> None:
    said = client.token_for(**changes)
    assert (said.status, aadsts(said)) == (status, number)
    assert said.json["error_description"].startswith(f"AADSTS{number}: ")


def test_the_permissions_of_tokens_can_be_chosen() -> None:
    few = Registration("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222", "s", ())
    with running_sandbox(registration=few) as (box, memory), Client(box) as client:
        client.token = client.token_for().json["access_token"]
        assert client.mime("/sendMail", b"To: a@example.org\r\n\r\n").code == "401 NoPermissionsInAccessToken"
        assert (box.tenant, memory.kept) == (few.tenant, [])


def test_the_keys_of_the_sandbox_are_for_its_owner_and_stay(box: Sandbox) -> None:
    box.assertion()
    folder = sandbox_folder()
    for name in ("client.key", "issuer.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert client_certificate(folder) == (box.client_certificate, box.client_key)


def test_a_damaged_certificate_or_key_is_made_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    certificate, key = client_certificate(folder)
    (folder / "client.pem").write_text("damaged")
    assert client_certificate(folder)[1] == key
    (folder / "client.key").write_text("damaged")
    assert client_certificate(folder)[0] != certificate
