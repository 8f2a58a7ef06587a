"""The ladder of an SMTP connection, against a scripted server."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailadmin.core import limits
from mailadmin.core.report import Step, StepState, overall, verdict
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    Notices,
    ProxyKind,
    Security,
    SessionRules,
    SmtpAuth,
    SmtpRoute,
    Timeouts,
    TlsSettings,
)
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.probes.recorder import Cancelled, Recorder
from mailadmin.probes.smtp import SMTP_PLAN, probe_smtp, smtp_plan
from tests.fakes import certificates
from tests.fakes.graph_server import ScriptedServer
from tests.fakes.graph_server import says as answers
from tests.fakes.proxies import PASSWORD as PROXY_PASSWORD
from tests.fakes.proxies import FakeProxy, says
from tests.fakes.smtp_actions import close, silent
from tests.fakes.smtp_routes import CONTENT, PASSWORD, mail, smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer, far_away

OK, WARNING, FAILED, NOT_RUN = StepState.OK, StepState.WARNING, StepState.FAILED, StepState.NOT_RUN
SENDER, RECIPIENT = "anna@example.org", "ben@example.net"


def probe(route: SmtpRoute, **changes: Any) -> dict[str, Step]:
    recorder = Recorder(smtp_plan(route))
    steps = probe_smtp(route, recorder, NetworkPolicy(), **({"sender": SENDER} | changes))
    assert steps == recorder.steps
    assert all(step.state.done for step in steps)
    return {str(step.key): step for step in steps}


def states(steps: dict[str, Step]) -> list[StepState]:
    return [step.state for step in steps.values()]


def failed_step(route: SmtpRoute, **changes: Any) -> Step:
    steps = probe(route, **changes)
    failed = [step for step in steps.values() if step.state is FAILED]
    assert len(failed) == 1
    step = failed[0]
    assert all(rung.state is NOT_RUN for rung in list(steps.values())[list(steps.values()).index(step) + 1 :])
    assert step.problem
    assert step.cause
    assert step.remedy
    assert step.owner
    return step


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_n1_every_step_is_walked_and_the_message_is_sent(security: Security) -> None:
    with SmtpServer(identity=certificates.good(), implicit=security is Security.TLS) as server:
        steps = probe(with_password(server.port, security=security), recipient=RECIPIENT, mail=mail())
        assert server.sessions[0].ended.wait(5)
        assert server.messages == [CONTENT]
        assert server.sessions[0].verbs()[-1] == "QUIT"
    assert states(steps) == [OK] * 9
    assert verdict(list(steps.values())) == (
        "Everything works: the test message was accepted. Delivery to the inbox is not proven."
    )
    assert steps["dns"].fact == "127.0.0.1"
    assert "127.0.0.1" in steps["tcp"].fact
    assert "AUTH PLAIN LOGIN" in steps["greeting"].fact
    assert steps["tls"].fact.startswith("TLS 1.3, the certificate ends in 89 days")
    assert "by Example Test CA" in steps["tls"].notes[0]
    assert steps["auth"].fact == "Signed in as anna by PLAIN"
    assert steps["message"].fact == "2.0.0 Ok: queued as FAKE1"
    assert "C: AUTH PLAIN ••••••" in steps["auth"].dialogue
    assert steps["recipient"].dialogue[0] == f"C: RCPT TO:<{RECIPIENT}>"
    assert steps["recipient"].dialogue[1].startswith("S: 250 ")
    assert PASSWORD not in str(steps)


def test_p3_without_a_recipient_it_ends_at_the_sender_and_sends_nothing() -> None:
    with SmtpServer() as server:
        steps = probe(smtp_route(server.port))
        assert server.sessions[0].ended.wait(5)
        assert server.sessions[0].verbs() == ["EHLO", "MAIL", "RSET", "QUIT"]
    assert states(steps) == [OK, OK, OK, OK, NOT_RUN, NOT_RUN, OK, NOT_RUN, NOT_RUN]
    assert steps["tls"].fact == "no encryption was chosen"
    assert steps["auth"].fact == "no sign-in was chosen"
    assert steps["recipient"].fact == steps["message"].fact == "no recipient was given"


def test_p3_without_a_message_it_ends_at_the_recipient() -> None:
    with SmtpServer() as server:
        steps = probe(smtp_route(server.port), recipient=RECIPIENT)
        assert server.sessions[0].ended.wait(5)
        assert server.sessions[0].verbs() == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]
    assert steps["recipient"].state is OK
    assert steps["message"].state is NOT_RUN


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"host": ""}, "host"),
        ({"user": ""}, "user name"),
        ({"password": None}, "password"),
        ({"password": Secret("")}, "password"),
        ({"tls": TlsSettings(ca_pem="nonsense")}, "CA"),
        ({"auth": SmtpAuth.XOAUTH2}, "integrated service"),
    ],
)
def test_s16_what_is_missing_is_told_before_anything_is_dialled(changes: dict[str, Any], setting: str) -> None:
    with SmtpServer() as server:
        step = failed_step(with_password(server.port, **changes))
        assert server.sessions == []
    assert step.key == "settings"
    assert setting in step.fact


@pytest.mark.parametrize(
    ("script", "key", "said"),
    [
        ({"GREETING": ["554 5.7.1 we do not like you"]}, "greeting", "554 5.7.1 we do not like you"),
        ({"AUTH": ["535 5.7.139 Authentication unsuccessful"]}, "auth", "535 5.7.139"),
        ({"MAIL": ["550 5.7.60 not as this sender"]}, "sender", "5.7.60"),
        ({"RCPT": ["550 5.1.1 no such user"]}, "recipient", "5.1.1"),
        ({"DOT": ["554 5.6.0 spam"]}, "message", "5.6.0"),
        ({"MAIL": [close]}, "sender", "closed"),
    ],
)
def test_n1_the_first_failure_ends_the_ladder_with_its_remedy(script: dict[str, Any], key: str, said: str) -> None:
    with SmtpServer(script) as server:
        step = failed_step(with_password(server.port), recipient=RECIPIENT, mail=mail())
        assert server.sessions[0].ended.wait(5)
    assert step.key == key
    assert said in step.fact


def test_a_name_that_does_not_exist_fails_at_dns() -> None:
    assert failed_step(smtp_route(25, host="a..b")).key == "dns"


def test_a_refused_certificate_is_described_once() -> None:
    identity = certificates.authority("Virus Scanner").issue("localhost")
    with SmtpServer(identity=identity) as server:
        step = failed_step(with_password(server.port, security=Security.STARTTLS))
        assert "AUTH" not in [verb for session in server.sessions for verb in session.verbs()]
    assert step.key == "tls"
    assert "\n".join([step.fact, *step.notes]).count("by Virus Scanner") == 1


def test_s16_a_server_that_waits_for_tls_is_recognised_on_any_port() -> None:
    quick = Timeouts(connect=2, command=0.3, message=5)
    with SmtpServer(identity=certificates.good(), implicit=True) as server:
        step = failed_step(smtp_route(server.port, timeouts=quick))
    assert step.key == "greeting"
    assert "TLS" in step.fact


def test_a_server_that_is_merely_silent_is_not_taken_for_one() -> None:
    quick = Timeouts(connect=0.3, command=0.3, message=5)
    with SmtpServer({"GREETING": [silent, silent]}) as server:
        step = failed_step(smtp_route(server.port, timeouts=quick))
    assert "in time" in step.fact


def test_a_certificate_near_its_end_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CERTIFICATE_WARNING_DAYS", 100)
    with SmtpServer(identity=certificates.good()) as server:
        steps = probe(smtp_route(server.port, security=Security.STARTTLS))
    assert steps["tls"].state is WARNING
    assert overall(list(steps.values())) is WARNING


def test_s10_a_server_whose_identity_is_not_checked_is_a_warning() -> None:
    unchecked = TlsSettings(ca_pem=certificates.authority().pem, check_identity=False)
    with SmtpServer(identity=certificates.wrong_name()) as server:
        steps = probe(smtp_route(server.port, security=Security.STARTTLS, tls=unchecked))
    assert steps["tls"].state is WARNING


def test_s15_starttls_that_was_wished_for_and_is_not_there_is_a_warning() -> None:
    with SmtpServer() as server:
        steps = probe(smtp_route(server.port, security=Security.STARTTLS_IF_OFFERED))
    assert steps["tls"].state is WARNING


def test_no_encryption_over_a_network_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    far_away(monkeypatch)
    with SmtpServer() as server:
        steps = probe(with_password(server.port))
    assert (steps["tcp"].state, steps["auth"].state) == (WARNING, WARNING)


def test_stopping_ends_the_test_between_two_steps_and_closes_the_connection() -> None:
    with SmtpServer() as server:
        recorder = Recorder(SMTP_PLAN, cancelled=lambda: recorder.steps[3].state.done)
        with pytest.raises(Cancelled):
            probe_smtp(smtp_route(server.port), recorder, NetworkPolicy(), sender=SENDER)
        assert server.sessions[0].ended.wait(5)
        assert server.sessions[0].verbs() == ["EHLO", "QUIT"]


def test_each_change_of_a_step_is_told_as_it_happens() -> None:
    seen: list[tuple[int, StepState]] = []
    with SmtpServer() as server:
        recorder = Recorder(SMTP_PLAN, sink=lambda place, step: seen.append((place, step.state)))
        probe_smtp(smtp_route(server.port), recorder, NetworkPolicy(), sender=SENDER)
    assert seen[:4] == [(0, StepState.RUNNING), (0, OK), (1, StepState.RUNNING), (1, OK)]


def test_the_steps_stand_in_the_order_in_which_they_run() -> None:
    keys = [str(key) for key, _ in smtp_plan(smtp_route(465, security=Security.TLS))]
    assert keys == ["settings", "dns", "tcp", "tls", "greeting", "auth", "sender", "recipient", "message"]
    assert smtp_plan(smtp_route(587, security=Security.STARTTLS)) == SMTP_PLAN


def test_what_the_server_offers_is_told_where_it_is_used() -> None:
    """P12: the size; S14: what makes a session fast; the methods to sign in."""
    learned: list[int] = []
    features = ("SIZE 35000000", "PIPELINING", "CHUNKING", "DSN", "AUTH LOGIN PLAIN")
    with SmtpServer(features=features) as server:
        rules = SessionRules(chunking=False)
        steps = probe(with_password(server.port, sessions=rules, notices=Notices.FAILURE), learn_size=learned.append)
    assert learned == [35_000_000]
    assert steps["sender"].state is OK
    assert steps["sender"].notes == [
        "The server takes messages up to 35 MB.",
        "PIPELINING will be used.",
        "CHUNKING would be faster, but is switched off in the settings.",
    ]
    assert steps["auth"].notes == ["The server offers LOGIN, PLAIN."]


def test_notices_that_the_server_does_not_offer_are_a_warning() -> None:
    with SmtpServer(features=()) as server:
        steps = probe(smtp_route(server.port, notices=Notices.NEVER))
    assert steps["sender"].state is WARNING
    assert steps["sender"].notes[0] == "The server names no limit for the size."
    assert "does not offer them (DSN)" in steps["sender"].notes[-1]


class TestTheChain:
    """N1: every certificate is shown, for a handshake that was verified and for one that was refused."""

    ROOT = certificates.authority()
    MIDDLE = ROOT.subordinate("Middle CA")

    def tls_step(self, server: SmtpServer, ca_pem: str) -> Step:
        route = smtp_route(server.port, security=Security.STARTTLS, tls=TlsSettings(ca_pem=ca_pem))
        return probe(route)["tls"]

    def test_n1_each_certificate_has_its_names_dates_key_and_fingerprint(self) -> None:
        identity = self.MIDDLE.issue("localhost", "127.0.0.1")
        whole = replace(identity, certificate=identity.certificate + self.MIDDLE.pem)
        with SmtpServer(identity=whole) as server:
            step = self.tls_step(server, self.ROOT.pem)
        details = dict(step.details)
        assert step.state is OK
        assert details["Protocol"] == "TLS 1.3"
        assert details["Name asked for"] == "localhost"
        assert details["Certificate 1 of 3"] == "localhost, issued by Middle CA"
        assert details["Certificate 1 of 3: names"] == "localhost, 127.0.0.1"
        assert details["Certificate 1 of 3: valid"].endswith("89 days left")
        assert details["Certificate 2 of 3: key"] == "EC secp256r1; signed by ECDSA with SHA256"
        assert len(details["Certificate 2 of 3: SHA-256"]) == 95
        assert details["Certificate 3 of 3"].endswith("issued by itself; known here, not sent by the server")

    def test_n1_a_chain_that_lacks_an_issuer_is_a_warning(self) -> None:
        with SmtpServer(identity=self.MIDDLE.issue("localhost")) as server:
            step = self.tls_step(server, self.ROOT.pem + self.MIDDLE.pem)
        assert step.state is WARNING
        assert "did not send the certificate of the issuer “Middle CA”" in step.notes[-1]

    def test_n1_an_issuer_that_ends_soon_is_a_warning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        identity = self.MIDDLE.issue("localhost", ends=timedelta(days=5000))
        whole = replace(identity, certificate=identity.certificate + self.MIDDLE.pem)
        monkeypatch.setattr(limits, "CERTIFICATE_WARNING_DAYS", 4000)
        with SmtpServer(identity=whole) as server:
            step = self.tls_step(server, self.ROOT.pem)
        assert step.state is WARNING
        assert "The certificate of the issuer “Middle CA”, which the server sends too, ends in" in step.notes[-1]

    def test_n1_a_refused_certificate_is_shown_with_why_and_what_was_asked_for(self) -> None:
        with SmtpServer(identity=certificates.wrong_name()) as server:
            step = failed_step(smtp_route(server.port, security=Security.STARTTLS))
        details = dict(step.details)
        assert details["Name asked for"] == "localhost"
        assert "Hostname mismatch" in details["Certificate refused"]
        assert details["Does a name of it fit?"] == "no; it is for mail.example.org, *.relay.example.org"
        assert details["Certificate 1 of 1: names"] == "mail.example.org, *.relay.example.org"

    def test_n1_an_unknown_issuer_that_was_not_sent_is_explained(self) -> None:
        with SmtpServer(identity=self.MIDDLE.issue("localhost")) as server:
            step = failed_step(smtp_route(server.port, security=Security.STARTTLS))
        assert step.code == "cert-unknown-issuer"
        assert "sent its own certificate alone. Unless “Middle CA” is a root" in step.notes[-1]
        assert dict(step.details)["Does a name of it fit?"] == "yes; it is for localhost"


def test_n1_the_offer_is_told_in_words_before_and_after_the_encryption() -> None:
    features = ("SIZE 35000000", "PIPELINING", "AUTH PLAIN LOGIN", "X-ODD one")
    with SmtpServer(identity=certificates.good(), features=features) as server:
        steps = probe(with_password(server.port, security=Security.STARTTLS))
    greeting, tls = dict(steps["greeting"].details), dict(steps["tls"].details)
    assert greeting["SIZE"].startswith("Up to 35 MB.")
    assert greeting["PIPELINING"].endswith("Used.")
    assert greeting["X-ODD"] == "one. Nothing is known of it here."
    assert tls["No longer offered"] == "STARTTLS"
    assert tls["Methods to sign in"] == "PLAIN LOGIN before encryption, PLAIN LOGIN after it"


def test_n1_what_is_offered_only_under_encryption_is_told_there() -> None:
    first = "250-fake.example.org\r\n250 STARTTLS"
    with SmtpServer({"EHLO": [first]}, identity=certificates.good(), features=("AUTH PLAIN",)) as server:
        tls = dict(probe(with_password(server.port, security=Security.STARTTLS))["tls"].details)
    assert tls["After encryption: AUTH"] == "PLAIN. Methods to sign in (RFC 4954). Used to sign in."
    assert tls["Methods to sign in"] == "none before encryption, PLAIN after it"


def test_n1_the_queue_id_is_told_and_that_the_inbox_is_not_proven() -> None:
    with SmtpServer({"DOT": ["250 2.0.0 Ok: queued as 4Xyz12AbCd"]}) as server:
        step = probe(smtp_route(server.port), recipient=RECIPIENT, mail=mail())["message"]
    assert step.details == [
        ["Answer of the server", "250 2.0.0 Ok: queued as 4Xyz12AbCd"],
        ["Queue ID, to find the message in that server's log", "4Xyz12AbCd"],
    ]
    assert step.notes == ["The server took the message; delivery to the inbox is not proven."]


def test_n1_the_steps_follow_one_another_without_gaps() -> None:
    with SmtpServer(identity=certificates.good()) as server:
        steps = [step for step in probe(smtp_route(server.port)).values() if step.seconds]
    ends = [step.offset + step.seconds for step in steps]
    assert steps[0].offset == 0
    assert all(step.offset >= end for step, end in zip(steps[1:], ends, strict=False))


class TestThroughAProxy:
    """S11: the leg to the proxy has a step of its own, and its failures are told apart from the server's."""

    @pytest.mark.parametrize("kind", ProxyKind)
    def test_s11_the_ladder_goes_through_it(self, kind: ProxyKind) -> None:
        with (
            SmtpServer(identity=certificates.good()) as server,
            FakeProxy(kind, {"localhost": server.port}, sign_in=True) as proxy,
        ):
            route = with_password(server.port, security=Security.STARTTLS, proxy=proxy.settings)
            steps = probe(route, recipient=RECIPIENT, mail=mail())
            assert server.messages == [CONTENT]
            assert proxy.asked == [("localhost", server.port)]
        assert list(steps)[:5] == ["settings", "dns", "proxy", "tunnel", "greeting"]
        assert (steps["dns"].state, steps["dns"].fact) == (NOT_RUN, "the proxy resolves the name")
        assert steps["proxy"].fact == f"Connected to the proxy {proxy.settings} at 127.0.0.1"
        assert steps["tunnel"].fact == f"The proxy leads to localhost, port {server.port}"
        assert f"through the proxy {proxy.settings}" in steps["settings"].fact
        assert states(steps) == [OK, NOT_RUN, *[OK] * 8]
        assert verdict(list(steps.values())).startswith("Everything works: the test message was accepted.")
        assert PROXY_PASSWORD not in str(steps)

    def test_s11_a_proxy_that_wants_another_password_fails_at_its_own_step(self) -> None:
        with SmtpServer() as server, FakeProxy(ProxyKind.HTTP, sign_in=True) as proxy:
            step = failed_step(smtp_route(server.port, proxy=proxy.anonymous))
            assert server.sessions == []
        assert (step.key, step.code) == ("proxy", "proxy-sign-in")

    @pytest.mark.parametrize(
        ("kind", "act"), [(ProxyKind.HTTP, "HTTP/1.1 502 Bad Gateway\r\n\r\n"), (ProxyKind.SOCKS5, "\x05\x05\x00\x01")]
    )
    def test_s11_a_server_that_the_proxy_does_not_reach_fails_at_the_second_leg(
        self, kind: ProxyKind, act: str
    ) -> None:
        with FakeProxy(kind, act=says(act.encode("latin-1"))) as proxy:
            steps = probe(smtp_route(587, host="mail.example.org", proxy=proxy.anonymous))
        assert (steps["proxy"].state, steps["tunnel"].state) == (OK, FAILED)
        assert steps["tunnel"].code == "proxy-target"
        assert steps["tunnel"].offset == steps["proxy"].offset + steps["proxy"].seconds

    def test_s11_a_proxy_that_is_not_there_fails_at_the_first_leg(self) -> None:
        with FakeProxy(ProxyKind.HTTP) as proxy:
            pass
        step = failed_step(smtp_route(587, host="mail.example.org", proxy=proxy.anonymous))
        assert (step.key, step.code) == ("proxy", "proxy-unreachable")

    def test_s11_a_missing_password_is_told_before_anything_is_dialled(self) -> None:
        with FakeProxy(ProxyKind.SOCKS5) as proxy:
            step = failed_step(smtp_route(25, proxy=replace(proxy.settings, password=None)))
            assert proxy.asked == []
        assert (step.key, step.fact) == ("settings", "The proxy password is missing.")

    def test_behind_a_proxy_no_encryption_is_a_warning_even_on_loopback(self) -> None:
        with SmtpServer() as server, FakeProxy(ProxyKind.SOCKS5) as proxy:
            steps = probe(smtp_route(server.port, proxy=proxy.anonymous))
        assert steps["tunnel"].state is WARNING


