"""One line an event: JSON in production, readable otherwise. Django's own records take part."""

import logging
import re
from typing import Any

import structlog

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

# A link of ours, and what makes one of S3's a key: whoever reads it in a log could use it.
SECRETS = re.compile(
    r"(?P<before>/(?:parts|files)/)[\w.%=-]*(?::|%3A)[\w.:%=-]+"
    r"|(?P<name>X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    return SECRETS.sub(lambda found: (found["before"] or found["name"]) + "…", text)


class NoSecrets(logging.Filter):
    """For loggers of others that name the address, whatever handler writes their records."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_secrets(record.getMessage()), None
        return True


def configure(*, json: bool, level: str) -> dict[str, Any]:
    """Set structlog up and return what belongs into settings.LOGGING."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"no_secrets": {"()": NoSecrets}},
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_rendering(json),
                    _forget_secrets,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            "django.server": {"level": level, "handlers": [], "propagate": True},
            # What a client got wrong is in its answer; only our own faults are worth a line.
            "django.request": {"level": "ERROR", "filters": ["no_secrets"]},
            "botocore": {"level": "WARNING"},
            "urllib3": {"level": "ERROR"},
        },
    }


def _rendering(json: bool) -> list[structlog.typing.Processor]:
    if not json:
        return [structlog.dev.ConsoleRenderer(colors=False)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _forget_secrets(logger: Any, method: str, line: str) -> str:
    """The last processor: it sees the line as it will be written, with its traceback."""
    return without_secrets(line)
