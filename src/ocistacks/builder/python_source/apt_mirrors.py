"""The Debian archive mirrors that this machine's apt is set up with (sources.list(5)).

Both forms are read: one-line `.list` files and deb822 `.sources` files. Whether a mirror is one of
Debian, Ubuntu or of somebody else is not asked: an archive without the file answers 404.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TYPES: Final = frozenset({"deb", "deb-src"})
_SCHEMES: Final = frozenset({"http", "https"})
_ONE_LINE: Final = re.compile(r"(?P<type>deb|deb-src)\s+(?:\[[^\]]*\]\s*)?(?P<uri>\S+)\s+\S+")


def installed_mirrors(apt_folder: Path = Path("/etc/apt")) -> tuple[str, ...]:
    """Return the mirrors named below ``apt_folder``, each once, in the order apt reads them.

    A file that cannot be read is passed over, as is a machine without apt: mirrors are an offer.
    """
    return mirrors_of_files(dict(_read_files(apt_folder)))


def mirrors_of_files(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the http and https mirrors in ``files``, a map of file name to content."""
    found: list[str] = []
    for name, text in files.items():
        found += _deb822_mirrors(text) if name.endswith(".sources") else _one_line_mirrors(text)
    return tuple(dict.fromkeys(uri.rstrip("/") for uri in found if _is_usable(uri)))


def _is_usable(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    # A password in an address would travel into messages and logs.
    return parts.scheme in _SCHEMES and bool(parts.hostname) and "@" not in parts.netloc


def _read_files(apt_folder: Path) -> Iterator[tuple[str, str]]:
    parts = apt_folder / "sources.list.d"
    listed = sorted(parts.iterdir()) if parts.is_dir() else []
    for path in (apt_folder / "sources.list", *listed):
        if path.suffix not in {".list", ".sources"}:
            continue
        try:
            yield path.name, path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def _one_line_mirrors(text: str) -> list[str]:
    matches = (_ONE_LINE.match(line.strip()) for line in text.splitlines())
    return [match["uri"] for match in matches if match is not None]


def _deb822_mirrors(text: str) -> list[str]:
    mirrors: list[str] = []
    for stanza in _stanzas(text):
        types = stanza.get("types", "").split()
        enabled = stanza.get("enabled", "yes").strip().lower() not in {"no", "false", "0", "off"}
        if enabled and _TYPES.intersection(types):
            mirrors += stanza.get("uris", "").split()
    return mirrors


def _stanzas(text: str) -> Iterable[dict[str, str]]:
    stanza: dict[str, str] = {}
    field = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue  # a comment may stand between the lines of one field
        if not line.strip():
            yield stanza
            stanza, field = {}, ""
        elif line[0].isspace():
            stanza[field] = f"{stanza.get(field, '')} {line.strip()}"
        else:
            field, _, value = line.partition(":")
            field = field.strip().lower()
            stanza[field] = value.strip()
    yield stanza
