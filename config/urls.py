"""Addresses of the standalone console: sign-in, Django's admin for users, and the console itself."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from .first_password import PasswordView

urlpatterns = [
    path("sign-in/", auth.LoginView.as_view(template_name="mailadmin/sign_in/sign_in.html"), name="sign-in"),
    path("sign-out/", auth.LogoutView.as_view(), name="sign-out"),
    path("password/", PasswordView.as_view(), name="password"),
    path(
        "password/forgotten/",
        auth.PasswordResetView.as_view(
            template_name="mailadmin/sign_in/forgotten.html",
            email_template_name="mailadmin/sign_in/forgotten.txt",
        ),
        name="password_reset",
    ),
    path(
        "password/forgotten/sent/",
        auth.PasswordResetDoneView.as_view(template_name="mailadmin/sign_in/forgotten_sent.html"),
        name="password_reset_done",
    ),
    path(
        "password/new/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(template_name="mailadmin/sign_in/new_password.html"),
        name="password_reset_confirm",
    ),
    path(
        "password/new/done/",
        auth.PasswordResetCompleteView.as_view(template_name="mailadmin/sign_in/new_password_done.html"),
        name="password_reset_complete",
    ),
    path("admin/", admin.site.urls),
    path("", include("mailadmin.console.urls")),
]
if find_spec("ninja"):  # the extra [api]
    urlpatterns.insert(-1, path("api/", include("mailadmin.api.urls")))

handler400 = "config.error_pages.not_understood"
handler403 = "config.error_pages.refused"
handler404 = "config.error_pages.not_found"
handler500 = "config.error_pages.broken"
