"""Who may open what: every address of the console with every role, and nothing without its permission."""

from __future__ import annotations

import uuid

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import get_resolver, reverse

from mailadmin.console import settings_urls, urls
from mailadmin.roles import roles

pytestmark = pytest.mark.django_db
PK = uuid.uuid4()

# The roles that may open each address; whatever is not in here fails the walk. "signed-in" means everybody
# with an account.
VIEW = {"Viewer", "Operator", "Administrator"}
OPERATE = {"Operator", "Administrator"}
ADMIN = {"Administrator"}
TABLE = {
    "dashboard": VIEW,
    "smtp-list": VIEW,
    "oauth-list": VIEW,
    "service-list": VIEW,
    "service-kit": VIEW,
    "service-kit-script": VIEW,
    "smtp-radar": VIEW,
    "log-list": VIEW,
    "log": VIEW,
    "log-outcome": VIEW,
    "outbox": VIEW,
    "outbox-now": VIEW,
    "outbox-act": OPERATE,
    "outbox-label": OPERATE,
    "route-pause": OPERATE,
    "log-resend": OPERATE,
    "log-resend-many": OPERATE,
    "log-tell": OPERATE,
    "log-cancel-many": OPERATE,
    "why": VIEW,
    "domain-list": VIEW,
    "alert-list": VIEW,
    "domain": VIEW,
    "domain-read": OPERATE,
    "knowledge-list": VIEW,
    "knowledge": VIEW,
    "test-list": VIEW,
    "test": VIEW,
    "test-steps": VIEW,
    "test-report": VIEW,
    "test-compare": VIEW,
    "test-batch": VIEW,
    "test-batch-cards": VIEW,
    "test-all": OPERATE,
    "test-batch-stop": OPERATE,
    "fix": VIEW,  # and then the right to change what was tested
    "compose": OPERATE,
    "compose-html": OPERATE,
    "test-start": OPERATE,
    "test-cancel": OPERATE,
    "sandbox": OPERATE,
    "sandbox-message": OPERATE,
    "sandbox-html": OPERATE,
    "sandbox-raw": OPERATE,
    "sandbox-fault": OPERATE,
    "sandbox-empty": OPERATE,
    "theme": VIEW | {None},
    "language": VIEW | {None},
}
# Everything else in the console changes settings, or shows what only administrators see.
ADMIN_ONLY = {
    *(
        f"{kind}-{page}"
        for kind in ("smtp", "oauth", "service")
        for page in ("new", "edit", "delete", "deleted", "history", "restore")
    ),
    *(f"{kind}-{page}" for kind in ("smtp", "oauth") for page in ("move", "switch")),
    *("service-credential", "service-credential-switch", "service-credential-forget"),
    "discovery",
    "smtp-import",
    "settings",
    "settings-sending",
    "settings-confirm",
    *(f"settings-alert-{page}" for page in ("new", "edit", "delete", "switch", "test")),
    *(f"client-{page}" for page in ("list", "new", "edit", "token", "revoke", "delete")),
    "settings-history",
    "settings-restore",
    "support",
    "support-report",
    "domain-add",
    "domain-selectors",
    "domain-forget",
    "audit-list",
    "log-export",
    "log-erase",
    "route-resume",
    "sandbox-add",
    "test-start-unsaved",
    "test-save",
    "test-form",
}
# Pages that look at the row before they know which right it takes; console tests of their own cover them.
BY_ROW = {"test-save", "test-form", "test-start-unsaved"}
# What monitors read without signing in; tests of their own say who learns how much.
FOR_MONITORS = {"health", "metrics"}
NAMES = sorted({pattern.name for pattern in urls.urlpatterns} - FOR_MONITORS)


def address(name: str) -> str:
    pattern = next(pattern for pattern in urls.urlpatterns if pattern.name == name)
    names = {"kind": "smtp", "entry": "credentials-refused", "domain": "nowhere.example"}
    values = {**names, "pk": PK, "place": 0, "number": 0}
    return reverse(f"mailadmin:{name}", kwargs={key: values[key] for key in pattern.pattern.converters})


def allowed(name: str) -> set[str | None]:
    return ADMIN if name in ADMIN_ONLY else TABLE[name]


def test_every_address_is_in_the_table():
    assert set(NAMES) == set(TABLE) | ADMIN_ONLY


