"""The dashboard: what is wrong now, the numbers, the delivery order, the latest messages, the first steps."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from mailadmin import conf
from mailadmin.console import audit
from mailadmin.console.access import needs, page_before
from mailadmin.console.charts import bars
from mailadmin.console.figures import PERIODS, buckets, figures
from mailadmin.console.overview import banners, delivery_order, guide
from mailadmin.console.route_rows import summaries
from mailadmin.console.sections import ROUTES, SMTP
from mailadmin.core import limits
from mailadmin.delivery import health
from mailadmin.models import Delivery, OAuthService, SandboxServer, SmtpConnection
from mailadmin.settings_file import mailer
from mailadmin.watch import reading
from mailadmin.watch.findings import findings

from .log import row


@require_GET
@needs("mailadmin.view_delivery")
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show how mail leaves now. The number of statements does not grow with routes or messages."""
    period = PERIODS.get(request.GET.get("period", ""), PERIODS["24h"])
    now = timezone.now()
    routes = [*summaries(OAuthService), *summaries(SmtpConnection)]
    lines = delivery_order(routes)
    latest = list(Delivery.objects.prefetch_related("recipients", "attempts")[: limits.LATEST_ROWS])
    steps = guide([summary.row for summary in routes])
    since, found = period.starts(now)[0], buckets(period, now)
    seen = reading.read()
    told = banners(findings(seen), request.user, guiding=not steps.done)
    return render(
        request,
        "mailadmin/dashboard/dashboard.html",
        {
            "guide": steps,
            "banners": told[: limits.BANNERS_OPEN],
            "more": told[limits.BANNERS_OPEN :],
            "period": period,
            "periods": PERIODS.values(),
            "since": timezone.localdate(since),
            "figures": figures(found, since),
            "outbox": seen.outbox if seen.outbox.waiting or conf.setting("DELIVERY") == "queued" else None,
            "chart": bars(found),
            "lines": lines,
            "latest": [row(delivery) for delivery in latest],
            "sandbox": None if routes else _sandbox_to_offer(),
            "mailer": None if routes or not request.user.has_perm(SMTP.permission("add")) else mailer.offer(),
        },
    )


@require_POST
@needs("mailadmin.change_routestate")
def route_resume(request: HttpRequest, kind: str, pk: uuid.UUID) -> HttpResponse:
    """Use a stopped route again, and go back to where the button was."""
    if kind not in ROUTES:
        raise Http404
    route = get_object_or_404(ROUTES[kind].model, pk=pk)
    if health.resume(route.key):
        audit.record(request, "resumed", route)
        messages.success(request, _("“{name}” is used again.").format(name=route.name))
    return HttpResponseRedirect(page_before(request))


def _sandbox_to_offer() -> SandboxServer | None:
    """Return the sandbox where it is allowed; the page says whether it runs."""
    return SandboxServer.load() if conf.setting("SANDBOX") else None
