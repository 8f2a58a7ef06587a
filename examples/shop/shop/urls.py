"""The shop's addresses."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from orders import views

urlpatterns = [
    path("", views.order, name="order"),
    path("thanks/<int:number>/", views.thanks, name="thanks"),
    path("admin/", admin.site.urls),
    path("mail/", include("mailadmin.console.urls")),  # mailadmin
]
