"""Refusals of Microsoft: Exchange by SMTP, Entra and Graph."""

from __future__ import annotations

from mailadmin.core.fault import Fault, Kind, Phase

from .make import GRAPH, OFFICE, entra, graph, http, smtp

AUTH = Phase.AUTH
SENDER = Phase.SENDER
RECIPIENT = Phase.RECIPIENT
DATA = Phase.DATA

FAILURES: dict[str, Fault | list[Fault]] = {
    # Microsoft
    "microsoft-smtp-off-tenant": smtp(
        AUTH,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
        OFFICE,
    ),
    "microsoft-smtp-off-mailbox": smtp(
        AUTH,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
        OFFICE,
    ),
    "microsoft-security-defaults": smtp(
        AUTH,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults.",
        OFFICE,
    ),
    "microsoft-policy": smtp(
        AUTH,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated.",
        OFFICE,
    ),
    "microsoft-basic-disabled": [
        smtp(AUTH, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", OFFICE),
        smtp(AUTH, "550 5.7.30 Basic authentication is not supported for Client Submission.", OFFICE),
    ],
    "microsoft-credentials": smtp(
        AUTH, "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", OFFICE
    ),
    "microsoft-5-7-139": smtp(AUTH, "535 5.7.139 Authentication unsuccessful", OFFICE),
    "microsoft-5-7-3": smtp(
        AUTH, "535 5.7.3 Authentication unsuccessful [AM6PR0732BE0065.eurprd07.prod.outlook.com]", OFFICE
    ),
    "microsoft-not-authenticated": [
        smtp(SENDER, "530 5.7.57 Client not authenticated to send mail.", OFFICE),
        smtp(
            RECIPIENT, "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM", OFFICE
        ),
    ],
    "send-as-denied": [
        smtp(DATA, "554 5.2.252 SendAsDenied; ada@example.org not allowed to send as bob@example.org", OFFICE),
        smtp(DATA, "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", OFFICE),
        smtp(SENDER, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", OFFICE),
    ],
    "microsoft-sender-blocked": smtp(RECIPIENT, "550 5.1.8 Access denied, bad outbound sender", OFFICE),
    "microsoft-tenant-limit": [
        smtp(DATA, "550 5.7.705 Access denied, tenant has exceeded threshold", OFFICE),
        smtp(DATA, "550 5.7.708 Access denied, traffic not accepted from this IP", OFFICE),
    ],
    "daily-limit": [
        smtp(RECIPIENT, "550 5.4.5 Daily user sending limit exceeded. - gsmtp"),
        smtp(DATA, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", OFFICE),
        smtp(
            DATA,
            "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
            OFFICE,
        ),
    ],
    "microsoft-recipient-denied": smtp(RECIPIENT, "550 5.4.1 Recipient address rejected: Access denied", OFFICE),
    "microsoft-connector": smtp(
        RECIPIENT,
        "550 5.7.64 TenantAttribution; Relay Access Denied [VE1EUR01FT035.eop-EUR01.prod.outlook.com]",
        OFFICE,
    ),
    "microsoft-direct-send": smtp(
        DATA,
        "550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources",
        OFFICE,
    ),
    "microsoft-domain-unregistered": smtp(
        SENDER, "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains.", OFFICE
    ),
    "recipient-restricted": [
        smtp(RECIPIENT, "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", OFFICE),
        smtp(RECIPIENT, "550 5.7.124 RESOLVER.RST.SenderNotInAllowedSendersList", OFFICE),
    ],
    # the token
    "token-refused": entra("9999999", "Something new."),
    "token-unavailable": [http(Phase.TOKEN, Kind.HTTP_STATUS, status) for status in (429, 500, 503)],
    "token-http": http(Phase.TOKEN, Kind.HTTP_STATUS, 404),
    "token-answer": http(Phase.TOKEN, Kind.HTTP_ANSWER, 200),
    "entra-secret-wrong": entra(
        "7000215",
        "Invalid client secret provided.",
        401,
    ),
    "entra-secret-expired": entra("7000222", "The provided client secret keys are expired.", 401),
    "entra-secret-absent": entra(
        "7000218", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", 401
    ),
    "entra-certificate": entra(
        "700027",
        "The certificate with identifier used to sign the client assertion is not registered on application.",
        401,
    ),
    "entra-assertion-time": entra("700024", "Client assertion is not within its valid time range.", 401),
    "entra-app-unknown": [
        entra("700016", "Application with identifier 'x' was not found in the directory 'y'."),
        entra("7000229", "The client application is missing service principal in the tenant.", 401),
    ],
    "entra-app-disabled": entra("7000112", "Application 'x' is disabled."),
    "entra-tenant-unknown": entra("90002", "Tenant 'x' not found."),
    "entra-tenant-malformed": entra(
        "900023", "Specified tenant identifier 'x y' is neither a valid DNS name, nor a valid external domain."
    ),
    "entra-tenant-common": [
        entra("50059", "No tenant-identifying information found."),
        entra("50194", "Application is not configured as a multi-tenant application."),
    ],
    "entra-request": entra("900144", "The request body must contain the following parameter: 'scope'."),
    "entra-scope-not-default": entra("1002012", "The provided value for scope is not valid."),
    "entra-scope-invalid": entra("70011", "The provided value for the input parameter 'scope' isn't valid."),
    "entra-resource": entra("500011", "The resource principal named x was not found in the tenant."),
    "entra-consent": entra("65001", "The user or administrator has not consented to use the application."),
    "entra-conditional-access": entra("53003", "Access has been blocked by Conditional Access policies."),
    "entra-user-sign-in": [entra(code) for code in ("50034", "50126", "50053", "50076")],
    "entra-busy": [entra(code, status=503) for code in ("90033", "90006", "50033", "90055")],
    "entra-loop": entra("50196", "The server terminated an operation because it encountered a loop."),
    "entra-wrong-cloud": [
        entra("90038", "The specified tenant 'x' belongs to the National Cloud 'y'."),
        entra("900432", "Confidential Client is not supported in Cross Cloud request."),
    ],
    "entra-resource-disabled": entra("500014", "The service principal for resource 'x' is disabled."),
    "entra-not-assigned": entra("501051", "Application 'x' is not assigned to a role for the application 'y'."),
    "entra-public-client": entra(
        "700025", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.", 401
    ),
    "entra-network-denied": entra("500021", "Access to 'x' tenant is denied."),
    "entra-federated": entra("70021", "No matching federated identity record found for presented assertion."),
    # Graph
    "http-redirect": [http(Phase.GRAPH, Kind.HTTP_REDIRECT, 302), graph(302)],
    "http-status": graph(415),
    "http-answer": http(Phase.GRAPH, Kind.HTTP_ANSWER, 200),
    "http-blocked": http(Phase.GRAPH, Kind.HTTP_ANSWER, 403),
    "graph-2xx": graph(200),
    "graph-400": graph(400, "ErrorInvalidRequest", "Something is missing."),
    "graph-401": graph(401),
    "graph-403": graph(403),
    "graph-404": graph(404),
    "graph-5xx": [
        *(graph(status) for status in (500, 502, 503, 504)),
        graph(500, "ErrorInternalServerError"),
        graph(504, "UnknownError"),
    ],
    "graph-unsure": [
        Fault(Phase.GRAPH, kind, host=GRAPH, maybe_sent=True) for kind in (Kind.CLOSED, Kind.TIMEOUT, Kind.TLS_BROKEN)
    ],
    "graph-token-invalid": graph(
        401, "InvalidAuthenticationToken", "CompactToken parsing failed with error code: 80049217"
    ),
    "graph-token-time": graph(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    "graph-location": graph(
        401, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge with result: x."
    ),
    "graph-account-disabled": graph(403, "ErrorAccountDisabled", "The account is disabled."),
    "graph-tenant": [
        graph(404, "OrganizationFromTenantGuidNotFound", "The tenant for tenant guid 'x' does not exist."),
        graph(400, "BadRequest", "Tenant does not have a SPO license."),
    ],
    "graph-wrong-audience": graph(
        401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."
    ),
    "graph-no-permission": graph(401, "NoPermissionsInAccessToken", "The token contains no permissions."),
    "graph-access-denied": graph(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    "graph-mailbox-excluded": [
        graph(403, "ErrorAccessDenied", "Access to OData is disabled."),
        graph(
            403,
            "ErrorAccessDenied",
            "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
        ),
    ],
    "graph-directory-denied": graph(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    ),
    "graph-send-as-denied": graph(
        403,
        "ErrorSendAsDenied",
        "The user account does not have the right to send mail on behalf of this account.",
    ),
    "graph-mailbox-unknown": [
        graph(404, "ErrorInvalidUser", "The requested user 'x' is invalid."),
        graph(404, "ResourceNotFound"),
        graph(404, "Request_ResourceNotFound"),
    ],
    "graph-no-mailbox": graph(
        404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    ),
    "graph-item-gone": graph(404, "ErrorItemNotFound", "The specified object was not found in the store."),
    "graph-recipients": graph(
        400,
        "ErrorInvalidRecipients",
        "At least one recipient is not valid., A message can't be sent because it contains no recipients.",
    ),
    "graph-request": [graph(400, "ErrorMimeContentInvalidBase64String"), graph(415, "RequestBodyRead")],
    "graph-headers": graph(
        400, "InvalidInternetMessageHeader", "The internet message header name 'Foo' should start with 'x-' or 'X-'."
    ),
    "graph-request-too-large": [
        graph(413),
        graph(400, "BadRequest", "Maximum request length exceeded."),
    ],
    "graph-message-too-large": graph(413, "ErrorMessageSizeExceeded"),
    "graph-mailbox-full": [graph(413, "ErrorQuotaExceeded"), graph(507, "ErrorQuotaExceeded")],
    "graph-daily-limit": graph(429, "ErrorExceededMessageLimit"),
    "graph-mailbox-blocked": graph(403, "ErrorMessageSubmissionBlocked"),
    "graph-throttled": [
        graph(429, retry_after=30),
        graph(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", 10),
    ],
    "graph-busy": [
        graph(503, "ErrorServerBusy"),
        graph(503, "serviceNotAvailable"),
        graph(503, "SomethingElse"),
        graph(503, retry_after=20),
    ],
}
