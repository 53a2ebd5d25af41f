"""The pages about usage and limits, and everybody's own."""

from django.urls import path

from app.operations.views import limits, usage

app_name = "usage"
urlpatterns = [
    path("operations/usage/", usage.everybodys, name="everybody"),
    path("operations/usage.csv", usage.as_csv, name="csv"),
    path("operations/limits/", limits.overview, name="limits"),
    path("operations/limits/new/<slug:subject>/", limits.new, name="new_limit"),
    path("operations/limits/<uuid:limit_id>/", limits.change, name="change_limit"),
    path("operations/limits/<uuid:limit_id>/remove/", limits.remove, name="remove_limit"),
    path("operations/limits/<uuid:limit_id>/restore/", limits.restore, name="restore_limit"),
    path("account/usage/", usage.own, name="own"),
    path("account/usage/notices/", usage.notices, name="notices"),
]
