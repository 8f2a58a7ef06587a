"""What the form of an SMTP connection says at each field, and how each field is typed into."""

from __future__ import annotations

from typing import Any

from django import forms

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
    "name": "Name",
    "security": "Security",
    "auth": "Sign-in",
    "integrated_service": "Integrated service",
    "enabled": "Use this connection for sending",
    "check_revocation": "Check the certificate for revocation",
    "mechanism": "Sign-in method",
    "family": "Addresses of the server",
    "keep_open": "Keep the session open",
    "idle_seconds": "Close it when idle for (seconds)",
    "session_messages": "Close it after (messages)",
    "parallel": "Sessions at once, for a list",
    "pipelining": "Use PIPELINING where it is offered",
    "chunking": "Use CHUNKING where it is offered",
    "rate_messages": "At most (messages)",
    "rate_seconds": "In a",
    "on_unsure": "A queued message, after an unclear answer",
    "notices": "Ask for delivery notices",
    "connect_timeout": "To connect (seconds)",
    "command_timeout": "For a command (seconds)",
    "message_timeout": "For a whole message (seconds)",
    "final_timeout": "For the last answer (seconds)",
    "final_background_timeout": "For the last answer, in a worker (seconds)",
    "sender_policy": "From of the messages",
    "subject_prefix": "Subject prefix",
    "default_recipients": "Default recipients",
    "clear_text_confirmed": "Yes, send the password without encryption",
    "only_for_senders": "Only for these senders",
}

HELPS = {
    "name": "What you call it here and in the log.",
    "host": "Name or IP address of the mail server, such as smtp.example.org.",
    "auth": "A client certificate is pasted under Advanced; a Kerberos ticket is the one of the sending process.",
    "clear_text_confirmed": "Without encryption everybody on the way to the server can read the password. "
    "Not asked for a server on this machine.",
    "integrated_service": "Gives the token; only service accounts can be chosen. The token goes to the mail "
    "hosts of its cloud alone.",
    "user_name": "For Microsoft 365 and most providers the full e-mail address.",
    "from_address": "Stands in for a missing From; see Advanced for other rules.",
    "tls_minimum": "Older versions than 1.2 are broken and refused on purpose.",
    "check_identity": "The certificate must be for the host's name. Without this, anybody who can redirect the "
    "connection can read the mail.",
    "trusted_hosts": "Names that are accepted in the certificate although it is not for the host; separated by spaces.",
    "ca_pem": "The certificate of your own authority, when the server's was not issued by a public one.",
    "check_revocation": "Fetches the list of withdrawn certificates from their issuer; when it is not to be had, "
    "nothing is sent this way.",
    "mechanism": "SCRAM, CRAM-MD5 and NTLM prove the password without sending it; PLAIN and LOGIN send it.",
    "domain": "For NTLM (left out without one, unless chosen), and for servers that know users as DOMAIN\\user.",
    "client_certificate": "Shown to a server that asks who we are, beside or in place of a password. Your own "
    "certificate first, then those of its issuers.",
    "family": "Leave it, unless one family of addresses leads nowhere here.",
    "keep_open": "The next message then needs no new connection and sign-in. Without it the session is closed after "
    "each message.",
    "idle_seconds": f"Usually {limits.SESSION_IDLE_SECONDS}; servers and firewalls drop a quiet session later.",
    "session_messages": f"Usually {limits.SESSION_MESSAGES}; some providers allow fewer.",
    "parallel": f"Usually {limits.SESSIONS}; providers allow 5 to 20. Fewer are used for short lists.",
    "pipelining": "Several commands leave at once, and so does more than one message of a list.",
    "chunking": "The message leaves without waiting for a go-ahead.",
    "rate_messages": "What your provider allows; 0 or empty for no limit. All processes and workers keep it together.",
    "on_unsure": ON_UNSURE,
    "notices": "Status messages to the envelope sender, from servers that offer DSN.",
    "connect_timeout": f"Usually {limits.CONNECT_SECONDS}; the proxy's part included.",
    "command_timeout": f"Usually {limits.COMMAND_SECONDS}.",
    "message_timeout": f"Usually {limits.MESSAGE_SECONDS}; a bigger message over a slow line needs more.",
    "final_timeout": f"Usually {limits.FINAL_REPLY_SECONDS}; who gives up here does not know whether it was taken.",
    "final_background_timeout": f"Usually {limits.FINAL_REPLY_BACKGROUND_SECONDS}, where nobody waits (RFC 5321).",
    "envelope_sender": "Where bounces go; empty for the From address.",
    "only_for_senders": "Addresses or domains; empty for everybody.",
    "subject_prefix": "Put in front of every subject, with a blank between, such as “[Staging]”.",
    "label": "Goes with every message into the log, to tell traffic apart.",
    "default_recipients": "For messages that name none; those of a message come first. Separated by commas.",
}

ERRORS: dict[str, dict[str, Any]] = {
    "name": {"required": "Give it a name.", "unique": "Another SMTP connection has this name."},
    "host": {"required": "Type the name or IP address of the server."},
    "integrated_service": {"invalid_choice": "Choose one of the integrated services in the list."},
    **{
        name: {"invalid": "Type a number of seconds.", "required": "Type a number of seconds."}
        for name in (*_SECONDS, "idle_seconds")
    },
    **{name: {"invalid": "Type a whole number.", "required": "Type a whole number."} for name in _COUNTS},
}
