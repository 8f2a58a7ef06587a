"""N1: the ladder of an Office 365 OAuth service, on the sandbox and on a scripted Microsoft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailadmin.core.dates import day
from mailadmin.core.report import Step, StepState, as_text, overall, verdict
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, OAuthRoute, ProxyKind
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.graph import graph_plan, probe_graph
from mailadmin.probes.recorder import Cancelled, Recorder
from mailadmin.transports.base import Mail
from tests.fakes.graph_server import (
    Exchange,
    Microsoft,
    Says,
    closes_after_request,
    entra_error,
    free_port,
    graph_error,
    jwt,
    token_body,
)
from tests.fakes.proxies import FakeProxy
from tests.fakes.routes import CLIENT_SECRET, a_mail, entra_app, oauth_route
from tests.fakes.sandbox import running_sandbox, sandbox_oauth

OPEN = NetworkPolicy()
OK, WARNING, FAILED = StepState.OK, StepState.WARNING, StepState.FAILED
NOT_PROVEN, NOT_RUN = StepState.NOT_PROVEN, StepState.NOT_RUN
PROVEN = Says(400, graph_error("ErrorInvalidRecipients"))
Script = Callable[[Exchange], None]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def probe(route: OAuthRoute, mail: Mail | None = None, recipient: str = "") -> dict[str, Step]:
    steps = probe_graph(route, Recorder(graph_plan(route)), OPEN, recipient=recipient, mail=mail)
    report = as_text("Test", steps)
    assert CLIENT_SECRET not in report
    assert "canary-signature" not in report
    return {step.key: step for step in steps}


def states(steps: dict[str, Step]) -> list[StepState]:
    return [step.state for step in steps.values()]


def scripted(
    *graph: Says | Script, tokens: tuple[Says | Script, ...] | None = None, mail: Mail | None = None
) -> dict[str, Step]:
    with Microsoft(*graph, tokens=tokens) as server:
        audience = jwt(aud=f"https://{server.host}")
        fitting = tokens or (Says(200, token_body(audience)),)
        server._answers["token"] = list(fitting)
        return probe(known(oauth_route(entra_app(server.host, server.ca_pem))), mail)


def known(route: OAuthRoute) -> OAuthRoute:
    """Return `route` with an app whose tenant-wide permission is marked as known."""
    assert route.app
    return replace(route, app=replace(route.app, wide_permission_ok=True))


def test_n1_p3_without_a_message_everything_is_proven_and_nothing_is_sent() -> None:
    with running_sandbox() as (box, memory):
        steps = probe(known(sandbox_oauth(box)))
        assert memory.kept == []
    assert states(steps) == [OK, OK, OK, OK, OK, NOT_RUN]
    assert "no recipient" in steps["message"].fact
    assert "not been verified on a real tenant" in steps["mailbox"].notes[0]
    assert "Mail.Send" in steps["token"].fact
    assert "TLS 1" in steps["signin-host"].fact
    assert "no test message was sent" in verdict(list(steps.values()))


def test_s5_with_a_message_it_arrives() -> None:
    with running_sandbox() as (box, memory):
        mail = a_mail()
        steps = probe(known(sandbox_oauth(box)), mail, "a@example.org")
        assert [kept.raw for kept in memory.kept] == [bytes(mail.content)]
    assert states(steps) == [OK] * 6
    assert steps["message"].fact == "Accepted for a@example.org"
    assert overall(list(steps.values())) is OK


def test_n17_rehearsed_fault_is_explained_at_its_step() -> None:
    with running_sandbox() as (box, memory):
        memory.graph_fault = "secret-expired"
        steps = probe(known(sandbox_oauth(box)), a_mail())
    assert states(steps) == [OK, OK, FAILED, NOT_RUN, NOT_RUN, NOT_RUN]
    assert "AADSTS7000222" in steps["token"].fact
    assert steps["token"].remedy
    assert steps["token"].owner


def test_dialogue_shows_each_request_and_answer_and_no_secret() -> None:
    with running_sandbox() as (box, _memory):
        steps = probe(known(sandbox_oauth(box)), a_mail())
        assert box.client_secret not in as_text("Test", list(steps.values()))
    token = "\n".join(steps["token"].dialogue)
    assert "oauth2/v2.0/token" in token
    assert "client_secret=••••••" in token
    mailbox = "\n".join(steps["mailbox"].dialogue)
    assert "> Authorization: Bearer ••••••" in mailbox
    assert "< 400" in mailbox
    assert "ErrorInvalidRecipients" in mailbox
    assert "< 202" in steps["message"].dialogue


def test_token_is_asked_for_although_one_is_kept() -> None:
    with Microsoft(PROVEN) as server:
        route = oauth_route(entra_app(server.host, server.ca_pem))
        for _ in range(2):
            probe(route)
        assert len(server.asked("token")) == 2


@pytest.mark.parametrize(
    ("route", "fact"),
    [
        (oauth_route(None), "no integrated service"),
        (oauth_route(entra_app("localhost:1", ""), identity=" "), "service identity"),
        (oauth_route(entra_app("localhost:1", "", client_id="")), "client ID"),
    ],
)
def test_missing_setting_fails_the_first_step(route: OAuthRoute, fact: str) -> None:
    steps = probe(route)
    assert states(steps) == [FAILED, *[NOT_RUN] * 5]
    assert fact in steps["settings"].fact


def test_missing_secret_fails_the_first_step() -> None:
    for secret in (None, Secret("")):
        assert (
            states(probe(oauth_route(entra_app("localhost:1", "", credential=Credential(secret=secret)))))[0] is FAILED
        )


def test_sign_in_host_that_does_not_listen() -> None:
    steps = probe(oauth_route(entra_app(f"localhost:{free_port()}", "")))
    assert states(steps) == [OK, FAILED, *[NOT_RUN] * 4]
    assert steps["signin-host"].remedy


def test_certificate_that_is_not_trusted() -> None:
    with Microsoft(PROVEN) as server:
        steps = probe(oauth_route(entra_app(server.host, "")))
        assert server.requests == []
    assert states(steps)[:2] == [OK, FAILED]


def test_wrong_secret() -> None:
    steps = scripted(PROVEN, tokens=(Says(401, entra_error(7000215)),))
    assert states(steps) == [OK, OK, FAILED, NOT_RUN, NOT_RUN, NOT_RUN]
    assert "7000215" in steps["token"].fact


def test_n8_a_token_without_the_role_is_a_note_because_rbac_may_give_the_right() -> None:
    with Microsoft(PROVEN) as server:
        server._answers["token"] = [Says(200, token_body(jwt(aud=f"https://{server.host}", roles=[])))]
        route = oauth_route(entra_app(server.host, server.ca_pem), large_messages=True, settle=True)
        steps = probe(route)
    assert states(steps) == [OK, OK, OK, OK, OK, NOT_RUN]
    assert any("RBAC" in note for note in steps["token"].notes)


@pytest.mark.parametrize("role", ["Mail.Send", "Mail.ReadWrite"])
def test_n8_a_permission_for_every_mailbox_is_a_warning_with_the_way_out(role: str) -> None:
    """N8."""
    with Microsoft(PROVEN) as server:
        server._answers["token"] = [Says(200, token_body(jwt(aud=f"https://{server.host}", roles=[role])))]
        route = oauth_route(entra_app(server.host, server.ca_pem))
        step = probe(route)["token"]
        assert step.state is WARNING
        assert step.code == "permission-wide"
        assert any("least-privilege kit" in text for text in step.remedy)
        assert step.owner
        assert role in step.fact
        calm = probe(known(route))["token"]
    assert (calm.state, calm.problem) == (OK, "")
    assert any("marked as known" in note for note in calm.notes)


def test_what_switched_on_options_need_is_named_when_the_token_lacks_it() -> None:
    with Microsoft(PROVEN) as server:
        server._answers["token"] = [Says(200, token_body(jwt(aud=f"https://{server.host}", roles=["Mail.Send"])))]
        route = known(oauth_route(entra_app(server.host, server.ca_pem), large_messages=True, settle=True))
        steps = probe(route)
        assert steps["token"].state is WARNING
        assert [note for note in steps["token"].notes if "Mail.ReadWrite" in note and "by upload" in note]
        assert [note for note in steps["token"].notes if "Mail.Read," in note]
        roles = ["Mail.ReadWrite", "Mail.Send"]
        server._answers["token"] = [Says(200, token_body(jwt(aud=f"https://{server.host}", roles=roles)))]
        assert probe(route)["token"].state is OK


def test_n7_every_mailbox_is_proven_and_each_failing_one_is_named() -> None:
    """N7: several identities share the load, and each has a step of its own."""
    unknown = Says(404, graph_error("ErrorInvalidUser", "No such user."))
    with Microsoft(PROVEN, unknown, PROVEN, unknown) as server:
        audience = jwt(aud=f"https://{server.host}")
        server._answers["token"] = [Says(200, token_body(audience))]
        others = ("second@example.org", "ROBOT@example.org", "third@example.org", "fourth@example.org")
        route = known(oauth_route(entra_app(server.host, server.ca_pem), mailboxes=others))
        steps = probe(route, a_mail(), "a@example.org")
        paths = [request.path for request in server.asked("graph")]
    assert [step.title for step in steps.values()][4:-1] == [
        *("Mailbox robot@example.org", "Mailbox second@example.org"),
        *("Mailbox third@example.org", "Mailbox fourth@example.org"),
    ]
    assert states(steps)[4:] == [OK, FAILED, OK, FAILED, NOT_RUN]
    assert paths[1] == "/v1.0/users/second@example.org/sendMail"
    assert "Signing in to Entra works." in verdict(list(steps.values()))


def test_the_first_step_tells_the_credential_its_end_the_mailboxes_and_what_is_switched_on() -> None:
    for days, state in ((40, OK), (3, WARNING), (-1, WARNING)):
        ends = datetime.now(UTC).date() + timedelta(days=days)
        credential = Credential(secret=Secret(CLIENT_SECRET), ends_on=ends)
        app = entra_app(f"localhost:{free_port()}", "", credential=credential)
        settings = probe(oauth_route(app, mailboxes=("b@example.org",), large_messages=True))["settings"]
        assert settings.state is state
        assert settings.fact.startswith("robot@example.org and 1 more mailbox, tenant ")
        assert any(day(ends) in note and "client secret" in note for note in settings.notes)
        assert any("30 messages a minute" in note for note in settings.notes)
        assert any("Mail.ReadWrite" in note for note in settings.notes)


def test_token_for_another_service_is_explained() -> None:
    refused = Says(401, graph_error("InvalidAuthenticationToken", "Invalid audience."))
    steps = scripted(refused, tokens=(Says(200, token_body(jwt(aud="https://vault.example"))),))
    assert states(steps) == [OK, OK, WARNING, OK, FAILED, NOT_RUN]
    assert any("https://vault.example" in note for note in steps["token"].notes)


def test_audience_may_be_graphs_app_id() -> None:
    body = token_body(jwt(aud="00000003-0000-0000-c000-000000000000"))
    assert states(scripted(PROVEN, tokens=(Says(200, body),)))[2] is OK


def test_token_that_cannot_be_read_is_a_warning() -> None:
    steps = scripted(PROVEN, tokens=(Says(200, token_body("opaque-canary")),))
    assert states(steps) == [OK, OK, WARNING, OK, OK, NOT_RUN]
    assert any("cannot be read" in note for note in steps["token"].notes)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (PROVEN, OK),
        (Says(401, graph_error("InvalidAuthenticationToken")), FAILED),
        (Says(403, graph_error("ErrorAccessDenied")), FAILED),
        (Says(404, graph_error("ErrorInvalidUser")), FAILED),
        (Says(400, graph_error("BadRequest")), NOT_PROVEN),
        (Says(429, graph_error("ApplicationThrottled"), {"Retry-After": "5"}), NOT_PROVEN),
        (Says(500, b""), NOT_PROVEN),
        (Says(202), NOT_PROVEN),
        (Says(200, b"<html></html>"), NOT_PROVEN),
        (closes_after_request, FAILED),
    ],
)
def test_mailbox_is_proven_by_one_answer_only(said: Says | Script, state: StepState) -> None:
    steps = scripted(said)
    assert steps["mailbox"].state is state
    if state is not OK:
        assert steps["mailbox"].fact
    if state is FAILED:
        assert steps["mailbox"].remedy
        assert steps["message"].state is NOT_RUN


def test_message_is_sent_even_when_the_mailbox_could_not_be_proven() -> None:
    steps = scripted(Says(400, graph_error("BadRequest")), Says(202), mail=a_mail())
    assert states(steps)[4:] == [NOT_PROVEN, OK]


def test_refused_message_fails_its_step() -> None:
    steps = scripted(PROVEN, Says(403, graph_error("ErrorSendAsDenied", "Not as this one.")), mail=a_mail())
    assert states(steps)[4:] == [OK, FAILED]
    assert steps["message"].fact == "Not as this one."


def test_proxy_of_the_environment_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hidden-word@127.0.0.1:{free_port()}")
    steps = probe(oauth_route(entra_app("login.example.org", "")))
    assert states(steps)[:2] == [OK, FAILED]
    assert any("proxy 127.0.0.1:" in note for note in steps["settings"].notes)
    assert "hidden-word" not in as_text("Test", list(steps.values()))


def test_p3_sign_in_and_graph_may_be_two_hosts() -> None:
    with Microsoft(PROVEN) as entra, Microsoft(PROVEN) as graph:
        app = entra_app(entra.host, entra.ca_pem)
        app = replace(app, cloud=replace(app.cloud, graph_host=graph.host))
        steps = probe(oauth_route(app))
        assert (len(entra.asked("graph")), len(graph.asked("graph"))) == (0, 1)
    assert steps["mailbox"].state is OK


def test_cancelled_test_stops_before_its_next_step() -> None:
    with Microsoft(PROVEN) as server:
        answers = iter([False, False, True])
        route = oauth_route(entra_app(server.host, server.ca_pem))
        recorder = Recorder(graph_plan(route), cancelled=lambda: next(answers))
        with pytest.raises(Cancelled):
            probe_graph(route, recorder, OPEN)
        assert server.requests == []
    assert [step.state for step in recorder.steps[:2]] == [OK, OK]


def test_n1_each_host_has_its_legs_and_its_chain() -> None:
    with Microsoft(PROVEN) as server:
        steps = probe(known(oauth_route(entra_app(server.host, server.ca_pem))))
    for key in ("signin-host", "graph-host"):
        details = dict(steps[key].details)
        assert details["IPv4"] == "127.0.0.1"
        assert details["Answer after"].endswith(" ms")
        assert details["IPv4 127.0.0.1"].startswith("connected in ")
        assert details["Certificate 1 of 2"].startswith("mailadmin sandbox, issued by mailadmin sandbox CA")
        assert details["Encrypted"].startswith("in ")


def test_s11_by_a_proxy_both_legs_to_each_host_are_told() -> None:
    with Microsoft(PROVEN) as server, FakeProxy(ProxyKind.HTTP, {"localhost": server.port}) as proxy:
        steps = probe(known(oauth_route(entra_app(server.host, server.ca_pem, proxy=proxy.anonymous))))
    for key in ("signin-host", "graph-host"):
        details = dict(steps[key].details)
        assert details["Proxy"] == f"{proxy.anonymous}, which looks the name up"
        assert details["Connected to the proxy"].startswith("in ")
        assert details["Through the proxy to the host"].startswith("in ")


def test_n1_a_refused_certificate_of_a_host_is_shown() -> None:
    with Microsoft(PROVEN) as server:
        step = probe(oauth_route(entra_app(server.host, "")))["signin-host"]
    details = dict(step.details)
    assert step.state is FAILED
    assert details["Name asked for"] == "localhost"
    assert details["Certificate refused"]
    assert details["Certificate 1 of 1"] == "mailadmin sandbox, issued by mailadmin sandbox CA"
    assert "Unless “mailadmin sandbox CA” is a root" in step.notes[-1]


def test_n1_the_claims_that_matter_and_what_support_asks_for_are_told() -> None:
    token = jwt(aud="x", appid="app-1", app_displayname="Mailer", iat=1790000000, ver="1.0", secret_claim="hidden")
    tokens = (Says(200, token_body(token), {"x-ms-request-id": "e-1", "Date": "Mon, 02 Nov 2026 10:00:00 GMT"}),)
    steps = scripted(Says(400, graph_error("ErrorInvalidRecipients"), {"request-id": "g-1"}), tokens=tokens)
    details = dict(steps["token"].details)
    assert details["Name of the app"] == "Mailer"
    assert details["Application permissions (roles)"] == "Mail.Send"
    assert details["Issued (iat)"] == "2026-09-21 14:13:20 UTC"
    assert details["Answer 2"] == "200, x-ms-request-id e-1, date Mon, 02 Nov 2026 10:00:00 GMT"
    assert "hidden" not in str(steps["token"].details)
    assert "request-id g-1" in dict(steps["mailbox"].details)["Answer 1"]
    assert "client-request-id" in dict(steps["mailbox"].details)["Answer 1"]


def test_n1_a_refused_token_tells_what_support_asks_for() -> None:
    refusal = Says(401, entra_error(7000215), {"x-ms-request-id": "e-2"})
    step = scripted(PROVEN, tokens=(refusal,))["token"]
    assert "x-ms-request-id e-2" in dict(step.details)["Answer 2"]


def test_n1_an_accepted_message_says_what_is_not_proven() -> None:
    step = scripted(PROVEN, Says(202, b"", {"request-id": "g-2"}), mail=a_mail())["message"]
    assert "delivery to the inbox is not proven" in step.notes[0]
    details = dict(step.details)
    assert (details["Mailbox"], details["Answer of Graph"]) == ("robot@example.org", "202 Accepted, request-id g-2")


def test_n1_the_limits_that_hold_are_told_at_the_settings() -> None:
    for large, words in ((False, "4 MB as a whole, encoded"), (True, "150 MB by upload, for each file")):
        step = probe(oauth_route(entra_app(f"localhost:{free_port()}", ""), large_messages=large))["settings"]
        assert step.details == [["Mailbox", "robot@example.org"], ["Largest message", words]]
