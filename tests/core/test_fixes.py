"""Fixes (N2): which changes of settings are offered for a failure, and what none of them may ever do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import clouds, limits
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.fixes import Fix, Target, propose
from mailadmin.core.fixes.names import registered_domain, same_domain
from mailadmin.core.knowledge import explain
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    AddressFamily,
    Credential,
    CredentialKind,
    EntraApp,
    OAuthRoute,
    Proxy,
    ProxyKind,
    Rate,
    Route,
    RouteKey,
    RouteKind,
    Security,
    SenderPolicy,
    SenderRules,
    SessionRules,
    SmtpAuth,
    SmtpRoute,
    TlsSettings,
    TlsVersion,
)
from tests.core.failures import FAILURES
from tests.core.failures.make import OFFICE, entra, graph, line, ours, smtp

SECRET = "pass-wörd-91"  # a canary
SMTP = SmtpRoute(
    RouteKey(RouteKind.SMTP, ""),
    "Relay",
    host="smtp.example.org",
    auth=SmtpAuth.PASSWORD,
    user="anna@example.org",
    password=Secret(SECRET),
    sender=SenderRules("shop@example.org", policy=SenderPolicy.WHEN_MISSING),
)
APP = EntraApp(
    "",
    "Tenant",
    clouds.cloud(clouds.GLOBAL),
    "contoso.example",
    "3c1d22aa-86f1-41af-91ab-2d7cd011db47",
    Credential(secret=Secret(SECRET)),
)
GRAPH = OAuthRoute(RouteKey(RouteKind.OAUTH, ""), "Office", app=APP, identity="anna@contoso.example")


def fixes(fault: Fault, subject: Route | EntraApp) -> list[Fix]:
    return propose(fault, explain(fault).id, subject)


def first(fault: Fault, subject: Route | EntraApp) -> Fix:
    return fixes(fault, subject)[0]


def smtp_with(port: int, security: Security, **more) -> SmtpRoute:
    return replace(SMTP, port=port, security=security, **more)


# -- How the server is reached ---------------------------------------------------------------------------

STARTTLS, TLS = Security.STARTTLS, Security.TLS
WAYS = {
    "STARTTLS on 465": (Kind.TLS_EXPECTED, Phase.GREETING, 465, STARTTLS, ("465", "tls")),
    "STARTTLS on 465, and the server closes": (Kind.CLOSED, Phase.GREETING, 465, STARTTLS, ("465", "tls")),
    "STARTTLS on 465, and the server waits": (Kind.TIMEOUT, Phase.GREETING, 465, STARTTLS, ("465", "tls")),
    "no encryption on 465": (Kind.TLS_EXPECTED, Phase.GREETING, 465, Security.NONE, ("465", "tls")),
    "STARTTLS on an odd port that speaks TLS": (Kind.TLS_EXPECTED, Phase.GREETING, 2465, STARTTLS, ("2465", "tls")),
    "TLS from the start on 587": (Kind.PLAIN_EXPECTED, Phase.TLS, 587, TLS, ("587", "starttls")),
    "TLS from the start on 25": (Kind.PLAIN_EXPECTED, Phase.TLS, 25, TLS, ("25", "starttls")),
    "TLS from the start on an odd port": (Kind.PLAIN_EXPECTED, Phase.TLS, 2525, TLS, ("2525", "starttls")),
    "no STARTTLS on 587": (Kind.STARTTLS_MISSING, Phase.TLS, 587, STARTTLS, ("465", "tls")),
    "no STARTTLS on 25": (Kind.STARTTLS_MISSING, Phase.TLS, 25, STARTTLS, ("587", "starttls")),
    "STARTTLS refused": (Kind.STARTTLS_REFUSED, Phase.TLS, 587, STARTTLS, ("465", "tls")),
    "port 25 is blocked": (Kind.TCP_TIMEOUT, Phase.TCP, 25, STARTTLS, ("587", "starttls")),
    "port 25 is refused": (Kind.TCP_REFUSED, Phase.TCP, 25, Security.NONE, ("587", "starttls")),
    "port 465 is blocked": (Kind.TCP_TIMEOUT, Phase.TCP, 465, TLS, ("587", "starttls")),
    "port 587 is blocked": (Kind.TCP_TIMEOUT, Phase.TCP, 587, STARTTLS, ("465", "tls")),
    "the port of IMAP": (Kind.NOT_SMTP, Phase.GREETING, 143, STARTTLS, ("587", "starttls")),
    "a port that the policy forbids": (Kind.PORT_REFUSED, Phase.TCP, 8025, STARTTLS, ("587", "starttls")),
    "a port that the proxy cannot reach": (Kind.PROXY_TARGET, Phase.PROXY, 26, STARTTLS, ("587", "starttls")),
}


@pytest.mark.parametrize("case", WAYS)
def test_n2_port_and_security_are_brought_together(case):
    """N2: in every direction, and never to a connection without encryption."""
    kind, phase, port, security, expected = WAYS[case]
    found = first(line(kind, phase, port=port), smtp_with(port, security))
    assert (found.changes["port"], found.changes["security"]) == expected
    assert expected[0] in found.title
    assert found.why.endswith(".")


def test_a_provider_s_own_ports_are_offered():
    """iCloud has no port 465, and Yahoo's best one is 465."""
    route = smtp_with(25, STARTTLS, host="smtp.mail.me.com")
    assert [fix.changes["port"] for fix in fixes(line(Kind.TCP_TIMEOUT), route)] == ["587"]
    route = smtp_with(25, STARTTLS, host="smtp.mail.yahoo.com")
    assert [fix.changes["port"] for fix in fixes(line(Kind.TCP_TIMEOUT), route)] == ["465", "587"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("smtp.gmail.co", "smtp.gmail.com"),
        ("smtp.gmial.com", "smtp.gmail.com"),
        ("stmp.office365.com", "smtp.office365.com"),
        ("smtp.ofice365.com", "smtp.office365.com"),
        ("smtp.sendgird.net", "smtp.sendgrid.net"),
    ],
)
def test_a_slip_in_a_provider_s_host_is_put_right(typed, meant):
    assert first(line(Kind.DNS_NOT_FOUND, Phase.DNS), replace(SMTP, host=typed)).changes["host"] == meant


