"""After an unclear answer: a look into the mailbox, whether the message is there (needs the permission Mail.Read).

Source: learn.microsoft.com, "List messages" ($filter by internetMessageId); `isDraft` is true until a message is sent.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.texts import _
from mailadmin.net.http import Answer

from .client import GraphClient
from .manners import Rest

_OK, _FORBIDDEN = 200, 403
_SILENT = (Kind.TIMEOUT, Kind.TCP_TIMEOUT)  # who did not answer now is not waited for twice


def look_for(client: GraphClient, mailbox: str, message_id: str, rest: Rest = time.sleep) -> tuple[bool, str]:
    """Return whether the message was sent from `mailbox`, and a sentence that says how it was found out or why not.

    Looks a few times, because a message takes some seconds to appear. Only a message that is no draft counts; not to
    find it proves nothing. Raises nothing of the mail family.
    """
    said = _("Nobody looked into the mailbox, because the message has no Message-ID.")
    if not message_id:
        return False, said
    quoted = message_id.replace("'", "''")
    wanted = quote(f"internetMessageId eq '{quoted}'", safe="'")
    path = f"/messages?$filter={wanted}&$select=id,isDraft,parentFolderId"
    for pause in limits.GRAPH_SETTLE_SECONDS:
        rest(pause)
        try:
            answer = client.request("GET", path, mailbox=mailbox, patience=0)
        except MailError as error:
            said = _("The mailbox could not be looked into: {reason}").format(reason=error.explanation.title)
            if error.fault.kind in _SILENT:
                break
            continue
        if answer.status == _OK and _sent(answer):
            return True, _(
                "Graph gave no clear answer; the message was found in the mailbox {mailbox}, so it was sent."
            ).format(mailbox=mailbox)
        said = _why_not(client, answer)
        if 400 <= answer.status < 500:
            break
    return False, said


def _sent(answer: Answer) -> bool:
    body: Any = answer.json
    found = body.get("value") if isinstance(body, dict) else None
    return isinstance(found, list) and any(isinstance(item, dict) and item.get("isDraft") is False for item in found)


def _why_not(client: GraphClient, answer: Answer) -> str:
    if answer.status == _OK:
        return _("The mailbox was looked into, and the message was not found among those that were sent.")
    if answer.status == _FORBIDDEN:
        return _("The mailbox could not be looked into, because the app lacks the permission Mail.Read for it.")
    fault = client.fault(answer, (_OK,))
    return _("The mailbox could not be looked into ({code}).").format(code=fault.code if fault else answer.status)
