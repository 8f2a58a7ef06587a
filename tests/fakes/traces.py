"""What a secret looks like where it must not be: in clear text and in every encoding that mail and pages use."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus


def echoes(secret: str) -> str:
    """Return what a server says that repeats a secret in every way it can think of."""
    raw = secret.encode()
    packed = [base64.b64encode(part).decode() for part in (raw, b"\0anna\0" + raw, b"user=anna\1auth=Bearer " + raw)]
    spoken = [secret, quote(secret), html.escape(secret), json.dumps(secret)[1:-1], raw.hex()]
    return " ".join([*spoken, *packed])


def traces(secret: str) -> set[str]:
    """Return every text by which `secret` would be recognized: itself, as HTML, JSON, URL and hexadecimal, and the
    middle of its base64 at each of the three places that its first byte can have in a group of four letters."""
    raw = secret.encode()
    found = {secret, html.escape(secret), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    found |= {quote(secret), quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper()}
    for start in range(3):
        whole = raw[start : start + (len(raw) - start) // 3 * 3]  # whole groups, whatever stands around the secret
        found |= {base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode()}
    return found


def found_in(text: str, secret: str) -> list[str]:
    """Return the traces of `secret` in `text`."""
    return sorted(trace for trace in traces(secret) if trace in text)
