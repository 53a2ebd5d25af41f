from django.urls import path

from accounts import views
from accounts.pages import insights, joining, person

app_name = "accounts"

urlpatterns = [
    path("keys/", views.keys, name="keys"),
    path("rights/", person.own, name="rights"),
    path("insights/", insights.own, name="insights"),
    path("join/<uuid:invitation_id>/<slug:secret>/", joining.join, name="join"),
    path("language/", views.language, name="language"),
    path("keys/<uuid:key_id>/revoke", views.revoke, name="revoke_key"),
]
