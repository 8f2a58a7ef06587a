"""N1: the methods to sign in: offered, chosen and why, left and why."""

from __future__ import annotations

from typing import Any

from mailadmin.core.report import StepState
from mailadmin.core.settings import Security, SmtpAuth
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.recorder import Recorder
from mailadmin.probes.smtp import SMTP_PLAN, probe_smtp
from tests.fakes import certificates
from tests.fakes.smtp_routes import smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer


def methods(offered: str, script: dict[str, Any] | None = None, **changes: Any) -> dict[str, str]:
    features = (f"AUTH {offered}",) if offered else ()
    with SmtpServer(script, features=features) as server:
        steps = probe_smtp(
            with_password(server.port, **changes), Recorder(SMTP_PLAN), NetworkPolicy(), sender="anna@example.org"
        )
    step = next(step for step in steps if step.key == "auth")
    assert step.state in (StepState.OK, StepState.FAILED)
    return dict(step.details)


def test_n1_the_strongest_is_used_and_each_other_says_why_it_was_not() -> None:
    assert methods("LOGIN PLAIN XOAUTH2 GSSAPI EXTERNAL NTLM X-ODD") == {
        "We have": "a password",
        "PLAIN": "used: the strongest of those that are offered and can be used here",
        "LOGIN": "not tried: PLAIN comes first",
        "XOAUTH2": "not tried: it takes a token, and the settings have a password",
        "GSSAPI": "not tried: it takes a Kerberos ticket, and the settings have a password",
        "EXTERNAL": "not tried: it takes a client certificate, and the settings have a password",
        "NTLM": "not tried: it needs a Windows domain, and the settings name none",
        "X-ODD": "not tried: not known here",
    }


def test_one_that_the_settings_name_is_used_for_that() -> None:
    found = methods("LOGIN PLAIN", mechanism="LOGIN")
    assert found["LOGIN"] == "used: the settings name it"
    assert found["PLAIN"] == "not tried: the settings name LOGIN"


def test_one_that_was_refused_says_so_and_the_next_is_used() -> None:
    found = methods("CRAM-MD5 PLAIN", {"RESPONSE": ["535 5.7.8 no such hash"]})
    assert found["CRAM-MD5"] == "left: refused (535 5.7.8 no such hash)"
    assert found["PLAIN"].startswith("used")


def test_after_a_refused_password_no_other_is_tried_and_it_says_why() -> None:
    found = methods("PLAIN LOGIN", {"AUTH": ["535 5.7.8 wrong password"]})
    assert found["PLAIN"] == "left: refused (535 5.7.8 wrong password)"
    assert "counts against the account" in found["LOGIN"]


def test_a_server_that_offers_none_says_so() -> None:
    assert methods("")["Methods offered"] == "none"


def test_with_a_certificate_a_method_for_passwords_is_not_tried() -> None:
    with SmtpServer(identity=certificates.good(), features=["AUTH PLAIN"]) as server:
        ours = certificates.authority().issue("relay-client")
        route = smtp_route(server.port, security=Security.STARTTLS, auth=SmtpAuth.CERTIFICATE, client=ours.client)
        steps = probe_smtp(route, Recorder(SMTP_PLAN), NetworkPolicy(), sender="anna@example.org")
    assert steps[5].details == [
        ["We have", "a client certificate"],
        ["PLAIN", "not tried: it takes a password, and the settings have a client certificate"],
    ]
