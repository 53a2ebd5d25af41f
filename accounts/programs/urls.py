from django.urls import path

from accounts.programs.pages import keys, programs
from accounts.sealed import pages as encryption

app_name = "programs"

urlpatterns = [
    path("", programs.overview, name="overview"),
    path("new", programs.new, name="new"),
    path("<uuid:program_id>", programs.change, name="program"),
    path("<uuid:program_id>/secret", programs.renew_secret, name="renew_secret"),
    path("<uuid:program_id>/end", programs.end, name="end"),
    path("encryption/", encryption.overview, name="encryption"),
    path("keys/", keys.everybodys, name="keys"),
    path("keys/<uuid:key_id>/revoke", keys.revoke_anybodys, name="revoke_key"),
]
