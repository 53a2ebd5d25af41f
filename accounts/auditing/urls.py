"""The auditor's page."""

from django.urls import path

from accounts.auditing import views as audit_views

app_name = "audit"

urlpatterns = [
    path("", audit_views.events, name="events"),
    path("export/", audit_views.export, name="export"),
    path("events/<uuid:event_id>/proof/", audit_views.proof, name="proof"),
]
