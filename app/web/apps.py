from django.apps import AppConfig


class WebConfig(AppConfig):
    """What every page shares: the shell, Markdown, ids, paging."""

    name = "app.web"
    label = "web"
