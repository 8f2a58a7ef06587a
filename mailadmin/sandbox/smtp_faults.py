"""The SMTP faults to rehearse: replies as Exchange Online gives them.

Sources: learn.microsoft.com, "Fix issues with printers, scanners, and LOB applications" and "Exchange Online limits".
"""

from __future__ import annotations

from collections.abc import Mapping

from mailadmin.core.texts import N_

from .faults import SmtpFault

_SIGN_IN, _ADDRESSES, _MESSAGE = N_("Sign-in"), N_("Sender and recipients"), N_("The message")

SMTP_FAULTS: Mapping[str, SmtpFault] = {
    "535": SmtpFault(
        _SIGN_IN,
        N_("535 5.7.139: sign-in is switched off"),
        N_("Refuses every sign-in: SMTP sign-in is switched off for the mailbox."),
        "auth",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
    ),
    "535-tenant": SmtpFault(
        _SIGN_IN,
        N_("535 5.7.139: sign-in is switched off for the tenant"),
        N_("Refuses every sign-in: SMTP sign-in is switched off for the whole tenant."),
        "auth",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
    ),
    "535-refused": SmtpFault(
        _SIGN_IN,
        N_("535 5.7.3: password or token refused"),
        N_("Refuses every sign-in, as for a wrong password or an app without access to the mailbox."),
        "auth",
        "535 5.7.3 Authentication unsuccessful",
    ),
    "550-basic": SmtpFault(
        _SIGN_IN,
        N_("550 5.7.30: passwords are not taken any more"),
        N_("Refuses every sign-in, as Microsoft does once password sign-in has ended."),
        "auth",
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
    ),
    "454": SmtpFault(
        _SIGN_IN,
        N_("454 4.7.0: sign-in fails for now"),
        N_("Refuses every sign-in for the moment."),
        "auth",
        "454 4.7.0 Temporary authentication failure",
    ),
    "550-sender": SmtpFault(
        _ADDRESSES,
        N_("550 5.7.60: sender refused at MAIL FROM"),
        N_("Refuses the sender before any recipient is named."),
        "sender",
        "550 5.7.60 Client does not have permissions to send as this sender",
    ),
    "send-as-denied": SmtpFault(
        _ADDRESSES,
        N_("554 5.2.252: may not send as this sender"),
        N_("Refuses the message after its content: the mailbox may not send as this sender."),
        "data",
        "554 5.2.252 SendAsDenied; the signed-in mailbox may not send as this sender.",
    ),
    "550-recipient": SmtpFault(
        _ADDRESSES,
        N_("550 5.1.1: no such recipient"),
        N_("Refuses every recipient."),
        "recipient",
        "550 5.1.1 The mailbox does not exist here.",
    ),
    "452": SmtpFault(
        _MESSAGE,
        N_("452 4.3.1: try again later"),
        N_("Refuses every message for the moment."),
        "data",
        "452 4.3.1 No room at the moment.",
    ),
    "432": SmtpFault(
        _MESSAGE,
        N_("432 4.3.2: too many connections at once"),
        N_("Refuses every message: the mailbox has more than three connections."),
        "data",
        "432 4.3.2 Concurrent connections limit exceeded.",
    ),
    "554-day": SmtpFault(
        _MESSAGE,
        N_("554 5.2.0: over the limit of the day"),
        N_("Refuses every message: the mailbox wrote to too many recipients today."),
        "data",
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; over the recipients of the day.",
    ),
    "554-full": SmtpFault(
        _MESSAGE,
        N_("554 5.2.2: sender's mailbox is full"),
        N_("Refuses every message: the mailbox that sends is full."),
        "data",
        "554 5.2.2 Mailbox full; the sender must make room.",
    ),
    "552-size": SmtpFault(
        _MESSAGE,
        N_("552 5.3.4: message too large"),
        N_("Refuses every message as too large."),
        "data",
        "552 5.3.4 Message size exceeds fixed maximum message size",
    ),
    "554-spam": SmtpFault(
        _MESSAGE,
        N_("554 5.7.1: refused as spam"),
        N_("Refuses every message for its content."),
        "data",
        "554 5.7.1 Message content rejected as spam",
    ),
    "timeout-after-data": SmtpFault(
        _MESSAGE,
        N_("Connection lost after the message (maybe delivered)"),
        N_("Takes every message and cuts the connection before the answer: nobody knows whether it arrived."),
        "data",
    ),
}
