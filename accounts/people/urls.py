"""The pages about people, groups, roles, and permissions to read somebody's conversations."""

from django.urls import path

from accounts.erasing import pages as erasing
from accounts.people.pages import groups, insights, people, person
from accounts.retention import pages as retention

app_name = "people"

urlpatterns = [
    path("", people.listed, name="list"),
    path("invite/", people.invite, name="invite"),
    path("import/", people.many, name="import"),
    path("groups/", groups.listed, name="groups"),
    path("groups/<uuid:group_id>/", groups.show, name="group"),
    path("groups/<uuid:group_id>/<slug:name>", groups.deed, name="group_deed"),
    path("roles/", groups.roles_listed, name="roles"),
    path("roles/<slug:slug>/", groups.change_role, name="role"),
    path("roles/<slug:slug>/delete", groups.delete_role, name="delete_role"),
    path("insights/", insights.listed, name="insights"),
    path("insights/<uuid:insight_id>/<slug:name>", insights.deed, name="insight_deed"),
    path("retention/", retention.show, name="retention"),
    path("retention/<uuid:rule_id>/drop", retention.drop, name="drop_rule"),
    path("holds/", retention.holds, name="holds"),
    path("holds/<uuid:hold_id>/end", retention.end, name="end_hold"),
    path("erasures/", erasing.listed, name="erasures"),
    path("erasures/<int:erasure_id>/decline", erasing.decline, name="decline_erasure"),
    path("<uuid:person_id>/erase/", erasing.erase, name="erase"),
    path("<uuid:person_id>/erase/progress", erasing.progress, name="erase_progress"),
    path("<uuid:person_id>/", person.show, name="person"),
    path("<uuid:person_id>/rights/", person.explained, name="rights"),
    path("<uuid:person_id>/insight", person.ask_insight, name="ask_insight"),
    path("<uuid:person_id>/move/<slug:kind>/", person.move, name="move"),
    path("<uuid:person_id>/<slug:name>", person.deed, name="person_deed"),
]
