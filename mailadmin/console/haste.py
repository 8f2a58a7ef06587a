"""How often one person may do what opens connections: counted in the audit trail, which every process reads."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from mailadmin.core import limits
from mailadmin.models import AuditEntry
from mailadmin.testruns.haste import too_often

from . import audit


class TooHasty(Exception):
    """The user did it as often as one minute allows; the text is a sentence with the wait."""


@transaction.atomic
def note(request: HttpRequest, action: str, obj: models.Model | None = None, detail: str | Promise = "") -> None:
    """Write into the audit trail that this user does `action` ("searched for a server") now, before it is done: it may
    take long, and another request of theirs counts it already.

    Raises TooHasty when they did it limits.TESTS_PER_MINUTE times within the last minute.
    """
    user: Any = request.user
    if wait := too_often(user, AuditEntry.objects.filter(user_id=user.pk, action=action), "at"):
        text = _("You {action} {number} times within the last minute, which is the limit. Wait {wait}, then try again.")
        raise TooHasty(text.format(action=_(action), number=limits.TESTS_PER_MINUTE, wait=wait))
    audit.record(request, action, obj, detail=detail)
