from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """Models and the servers that run them; knows nothing of people or conversations."""

    name = "app.inference"
    label = "inference"

    def ready(self) -> None:
        from app.inference import receivers  # noqa: F401 - connects them; models are there only now
