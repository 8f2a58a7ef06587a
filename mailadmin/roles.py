"""The roles: three groups that are made once and then belong to the administrator.

Viewer reads, Operator also tests and sends, Administrator also changes. What was given once is never given
again, so that a permission (or a whole group) that somebody took away stays away.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.core.exceptions import FieldDoesNotExist
from django.db import router

_VIEWER = (
    "view_smtpconnection",
    "view_oauthservice",
    "view_integratedservice",
    "view_delivery",
    "view_connectiontest",
    "view_senderdomain",
    "view_alert",
)
_OPERATOR = (
    *_VIEWER,
    "test_route",
    "send_message",
    "resend_delivery",
    "manage_outbox",
    "view_sandboxmessage",
    "change_sandboxserver",
)
_ADMINISTRATOR = (
    *_OPERATOR,
    *(
        f"{action}_{model}"
        for model in ("smtpconnection", "oauthservice", "integratedservice")
        for action in ("add", "change", "delete")
    ),
    "change_routestate",
    "change_senderdomain",
    "export_delivery",
    "erase_recipient",
    "view_settings",
    "change_settings",
    "view_auditentry",
    "view_apiclient",
    "add_apiclient",
    "change_apiclient",
    "delete_apiclient",
)


def roles() -> dict[str, tuple[str, ...]]:
    """Return the permissions ("app.codename") of each role."""
    own = {"Viewer": _VIEWER, "Operator": _OPERATOR, "Administrator": _ADMINISTRATOR}
    granted = {role: tuple(f"mailadmin.{name}" for name in names) for role, names in own.items()}
    # Users and groups are Django admin's own pages; whoever shall open them also needs "staff status".
    user_app, _, user_model = settings.AUTH_USER_MODEL.lower().partition(".")
    granted["Administrator"] += tuple(
        f"{app}.{action}_{model}"
        for app, model in ((user_app, user_model), ("auth", "group"))
        for action in ("view", "add", "change", "delete")
    )
    return granted


def grant_roles(sender: AppConfig, using: str, apps: Any = installed, **kwargs: Any) -> None:
    """Make the groups and give them what they were not given yet (receiver of `post_migrate`).

    `apps` is the state after the migrations, so that a partial migration does not meet columns of tomorrow.
    """
    try:
        settings_model = apps.get_model("mailadmin", "Settings")
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
        settings_model._meta.get_field("granted")
    except (LookupError, FieldDoesNotExist):
        return  # migrated back to nothing
    if not router.allow_migrate_model(using, settings_model):
        return
    for label in {"mailadmin", *(name.partition(".")[0] for names in roles().values() for name in names)}:
        # Permissions are made by a receiver of the same signal, which may run after this one.
        create_permissions(installed.get_app_config(label), verbosity=0, using=using, apps=apps)
    row = settings_model.objects.using(using).get_or_create(pk=1)[0]
    for role, names in roles().items():
        given = row.granted.get(role)
        fresh = set(names) - set(given or ())
        if not fresh:
            continue
        groups = group_model.objects.using(using)
        group = groups.filter(name=role).first() if given is not None else groups.get_or_create(name=role)[0]
        if group:
            for name in sorted(fresh):
                label, _, codename = name.partition(".")
                permission = permission_model.objects.using(using).filter(
                    content_type__app_label=label, codename=codename
                )
                group.permissions.add(*permission)
        row.granted[role] = sorted(set(given or ()) | fresh)
        row.save(using=using, update_fields=["granted"])
