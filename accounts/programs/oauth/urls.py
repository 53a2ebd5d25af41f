from django.urls import path

from accounts.programs.oauth import views

app_name = "oauth"

urlpatterns = [
    path("oauth/authorize", views.authorize, name="authorize"),
    path("oauth/token", views.token, name="token"),
    path("oauth/revoke", views.revoke, name="revoke"),
    path("oauth/introspect", views.introspect, name="introspect"),
    path("oauth/userinfo", views.userinfo, name="userinfo"),
    path("oauth/jwks", views.jwks, name="jwks"),
    path(".well-known/openid-configuration", views.discovery, name="openid_configuration"),
    path(".well-known/oauth-authorization-server", views.discovery, name="discovery"),
]
