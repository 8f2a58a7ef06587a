"""What the form of an SMTP connection says at each field, and how each field is typed into."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from mailadmin.core import limits

from .base import ON_UNSURE, SecondsInput, certificates, textarea

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_SECONDS = ("connect_timeout", "command_timeout", "message_timeout", "final_timeout", "final_background_timeout")
_COUNTS = ("session_messages", "parallel", "rate_messages")

WIDGETS: dict[str, Any] = {
    "host": forms.TextInput(_PLAIN),
    "user_name": forms.TextInput(_PLAIN),
    "security": forms.RadioSelect,
    "auth": forms.RadioSelect,
    "trusted_hosts": textarea(),
    "ca_pem": certificates(),
    "client_certificate": certificates(),
    "only_for_senders": textarea(),
    "default_recipients": textarea(),
    **{name: SecondsInput({"inputmode": "decimal", "autocomplete": "off"}) for name in (*_SECONDS, "idle_seconds")},
    **{name: forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}) for name in _COUNTS},
}

LABELS = {
    "name": _("Name"),
    "security": _("Security"),
    "auth": _("Sign-in"),
    "integrated_service": _("Integrated service"),
    "enabled": _("Use this connection for sending"),
    "check_revocation": _("Check the certificate for revocation"),
    "mechanism": _("Sign-in method"),
    "family": _("Addresses of the server"),
    "keep_open": _("Keep the session open"),
    "idle_seconds": _("Close it when idle for (seconds)"),
    "session_messages": _("Close it after (messages)"),
    "parallel": _("Sessions at once, for a list"),
    "pipelining": _("Use PIPELINING where it is offered"),
    "chunking": _("Use CHUNKING where it is offered"),
    "rate_messages": _("At most (messages)"),
    "rate_seconds": _("In a"),
    "on_unsure": _("A queued message, after an unclear answer"),
    "notices": _("Ask for delivery notices"),
    "connect_timeout": _("To connect (seconds)"),
    "command_timeout": _("For a command (seconds)"),
    "message_timeout": _("For a whole message (seconds)"),
    "final_timeout": _("For the last answer (seconds)"),
    "final_background_timeout": _("For the last answer, in a worker (seconds)"),
    "sender_policy": _("From of the messages"),
    "subject_prefix": _("Subject prefix"),
    "default_recipients": _("Default recipients"),
    "clear_text_confirmed": _("Yes, send the password without encryption"),
    "only_for_senders": _("Only for these senders"),
}

HELPS = {
    "name": _("What you call it here and in the log."),
    "host": _("Name or IP address of the mail server, such as smtp.example.org."),
    "auth": _("A client certificate is pasted under Advanced; a Kerberos ticket is the one of the sending process."),
    "clear_text_confirmed": _(
        "Without encryption everybody on the way to the server can read the password. "
        "Not asked for a server on this machine."
    ),
    "integrated_service": _(
        "Gives the token; only service accounts can be chosen. The token goes to the mail hosts of its cloud alone."
    ),
    "user_name": _("For Microsoft 365 and most providers the full e-mail address."),
    "from_address": _("Stands in for a missing From; see Advanced for other rules."),
    "tls_minimum": _("Older versions than 1.2 are broken and refused on purpose."),
    "check_identity": _(
        "The certificate must be for the host's name. Without this, anybody who can redirect the "
        "connection can read the mail."
    ),
    "trusted_hosts": _(
        "Names that are accepted in the certificate although it is not for the host; separated by spaces."
    ),
    "ca_pem": _("The certificate of your own authority, when the server's was not issued by a public one."),
    "check_revocation": _(
        "Fetches the list of withdrawn certificates from their issuer; when it is not to be had, "
        "nothing is sent this way."
    ),
    "mechanism": _("SCRAM, CRAM-MD5 and NTLM prove the password without sending it; PLAIN and LOGIN send it."),
    "domain": _("For NTLM (left out without one, unless chosen), and for servers that know users as DOMAIN\\user."),
    "client_certificate": _(
        "Shown to a server that asks who we are, beside or in place of a password. Your own "
        "certificate first, then those of its issuers."
    ),
    "family": _("Leave it, unless one family of addresses leads nowhere here."),
    "keep_open": _(
        "The next message then needs no new connection and sign-in. Without it the session is closed after "
        "each message."
    ),
    "idle_seconds": format_lazy(
        _("Usually {number}; servers and firewalls drop a quiet session later."), number=limits.SESSION_IDLE_SECONDS
    ),
    "session_messages": format_lazy(_("Usually {number}; some providers allow fewer."), number=limits.SESSION_MESSAGES),
    "parallel": format_lazy(
        _("Usually {number}; providers allow 5 to 20. Fewer are used for short lists."), number=limits.SESSIONS
    ),
    "pipelining": _("Several commands leave at once, and so does more than one message of a list."),
    "chunking": _("The message leaves without waiting for a go-ahead."),
    "rate_messages": _(
        "What your provider allows; 0 or empty for no limit. All processes and workers keep it together."
    ),
    "on_unsure": ON_UNSURE,
    "notices": _("Status messages to the envelope sender, from servers that offer DSN."),
    "connect_timeout": format_lazy(_("Usually {number}; the proxy's part included."), number=limits.CONNECT_SECONDS),
    "command_timeout": format_lazy(_("Usually {number}."), number=limits.COMMAND_SECONDS),
    "message_timeout": format_lazy(
        _("Usually {number}; a bigger message over a slow line needs more."), number=limits.MESSAGE_SECONDS
    ),
    "final_timeout": format_lazy(
        _("Usually {number}; who gives up here does not know whether it was taken."), number=limits.FINAL_REPLY_SECONDS
    ),
    "final_background_timeout": format_lazy(
        _("Usually {number}, where nobody waits (RFC 5321)."), number=limits.FINAL_REPLY_BACKGROUND_SECONDS
    ),
    "envelope_sender": _("Where bounces go; empty for the From address."),
    "only_for_senders": _("Addresses or domains; empty for everybody."),
    "subject_prefix": _("Put in front of every subject, with a blank between, such as “[Staging]”."),
    "label": _("Goes with every message into the log, to tell traffic apart."),
    "default_recipients": _("For messages that name none; those of a message come first. Separated by commas."),
}

ERRORS: dict[str, dict[str, Any]] = {
    "name": {"required": _("Give it a name."), "unique": _("Another SMTP connection has this name.")},
    "host": {"required": _("Type the name or IP address of the server.")},
    "integrated_service": {"invalid_choice": _("Choose one of the integrated services in the list.")},
    **{
        name: {"invalid": _("Type a number of seconds."), "required": _("Type a number of seconds.")}
        for name in (*_SECONDS, "idle_seconds")
    },
    **{name: {"invalid": _("Type a whole number."), "required": _("Type a whole number.")} for name in _COUNTS},
}
