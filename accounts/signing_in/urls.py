"""The pages of allauth that Parley has, under the names allauth looks them up by.

Its pages for adding and confirming e-mail addresses are left out: an address is what a person is known by here, and an
administrator sets it. The sign-up page only says that it is closed. Its pages for connecting providers by hand are left
out too: see ``accounts.signing_in.single_sign_on`` for how an account and a provider come together.
"""

from allauth.account import views
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.urls import path, re_path
from django.views.generic import RedirectView, TemplateView

from accounts.signing_in import provider_views, saml_views
from accounts.signing_in.second_step_views import only_with_codes_by_mail, unless_last

# A change and its line in the audit log are one: allauth begins no transaction for most of them itself.
whole = transaction.atomic

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", provider_views.sign_out, name="account_logout"),
    path("signup/", views.signup, name="account_signup"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("code/", only_with_codes_by_mail(views.request_login_code), name="account_request_login_code"),
    path("code/confirm/", only_with_codes_by_mail(views.confirm_login_code), name="account_confirm_login_code"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("signing-in/", mfa.index, name="mfa_index"),
    path("second-step/", mfa.authenticate, name="mfa_authenticate"),
    path("reauthenticate/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("reauthenticate/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("app/add/", totp.activate_totp, name="mfa_activate_totp"),
    path("app/remove/", whole(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", whole(recovery.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("recovery-codes/new/", recovery.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("passkeys/", login_required(RedirectView.as_view(pattern_name="mfa_index")), name="mfa_list_webauthn"),
    path("passkeys/add/", whole(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("passkeys/sign-in/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("passkeys/<int:pk>/rename/", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
    path("passkeys/<int:pk>/remove/", unless_last(whole(passkeys.remove_webauthn)), name="mfa_remove_webauthn"),
    path("provider/oidc/<str:provider_id>/login/", provider_views.login, name="openid_connect_login"),
    path("provider/oidc/<str:provider_id>/login/callback/", provider_views.callback, name="openid_connect_callback"),
    path("provider/oidc/<str:provider_id>/logout/", provider_views.ended_there, name="openid_connect_ended_there"),
    path("provider/saml/<str:organization_slug>/login/", saml_views.login, name="saml_login"),
    path("provider/saml/<str:organization_slug>/metadata/", saml_views.metadata, name="saml_metadata"),
    path("provider/saml/<str:organization_slug>/acs/", saml_views.acs, name="saml_acs"),
    path("provider/saml/<str:organization_slug>/acs/finish/", saml_views.finish_acs, name="saml_finish_acs"),
    path("provider/saml/<str:organization_slug>/sls/", saml_views.sls, name="saml_sls"),
    path(
        "provider/cancelled/",
        TemplateView.as_view(template_name="account/provider_cancelled.html"),
        name="socialaccount_login_cancelled",
    ),
]
