from django.urls import path

from accounts import views
from accounts.people.pages import insights, joining, person
from accounts.programs.pages import consents, keys
from accounts.signing_in import device_views, first_run, provider_views

app_name = "accounts"

urlpatterns = [
    path("keys/", keys.own, name="keys"),
    path("rights/", person.own, name="rights"),
    path("insights/", insights.own, name="insights"),
    path("join/<uuid:invitation_id>/<slug:secret>/", joining.join, name="join"),
    path("sessions/", device_views.sessions, name="sessions"),
    path("sessions/end-others", device_views.end_others, name="end_other_sessions"),
    path("sessions/<uuid:device_id>/end", device_views.end, name="end_session"),
    path("signed-out/", provider_views.signed_out, name="signed_out"),
    path("first/<str:token>/", first_run.first_administrator, name="first_administrator"),
    path("language/", views.language, name="language"),
    path("keys/<uuid:key_id>/rotate", keys.rotate, name="rotate_key"),
    path("keys/<uuid:key_id>/end-previous", keys.end_previous, name="end_previous_secret"),
    path("keys/<uuid:key_id>/revoke", keys.revoke, name="revoke_key"),
    path("programs/", consents.allowed, name="allowed_programs"),
    path("programs/<uuid:consent_id>/revoke", consents.withdraw, name="withdraw_consent"),
]
