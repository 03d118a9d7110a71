"""The settings of uv that a stack brings: `[tool.uv]`, else venvstacks.uv.toml beside the file.

Only one of the two is read, the table in the specification first (venvstacks 0.8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from ocistacks.errors import UsageError
from ocistacks.spec.exclude_newer import EXCLUDE_NEWER_FORM, ExcludeNewer, parse_exclude_newer
from ocistacks.spec.faults import Fault, Findings, KeyPath, shown, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

UV_FILE_NAME = "venvstacks.uv.toml"
EXCLUDE_NEWER_VARIABLE = "UV_EXCLUDE_NEWER"

_FORCED = {
    "cache-keys": "the layer's project is always the key",
    "no-build": "layers are made of wheels only, always",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class UvTable:
    """uv's settings, checked: ``indexes`` are the names of the named indexes."""

    configuration: Mapping[str, object]
    indexes: tuple[str, ...]
    exclude_newer: ExcludeNewer | None


def read_uv_table(
    table: Mapping[str, object],
    path: KeyPath,
    environment: Mapping[str, str],
    findings: Findings,
) -> UvTable:
    """Return uv's settings from ``table``, which stands at ``path``, and from the environment.

    `UV_EXCLUDE_NEWER` goes before `exclude-newer`; raises UsageError where it makes no sense.
    """
    for key, reason in _FORCED.items():
        if key in table and (key, table[key]) != ("no-build", True):
            findings.warn((*path, key), f"this setting is ignored: {reason}")
    indexes = _index_names(table.get("index", []), (*path, "index"), findings)
    _check_sources(table.get("sources", {}), (*path, "sources"), indexes, findings)
    exclude_newer = _exclude_newer(table, path, environment, findings)
    configuration = dict(table)
    if exclude_newer is not None:
        configuration["exclude-newer"] = exclude_newer.text
    return UvTable(configuration=configuration, indexes=indexes, exclude_newer=exclude_newer)


def _index_names(value: object, path: KeyPath, findings: Findings) -> tuple[str, ...]:
    if not isinstance(value, list):
        findings.add(
            Fault(path=path, problem="wrong type", found=shown(value), allowed="[[tool.uv.index]]")
        )
        return ()
    names: list[str] = []
    for position, index in enumerate(value):
        here = (*path, position)
        if not isinstance(index, dict) or not isinstance(index.get("url"), str):
            findings.add(
                Fault(path=here, problem="not an index", allowed="a table with url, and maybe name")
            )
            continue
        _warn_of_credentials(index["url"], (*here, "url"), findings)
        name = index.get("name")
        if name is None:
            continue
        if not isinstance(name, str) or not name or name in names:
            findings.add(
                Fault(
                    path=(*here, "name"),
                    problem="not the name of one index",
                    found=shown(name),
                    allowed="a string that no other index has as its name",
                )
            )
            continue
        names.append(name)
    return tuple(names)


def _warn_of_credentials(url: str, path: KeyPath, findings: Findings) -> None:
    try:
        has_user = urlsplit(url).username is not None
    except ValueError:
        findings.add(Fault(path=path, problem="not a URL", allowed="https://..."))
        return
    if has_user:
        findings.warn(
            path,
            "credentials do not belong into a specification; give them to uv with the variables "
            "UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, a keyring or netrc",
        )


def _check_sources(
    value: object, path: KeyPath, indexes: tuple[str, ...], findings: Findings
) -> None:
    if not isinstance(value, dict):
        findings.add(Fault(path=path, problem="wrong type", found=shown(value), allowed="a table"))
        return
    seen: set[str] = set()
    for package, source in value.items():
        here = (*path, package)
        normal = canonicalize_name(package)
        if normal in seen:
            findings.add(
                Fault(
                    path=here,
                    problem=f"the package {str(normal)!r} has two entries after its name is "
                    "normalised",
                    allowed="one source for each package",
                )
            )
        seen.add(normal)
        index = source.get("index") if isinstance(source, dict) else None
        if not isinstance(index, str):
            findings.add(
                Fault(
                    path=here,
                    problem="a source that is no index",
                    found=shown(source),
                    allowed='{ index = "NAME" }, the name of one of [[tool.uv.index]]',
                )
            )
        elif index not in indexes:
            findings.add(unknown_name((*here, "index"), "package index", index, indexes))


def _exclude_newer(
    table: Mapping[str, object],
    path: KeyPath,
    environment: Mapping[str, str],
    findings: Findings,
) -> ExcludeNewer | None:
    declared: ExcludeNewer | None = None
    if "exclude-newer" in table:
        try:
            declared = parse_exclude_newer(table["exclude-newer"])
        except ValueError:
            findings.add(
                Fault(
                    path=(*path, "exclude-newer"),
                    problem="not a moment",
                    found=shown(table["exclude-newer"]),
                    allowed=EXCLUDE_NEWER_FORM,
                )
            )
    from_environment = environment.get(EXCLUDE_NEWER_VARIABLE, "").strip()
    if not from_environment:
        return declared
    try:
        return parse_exclude_newer(from_environment)
    except ValueError as error:
        raise UsageError(
            "An environment variable makes no sense.",
            where=EXCLUDE_NEWER_VARIABLE,
            found=shown(from_environment),
            expected=EXCLUDE_NEWER_FORM,
        ) from error
