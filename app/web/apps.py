from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class WebConfig(AppConfig):
    """What every page shares: the shell, Markdown, ids, paging."""

    name = "app.web"
    label = "web"


class StaticConfig(StaticFilesConfig):
    """Django's static files, without the parts of packages that no page of ours loads."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "django_htmx/ext/*",  # which import modules by names that only a build knows
        "django_htmx/ht*-4*",
        "ninja/redoc*",
    ]
