"""Each code that Entra, Graph and Exchange are known to answer with is explained on the page of Test Connection.

N2: title, cause, remedy and owner of its entry stand there. The codes are those that Microsoft documents or people
have met; a new one is one more line here and an entry in the knowledge base.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.clouds import CLOUDS
from mailadmin.core.knowledge import Entry, entries
from mailadmin.core.settings import Route, RouteKey, RouteKind, Security, SmtpAuth
from tests.fakes import certificates
from tests.fakes.graph_server import Microsoft, Says, entra_error, graph_error, token_body
from tests.fakes.routes import entra_app, oauth_route
from tests.fakes.smtp_routes import smtp_route
from tests.fakes.smtp_server import SmtpServer

SENT_TO = "ben@example.net"
BY_ID: dict[str, Entry] = {entry.id: entry for entry in entries()}
_numbers = count()

ENTRA = [  # number, error, HTTP status, entry
    ("7000215", "invalid_client", 401, "entra-secret-wrong"),
    ("7000222", "invalid_client", 401, "entra-secret-expired"),
    ("7000218", "invalid_client", 401, "entra-secret-absent"),
    ("7000216", "invalid_client", 401, "entra-secret-absent"),
    ("700027", "invalid_client", 401, "entra-certificate"),
    ("700024", "invalid_client", 401, "entra-assertion-time"),
    ("700023", "invalid_client", 401, "entra-assertion-time"),
    ("700016", "unauthorized_client", 400, "entra-app-unknown"),
    ("7000229", "unauthorized_client", 401, "entra-app-unknown"),
    ("7000112", "unauthorized_client", 400, "entra-app-disabled"),
    ("90002", "invalid_request", 400, "entra-tenant-unknown"),
    ("900023", "invalid_request", 400, "entra-tenant-malformed"),
    ("50059", "invalid_request", 400, "entra-tenant-common"),
    ("50194", "invalid_request", 400, "entra-tenant-common"),
    ("900144", "invalid_request", 400, "entra-request"),
    ("1002012", "invalid_scope", 400, "entra-scope-not-default"),
    ("70011", "invalid_scope", 400, "entra-scope-invalid"),
    ("500011", "invalid_resource", 400, "entra-resource"),
    ("65001", "invalid_grant", 400, "entra-consent"),
    ("53003", "access_denied", 400, "entra-conditional-access"),
    ("530035", "access_denied", 400, "entra-conditional-access"),
    ("50034", "invalid_grant", 400, "entra-user-sign-in"),
    ("50126", "invalid_grant", 400, "entra-user-sign-in"),
    ("50053", "invalid_grant", 400, "entra-user-sign-in"),
    ("50076", "invalid_grant", 400, "entra-user-sign-in"),
    ("50079", "invalid_grant", 400, "entra-user-sign-in"),
    ("90033", "temporarily_unavailable", 503, "entra-busy"),
    ("90006", "temporarily_unavailable", 503, "entra-busy"),
    ("50033", "temporarily_unavailable", 503, "entra-busy"),
    ("90055", "temporarily_unavailable", 429, "entra-busy"),
    ("50196", "invalid_grant", 400, "entra-loop"),
    ("70021", "invalid_client", 400, "entra-federated"),
    ("700211", "invalid_client", 400, "entra-federated"),
    ("700212", "invalid_client", 400, "entra-federated"),
    ("700213", "invalid_client", 400, "entra-federated"),
    ("700025", "invalid_client", 401, "entra-public-client"),
    ("90038", "invalid_request", 400, "entra-wrong-cloud"),
    ("500014", "invalid_resource", 400, "entra-resource-disabled"),
    ("501051", "invalid_grant", 400, "entra-not-assigned"),
    ("500021", "access_denied", 400, "entra-network-denied"),
    ("9999999", "invalid_request", 400, "token-refused"),
]
GRAPH = [  # code, HTTP status, text, entry
    ("InvalidAuthenticationToken", 401, "CompactToken parsing failed.", "graph-token-invalid"),
    ("InvalidAuthenticationToken", 401, "Access token validation failure. Invalid audience.", "graph-wrong-audience"),
    ("NoPermissionsInAccessToken", 401, "The token contains no permissions.", "graph-no-permission"),
    ("ErrorAccessDenied", 403, "Access is denied. Check credentials and try again.", "graph-access-denied"),
    ("ErrorAccessDenied", 403, "Access to OData is disabled.", "graph-mailbox-excluded"),
    ("Authorization_RequestDenied", 403, "Insufficient privileges.", "graph-directory-denied"),
    ("ErrorSendAsDenied", 403, "The user account does not have the right to send mail.", "graph-send-as-denied"),
    ("ErrorMessageSubmissionBlocked", 403, "The mailbox is blocked.", "graph-mailbox-blocked"),
    ("ErrorInvalidUser", 404, "The requested user is invalid.", "graph-mailbox-unknown"),
    ("ResourceNotFound", 404, "Resource could not be discovered.", "graph-mailbox-unknown"),
    ("Request_ResourceNotFound", 404, "Resource does not exist.", "graph-mailbox-unknown"),
    ("MailboxNotEnabledForRESTAPI", 404, "The mailbox is inactive or on-premise.", "graph-no-mailbox"),
    ("MailboxNotSupportedForRESTAPI", 404, "The mailbox is not supported.", "graph-no-mailbox"),
    ("RequestBodyRead", 400, "The property 'x' does not exist.", "graph-request"),
    ("UnableToDeserializePostBody", 400, "Were unable to deserialize the body.", "graph-request"),
    ("BadRequest", 400, "Write requests must contain the Content-Type header.", "graph-request"),
    ("ErrorMimeContentInvalidBase64String", 400, "Invalid base64 string for MIME content.", "graph-request"),
    ("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", 400, "The size is less than 3 MB.", "graph-request"),
    ("InvalidInternetMessageHeader", 400, "The name 'Foo' should start with 'x-'.", "graph-headers"),
    ("InvalidInternetMessageHeaderCollection", 400, "Maximum number of headers exceeded.", "graph-headers"),
    ("BadRequest", 400, "Maximum request length exceeded.", "graph-request-too-large"),
    ("BadRequest", 413, "Maximum request length exceeded.", "graph-request-too-large"),
    ("BadRequest", 413, "No.", "graph-request-too-large"),
    ("ErrorMessageSizeExceeded", 413, "The message exceeds the maximum size.", "graph-message-too-large"),
    ("ErrorQuotaExceeded", 413, "The mailbox is full.", "graph-mailbox-full"),
    ("ErrorQuotaExceeded", 507, "The mailbox is full.", "graph-mailbox-full"),
    ("ErrorExceededMessageLimit", 429, "The daily limit is reached.", "graph-daily-limit"),
    ("ApplicationThrottled", 429, "Application is over its MailboxConcurrency limit.", "graph-throttled"),
    ("ErrorServerBusy", 503, "The server cannot service this request right now.", "graph-busy"),
    ("serviceNotAvailable", 503, "The service is temporarily unavailable.", "graph-busy"),
    ("InvalidAuthenticationToken", 401, "Lifetime validation failed, the token is expired.", "graph-token-time"),
    ("InvalidAuthenticationToken", 401, "Continuous access evaluation resulted in challenge.", "graph-location"),
    ("ErrorAccountDisabled", 403, "The account is disabled.", "graph-account-disabled"),
    ("OrganizationFromTenantGuidNotFound", 404, "The tenant for tenant guid 'x' does not exist.", "graph-tenant"),
    ("SomethingNew", 400, "Nobody knows.", "graph-400"),
    ("SomethingNew", 403, "Nobody knows.", "graph-403"),
    ("SomethingNew", 404, "Nobody knows.", "graph-404"),
    ("ErrorInvalidRecipients", 400, "At least one recipient is not valid: ben@example.net", "graph-recipients"),
    # after these the message may have been sent
    ("ErrorInternalServerError", 500, "An internal server error occurred.", "graph-5xx"),
    ("UnknownError", 504, "The gateway waited too long.", "graph-5xx"),
    ("ErrorItemNotFound", 404, "The specified object was not found in the store.", "graph-item-gone"),
    ("SomethingNew", 500, "Nobody knows.", "graph-5xx"),
    ("", 502, "", "graph-5xx"),
    ("", 502, "<html>Bad Gateway</html>", "http-answer"),
    ("", 200, "", "graph-2xx"),
]
ABOUT_THE_MAILBOX = [row for row in GRAPH if row[1] in (401, 403, 404) and row[3] != "graph-item-gone"]
NOBODY = Says(400, graph_error("ErrorInvalidRecipients", "A message can't be sent because it has no recipients."))
EXCHANGE = [  # reply to XOAUTH2, entry
    ("535 5.7.3 Authentication unsuccessful [AM6PR0732BE0065.eurprd07.prod.outlook.com]", "microsoft-5-7-3"),
    ("535 5.7.139 Authentication unsuccessful [AM6PR0732BE0065.eurprd07.prod.outlook.com]", "microsoft-5-7-139"),
    (
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
        "Visit https://aka.ms/smtp_auth_disabled for more information.",
        "microsoft-smtp-off-tenant",
    ),
    (
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. "
        "Visit https://aka.ms/smtp_auth_disabled for more information.",
        "microsoft-smtp-off-mailbox",
    ),
    (
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated",
        "microsoft-policy",
    ),
    (
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy",
        "microsoft-security-defaults",
    ),
]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy sign-in host is asked again after a pause, which no test has to wait for."""
    monkeypatch.setattr(limits, "TOKEN_PAUSE_SECONDS", 0)


