"""The faults of Microsoft Graph to rehearse that a mailbox meets: permissions, its state, drafts and uploads.

Sources: learn.microsoft.com, "Limiting application permissions to specific mailboxes", "Attach large files to Outlook
messages"; where Microsoft does not say a status, the likely one. The texts are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from mailadmin.core.texts import N_

from .faults import ATTACHMENT, MESSAGE, RANGE, REQUEST, SEND, GraphFault, refused
from .tokens import READ, READ_WRITE
from .tokens import SEND as SEND_ROLE

_RIGHTS, _LARGE = N_("Permissions and mailbox"), N_("Large messages: draft and upload")

MAILBOX_FAULTS: Mapping[str, GraphFault] = {
    "403": refused(
        _RIGHTS, N_("403 ErrorAccessDenied: permission missing"), REQUEST, 403, "ErrorAccessDenied", "Access is denied."
    ),
    "access-policy": refused(
        _RIGHTS,
        N_("403 ErrorAccessDenied: mailbox is outside the app's scope"),
        REQUEST,
        403,
        "ErrorAccessDenied",
        "Access to OData is disabled: blocked by the application access policy of the tenant.",
    ),
    "401": refused(
        _RIGHTS,
        N_("401: token refused"),
        REQUEST,
        401,
        "InvalidAuthenticationToken",
        "Access token validation failure. Invalid audience.",
    ),
    "no-roles": GraphFault(
        _RIGHTS,
        N_("401: token without any permission (no consent)"),
        N_("Issues tokens without permissions, and refuses them: HTTP 401, NoPermissionsInAccessToken."),
        roles=(),
    ),
    "no-send": GraphFault(
        _RIGHTS,
        N_("403: Mail.Send is missing"),
        N_("Issues tokens that may read and draft, but not send."),
        roles=(READ_WRITE, READ),
    ),
    "no-read": GraphFault(
        _RIGHTS, N_("403: Mail.Read is missing"), N_("Issues tokens that may only send."), roles=(SEND_ROLE,)
    ),
    "scoped": GraphFault(
        _RIGHTS,
        N_("Works with Exchange RBAC alone (token without roles)"),
        N_("Issues tokens without permissions and allows everything, as when the app is scoped to its mailboxes."),
        roles=(),
        scoped=True,
    ),
    "send-as-denied": refused(
        _RIGHTS,
        N_("403 ErrorSendAsDenied: may not send as this sender"),
        MESSAGE,
        403,
        "ErrorSendAsDenied",
        "The mailbox may not send as this sender.",
    ),
    "send-as-other": GraphFault(
        _RIGHTS,
        N_("403 ErrorSendAsDenied: only when From is another address"),
        N_("Refuses messages whose From is not the mailbox itself; the others go."),
        MESSAGE,
        403,
        "ErrorSendAsDenied",
        "The mailbox may not send as this sender.",
        other_sender=True,
    ),
    "404": refused(
        _RIGHTS, N_("404: no such mailbox"), REQUEST, 404, "ErrorInvalidUser", "The requested user is invalid."
    ),
    "404-tenant": refused(
        _RIGHTS,
        N_("404: no such mailbox in this tenant"),
        REQUEST,
        404,
        "ResourceNotFound",
        "Resource could not be discovered.",
    ),
    "not-enabled": refused(
        _RIGHTS,
        N_("404: no Exchange Online mailbox"),
        REQUEST,
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premises.",
    ),
    "blocked": refused(
        _RIGHTS,
        N_("403: sender is blocked for spam"),
        MESSAGE,
        403,
        "ErrorMessageSubmissionBlocked",
        "The mailbox was blocked from sending because it sent spam.",
    ),
    "quota": refused(
        _RIGHTS,
        N_("507: sender's mailbox is full"),
        MESSAGE,
        507,
        "ErrorQuotaExceeded",
        "The mailbox has no room for the copy in Sent Items.",
    ),
    "no-read-write": GraphFault(
        _LARGE,
        N_("403: Mail.ReadWrite is missing"),
        N_("Issues tokens that may send and read, but not make drafts: small messages go, large ones do not."),
        roles=(SEND_ROLE, READ),
    ),
    "attachment-lost": GraphFault(
        _LARGE,
        N_("Answer to a small attachment lost"),
        N_("Takes each small attachment and cuts the connection, every second time. The second try works."),
        ATTACHMENT,
        taken=True,
        every=2,
    ),
    "range-lost": GraphFault(
        _LARGE,
        N_("Answer to a piece of a file lost"),
        N_("Takes the pieces of a file and cuts the connection at every second one: the upload must be resumed."),
        RANGE,
        taken=True,
        every=2,
    ),
    "range-503": GraphFault(
        _LARGE,
        N_("503 while a file is brought"),
        N_("Refuses every second piece of a file with Retry-After: 1."),
        RANGE,
        503,
        "serviceNotAvailable",
        "The service is not available at the moment.",
        {"Retry-After": "1"},
        every=2,
    ),
    "upload-expired": GraphFault(
        _LARGE,
        N_("404: upload address has expired"),
        N_("Refuses every piece of a file: its upload session is gone."),
        RANGE,
        404,
        "ErrorItemNotFound",
        "The upload session was not found or has expired.",
    ),
    "draft-send-lost": GraphFault(
        _LARGE,
        N_("Answer to the draft's /send lost (maybe delivered)"),
        N_("Sends each draft and cuts the connection before the answer."),
        SEND,
        taken=True,
    ),
    "draft-gone": GraphFault(
        _LARGE,
        N_("404: draft is gone at /send"),
        N_("Refuses to send any draft, as if it had been sent before."),
        SEND,
        404,
        "ErrorItemNotFound",
        "The specified object was not found in the store.",
    ),
}
