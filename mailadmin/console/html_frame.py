"""HTML of strangers, to be shown in a sandboxed frame."""

from __future__ import annotations

from django.http import HttpResponse

# No script, no network, no form; pictures only from within the message.
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


def framed(html: str) -> HttpResponse:
    """Return `html` as a page for a frame of ours, locked into a policy of its own."""
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(html, content_type="text/html; charset=utf-8", headers=headers)
