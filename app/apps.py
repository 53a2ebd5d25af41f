from django.apps import AppConfig


class ParleyConfig(AppConfig):
    """The roof: commands that start, prepare and fill a whole Parley."""

    name = "app"
    label = "parley"