def test_the_host_of_the_account_s_provider_is_offered_for_one_that_does_not_exist():
    route = replace(SMTP, host="mail.nowhere.example", user="anna@gmx.net")
    assert first(line(Kind.DNS_NOT_FOUND, Phase.DNS), route).changes["host"] == "mail.gmx.net"
    assert fixes(line(Kind.DNS_NOT_FOUND, Phase.DNS), replace(route, user="anna@example.org")) == []


def certificate(*names: str) -> Fault:
    return replace(line(Kind.CERT_WRONG_NAME, Phase.TLS), names=names)


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (("mail.example.org",), "mail.example.org"),
        (("*.example.org", "srv7.example.org"), "srv7.example.org"),
        (("evil.example.com", "mail.example.org"), "mail.example.org"),
        (("evil.example.com",), ""),
        (("*.example.org",), ""),
        (("192.0.2.7",), ""),
        (("example org",), ""),
        ((), ""),
    ],
)
def test_the_name_in_the_certificate_becomes_the_host_when_it_is_of_the_same_domain(names, host):
    found = fixes(certificate(*names), SMTP)
    assert [fix.changes for fix in found] == ([{"host": host}] if host else [])


def test_an_address_in_place_of_a_host_takes_the_name_in_the_account_s_domain():
    assert first(certificate("mail.example.org"), replace(SMTP, host="192.0.2.10")).changes == {
        "host": "mail.example.org"
    }
    assert fixes(certificate("mail.example.com"), replace(SMTP, host="192.0.2.10")) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("smtp.example.org", "mail.example.org", True),
        ("example.org", "mail.example.org", True),
        ("smtp.example.co.uk", "evil.co.uk", False),
        ("a.example.co.uk", "b.example.co.uk", True),
        ("a.com.au", "b.com.au", False),
        ("smtp.example.de", "mail.example.de", True),
        ("localhost", "localhost", False),
        ("192.0.2.1", "192.0.2.1", False),
        ("2001:db8::1", "2001:db8::1", False),
        ("org", "example.org", False),
    ],
)
def test_names_of_one_registered_domain_are_told_from_others(one, other, same):
    assert same_domain(one, other) is same
    assert registered_domain(one) == "" or one.endswith(registered_domain(one))


# -- Sign-in and sender ----------------------------------------------------------------------------------


def test_n2_a_user_name_without_its_domain_becomes_the_whole_address():
    """N2."""
    refused = smtp(Phase.AUTH, "535 5.7.8 Authentication credentials invalid")
    route = replace(SMTP, user="shop")
    assert first(refused, route).changes == {"user_name": "shop@example.org"}
    assert fixes(refused, replace(route, user="someone"))[0].focus == "secret"  # another person's account
    assert first(refused, replace(route, user="someone", host="smtp.gmail.com")).changes["user_name"]
    assert "user_name" not in first(refused, replace(route, user="DOM\\shop")).changes