class TestOurOwnCertificate:
    """P12: what we show to a server is described, and a bad one is told before anything is dialled."""

    def test_p12_it_is_described_at_the_settings(self) -> None:
        ours = certificates.authority().issue("relay-client")
        with SmtpServer(identity=certificates.good()) as server:
            steps = probe(smtp_route(server.port, security=Security.STARTTLS, client=ours.client))
        assert steps["settings"].state is OK
        assert "issued to relay-client for relay-client by Example Test CA" in steps["settings"].notes[0]

    def test_p12_one_that_ends_soon_is_a_warning(self) -> None:
        ours = certificates.authority().issue("relay-client", ends=timedelta(days=2))
        with SmtpServer(identity=certificates.good()) as server:
            steps = probe(smtp_route(server.port, security=Security.STARTTLS, client=ours.client))
        assert steps["settings"].state is WARNING
        assert "Our own certificate ends in 1 day. " in steps["settings"].notes[1]

    def test_p12_a_sign_in_without_a_word_is_not_told_as_one(self) -> None:
        """Python does not say whether a server asked for the certificate."""
        ours = certificates.authority().issue("relay-client")
        with SmtpServer(identity=certificates.good(), features=["8BITMIME"]) as server:
            route = smtp_route(server.port, security=Security.STARTTLS, auth=SmtpAuth.CERTIFICATE, client=ours.client)
            step = probe(route)["auth"]
        assert step.state is OK
        assert "Signed in" not in step.fact

    def test_p12_a_key_of_another_certificate_is_told_before_anything_is_dialled(self) -> None:
        ours, other = certificates.authority().issue("ours"), certificates.authority().issue("other")
        client = replace(ours.client, key=Secret(other.key))
        step = failed_step(smtp_route(25, security=Security.STARTTLS, client=client))
        assert (step.key, step.code) == ("settings", "client-certificate-bad")


def test_s16_a_certificate_that_its_issuer_withdrew_fails_at_tls() -> None:
    lists: list[bytes] = []
    with ScriptedServer(lambda exchange: answers(200, lists[0])(exchange), tls=False) as crl:
        identity = certificates.authority().issue(
            "localhost", points=[certificates.point(f"http://localhost:{crl.port}/ca.crl")]
        )
        lists.append(certificates.authority().revocation_list(identity))
        checked = TlsSettings(ca_pem=certificates.authority().pem, check_revocation=True)
        with SmtpServer(identity=identity) as server:
            step = failed_step(smtp_route(server.port, security=Security.STARTTLS, tls=checked))
    assert (step.key, step.code) == ("tls", "cert-revoked")
