"""Every way an app registration proves itself to a scripted Entra, and what is told before Entra is asked (P13, N5)."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind, EntraApp
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.tokens import Token, fetch_token
from tests.fakes.certificates import Identity, authority, self_signed
from tests.fakes.entra import CLIENT_ASSERTION, CertifiedMicrosoft, certificate_credential, form_of, rsa_identity
from tests.fakes.graph_server import Microsoft, Says, entra_error, token_body
from tests.fakes.routes import CLIENT_SECRET, entra_app

OPEN = NetworkPolicy()
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_PAUSE_SECONDS", 0.001)


def fetch(app: EntraApp, fresh: bool = False, note: Callable[[str], None] = lambda line: None) -> Token:
    return fetch_token(app, (app.cloud.graph_scope,), OPEN, fresh=fresh, note=note)


def failure(app: EntraApp, fresh: bool = False) -> Fault:
    with pytest.raises(MailError) as caught:
        fetch(app, fresh)
    assert caught.value.fault.phase is Phase.TOKEN
    return caught.value.fault


@pytest.fixture
def certified() -> Iterator[tuple[CertifiedMicrosoft, EntraApp]]:
    with CertifiedMicrosoft(rsa_identity()) as server:
        assert isinstance(server, CertifiedMicrosoft)
        app = entra_app(server.host, server.ca_pem, credential=certificate_credential(rsa_identity()))
        server.client_id = app.client_id
        yield server, app


def test_p13_a_certificate_signs_an_assertion_as_microsoft_wants_it(
    certified: tuple[CertifiedMicrosoft, EntraApp],
) -> None:
    server, app = certified
    assert fetch(app).value.reveal()
    assert server.faults == []
    assert fetch(app).from_cache
    (claims,) = server.claims
    assert fetch(app, fresh=True).value.reveal()
    assert server.claims[1]["jti"] != claims["jti"]


def test_certificates_of_issuers_may_follow_the_own_one(certified: tuple[CertifiedMicrosoft, EntraApp]) -> None:
    server, app = certified
    credential = certificate_credential(rsa_identity())
    chain = replace(credential, certificate=credential.certificate + authority().pem)
    fetch(replace(app, credential=chain))
    assert server.faults == []


def test_assertion_key_and_certificate_are_in_no_log_and_no_dialogue(
    certified: tuple[CertifiedMicrosoft, EntraApp], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server, app = certified
    lines: list[str] = []
    fetch(app, note=lines.append)
    server.client_id = "another"
    fault = failure(replace(app), fresh=True)
    seen = caplog.text + "\n".join(lines) + repr(fault)
    for request in server.asked("token"):
        assertion = form_of(request)["client_assertion"]
        assert assertion not in seen
        assert assertion.rpartition(".")[2] not in seen
    assert rsa_identity().key.splitlines()[3] not in seen
    assert any("client_assertion=••••••" in line for line in lines)


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (lambda: rsa_identity().certificate, lambda: rsa_identity(3072).key, "does not belong to the certificate"),
        (lambda: rsa_identity().certificate, lambda: "nonsense", "private key cannot be read"),
        (lambda: "nonsense", lambda: rsa_identity().key, "not a readable PEM certificate"),
        (lambda: "", lambda: rsa_identity().key, "not a readable PEM certificate"),
        (lambda: rsa_identity(1024).certificate, lambda: rsa_identity(1024).key, "RSA key of 2048 bits"),
        (lambda: elliptic().certificate, lambda: elliptic().key, "RSA key of 2048 bits"),
    ],
)
def test_p13_a_certificate_that_cannot_be_used_is_told_before_any_connection(
    certificate: Callable[[], str], key: Callable[[], str], words: str
) -> None:
    with Microsoft() as server:
        credential = Credential(CredentialKind.CERTIFICATE, Secret(key()), certificate())
        fault = failure(entra_app(server.host, server.ca_pem, credential=credential))
        assert server.connections == 0
    assert fault.kind is Kind.CREDENTIAL_BAD
    assert words in fault.text


@cache
def elliptic() -> Identity:
    return self_signed("app.example.org")


@pytest.mark.parametrize(
    ("starts", "ends", "words"),
    [(-30 * DAY, -DAY, "The certificate ended on 2"), (2 * DAY, 30 * DAY, "The certificate is valid only from 2")],
)
def test_n5_a_certificate_out_of_its_time_is_not_even_tried(
    starts: datetime.timedelta, ends: datetime.timedelta, words: str
) -> None:
    with Microsoft() as server:
        credential = certificate_credential(rsa_identity(2048, starts, ends))
        app = entra_app(server.host, server.ca_pem, credential=credential)
        for fresh in (False, True):
            fault = failure(app, fresh)
            assert fault.kind is Kind.CREDENTIAL_ENDED
            assert fault.text.startswith(words)
        assert server.connections == 0


def test_p13_a_federated_assertion_is_opened_anew_for_each_fetch() -> None:
    texts = ["assertion-one", "assertion-two"]
    opened: list[str] = []

    def read() -> str:
        opened.append(texts[min(len(opened), 1)])
        return opened[-1]

    credential = Credential(CredentialKind.FEDERATED, Secret(read), version="2026-11-02")
    with Microsoft() as server:
        app = entra_app(server.host, server.ca_pem, id="federated-1", credential=credential)
        fetch(app)
        assert fetch(app).from_cache
        assert opened == texts[:1]
        fetch(app, fresh=True)
        forms = [form_of(request) for request in server.asked("token")]
    assert [form["client_assertion"] for form in forms] == texts
    assert {form["client_assertion_type"] for form in forms} == {CLIENT_ASSERTION}
    assert fetch(app).from_cache  # also while another assertion is in the file


def test_federated_assertion_that_is_missing_is_told() -> None:
    with Microsoft() as server:
        for secret in (None, Secret("")):
            credential = Credential(CredentialKind.FEDERATED, secret)
            assert failure(entra_app(server.host, "", credential=credential)).kind is Kind.SECRET_MISSING
        assert server.connections == 0


def test_n5_a_refused_credential_is_not_tried_again_and_again() -> None:
    refusal = Says(401, entra_error(7000222))
    with Microsoft(tokens=(refusal, refusal, Says(200, token_body()))) as server:
        app = entra_app(server.host, server.ca_pem)
        first = failure(app)
        assert [failure(app) for _ in range(5)] == [first] * 5
        assert len(server.asked("token")) == 1
        assert failure(app, fresh=True) == first  # a test asks in any case ...
        assert len(server.asked("token")) == 2
        assert fetch(app, fresh=True).value.reveal()  # ... and when it succeeds, sending does so too
        assert fetch(app).from_cache


def test_n5_a_changed_credential_is_tried_at_once() -> None:
    with Microsoft(tokens=(Says(401, entra_error(7000215)), Says(200, token_body()))) as server:
        app = entra_app(server.host, server.ca_pem)
        failure(app)
        fetch(replace(app, credential=Credential(secret=Secret("new one"))))
    with Microsoft(tokens=(Says(401, entra_error(700024)), Says(200, token_body()))) as server:
        texts = ["old assertion", "new assertion"]
        credential = Credential(CredentialKind.FEDERATED, Secret(lambda: texts[0]), version="1")
        app = entra_app(server.host, server.ca_pem, id="federated-2", credential=credential)
        failure(app)
        del texts[0]
        assert fetch(app).value.reveal()


def test_n5_a_refused_credential_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, given = Says(401, entra_error(7000222)), Says(200, token_body())
    monkeypatch.setattr(limits, "TOKEN_REFUSED_SECONDS", 0)
    with Microsoft(tokens=(refused, given)) as server:
        app = entra_app(server.host, server.ca_pem)
        failure(app)
        assert fetch(app).value.reveal()


@pytest.mark.parametrize(("number", "asked"), [(7000222, 1), (7000215, 2)])
def test_n5_a_secret_whose_typed_date_is_past_is_asked_once_and_then_remembered(
    number: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOKEN_REFUSED_SECONDS", 0)
    with Microsoft(tokens=(Says(401, entra_error(number)),)) as server:
        credential = Credential(secret=Secret(CLIENT_SECRET), ends_on=datetime.date(2026, 1, 31))
        app = entra_app(server.host, server.ca_pem, credential=credential)
        assert failure(app) == failure(app)
        assert len(server.asked("token")) == asked


def test_typed_date_that_is_wrong_does_no_harm() -> None:
    with Microsoft() as server:
        credential = Credential(secret=Secret(CLIENT_SECRET), ends_on=datetime.date(2020, 1, 31))
        assert fetch(entra_app(server.host, server.ca_pem, credential=credential)).value.reveal()


@pytest.mark.parametrize(
    "said",
    [
        Says(400, entra_error(700016, "unauthorized_client")),
        Says(400, entra_error(90002, "invalid_request")),
        Says(429, entra_error(90055, "temporarily_unavailable"), {"Retry-After": "90"}),
    ],
)
def test_other_refusals_are_asked_again(said: Says) -> None:
    with Microsoft(tokens=(said, Says(200, token_body()))) as server:
        app = entra_app(server.host, server.ca_pem)
        failure(app)
        assert fetch(app).value.reveal()


@pytest.mark.parametrize("setting", ["tenant", "client_id"])
def test_missing_setting_is_named_before_any_connection(setting: str) -> None:
    with Microsoft() as server:
        fault = failure(entra_app(server.host, server.ca_pem, **{setting: ""}))
        assert server.connections == 0
    assert fault.kind is Kind.ROUTE_INCOMPLETE
    assert setting.split("_")[0] in fault.text


def test_no_frame_of_an_error_holds_the_key_or_the_assertion() -> None:
    assertion = "canary-assertion-5518"
    key = rsa_identity().key
    with Microsoft(tokens=(Says(401, entra_error(700027)),)) as server:
        for credential, canary in (
            (certificate_credential(rsa_identity()), key.splitlines()[3]),
            (replace(certificate_credential(rsa_identity()), certificate="x"), key.splitlines()[3]),
            (Credential(CredentialKind.FEDERATED, Secret(assertion)), assertion),
            (Credential(CredentialKind.FEDERATED, Secret(assertion), version="1"), assertion),
            (Credential(secret=Secret(CLIENT_SECRET)), CLIENT_SECRET),
        ):
            app = entra_app(server.host, server.ca_pem, id="frames", credential=credential)
            with pytest.raises(MailError) as caught:
                fetch(app)
            trace = caught.tb
            while trace:
                if trace.tb_frame.f_globals["__name__"].startswith("mailadmin."):
                    assert canary not in repr(trace.tb_frame.f_locals)
                trace = trace.tb_next  # type: ignore[assignment]  # None at the end
            assert caught.value.__context__ is None
