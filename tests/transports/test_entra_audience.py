"""A token goes only to the host that its scope names (P13, S8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import clouds
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind, EntraApp
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.audience import check_audience
from mailadmin.transports.entra.tokens import fetch_token
from tests.fakes.entra import Machine, machine_app
from tests.fakes.graph_server import Microsoft
from tests.fakes.routes import entra_app

GUID = "00000002-0000-0ff1-ce00-000000000000/.default"
GRAPH, OUTLOOK = "https://graph.microsoft.com/.default", "https://outlook.office365.com/.default"
SECRET = Credential(secret=Secret("x"))
MACHINE = Credential(CredentialKind.MANAGED_IDENTITY)
FEDERATED = Credential(CredentialKind.FEDERATED, Secret("x"))


def app_of(
    name: str = clouds.CUSTOM,
    graph: str = "graph.example.org:8443",
    mail: tuple[str, ...] = ("mail.example.org", "smtp.example.org:2525"),
    credential: Credential = SECRET,
) -> EntraApp:
    cloud = clouds.cloud(name, authority_host="login.example.org", graph_host=graph, mail_hosts=mail)
    return EntraApp("1", "Contoso", cloud, "contoso.example", "client", credential)


def refused(app: EntraApp, scope: str, to: str = "") -> bool:
    try:
        check_audience(app, (scope,), to)
    except MailError as error:
        assert (error.fault.phase, error.fault.kind) == (Phase.TOKEN, Kind.TOKEN_AUDIENCE)
        assert error.fault.text.endswith(".")
        return True
    return False


@pytest.mark.parametrize(
    "scope",
    [
        "https://graph.example.org:8443/.default",
        "https://GRAPH.example.org:8443/.default",
        "https://mail.example.org/.default",
        "https://smtp.example.org:2525/.default",
    ],
)
def test_p13_in_a_custom_cloud_a_scope_names_one_of_its_hosts(scope: str) -> None:
    for credential in (SECRET, MACHINE, FEDERATED):
        assert not refused(app_of(credential=credential), scope)


@pytest.mark.parametrize(
    "scope",
    [
        GRAPH,
        OUTLOOK,
        GUID,
        "api://mail.example.org/.default",
        "http://mail.example.org/.default",
        "https://mail.example.org.evil.example/.default",
        "https://mail.example.org@evil.example/.default",
        "https://evil.example\\@mail.example.org/.default",
        "https://evil.example#mail.example.org/.default",
        "https://graph.example.org:9443/.default",
        "https://mail.example.org/.default https://graph.microsoft.com/.default",
        "https:///.default",
        ".default",
        "",
    ],
)
def test_p13_in_a_custom_cloud_no_other_scope_is_asked_for(scope: str) -> None:
    for credential in (SECRET, MACHINE, FEDERATED):
        assert refused(app_of(credential=credential), scope)


@pytest.mark.parametrize("name", list(clouds.CLOUDS))
@pytest.mark.parametrize("scope", [GRAPH, OUTLOOK, GUID])
def test_in_microsofts_clouds_any_resource_may_be_named(name: str, scope: str) -> None:
    for credential in (SECRET, MACHINE, FEDERATED):
        app = app_of(name, credential=credential)
        assert not refused(app, scope)
        assert not refused(app, scope, app.cloud.graph_host)
        assert not refused(app, scope, f"{clouds.CLOUDS[name].mail_hosts[0]}:587")


@pytest.mark.parametrize("credential", [MACHINE, FEDERATED])
def test_p13_a_token_that_no_typed_secret_stands_for_goes_to_no_host_that_was_added(credential: Credential) -> None:
    typed, untyped = app_of(clouds.GLOBAL), app_of(clouds.GLOBAL, credential=credential)
    for host in ("mail.example.org:587", "smtp.example.org:2525"):
        assert not refused(typed, OUTLOOK, host)
        assert refused(untyped, OUTLOOK, host)


@pytest.mark.parametrize("credential", [MACHINE, FEDERATED])
def test_p13_in_a_custom_cloud_such_a_token_goes_only_to_the_host_of_its_scope(credential: Credential) -> None:
    """Else Microsoft's own Graph host, put among the mail hosts, would get its token sent to the typed Graph host."""
    evil = app_of(graph="evil.example", mail=("graph.microsoft.com", "evil.example"), credential=credential)
    assert refused(evil, GRAPH, "evil.example")
    assert refused(evil, GRAPH, "evil.example:25")
    assert not refused(evil, GRAPH, "graph.microsoft.com:443")
    assert not refused(evil, "https://evil.example/.default", "evil.example")  # a token that only it takes


@given(st.text(max_size=40), st.sampled_from(["", "/.default", "https://", "https://graph.example.org"]))
def test_any_scope_is_judged(text: str, part: str) -> None:
    for scope in (part + text, text + part, part + text + "/.default"):
        try:
            check_audience(app_of(credential=MACHINE), (scope,), "mail.example.org:587")
        except MailError:
            continue
        assert scope.lower().startswith("https://mail.example.org")


def test_p13_nothing_is_asked_for_a_token_of_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = NetworkPolicy(managed_identity=True)
    with Microsoft() as server, Machine() as machine:
        monkeypatch.setenv("IDENTITY_ENDPOINT", machine.url)
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        app = entra_app(server.host, server.ca_pem)
        for asking in (app, machine_app(app), replace(app, credential=FEDERATED)):
            with pytest.raises(MailError) as caught:
                fetch_token(asking, (GRAPH,), policy, fresh=True)
            assert caught.value.fault.kind is Kind.TOKEN_AUDIENCE
        assert (server.connections, machine.connections) == (0, 0)
