"""A password that was printed once must be replaced at the first sign-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import PasswordChangeView
from django.dispatch import receiver
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy

FLAG = "choose_own_password"


@receiver(user_logged_in)
def remember_one_time_password(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Note in the session that this user must choose a password first."""
    from mailadmin.models import Settings

    if user.pk in Settings.load().one_time_passwords:
        request.session[FLAG] = True


class OwnPassword:
    """Middleware that leads to the password page while the one-time password is in use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.session.get(FLAG) and request.path not in (reverse("password"), reverse("sign-out")):
            return redirect("password")
        return self.get_response(request)


class PasswordView(PasswordChangeView):
    """Choose a new password."""

    template_name = "mailadmin/sign_in/password.html"
    success_url = reverse_lazy("mailadmin:dashboard")

    def get_form_class(self) -> Any:
        """Do not ask again for the printed password: it was typed a moment ago."""
        return SetPasswordForm if self.request.session.get(FLAG) else super().get_form_class()

    def form_valid(self, form: BaseForm) -> HttpResponse:
        """Save it, and forget that the old one was for one time only."""
        from mailadmin.models import Settings

        response = super().form_valid(form)  # type: ignore[arg-type]  # Django types the form more narrowly
        self.request.session.pop(FLAG, None)
        settings = Settings.load()
        if self.request.user.pk in settings.one_time_passwords:
            settings.one_time_passwords = [pk for pk in settings.one_time_passwords if pk != self.request.user.pk]
            settings.save()
        return response
