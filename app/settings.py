"""Parley's settings, all of them: what the environment says, and what follows from the data folder.

A variable that names a remote part (DATABASE_URL, VALKEY_URL, …) replaces the embedded one; without it the embedded
part's address follows from PARLEY_DATA_DIR alone, so that every command of the same clone finds the running Parley.
"""

import warnings
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from accounts.capabilities import CAPABILITIES, GRANTS
from app import environment
from app.embedded import paths

BASE_DIR = Path(__file__).resolve().parent.parent
DATA = paths.data_folder()

DEBUG = environment.boolean("DEBUG", False)
SECRET_KEY = environment.find_text("SECRET_KEY") or paths.secret("secret_key")
# What wraps every person's key: the key itself (MASTER_KEY_FILE: a file of it), or a command that prints it; none of
# them: a file of its own in the data folder. Several stand one after the other, the present one first.
MASTER_KEY = environment.find_text("MASTER_KEY")
MASTER_KEY_COMMAND = environment.find_text("MASTER_KEY_COMMAND")
PORT = environment.integer("PORT", 8000)
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
# What Parley is called where it is installed as an app.
APP_NAME = environment.text("APP_NAME", "Parley")
PUBLIC_URL = environment.text("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS", "")
# A new Parley is filled with the demo company, until told otherwise.
DEMO = environment.boolean("DEMO", True)
BEHIND_TLS = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "daphne",
    "app",
    "chat",
    "knowledge",
    "moderation",
    "accounts",
    "app.inference",
    "app.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "channels",
    "django_htmx",
    "ninja",
    "template_partials",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "app.web.apps.StaticConfig",
]

MIDDLEWARE = [
    "accounts.middleware.RequestId",
    "app.refusals.interface_errors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "app.web.packing.PackedPages",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.Language",
    "accounts.signing_in.gate.Gate",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.auditing.refusals.RefusedAccess",
    "app.web.middleware.ErrorPages",
]

ROOT_URLCONF = "app.urls"
ASGI_APPLICATION = "app.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "app.web.context.shell",
                "accounts.languages.choice",
            ],
            # Every template has words and numbers, so none has to load the tags that translate them.
            "builtins": ["django.templatetags.i18n", "django.templatetags.l10n", "app.web.templatetags.saying"],
        },
    }
]


def _prepared(query: dict[str, str]) -> dict[str, Any]:
    """For the cursors of app.web.statements alone: prepared when first met, and planned once. A pooler between that
    shares connections may not bear it.
    """
    if not environment.boolean("PREPARE_STATEMENTS", True):
        return {"prepare_threshold": None}
    options = f"{query.get('options', '')} -c plan_cache_mode=force_generic_plan"
    return {"prepare_threshold": 0, "options": options.strip()}