def route_to(peer: Microsoft) -> Route:
    # A mailbox of its own: a pause that Graph asked for holds for the mailbox.
    route = oauth_route(entra_app(peer.host, peer.ca_pem), identity=f"robot-{next(_numbers)}@example.org")
    return replace(route, key=RouteKey(RouteKind.OAUTH, ""))


def page_of(client: Client, route: Route, recipient: str = "") -> str:
    """Return the page of a finished test of `route`."""
    test = testruns.run_now(route, recipient=recipient)
    assert test.state == "failed", test.verdict
    response = client.get(reverse("mailadmin:test", args=[test.pk]))
    assert response.status_code == 200
    return response.content.decode()


def assert_explained(page: str, entry: Entry, code: str, **known: Any) -> None:
    """Every text of `entry` must stand on the page, filled in."""
    words = {"code": code, "host": "localhost", "recipient": "the recipient", **known}
    for text in (entry.title, entry.cause, *entry.remedy, entry.owner.label):
        assert escape(text.format_map(words)) in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("number", "error", "status", "entry"), ENTRA)
def test_n2_each_code_of_entra(operator_client: Client, number: str, error: str, status: int, entry: str) -> None:
    with Microsoft(Says(202), tokens=(Says(status, entra_error(int(number), error)),)) as peer:
        page = page_of(operator_client, route_to(peer))
        assert not peer.asked("graph")
    assert_explained(page, BY_ID[entry], f"AADSTS{number}")
    assert f"AADSTS{number}" in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("code", "status", "text", "entry"), GRAPH)
