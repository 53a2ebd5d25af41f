from django.apps import AppConfig


class ParleyConfig(AppConfig):
    """The roof: commands that start, prepare and fill a whole Parley."""

    name = "app"
    label = "parley"

    def ready(self) -> None:
        from app import celery  # noqa: F401 - without it, tasks sent from here go to a broker that is nowhere
