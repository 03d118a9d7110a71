"""The moment after which releases are ignored, in all the forms that uv takes.

uv, "exclude-newer": an RFC 3339 timestamp, a date (the whole day included), or a span of time
before now, in words ("7 days") or as ISO 8601 has it ("P7D").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

EXCLUDE_NEWER_FORM = (
    "a date ('2026-01-31'), a date and time ('2026-01-31T12:00:00Z') or a span ('7 days', 'P7D')"
)

_SPAN = re.compile(
    r"P(?=.)(?:\d+W)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?"
    r"|(?:\d+\s*(?:w|wks?|weeks?|d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)[\s,]*)+",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExcludeNewer:
    """``text`` is what uv is given; ``moment`` is None where it is a span before now."""

    text: str
    moment: datetime | None


def parse_exclude_newer(value: object) -> ExcludeNewer:
    """Return the setting that a TOML value or an environment variable's text stands for.

    A date alone is the end of that day in UTC, and a time without offset is UTC, where uv would ask
    the machine's time zone: the same file must mean the same everywhere. Raises ValueError.
    """
    if isinstance(value, str):
        if _SPAN.fullmatch(value.strip()):
            return ExcludeNewer(text=value.strip(), moment=None)
        value = _date_of(value.strip())
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    elif isinstance(value, date):
        moment = datetime.combine(value, time.min, tzinfo=UTC) + timedelta(days=1)
    else:
        raise ValueError(EXCLUDE_NEWER_FORM)  # noqa: TRY004 - a wrong type is one wrong value more
    return ExcludeNewer(text=moment.isoformat().replace("+00:00", "Z"), moment=moment)


def _date_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)