def database(url: str) -> dict[str, Any]:
    """A Django database from ``postgresql://user:password@host:port/name?host=/socket/folder``."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "CONN_MAX_AGE": 0,
        "OPTIONS": query | {"pool": {"min_size": 1, "max_size": 16, "timeout": 10}} | _prepared(query),
        "TEST": {"NAME": "parley_test"},
    }


DATABASES = {"default": database(environment.text("DATABASE_URL", paths.database_url("application")))}
# The role that migrates; the serving one may not change tables, nor the audit log.
DATABASE_OWNER = database(
    environment.text("DATABASE_OWNER_URL", environment.text("DATABASE_URL", paths.database_url("owner")))
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_URL = environment.text("VALKEY_URL", paths.valkey_url())
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": VALKEY_URL,
        "KEY_PREFIX": "json",
        # Django's own would unpickle whatever somebody put there.
        "OPTIONS": {"serializer": "app.web.plain_cache.JsonSerializer"},
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL], "prefix": "parley"},
    }
}

CELERY_BROKER_URL = VALKEY_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = environment.integer("WORKER_CONCURRENCY", 2)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA.run / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "knowledge.requeue_stuck": {"task": "knowledge.tasks.requeue_stuck", "schedule": 30.0},
    "knowledge.start_due_syncs": {"task": "knowledge.tasks.start_due_syncs", "schedule": 30.0},
    "knowledge.resume_syncs": {"task": "knowledge.tasks.resume_syncs", "schedule": 30.0},
    "knowledge.tend_generations": {"task": "knowledge.tasks.tend_generations", "schedule": 15.0},
    "moderation.release_expired_claims": {
        "task": "moderation.tasks.release_expired_claims",
        "schedule": 30.0,
    },
    "knowledge.revisit_gaps": {"task": "knowledge.tasks.revisit_gaps", "schedule": 300.0},
    "knowledge.send_reminders": {"task": "knowledge.tasks.send_reminders", "schedule": 1800.0},
    "chat.read_waiting_files": {"task": "chat.tasks.read_waiting_files", "schedule": 20.0},
    "chat.tend_files": {"task": "chat.tasks.tend_files", "schedule": 300.0},
    "chat.tend_exports": {"task": "chat.tasks.tend_exports", "schedule": 60.0},
    "chat.purge_deleted": {"task": "chat.tasks.purge_deleted", "schedule": 3600.0},
    "chat.note_lost_gaps": {"task": "chat.tasks.note_lost_gaps", "schedule": 300.0},
    "accounts.seal_audit_log": {"task": "accounts.tasks.seal_audit_log", "schedule": 60.0},
    "accounts.verify_audit_log": {"task": "accounts.tasks.verify_audit_log", "schedule": 6 * 3600.0},
    "accounts.warn_of_limits": {"task": "accounts.tasks.warn_of_limits", "schedule": 60.0},
    "accounts.forget_old_tokens": {"task": "accounts.tasks.forget_old_tokens", "schedule": 3600.0},
    "accounts.forget_old_counts": {"task": "accounts.tasks.forget_old_counts", "schedule": 3600.0},
    "accounts.sync_directories": {"task": "accounts.tasks.sync_directories", "schedule": 3600.0},
    "accounts.forget_ended_sessions": {"task": "accounts.tasks.forget_ended_sessions", "schedule": 3600.0},
    "accounts.resume_erasures": {"task": "accounts.tasks.resume_erasures", "schedule": 120.0},
    "accounts.apply_retention": {"task": "accounts.tasks.apply_retention", "schedule": 24 * 3600.0},
}

# The audit log: what signs its checkpoints, whose count besides, where they are kept beside the database, who is told.
AUDIT_KEY = environment.find_text("AUDIT_KEY")
AUDIT_SIGNING = environment.boolean("AUDIT_SIGNING", True)
AUDIT_PUBLIC_KEYS = environment.words("AUDIT_PUBLIC_KEYS", "")
AUDIT_FOLDER = Path(environment.text("AUDIT_FOLDER", str(DATA.audit)))
AUDIT_WITNESSES = environment.words("AUDIT_WITNESSES", "")
AUDIT_WITNESS_TOKEN = environment.find_text("AUDIT_WITNESS_TOKEN")

MODEL_URL = environment.find_text("MODEL_URL")
MODEL_NAME = environment.find_text("MODEL_NAME")
MODEL_API_KEY = environment.find_text("MODEL_API_KEY")
EMBEDDING_URL = environment.find_text("EMBEDDING_URL")
EMBEDDING_NAME = environment.find_text("EMBEDDING_NAME")
EMBEDDING_API_KEY = environment.find_text("EMBEDDING_API_KEY")

AUTH_USER_MODEL = "accounts.User"
# Addresses are unique, whatever their case, by a constraint of our own. Whether a domain goes into browsers' own lists
# of those that want TLS is for whoever owns it to say.
SILENCED_SYSTEM_CHECKS = ["auth.W004", "security.W021"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# The organisation's directories that speak LDAP: docs/directory.md says what stands in it.
LDAP_DIRECTORIES = environment.objects("LDAP_DIRECTORIES")
if LDAP_DIRECTORIES:
    AUTHENTICATION_BACKENDS.append("accounts.ldap.backend.LdapBackend")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.signing_in.passwords.NotGuessable"},
]
ACCOUNT_ADAPTER = "accounts.signing_in.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
# Programs: how many days a key may work at most; how many wrong keys a minute an address may try before it has to wait;
# how long the tokens of registered programs last.
KEY_MAX_DAYS = environment.integer("KEY_MAX_DAYS", 365)
KEY_FAILURES = environment.integer("KEY_FAILURES", 30)
ACCESS_TOKEN_MINUTES = environment.integer("ACCESS_TOKEN_MINUTES", 15)
REFRESH_TOKEN_DAYS = environment.integer("REFRESH_TOKEN_DAYS", 30)
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
# Signing in with a code that is sent by e-mail, instead of a password; 0 takes it away.
ACCOUNT_LOGIN_BY_CODE_ENABLED = environment.boolean("EMAIL_CODES", True)
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
# The second step. Who has one of these roles cannot go on without; an administrator's usual choice is "admin".
# Roles made here are meant by the rights they give, see accounts.signing_in.second_step.
MFA_REQUIRED_ROLES = environment.some_of("MFA_REQUIRED_ROLES", (*GRANTS, *CAPABILITIES), "")
MFA_ADAPTER = "accounts.signing_in.mfa_adapter.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an administrator set the address, and nobody can add one
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1
# Signing in through the organisation: docs/signing-in.md says what stands in it.
SIGN_IN_PROVIDERS = environment.objects("SIGN_IN_PROVIDERS")
# Which group that a directory keeps over SCIM gives which role: {"Parley reviewers": "moderator"}.
SCIM_ROLES = environment.mapping("SCIM_ROLES", ("employee", "owner", "moderator", "auditor", "admin"))
SOCIALACCOUNT_ADAPTER = "accounts.signing_in.sso_adapter.ProviderAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
EMAIL_BACKEND = environment.text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = environment.text("EMAIL_HOST", "localhost")
EMAIL_PORT = environment.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = environment.text("EMAIL_USER", "")
EMAIL_HOST_PASSWORD = environment.text("EMAIL_PASSWORD", "")
EMAIL_USE_TLS = environment.boolean("EMAIL_TLS", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM", "parley@localhost")
# From this hour on, keepers are sent what waits for them; at most one e-mail a day.
REMINDER_HOUR = environment.integer("REMINDER_HOUR", 7)

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Browsers take a cookie of such a name from this very host over TLS alone, and for all of it: no neighbour can set one.
_OWN = "__Host-" if BEHIND_TLS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_OWN}sessionid", f"{_OWN}csrftoken"
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS and environment.boolean("HSTS_SUBDOMAINS", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
UPLOAD_MAX_BYTES = environment.integer("UPLOAD_MAX_BYTES", 50_000_000)
# Files in the chat: of how many bytes, how many in one conversation, of which endings (none named: all that are read).
CHAT_FILE_MAX_BYTES = environment.integer("CHAT_FILE_MAX_BYTES", 25_000_000)
CHAT_FILES_MOST = environment.integer("CHAT_FILES_MOST", 20)
CHAT_FILE_KINDS = environment.words("CHAT_FILE_KINDS", "")
SOURCE_FOLDERS = environment.words("SOURCE_FOLDERS", "")
# Besides public addresses: what sources may also ask (host names, host:port, networks). See knowledge.fetching.reach.
SOURCE_HOSTS = environment.words("SOURCE_HOSTS", "")

# Conversations: how many days a share may last, and how long one that was deleted can be brought back.
SHARE_MAX_DAYS = environment.integer("SHARE_MAX_DAYS", 90)
# One administrator may open somebody's conversations to themselves, without a second person who allows it.
INSIGHT_ALONE = environment.boolean("INSIGHT_ALONE", False)
DELETED_KEPT_DAYS = environment.integer("DELETED_KEPT_DAYS", 30)
# Whether people may have their account deleted: asked of an administrator, by themselves at once, or not at all.
ACCOUNT_DELETION = environment.choice("ACCOUNT_DELETION", ("ask", "self", "off"), "ask")
# Where fonts for PDF exports are looked for.
_FONTS = "/usr/share/fonts,/usr/local/share/fonts,/Library/Fonts,/System/Library/Fonts/Supplemental"
FONT_FOLDERS = environment.words("FONT_FOLDERS", _FONTS)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# What Parley speaks; see accounts.languages for whom it speaks which to. Catalogues lie in each package's locale/.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ar", "العربية")]
LANGUAGE_COOKIE_NAME = f"{_OWN}parley_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
# How each language writes days and times: app/formats/de/formats.py and so on.
FORMAT_MODULE_PATH = ["app.formats"]
TIME_ZONE = "UTC"
# What the registry's prices are in, and what budgets are counted in.
CURRENCY = environment.text("CURRENCY", "EUR")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
# WhiteNoise hands out files as plain iterators. They are small; the first chat page has less than 60 KB of them.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
STATIC_ROOT = environment.find_text(
    "STATIC_ROOT"
)  # where `make run` and the image collect files; else the finders serve
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "app.web.statics.SmallStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_ALLOW_ALL_ORIGINS = False  # nobody else's pages are made of our files
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = DEBUG
FILES_ROOT = DATA.files
MEDIA_ROOT = DATA.files

LOG_LEVEL = environment.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
_TELL_TOO_MUCH = (
    *("httpx", "httpx2", "httpcore", "httpcore2", "openai", "urllib3", "requests", "aiohttp", "websockets", "hpack"),
    *("botocore", "boto3", "s3transfer", "aiobotocore", "s3fs", "gcsfs", "adlfs", "azure", "google", "msal"),
    *(
        "paramiko",
        "smbprotocol",
        "webdav4",
        "dulwich",
        "fsspec",
        "huggingface_hub",
        "kombu",
        "amqp",
        "celery.bootsteps",
    ),
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "app.web.log_masks.MaskingFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Their own ways of writing would go past what masks secrets.
        "django": {"handlers": [], "propagate": True},
        "uvicorn": {"handlers": [], "level": "WARNING", "propagate": True},
        "uvicorn.error": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.request": {"level": "ERROR"},
        # At DEBUG it writes down the tokens that it gives out.
        "authlib": {"level": "WARNING"},
        "fpdf": {"level": "ERROR"},
        # Two lines a task, and two tasks every 30 s: failures are told, routine is not.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "fontTools": {"level": "WARNING"},
        # At their finest these tell headers, bodies and credentials of what they send.
        **{name: {"level": "WARNING"} for name in _TELL_TOO_MUCH},
    },
}
