"""Why this route? What would become of a message, without sending it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from mailadmin.console.access import needs
from mailadmin.console.forms.why import WhyForm
from mailadmin.console.sections import ROUTES
from mailadmin.core.errors import MailError
from mailadmin.delivery.explain import Answer, Line, explain


@require_GET
@needs("mailadmin.view_delivery")
def why(request: HttpRequest) -> HttpResponse:
    """Show which routes a message would take and why; without a question, for an ordinary one."""
    form = WhyForm(request.GET or {})
    answer, problem = _answer(form)
    lines = [(line, _address(request, line)) for line in answer.lines] if answer else []
    context = {"form": form, "answer": answer, "problem": problem, "lines": lines}
    return render(request, "mailadmin/why/why.html", context)


def _answer(form: WhyForm) -> tuple[Answer | None, str]:
    if not form.is_valid():
        return None, ""
    try:
        return explain(form.question()), ""
    except MailError as error:
        return None, str(error)


def _address(request: HttpRequest, line: Line) -> str:
    """Return the form of a route, "" for those who may not open it."""
    section = ROUTES[line.key.kind]
    row = section.model(pk=line.key.id)
    return section.address("edit", row) if request.user.has_perm(section.permission("change")) else ""