def test_n2_each_code_of_graph_about_a_message(
    operator_client: Client, code: str, status: int, text: str, entry: str
) -> None:
    body = graph_error(code, text) if code else text.encode()
    pause = {"Retry_After": "120"} if status in (429, 503) else {}
    with Microsoft(NOBODY, Says(status, body, pause)) as peer:
        page = page_of(operator_client, route_to(peer), SENT_TO)
    assert_explained(page, BY_ID[entry], code or f"HTTP {status}")
    assert not code or escape(text) in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("code", "status", "text", "entry"), ABOUT_THE_MAILBOX)
def test_n2_each_code_of_graph_about_the_mailbox(
    operator_client: Client, code: str, status: int, text: str, entry: str
) -> None:
    with Microsoft(Says(status, graph_error(code, text))) as peer:
        page = page_of(operator_client, route_to(peer))
    assert_explained(page, BY_ID[entry], code)
    assert escape(text) in page


# -- XOAUTH2 by SMTP ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("reply", "entry"), EXCHANGE)
def test_s8_the_refusals_of_exchange_are_told_apart(operator_client: Client, reply: str, entry: str) -> None:
    server = SmtpServer(
        {"AUTH": [reply, reply]}, features=("AUTH XOAUTH2",), identity=certificates.good(), implicit=True
    )
    with Microsoft(Says(202)) as entra, server:
        route = smtp_route(
            server.port,
            security=Security.TLS,
            auth=SmtpAuth.XOAUTH2,
            user="anna@example.org",
            app=entra_app(entra.host, entra.ca_pem),
        )
        page = page_of(operator_client, route)
    assert_explained(page, BY_ID[entry], " ".join(reply.split()[:2]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", CLOUDS)
def test_s8_the_token_for_smtp_is_asked_with_the_scope_of_its_cloud(operator_client: Client, name: str) -> None:
    server = SmtpServer(features=("AUTH XOAUTH2",), identity=certificates.good(), implicit=True)
    with Microsoft(Says(202), tokens=(Says(200, token_body("token-2")),)) as entra, server:
        cloud = replace(CLOUDS[name], authority_host=entra.host, mail_hosts=("localhost",), ca_pem=entra.ca_pem)
        app = entra_app(entra.host, entra.ca_pem, cloud=cloud)
        test = testruns.run_now(
            smtp_route(server.port, security=Security.TLS, auth=SmtpAuth.XOAUTH2, user="anna@example.org", app=app)
        )
        asked = {scope for one in entra.asked("token") for scope in parse_qs(one.body.decode())["scope"]}
    assert asked == {CLOUDS[name].smtp_scope}
    assert test.state in ("ok", "warning"), test.verdict


# -- The table itself --------------------------------------------------------------------------------------


def test_every_entry_about_entra_or_graph_is_shown_by_a_code_here() -> None:
    shown = {entry for *_, entry in ENTRA} | {entry for *_, entry in GRAPH}
    wanted = {
        entry.id
        for entry in entries()
        for match in entry.matches
        if match.aadsts or (match.graph and match.graph != ("*",))
    }
    assert wanted - shown == set()
