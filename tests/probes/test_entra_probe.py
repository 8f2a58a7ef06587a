"""N1: an integrated service tested by itself, up to its token."""

from __future__ import annotations

import pytest

from mailadmin.core.report import Step, StepState, as_text, verdict
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind, EntraApp
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.claims import SMTP_SEND
from mailadmin.probes.entra import APP_PLAN, probe_app
from mailadmin.probes.recorder import Recorder
from tests.fakes.graph_server import Microsoft, Says, entra_error, free_port, jwt, token_body
from tests.fakes.routes import CLIENT_SECRET, entra_app

OK, WARNING, FAILED, NOT_RUN = StepState.OK, StepState.WARNING, StepState.FAILED, StepState.NOT_RUN


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def probe(app: EntraApp, **options: str | tuple[str, ...]) -> dict[str, Step]:
    steps = probe_app(app, Recorder(APP_PLAN), NetworkPolicy(), **options)  # type: ignore[arg-type]  # its keywords
    assert CLIENT_SECRET not in as_text("Test", steps)
    assert "canary-signature" not in as_text("Test", steps)
    return {step.key: step for step in steps}


def states(steps: dict[str, Step]) -> list[StepState]:
    return [step.state for step in steps.values()]


def test_n1_a_service_is_tested_up_to_its_token() -> None:
    with Microsoft() as server:
        server._answers["token"] = [Says(200, token_body(jwt(aud=f"https://{server.host}")))]
        steps = probe(entra_app(server.host, server.ca_pem, wide_permission_ok=True))
        assert server.asked("graph") == []
    assert states(steps) == [OK, OK, OK]
    assert "permissions: Mail.Send" in steps["token"].fact
    assert verdict(list(steps.values())) == "Everything works: a token was given."


def test_s8_a_service_of_smtp_connections_is_asked_for_their_permission() -> None:
    """S8."""
    with Microsoft() as server:
        claims = jwt(aud="https://localhost", roles=["SMTP.SendAsApp"])
        server._answers["token"] = [Says(200, token_body(claims))]
        app = entra_app(server.host, server.ca_pem)
        steps = probe(app, scopes=("https://localhost/.default",), send=SMTP_SEND)
        assert b"scope=https%3A%2F%2Flocalhost%2F.default" in server.asked("token")[0].body
        other = probe(app, scopes=("https://localhost/.default",))
    assert states(steps) == [OK, OK, OK]
    assert not any("RBAC" in note for note in steps["token"].notes)
    assert any("RBAC" in note for note in other["token"].notes)


def test_a_refused_secret_fails_the_token_with_remedy_and_owner() -> None:
    with Microsoft() as server:
        server._answers["token"] = [Says(401, entra_error(7000222))]
        steps = probe(entra_app(server.host, server.ca_pem))
    assert states(steps) == [OK, OK, FAILED]
    assert steps["token"].remedy
    assert steps["token"].owner


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"tenant": ""}, "lacks a tenant"),
        ({"client_id": ""}, "lacks a client ID"),
    ],
)
def test_a_missing_setting_is_named(changes: dict[str, str], fact: str) -> None:
    steps = probe(entra_app(f"localhost:{free_port()}", "", **changes))
    assert states(steps) == [FAILED, NOT_RUN, NOT_RUN]
    assert fact in steps["settings"].fact


@pytest.mark.parametrize("credential", [None, Credential(), Credential(secret=Secret(""))])
def test_a_missing_credential_is_told(credential: Credential | None) -> None:
    steps = probe(entra_app(f"localhost:{free_port()}", "", credential=credential))
    assert states(steps) == [FAILED, NOT_RUN, NOT_RUN]
    assert steps["settings"].code == "client-secret-missing"


def test_a_managed_identity_needs_neither_tenant_nor_client_id_nor_sign_in_host() -> None:
    credential = Credential(CredentialKind.MANAGED_IDENTITY, version="managed-identity")
    app = entra_app(f"localhost:{free_port()}", "", credential=credential, tenant="", client_id="")
    steps = probe(app)
    assert states(steps)[:2] == [OK, NOT_RUN]
    assert "managed identity" in steps["settings"].notes[0]