def test_a_provider_with_one_user_name_for_everybody_gets_it():
    refused = smtp(Phase.AUTH, "535 Authentication failed: Bad username / password", "smtp.sendgrid.net")
    assert first(refused, replace(SMTP, host="smtp.sendgrid.net")).changes == {"user_name": "apikey"}


def test_n2_where_microsoft_takes_no_password_the_graph_twin_is_filled_in():
    """N2, N16."""
    off = smtp(Phase.AUTH, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", OFFICE)
    twin = first(off, replace(SMTP, label="shop", host=OFFICE))
    assert twin.target is Target.TWIN
    assert twin.changes == {"name": "Relay by Graph", "service_identity": "anna@example.org", "label": "shop"}
    token = replace(SMTP, auth=SmtpAuth.XOAUTH2, app=APP)
    assert all(fix.target is not Target.TWIN for fix in fixes(off, token))


def test_a_wrong_password_at_microsoft_is_typed_again_before_anything_else():
    wrong = smtp(Phase.AUTH, "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", OFFICE)
    assert [(fix.focus, fix.target) for fix in fixes(wrong, replace(SMTP, host=OFFICE))] == [
        ("secret", Target.ROUTE),
        ("", Target.TWIN),
    ]


def test_sign_in_over_an_open_line_asks_for_encryption():
    for fault in (
        line(Kind.CLEAR_TEXT_REFUSED, Phase.AUTH),
        smtp(Phase.AUTH, "538 5.7.11 Encryption required for requested authentication mechanism"),
        smtp(Phase.SENDER, "530 5.7.0 Must issue a STARTTLS command first"),
    ):
        assert first(fault, smtp_with(25, Security.NONE)).changes["security"] == "starttls"


def test_a_server_that_wants_a_sign_in_gets_one_and_never_in_clear_text():
    wants = smtp(Phase.SENDER, "530 5.7.0 Authentication required")
    found = first(wants, smtp_with(25, Security.NONE, auth=SmtpAuth.NONE, user=""))
    assert found.changes == {"auth": "password", "user_name": "shop@example.org", "security": "starttls"}
    assert found.focus == "secret"


def test_a_chosen_sign_in_method_gives_way_to_the_strongest_one():
    refused = smtp(Phase.AUTH, "504 5.5.4 Unrecognized authentication type")
    assert first(refused, replace(SMTP, mechanism="CRAM-MD5")).changes == {"mechanism": ""}
    assert first(refused, SMTP).changes == {"mechanism": "LOGIN"}
    assert fixes(refused, replace(SMTP, security=Security.STARTTLS_IF_OFFERED)) == []


DENIED = smtp(Phase.DATA, "554 5.2.252 SendAsDenied; anna not allowed to send as shop")


def test_n2_a_sender_that_is_not_allowed_gives_way_to_the_account():
    """N2."""
    assert first(DENIED, SMTP).changes == {"from_address": "anna@example.org", "sender_policy": "force"}
    assert [fix.focus for fix in fixes(DENIED, replace(SMTP, user="DOM\\anna"))] == ["from_address"]


def test_bounces_go_to_the_from_address_where_their_own_is_refused():
    route = replace(SMTP, sender=replace(SMTP.sender, envelope="bounces@example.org"))
    assert {"envelope_sender": ""} in [fix.changes for fix in fixes(DENIED, route)]


def test_the_provider_s_rule_for_senders_is_told():
    unverified = smtp(Phase.DATA, "550 The from address does not match a verified Sender Identity.")
    found = first(unverified, replace(SMTP, host="smtp.sendgrid.net", user="apikey"))
    assert found.focus == "from_address"
    assert "verified sender" in found.why


# -- Entra and Graph -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "app", "cloud"),
    [
        (entra("900439", "USGClientNotSupportedOnPublicEndpoint"), APP, clouds.GCC_HIGH),
        (entra("90002", "Tenant not found"), replace(APP, tenant="agency.onmicrosoft.us"), clouds.GCC_HIGH),
        (entra("90002", "Tenant not found"), replace(APP, tenant="firm.partner.onmschina.cn"), clouds.CHINA),
        (
            entra("90002", "Tenant not found"),
            replace(APP, tenant="firm.onmicrosoft.com", cloud=clouds.cloud(clouds.CHINA)),
            clouds.GLOBAL,
        ),
        (
            graph(401, "InvalidAuthenticationToken", "Invalid audience: https://graph.microsoft.us"),
            APP,
            clouds.GCC_HIGH,
        ),
    ],
)
def test_n2_the_right_cloud_is_chosen(fault, app, cloud):
    """N2: on the integrated service, whether it was tested itself or by its OAuth service."""
    assert first(fault, app).changes == {"cloud": cloud}
    assert {Target.SERVICE} == {fix.target for fix in fixes(fault, replace(GRAPH, app=app)) if "cloud" in fix.changes}


