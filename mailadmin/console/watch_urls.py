"""Addresses of the pages that watch: dashboard, delivery log, connection tests, compose, sandbox, audit."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import (
    audit,
    compose,
    dashboard,
    delivery_actions,
    erase,
    health,
    log,
    log_export,
    message,
    outbox,
    sandbox,
    tests,
    why,
)

urlpatterns: list[URLPattern] = [
    path("", dashboard.dashboard, name="dashboard"),
    path("routes/<str:kind>/<uuid:pk>/resume/", dashboard.route_resume, name="route-resume"),
    path("log/", log.log_list, name="log-list"),
    path("log/export/", log_export.log_export, name="log-export"),
    path("log/erase/", erase.log_erase, name="log-erase"),
    path("log/<uuid:pk>/", message.message, name="log"),
    path("log/<uuid:pk>/outcome/", log.outcome, name="log-outcome"),
    path("log/<uuid:pk>/resend/", delivery_actions.resend, name="log-resend"),
    path("log/resend/", delivery_actions.resend_many, name="log-resend-many"),
    path("log/cancel/", delivery_actions.cancel_many, name="log-cancel-many"),
    path("outbox/", outbox.outbox, name="outbox"),
    path("outbox/now/", outbox.now, name="outbox-now"),
    path("outbox/act/", outbox.act, name="outbox-act"),
    path("outbox/label/", outbox.label, name="outbox-label"),
    path("routes/<str:kind>/<uuid:pk>/pause/", outbox.route_pause, name="route-pause"),
    path("compose/", compose.compose, name="compose"),
    path("tests/", tests.test_list, name="test-list"),
    path("tests/start/<str:kind>/<uuid:pk>/", tests.start_saved, name="test-start"),
    path("tests/try/<str:kind>/", tests.start_unsaved, name="test-start-unsaved"),
    path("tests/<uuid:pk>/save/", tests.save, name="test-save"),
    path("tests/<uuid:pk>/form/", tests.back_to_form, name="test-form"),
    path("tests/<uuid:pk>/", tests.test, name="test"),
    path("tests/<uuid:pk>/steps/", tests.steps, name="test-steps"),
    path("tests/<uuid:pk>/cancel/", tests.cancel, name="test-cancel"),
    path("why/", why.why, name="why"),
    path("sandbox/", sandbox.sandbox, name="sandbox"),
    path("sandbox/add/", sandbox.add, name="sandbox-add"),
    path("sandbox/fault/", sandbox.fault, name="sandbox-fault"),
    path("sandbox/empty/", sandbox.empty, name="sandbox-empty"),
    path("sandbox/<uuid:pk>/", sandbox.message, name="sandbox-message"),
    path("sandbox/<uuid:pk>/html/", sandbox.message_html, name="sandbox-html"),
    path("sandbox/<uuid:pk>/raw/", sandbox.message_raw, name="sandbox-raw"),
    path("audit/", audit.audit_list, name="audit-list"),
    path("health/", health.health, name="health"),
    path("metrics/", health.metrics, name="metrics"),
]
