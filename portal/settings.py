"""Django's settings. Every variable that is read here stands in docs/operations.md.

portal/environment.py says what the two modes, embedded and production, are.
"""

from pathlib import Path
from typing import Any

from botocore.config import Config
from csp.constants import NONE, SELF

from inference.options import GUIDANCE_RANGE, STEPS_RANGE
from portal import environment, logs
from portal.environment import database, env, number

BASE_DIR = environment.ROOT
VISEME_HOME = environment.home()
MODE = environment.mode()
PRODUCTION = MODE == "production"

if PRODUCTION:
    environment.require(
        [
            "DATABASE_URL",
            "SECRET_KEY",
            "ALLOWED_HOSTS",
            "SITE_URL",
            "AWS_REGION",
            "S3_INPUT_BUCKET",
            "S3_OUTPUT_BUCKET",
            "EMAIL_HOST",
        ]
    )
state: dict[str, Any] = {} if PRODUCTION else dict(environment.embedded_state())

# --- the application ----------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", state.get("secret_key", "no-server-was-started-yet"))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
SITE_URL = env.str("SITE_URL", f"http://127.0.0.1:{state.get('web', {}).get('port', 8000)}")
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

INSTALLED_APPS = [
    "messaging",
    "tenants",
    "billing",
    "jobs",
    "portal",  # before what its templates dress: the admin's pages and allauth's
    "portal.apps.OperationsConfig",  # django.contrib.admin with a site of ours
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "django_prometheus",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "portal.patience.Patience",
    "portal.health.Alive",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "jobs.api.answering.RequestIds",
    "jobs.api.answering.ApiAnswers",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.pages.zone.ViewerZone",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "jobs.metrics.ApiRequests",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,  # in the order of INSTALLED_APPS
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.pages.entry.navigation",
            ]
        },
    }
]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = ["portal.formats"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- database: the application's role, and the owner's for migrations only ------------------------

postgres = state.get("postgres", {})


def embedded_address(role: str) -> str:
    password = postgres.get(f"{role}_password", "")
    return f"postgresql://viseme_{role}:{password}@127.0.0.1:{postgres.get('port', 5432)}/viseme"


DATABASES = {
    "default": database(
        env.str("DATABASE_URL", embedded_address("app")),
        # A pool that tries to reconnect does so twice as long after each time, in vain: after an
        # outage it would stay away for as long again. Having given up, it tries with each request.
        pool={
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", 8),
            "timeout": 10,
            "reconnect_timeout": 10,
        },
    )
    | {"ENGINE": "django_prometheus.db.backends.postgresql", "CONN_HEALTH_CHECKS": True}
}
# In production only the process that migrates is told the owner's password.
owner_address = env.str("DATABASE_OWNER_URL", "" if PRODUCTION else embedded_address("owner"))
if owner_address:
    DATABASES["owner"] = database(owner_address)

CACHES = {
    "default": {
        # In production several processes count sign-in attempts together, without a Redis.
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
    }
    if PRODUCTION
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- storage --------------------------------------------------------------------------------------

AWS_REGION = env.str("AWS_REGION", "us-east-1")
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", str(VISEME_HOME / "media")))
WORK_ROOT = Path(env.str("WORK_ROOT", str(VISEME_HOME / "work")))
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(VISEME_HOME / "static")))
WHITENOISE_USE_FINDERS = not PRODUCTION


S3_PATIENCE = Config(
    signature_version="s3v4",
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 3},
)