def test_a_custom_cloud_and_a_tenant_that_says_nothing_are_left_alone():
    custom = replace(APP, cloud=clouds.cloud(clouds.CUSTOM, authority_host="a.example", graph_host="g.example"))
    for app in (APP, custom):
        assert [fix.focus for fix in fixes(entra("90002", "Tenant not found"), app)] == ["tenant"]


@pytest.mark.parametrize("aadsts", ["70011", "1002012"])
def test_n2_a_typed_scope_gives_way_to_the_default(aadsts):
    """N2."""
    route = replace(GRAPH, scopes=("https://graph.microsoft.com/Mail.Send",))
    assert first(entra(aadsts, "The scope is not valid"), route) == Fix(
        "Use the default scope",
        "An empty field asks for everything that the app was granted on the Graph of its cloud.",
        {"scopes": ""},
    )
    assert fixes(entra(aadsts, "The scope is not valid"), GRAPH) == []


def test_a_client_secret_that_ended_is_typed_anew_with_its_new_last_day():
    found = first(entra("7000222", "The provided client secret keys are expired."), GRAPH)
    assert (found.target, found.focus, found.changes) == (
        Target.SERVICE,
        "secret credential_ends_on",
        {"credential_ends_on": ""},
    )
    by_certificate = replace(APP, credential=Credential(CredentialKind.CERTIFICATE, Secret(SECRET)))
    assert first(entra("700027", "Client assertion contains an invalid signature"), by_certificate).focus == "bundle"


def test_the_missing_facts_of_an_app_are_typed_in_by_a_person():
    for fault, focus in (
        (entra("50059", "No tenant-identifying information found"), "tenant"),
        (entra("700016", "Application was not found in the directory"), "client_id"),
        (graph(404, "ErrorInvalidUser", "The requested user is invalid."), "service_identity"),
    ):
        assert focus in [fix.focus for fix in fixes(fault, GRAPH)]


def test_a_send_as_address_that_is_refused_leaves_the_list():
    denied = graph(403, "ErrorSendAsDenied", "The user account does not have the right to send as that mailbox.")
    listed = replace(GRAPH, sender=SenderRules(send_as=("shop@contoso.example",)))
    assert first(denied, listed).changes == {"send_as": ""}
    many = replace(GRAPH, sender=SenderRules(send_as=("shop@contoso.example", "contoso.example")))
    assert first(denied, many).focus == "send_as"


def test_large_messages_and_the_pace_are_switched_where_they_are_the_cure():
    assert first(ours(Kind.LARGE_NOT_ALLOWED), GRAPH).changes == {"large_messages": "on"}
    assert first(ours(Kind.DRAFT_REFUSED), replace(GRAPH, large_messages=True)).changes == {"large_messages": ""}
    slow_down = graph(429, "ApplicationThrottled", "Application is over its limit.", retry_after=10)
    assert first(slow_down, replace(GRAPH, messages_per_minute=0)).changes == {"messages_per_minute": "30"}
    assert fixes(slow_down, GRAPH) == []
    rated = smtp(Phase.SENDER, "450 4.7.1 Too many messages from you, rate limited; slow down")
    assert [fix.changes for fix in propose(rated, "rate-limited", SMTP)] == [
        {"rate_messages": "30", "rate_seconds": "60"}
    ]


def test_a_token_goes_to_no_new_host_for_the_asking():
    token = replace(SMTP, auth=SmtpAuth.XOAUTH2, app=APP, password=None)
    refused = line(Kind.TOKEN_HOST_REFUSED, Phase.AUTH)
    assert [fix.changes for fix in fixes(refused, token)] == [{"host": "smtp.office365.com"}]
    found = first(refused, replace(token, host="smtp.office365.us"))
    assert (found.target, set(found.changes)) == (Target.SERVICE, {"cloud"})


# -- What no fix may do ----------------------------------------------------------------------------------

