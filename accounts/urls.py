from django.urls import path

from accounts import device_views, first_run, views

app_name = "accounts"

urlpatterns = [
    path("keys/", views.keys, name="keys"),
    path("sessions/", device_views.sessions, name="sessions"),
    path("sessions/end-others", device_views.end_others, name="end_other_sessions"),
    path("sessions/<uuid:device_id>/end", device_views.end, name="end_session"),
    path("first/<str:token>/", first_run.first_administrator, name="first_administrator"),
    path("language/", views.language, name="language"),
    path("keys/<uuid:key_id>/revoke", views.revoke, name="revoke_key"),
]