@pytest.mark.parametrize("name", NAMES)
def test_every_view_says_which_permissions_it_needs(name):
    """Default deny: a view without the decorator has no `needs`."""
    view = next(pattern.callback for pattern in urls.urlpatterns if pattern.name == name)
    assert isinstance(view.needs, tuple)
    if name not in ("theme", "language"):
        assert view.needs, f"{name} is open to everybody who is signed in"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_gets_in_without_signing_in(client, name, method):
    response = getattr(client, method)(address(name))
    if response.status_code == 405:
        return  # the address does not know this method at all
    assert response.status_code == 302
    assert response.url.startswith(reverse("sign-in") + "?next=")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", [None, "Viewer", "Operator", "Administrator"])
def test_p10_each_role_opens_what_the_table_says_and_nothing_else(request, name, role):
    """P10: 403 without the right; with it anything but 403 (404 for a row that does not exist)."""
    fixture = {
        None: "nobody_client",
        "Viewer": "viewer_client",
        "Operator": "operator_client",
        "Administrator": "admin_client",
    }
    client = request.getfixturevalue(fixture[role])
    for method in ("get", "post"):
        status = getattr(client, method)(address(name)).status_code
        if status == 405:
            continue
        if role in allowed(name):
            assert status in (200, 302, 404, 409), (method, status)
        elif name in BY_ROW:
            assert status in (403, 404), (method, status)
        else:
            assert status == 403, (method, status)


@pytest.mark.parametrize("name", NAMES)
def test_every_post_needs_the_token_against_forged_requests(administrator, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(administrator)
    assert client.post(address(name)).status_code in (403, 405)


def test_the_refusal_names_what_is_missing_and_who_can_give_it(viewer_client):
    response = viewer_client.get(reverse("mailadmin:smtp-new"))
    assert response.status_code == 403
    assert "Can add SMTP connection" in response.text
    assert "An administrator of this console can give the right" in response.text


def test_a_fragment_asked_for_without_signing_in_loads_the_sign_in_page_as_a_page(client):
    response = client.get(reverse("mailadmin:dashboard"), headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert response["HX-Redirect"] == reverse("sign-in")


def test_the_console_lives_with_a_project_that_asks_for_sign_in_everywhere(settings, client, viewer_client):
    settings.MIDDLEWARE = [*django_settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get(reverse("mailadmin:smtp-list")).status_code == 302
    assert viewer_client.get(reverse("mailadmin:smtp-list")).status_code == 200


def test_the_side_bar_shows_only_what_may_be_opened(viewer_client, admin_client):
    page = viewer_client.get(reverse("mailadmin:smtp-list")).text
    assert 'href="/log/"' in page
    for hidden in ("/settings/", "/audit/", "/compose/", "/sandbox/", "/admin/auth/user/"):
        assert f'href="{hidden}"' not in page
    page = admin_client.get(reverse("mailadmin:smtp-list")).text
    for shown in ("/settings/", "/audit/", "/compose/", "/sandbox/", "/admin/auth/user/"):
        assert f'href="{shown}"' in page
    assert '<a href="/smtp/" aria-current="page">' in page


def test_lists_offer_no_button_that_would_be_refused(viewer_client, smtp, oauth):
    for name in ("smtp-list", "oauth-list", "service-list"):
        page = viewer_client.get(reverse(f"mailadmin:{name}")).text
        main = page[page.index("<main") :]
        assert "<form" not in main, name
        assert "/new/" not in main, name


def test_an_administrator_reaches_django_s_pages_of_users_and_groups(admin_client):
    for name in ("admin:auth_user_changelist", "admin:auth_group_changelist", "admin:auth_user_add"):
        assert admin_client.get(reverse(name)).status_code == 200


def test_every_role_has_known_permissions_only(administrator):
    from django.contrib.auth.models import Permission

    known = {
        f"{row.content_type.app_label}.{row.codename}" for row in Permission.objects.select_related("content_type")
    }
    for role, names in roles().items():
        assert set(names) <= known, role


def test_typed_secrets_are_kept_out_of_error_reports_by_every_form():
    for pattern in settings_urls.urlpatterns:
        if pattern.name.endswith(("-new", "-edit")):
            assert hasattr(pattern.callback, "__wrapped__"), pattern.name


def test_unknown_addresses_get_a_page_of_ours(client, admin_client):
    assert get_resolver().resolve_error_handler(404)
    assert "There is no such page" in client.get("/nothing/").text
    response = admin_client.get("/nothing/")
    assert response.status_code == 404
    assert "There is no such page" in response.text