ALL = [fault for found in FAILURES.values() for fault in (found if isinstance(found, list) else [found])]
HOSTS = ("smtp.example.org", "smtp.office365.com", "smtp.gmail.com", "smtp.sendgrid.net", "192.0.2.7", "smtp.gmail.co")
smtp_routes = st.builds(
    SmtpRoute,
    key=st.just(RouteKey(RouteKind.SMTP, "")),
    name=st.sampled_from(["Relay", "x" * 80, ""]),
    host=st.sampled_from(HOSTS),
    port=st.sampled_from([None, 25, 465, 587, 2525, 993]),
    security=st.sampled_from(Security),
    tls=st.builds(TlsSettings, minimum=st.sampled_from(TlsVersion)),
    auth=st.sampled_from(SmtpAuth),
    mechanism=st.sampled_from(["", "CRAM-MD5"]),
    user=st.sampled_from(["", "anna", "anna@example.org", "DOM\\anna"]),
    password=st.just(Secret(SECRET)),
    app=st.sampled_from([None, APP]),
    sender=st.builds(
        SenderRules,
        address=st.sampled_from(["", "anna@example.org", "shop@example.org"]),
        policy=st.sampled_from(SenderPolicy),
        envelope=st.sampled_from(["", "bounces@example.org"]),
    ),
    proxy=st.sampled_from([None, Proxy(ProxyKind.HTTP, "proxy.example.org", 8080, "anna", Secret(SECRET))]),
    family=st.sampled_from(AddressFamily),
    sessions=st.builds(SessionRules, parallel=st.sampled_from([1, 4])),
    rate=st.builds(Rate, messages=st.sampled_from([0, 1, 30])),
)
oauth_routes = st.builds(
    OAuthRoute,
    key=st.just(RouteKey(RouteKind.OAUTH, "")),
    name=st.just("Office"),
    app=st.builds(
        replace,
        st.just(APP),
        tenant=st.sampled_from(["", "common", "contoso.example", "agency.onmicrosoft.us"]),
        client_id=st.sampled_from(["", APP.client_id]),
        credential=st.builds(Credential, kind=st.sampled_from(CredentialKind), secret=st.just(Secret(SECRET))),
    ),
    identity=st.sampled_from(["", "anna@contoso.example"]),
    scopes=st.sampled_from([(), ("https://graph.microsoft.com/.default",)]),
    sender=st.builds(SenderRules, send_as=st.sampled_from([(), ("a@b.example",), ("a@b.example", "c.example")])),
    large_messages=st.booleans(),
    messages_per_minute=st.sampled_from([0, 10, 30, 100]),
)
# What would weaken a check, or let a secret go elsewhere, without a person who thinks of it.
NEVER_CHANGED = {
    *("check_identity", "trusted_hosts", "ca_pem", "check_revocation", "clear_text_confirmed"),
    *("mail_hosts", "authority_host", "graph_host", "wide_permission_ok", "account_kind"),
    *("proxy_kind", "proxy_host", "proxy_port", "proxy_user", "enabled"),
}
STRENGTH = (Security.NONE, Security.STARTTLS_IF_OFFERED, Security.STARTTLS, Security.TLS)


@given(st.sampled_from(ALL), st.one_of(smtp_routes, oauth_routes, oauth_routes.map(lambda route: route.app)))
def test_no_fix_holds_a_secret_gives_up_a_check_or_changes_nothing(fault, subject):
    fault = replace(fault, names=("mail.example.org", "evil.example.com"))
    found = fixes(fault, subject)
    assert len(found) <= limits.FIXES
    for fix in found:
        assert SECRET not in repr(fix.as_data())
        assert not NEVER_CHANGED.intersection(fix.changes)
        assert fix.changes or fix.focus
        assert fix.title and not fix.title.endswith(".")
        assert fix.why.endswith(".")
        assert all(isinstance(value, str) for value in fix.changes.values())
        assert Fix.from_data(fix.as_data()) == fix
        if isinstance(subject, SmtpRoute):
            _keeps_encryption(fix, subject)


def _keeps_encryption(fix: Fix, route: SmtpRoute) -> None:
    if "security" in fix.changes:
        wanted = Security(fix.changes["security"])
        assert wanted in (Security.STARTTLS, Security.TLS)
        assert STRENGTH.index(wanted) >= min(STRENGTH.index(route.security), 2)
    if "tls_minimum" in fix.changes:
        assert "TLS 1.2" in fix.title  # the one demand that is lowered, and never below what is sound
    if fix.target is Target.ROUTE and "security" in fix.changes and "port" in fix.changes and "host" not in fix.changes:
        assert (fix.changes["security"], fix.changes["port"]) != (route.security, str(route.effective_port))


def test_every_target_is_kept_through_json():
    for target in Target:
        fix = Fix("Do it", "It helps.", {"port": ""}, target, "secret")
        assert Fix.from_data(fix.as_data()) == fix