def bucket_or_folder(bucket: str, folder: str) -> dict[str, Any]:
    """S3 where the environment names the bucket, otherwise a folder below MEDIA_ROOT."""
    if not (name := env.str(bucket, "")):
        options = {"location": MEDIA_ROOT / folder, "file_permissions_mode": 0o600}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    options = {
        "bucket_name": name,
        "region_name": AWS_REGION,
        "client_config": S3_PATIENCE,
        "default_acl": None,
        "file_overwrite": True,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


manifest = "whitenoise.storage.CompressedManifestStaticFilesStorage"
# "manifest" in production: names that change with the content, gathered by collectstatic.
files = "manifest" if PRODUCTION else "plain"
plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {
    "default": bucket_or_folder("S3_OUTPUT_BUCKET", "outputs"),
    "inputs": bucket_or_folder("S3_INPUT_BUCKET", "inputs"),
    "outputs": bucket_or_folder("S3_OUTPUT_BUCKET", "outputs"),
    "models": bucket_or_folder("S3_MODELS_BUCKET", "models"),
    "staticfiles": {"BACKEND": plain if env.str("STATICFILES", files) == "plain" else manifest},
}
BUCKET_ORIGINS = env.list("BUCKET_ORIGINS", [])  # where a browser sends parts to and plays from
if PRODUCTION and not BUCKET_ORIGINS:
    BUCKET_ORIGINS = [
        f"https://{env.str(bucket)}.s3.{host}amazonaws.com"
        for bucket in ("S3_INPUT_BUCKET", "S3_OUTPUT_BUCKET")
        for host in (f"{AWS_REGION}.", "")
    ]

FORM_LIMIT_BYTES = 8 << 20  # API Gateway caps a body at 10 MB; larger files come in parts
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20  # fields; files go to disk, never into memory
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

# --- queues and timers ----------------------------------------------------------------------------

sqs_default = None if PRODUCTION else f"http://127.0.0.1:{state.get('sqs', {}).get('port', 5000)}"
SQS_ENDPOINT_URL = env.str("SQS_ENDPOINT_URL", sqs_default)
lipsync = env.str("SQS_LIPSYNC_QUEUE", "lipsync.fifo")
tasks = env.str("SQS_TASKS_QUEUE", "tasks")
previews = env.str("SQS_PREVIEWS_QUEUE", "previews")
SQS_QUEUES = {
    "lipsync": lipsync,
    "lipsync-dead": f"{lipsync.removesuffix('.fifo')}-dead.fifo",
    "tasks": tasks,
    "tasks-dead": f"{tasks}-dead",
    "previews": previews,  # all long work, so the sweep too; its dead letters go to the tasks'
}
# Long work: a process takes one at a time, so that its other threads are free for short tasks.
SQS_ONE_AT_A_TIME = {"previews"}
# moto does not see a freed message group during a long poll, so embedded polls are short.
SQS_WAIT_SECONDS = number("SQS_WAIT_SECONDS", 20 if PRODUCTION else 1, 0, 20, whole=True)
SQS_BACK_OFF_SECONDS = number("SQS_BACK_OFF_SECONDS", 10, 1, 900, whole=True)
LEADER_LOST_SECONDS = number("LEADER_LOST_SECONDS", 60, 3, 3600, whole=True)

MESSAGING_CONTEXT = "tenants.context.as_operator"
MESSAGING_STARTED = "jobs.metrics.serve_dispatcher"
# The clock of the whole system: name, interval in seconds, function of the app that owns it.
TIMERS: list[tuple[str, float, str]] = [
    ("admission", 1, "jobs.admission.admit"),
    ("reconciler", 15, "jobs.reconciling.reconcile"),
    ("outbox-pruning", 3600, "messaging.outbox.prune"),
    ("file-sweep", 86400, "jobs.sweeping.ask"),
]

# --- jobs -----------------------------------------------------------------------------------------

INFERENCE_STEPS = number("INFERENCE_STEPS", 20, *STEPS_RANGE, whole=True)
GUIDANCE_SCALE = number("GUIDANCE_SCALE", 1.5, *GUIDANCE_RANGE)

# A laptop that was shut in the middle of a video takes it up again within the minute.
JOB_LEASE_SECONDS = number("JOB_LEASE_SECONDS", 300 if PRODUCTION else 60, 6, 43200, whole=True)
HEARTBEAT_SECONDS = number("HEARTBEAT_SECONDS", JOB_LEASE_SECONDS / 3, 1, JOB_LEASE_SECONDS / 2)
SQS_VISIBILITY_SECONDS = number("SQS_VISIBILITY_SECONDS", JOB_LEASE_SECONDS, 6, 43200, whole=True)
PROGRESS_SECONDS = number("PROGRESS_SECONDS", 2, 0.1, 60)
JOB_STALL_SECONDS = number("JOB_STALL_SECONDS", 900, 10, 86400)
DISPATCH_LOST_SECONDS = number("DISPATCH_LOST_SECONDS", 900 if PRODUCTION else 20, 1, 86400)
RETRY_SECONDS = number("RETRY_SECONDS", 30, 0, 3600)
CANCEL_SECONDS = number("CANCEL_SECONDS", 20, 0.1, 600)
SHUTDOWN_GRACE_SECONDS = number("SHUTDOWN_GRACE_SECONDS", 0, 0, 86400)

MODEL_BUNDLE = Path(env.str("MODEL_BUNDLE", str(BASE_DIR / "inference" / "demo" / "bundle")))
MODEL_PREFIX = env.str("MODEL_PREFIX", "")  # of a bundle in S3_MODELS_BUCKET; goes before a folder
MODEL_CACHE = Path(env.str("MODEL_CACHE", str(VISEME_HOME / "model-cache")))
MODEL_DEVICE = env.str("MODEL_DEVICE", "auto")
MODEL_CHILD_MODULE = env.str("MODEL_CHILD_MODULE", "inference.child")
JOBS_PER_CHILD = number("JOBS_PER_CHILD", 50, 1, 1_000_000, whole=True)
SAMPLE_DIR = BASE_DIR / "inference" / "demo" / "sample"  # face.mp4 and voice.wav

METRICS_PORT = number("METRICS_PORT", 0, 0, 65535, whole=True)  # 0: not served
METRICS_ADDRESS = env.str("METRICS_ADDRESS", "127.0.0.1")
PROMETHEUS_EXPORT_MIGRATIONS = False

# --- sign-in --------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarity", {"user_attributes": ["email", "name"]}),
        ("MinimumLength", {"min_length": 12}),
        ("CommonPassword", {}),
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "portal.accounts.Invited"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Viseme: "  # allauth's own names the host
ACCOUNT_EMAIL_VERIFICATION = "optional"  # the operator or an owner has named the address
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PRODUCTION else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 1 if PRODUCTION else 0)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Viseme"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION

# --- API ------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["jobs.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "jobs.api.problems.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Viseme",
    "DESCRIPTION": "A video and a voice go in, the video speaking that voice comes out.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,  # a file is bytes in a request and an address in an answer
    "ENUM_NAME_OVERRIDES": {
        "JobState": "jobs.models.State",
        "UploadKind": "jobs.models.UploadKind",
        "UploadState": "jobs.models.UploadState",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- security -------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *BUCKET_ORIGINS],  # data: is allauth's QR code
        "media-src": [SELF, "blob:", *BUCKET_ORIGINS],
        "connect-src": [SELF, *BUCKET_ORIGINS],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = number("HSTS_SECONDS", 31536000 if PRODUCTION else 0, 0, 10**9, whole=True)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
if PRODUCTION and ALLAUTH_TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- mail and logs --------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", "Viseme <viseme@localhost>")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if PRODUCTION else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = VISEME_HOME / "mail"
EMAIL_HOST = env.str("EMAIL_HOST", "")
EMAIL_PORT = env.int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_TIMEOUT = 10
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", True)

LOGGING = logs.configure(json=PRODUCTION, level=env.str("LOG_LEVEL", "INFO"))
