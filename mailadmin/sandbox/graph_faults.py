"""The faults of Microsoft Graph to rehearse that a message meets: limits, unclear answers, refusals of its content.

Sources: learn.microsoft.com, "Microsoft Graph error responses" and "throttling"; where Microsoft does not say a
status, the likely one. The texts are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from mailadmin.core.texts import N_

from .faults import MESSAGE, REQUEST, GraphFault, refused

_LOAD, _UNCLEAR, _CONTENT = N_("Limits and load"), N_("No clear answer (maybe delivered)"), N_("The message")

_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

MESSAGE_FAULTS: Mapping[str, GraphFault] = {
    "429": GraphFault(
        _LOAD,
        N_("429: throttled, come back in 30 s"),
        N_("Refuses every request with Retry-After: 30."),
        REQUEST,
        429,
        "ApplicationThrottled",
        "Application is over its MailboxConcurrency limit.",
        {"Retry-After": "30"},
    ),
    "429-once": GraphFault(
        _LOAD,
        N_("429: throttled, come back in 1 s, then it works"),
        N_("Refuses every second request with Retry-After: 1. The second try works."),
        REQUEST,
        429,
        "ApplicationThrottled",
        "Application is over its MailboxConcurrency limit.",
        {"Retry-After": "1"},
        every=2,
    ),
    "202-slow-down": GraphFault(
        _LOAD,
        N_("202 with Retry-After: taken, but slow down"),
        N_("Takes every message and asks to wait 5 seconds before the next one. It must not be sent again."),
        MESSAGE,
        202,
        headers={"Retry-After": "5"},
        page="",
        taken=True,
    ),
    "503": GraphFault(
        _LOAD,
        N_("503: overloaded, come back in 5 s"),
        N_("Refuses every request with Retry-After: 5."),
        REQUEST,
        503,
        "ErrorServerBusy",
        "The server is too busy at the moment.",
        {"Retry-After": "5"},
    ),
    "503-once": GraphFault(
        _LOAD,
        N_("503: overloaded, then it works"),
        N_("Refuses every second request with Retry-After: 1. The second try works."),
        REQUEST,
        503,
        "serviceNotAvailable",
        "The service is not available at the moment.",
        {"Retry-After": "1"},
        every=2,
    ),
    "day-limit": refused(
        _LOAD,
        N_("429: over the recipients of the day"),
        MESSAGE,
        429,
        "ErrorExceededMessageLimit",
        "The mailbox wrote to too many recipients today.",
    ),
    "503-bare": GraphFault(
        _UNCLEAR,
        N_("503 without an error body or Retry-After"),
        N_("Answers every message with an empty HTTP 503 and keeps none."),
        MESSAGE,
        503,
        page="",
    ),
    "500": GraphFault(
        _UNCLEAR,
        N_("500: error within, not taken"),
        N_("Answers every message with HTTP 500 and keeps none."),
        MESSAGE,
        500,
        "ErrorInternalServerError",
        "An internal server error occurred.",
    ),
    "500-taken": GraphFault(
        _UNCLEAR,
        N_("500: error within, but taken"),
        N_("Takes every message and answers HTTP 500 all the same."),
        MESSAGE,
        500,
        "ErrorInternalServerError",
        "An internal server error occurred.",
        taken=True,
    ),
    "502": GraphFault(
        _UNCLEAR,
        N_("502: a gateway's HTML page"),
        N_("Answers every message with a page of a gateway in between and keeps none."),
        MESSAGE,
        502,
        page=_GATEWAY,
    ),
    "504": GraphFault(
        _UNCLEAR,
        N_("504: no clear answer (maybe delivered)"),
        N_("Answers every message with HTTP 504 and keeps none."),
        MESSAGE,
        504,
        "UnknownError",
        "",
    ),
    "504-taken": GraphFault(
        _UNCLEAR,
        N_("504: gateway time-out after it was taken"),
        N_("Takes every message and answers HTTP 504 all the same."),
        MESSAGE,
        504,
        "UnknownError",
        "",
        taken=True,
    ),
    "200": GraphFault(
        _UNCLEAR,
        N_("200 instead of 202: not taken"),
        N_("Answers every message with HTTP 200 and keeps none, as was reported of too large ones."),
        MESSAGE,
        200,
        page="",
    ),
    "timeout-after-data": GraphFault(
        _UNCLEAR,
        N_("Connection lost after the message (maybe delivered)"),
        N_("Takes every message and cuts the connection before the answer."),
        MESSAGE,
        taken=True,
    ),
    "cut": GraphFault(
        _UNCLEAR,
        N_("Connection lost, message not taken"),
        N_("Cuts the connection before the answer and keeps no message."),
        MESSAGE,
    ),
    "bad-recipient": refused(
        _CONTENT,
        N_("400: a recipient is not valid"),
        MESSAGE,
        400,
        "ErrorInvalidRecipients",
        "At least one recipient is not valid.",
    ),
    "bad-header": refused(
        _CONTENT,
        N_("400: header refused"),
        MESSAGE,
        400,
        "InvalidInternetMessageHeader",
        "The internet message header does not begin with 'x-'.",
    ),
    "bad-body": refused(
        _CONTENT,
        N_("400: request not understood"),
        MESSAGE,
        400,
        "RequestBodyRead",
        "A property of the request does not exist on the type 'microsoft.graph.message'.",
    ),
    "size": refused(
        _CONTENT,
        N_("413: over the mailbox's size limit"),
        MESSAGE,
        413,
        "ErrorMessageSizeExceeded",
        "The message is larger than the mailbox may send.",
    ),
    "request-size": refused(
        _CONTENT,
        N_("413: request too large"),
        MESSAGE,
        413,
        "BadRequest",
        "The maximum request length was exceeded.",
    ),
}
