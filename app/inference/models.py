"""The registry: which models there are, byte for byte, and which servers run them."""

from decimal import Decimal
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from app.inference.sealing import seal, unseal
from app.web.ids import new_id


class Role(models.TextChoices):
    GENERATE = "generate", _("writes answers")
    EMBED = "embed", _("embeds text")
    RERANK = "rerank", _("orders passages")
    EXPAND = "expand", _("widens searches")
    GUARD = "guard", _("judges content")


def _price(help_text: str) -> "models.DecimalField[Decimal | float | str, Decimal]":
    return models.DecimalField(
        max_digits=12, decimal_places=4, default=Decimal(0), validators=[MinValueValidator(0)], help_text=help_text
    )


class Model(models.Model):
    """A model as assistants name it. ``files`` maps each file's path to its sha256, empty for models run
    elsewhere. A LoRA adapter is a model with a ``base``: it runs on servers of that one that have loaded it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200, unique=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.GENERATE)
    upstream_name = models.CharField(max_length=300, help_text="The name that its servers know it by.")
    revision = models.CharField(max_length=100, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    query_prefix = models.CharField(
        max_length=500,
        blank=True,
        help_text=_("What an embedding model wants before a question, such as “query: ”; see its card."),
    )
    passage_prefix = models.CharField(
        max_length=500,
        blank=True,
        help_text=_("What an embedding model wants before a passage, such as “passage: ”; see its card."),
    )
    files = models.JSONField(default=dict, blank=True)
    base = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="adapters",
        help_text="Of a LoRA adapter: the model whose servers load it.",
    )
    price_in = _price("What a million tokens of a prompt cost.")
    price_cached = _price("What a million tokens of a prompt cost that the server had in its cache.")
    price_out = _price("What a million written tokens cost.")
    watts = models.PositiveIntegerField(
        null=True, blank=True, help_text="What one server of it draws while it is fully used, in watts."
    )
    tensor_parallel = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="GPUs that share each layer where Parley serves it."
    )
    pipeline_parallel = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="Groups of GPUs that take its layers in turn."
    )
    is_demonstration = models.BooleanField(default=False)
    sees_images = models.BooleanField(
        default=False, db_default=False, help_text="It takes images with a question; without it only their text goes."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WorkerState(models.TextChoices):
    HEALTHY = "healthy", _("takes requests")
    SICK = "sick", _("does not answer")
    DRAINING = "draining", _("ends what it has, takes nothing new")
    OFF = "off", _("switched off")


class WorkerKind(models.TextChoices):
    OPENAI = "openai", _("any OpenAI-compatible server")
    VLLM = "vllm", _("vLLM")
    LLAMA = "llama", _("llama.cpp")


def check_address(address: str) -> None:
    """Raise ValidationError unless this is the base URL of an OpenAI-compatible server, without a password in
    it.
    """
    parts = urlsplit(address)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if not (parts.scheme in ("http", "https") and parts.hostname and is_plain and parts.path.endswith("/v1")):
        raise ValidationError(f"{address!r} is not an address like http://127.0.0.1:8001/v1.", code="bad_address")


class WorkerQuerySet(models.QuerySet["Worker"]):
    def taking_requests(self) -> "WorkerQuerySet":
        return self.filter(state=WorkerState.HEALTHY)


class Worker(models.Model):
    """One server that runs one model, and the adapters of it that it has loaded.

    ``capacity`` is how many requests Parley, all its processes together, may have there at once. A managed worker
    was started by ``serve_model``, which says every few seconds that it lives.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    address = models.CharField(max_length=500, validators=[check_address], help_text="Base URL, ending in /v1.")
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="workers")
    kind = models.CharField(max_length=10, choices=WorkerKind, default=WorkerKind.OPENAI)
    api_key_encrypted = models.TextField(blank=True, editable=False)
    capacity = models.PositiveIntegerField(default=32, validators=[MinValueValidator(1)])
    adapters = models.ManyToManyField(Model, blank=True, related_name="adapter_workers")
    state = models.CharField(max_length=10, choices=WorkerState, default=WorkerState.HEALTHY)
    state_reason = models.CharField(max_length=300, blank=True, help_text="Why it is sick, in words for people.")
    added_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_embedded = models.BooleanField(default=False, editable=False)
    is_managed = models.BooleanField(default=False, editable=False)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["model", "address"]
        constraints = [
            models.UniqueConstraint(fields=["address", "model"], name="one_worker_per_address_and_model"),
            models.CheckConstraint(condition=models.Q(capacity__gte=1), name="worker_takes_at_least_one_request"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} at {self.address}"

    def has_api_key(self) -> bool:
        return bool(self.api_key_encrypted)

    def set_api_key(self, key: str | None) -> None:
        """Keep ``key`` encrypted; None or "" forgets it. The caller saves."""
        self.api_key_encrypted = seal(key) if key else ""

    def open_api_key(self) -> str | None:
        """The key itself. Raises BadInputError when SECRET_KEY has changed since it was kept."""
        return unseal(self.api_key_encrypted) if self.api_key_encrypted else None
