"""Texts without the secrets that URLs may hold, for messages and logs."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_USER_IN_URL = re.compile(r"(?<=://)[^/\s'\"]+@")
_QUERY_IN_TEXT = re.compile(r"(?<=[^\s?])\?[^\s?'\"()<>]*=[^\s'\"()<>]*")


def without_secrets(text: str) -> str:
    """Return a URL, or a text that holds URLs, without user names, passwords and queries."""
    if "://" in text and " " not in text:
        parts = urlsplit(text)
        text = urlunsplit(parts._replace(query="", fragment=""))
    return _QUERY_IN_TEXT.sub("", without_user(text))


def without_user(text: str) -> str:
    """Return a URL, or a text that holds URLs, without user names and passwords."""
    return _USER_IN_URL.sub("", text)
