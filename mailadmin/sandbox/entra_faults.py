"""The faults of the sign-in host to rehearse.

Source: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes"; the texts are ours.
While Entra refuses the app for good, the simulated Graph refuses the tokens of before, so that it is noticed at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from mailadmin.core.texts import N_

from .faults import TOKEN, GraphFault

_CREDENTIAL, _APP, _POLICY = (
    N_("Sign-in: the credential"),
    N_("Sign-in: app and tenant"),
    N_("Sign-in: policy and load"),
)
_HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome to the guest network</h1></body>"


def _refused(group: str, number: int, what: str, text: str, error: str, status: int = 400) -> GraphFault:
    """Return the fault that answers a request for a token with AADSTS `number`."""
    does = N_("Refuses every request for a token with AADSTS{aadsts} ({code}, HTTP {status}).")
    return GraphFault(group, what, does, TOKEN, status, error, text, aadsts=number)


def _client(number: int, what: str, text: str) -> GraphFault:
    return _refused(_CREDENTIAL, number, what, text, "invalid_client", 401)


ENTRA_FAULTS: Mapping[str, GraphFault] = {
    "secret-expired": _client(
        7000222, N_("client secret expired"), "The provided client secret keys for the app are expired."
    ),
    "aadsts-7000215": _client(
        7000215, N_("client secret is wrong"), "Invalid client secret provided. Send the secret's value, not its ID."
    ),
    "aadsts-7000218": _client(
        7000218, N_("no credential sent"), "The body must contain 'client_assertion' or 'client_secret'."
    ),
    "aadsts-700027": _client(
        700027,
        N_("certificate is not known, or has ended"),
        "The certificate of the assertion is not registered. [Reason - The key was not found.]",
    ),
    "aadsts-700024": _client(
        700024, N_("assertion out of its time (clock)"), "The assertion is not within its valid time range."
    ),
    "aadsts-700023": _client(
        700023, N_("assertion for another sign-in host"), "The audience of the assertion is not this sign-in host."
    ),
    "aadsts-70021": _refused(
        _CREDENTIAL,
        70021,
        N_("federated credential does not match"),
        "No federated identity record matches the subject and the issuer of the assertion.",
        "invalid_request",
    ),
    "aadsts-700016": _refused(
        _APP,
        700016,
        N_("app is not known in the tenant"),
        "The application was not found in the directory.",
        "unauthorized_client",
    ),
    "aadsts-7000112": _refused(
        _APP, 7000112, N_("app is switched off"), "The application is disabled.", "unauthorized_client"
    ),
    "aadsts-90002": _refused(_APP, 90002, N_("tenant is not known"), "The tenant was not found.", "invalid_request"),
    "aadsts-900023": _refused(
        _APP,
        900023,
        N_("tenant is neither ID nor domain"),
        "The tenant is neither a directory ID nor a domain.",
        "invalid_request",
    ),
    "aadsts-50059": _refused(
        _APP, 50059, N_("no tenant named"), "No tenant was named in the request.", "invalid_request"
    ),
    "aadsts-50194": _refused(
        _APP,
        50194,
        N_("app is not for many tenants"),
        "The application has one tenant; /common is not supported.",
        "invalid_request",
    ),
    "aadsts-900144": _refused(
        _APP, 900144, N_("request lacks a parameter"), "The body must contain the parameter 'scope'.", "invalid_request"
    ),
    "aadsts-1002012": _refused(
        _APP,
        1002012,
        N_("scope is not /.default"),
        "The scope is not valid; it must end with /.default.",
        "invalid_scope",
    ),
    "aadsts-70011": _refused(_APP, 70011, N_("scope is not valid"), "The scope is not valid.", "invalid_scope"),
    "aadsts-500011": _refused(
        _APP,
        500011,
        N_("resource is not in the tenant"),
        "The resource of the scope was not found in the tenant.",
        "invalid_resource",
    ),
    "aadsts-65001": _refused(
        _APP, 65001, N_("no consent"), "The administrator has not consented to use the application.", "invalid_grant"
    ),
    "aadsts-53003": _refused(
        _POLICY,
        53003,
        N_("blocked by Conditional Access"),
        "Access has been blocked by Conditional Access policies.",
        "access_denied",
    ),
    "aadsts-50034": _refused(
        _POLICY, 50034, N_("user account is not known"), "The user account does not exist here.", "invalid_grant"
    ),
    "aadsts-50196": _refused(
        _POLICY, 50196, N_("asked too often (loop)"), "The application is in a loop of requests.", "invalid_grant"
    ),
    "aadsts-90033": _refused(
        _POLICY,
        90033,
        N_("Entra is not available for now"),
        "A transient error has occurred. Please try again.",
        "temporarily_unavailable",
        503,
    ),
    "aadsts-90006": _refused(
        _POLICY,
        90006,
        N_("Entra is not reachable within"),
        "The service is not reachable.",
        "temporarily_unavailable",
        503,
    ),
    "aadsts-50033": _refused(
        _POLICY, 50033, N_("Entra cannot answer for now"), "A retryable error occurred.", "temporarily_unavailable", 503
    ),
    "aadsts-90055": _refused(
        _POLICY,
        90055,
        N_("Entra has too many requests"),
        "There were too many requests.",
        "temporarily_unavailable",
        429,
    ),
    "token-503": GraphFault(
        _POLICY,
        N_("503: Entra is down, no error body"),
        N_("Answers every request for a token with an empty HTTP 503."),
        TOKEN,
        503,
        page="",
    ),
    "token-page": GraphFault(
        _POLICY,
        N_("A sign-in page of the network instead of Entra"),
        N_("Answers every request for a token with an HTML page, as a guest network does."),
        TOKEN,
        200,
        page=_HTML,
    ),
    "token-cut": GraphFault(
        _POLICY,
        N_("Connection lost while asking for a token"),
        N_("Cuts every request for a token without an answer."),
        TOKEN,
    ),
}
