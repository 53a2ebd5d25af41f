from django.urls import path

from moderation.review import views

app_name = "moderation"

urlpatterns = [
    path("", views.queue, name="queue"),
    path("<uuid:case_id>/", views.case, name="case"),
    path("<uuid:case_id>/claim", views.claim, name="claim"),
    path("<uuid:case_id>/renew", views.renew, name="renew"),
    path("<uuid:case_id>/release", views.release, name="release"),
    path("<uuid:case_id>/decide", views.decide, name="decide"),
]
