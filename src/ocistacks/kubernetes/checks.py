"""What a user gives for a manifest, checked by Kubernetes' rules before anything is asked for."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.kubernetes.model import Amounts

if TYPE_CHECKING:
    from collections.abc import Iterable

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_LONGEST_SUBDOMAIN = 253
_VARIABLE = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*")
_QUANTITY = re.compile(
    r"[0-9]+(?:\.[0-9]+)?(?:m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][0-9]{1,2})?", re.ASCII
)


def workload_name(name: str) -> str:
    """Return a name for objects, their pods and labels (RFC 1123 label), or raise UsageError."""
    if not _LABEL.fullmatch(name):
        raise UsageError(
            "Kubernetes takes no such name.",
            where="--name",
            found=repr(name[:100]),
            expected="a-z, 0-9 and hyphens between them, at most 63",
        )
    return name


def default_name(application: str) -> str:
    """Return an application's name as Kubernetes takes it; raise UsageError if nothing is left."""
    folded = re.sub(r"[^a-z0-9]+", "-", application.casefold())[:63].strip("-")
    return workload_name(folded)


def namespace(name: str) -> str:
    """Return a namespace's name, or raise UsageError."""
    if not _LABEL.fullmatch(name):
        raise UsageError(
            "Kubernetes takes no such namespace.",
            where="--namespace",
            found=repr(name[:100]),
            expected="a-z, 0-9 and hyphens between them, at most 63",
        )
    return name


def object_name(name: str, option: str) -> str:
    """Return the name of a secret or claim (RFC 1123 subdomain), or raise UsageError."""
    if not _SUBDOMAIN.fullmatch(name) or len(name) > _LONGEST_SUBDOMAIN:
        raise UsageError(
            "Kubernetes has no object of such a name.",
            where=option,
            found=repr(name[:100]),
            expected="a-z, 0-9, and hyphens and dots between them, at most 253",
        )
    return name


def amounts(text: str, option: str) -> Amounts:
    """Parse `REQUEST[/LIMIT]`; one value is both."""
    request, slash, limit = text.partition("/")
    if not _QUANTITY.fullmatch(request) or (slash and not _QUANTITY.fullmatch(limit)):
        raise UsageError(
            "This is no amount of a resource.",
            where=option,
            found=repr(text[:100]),
            expected="REQUEST or REQUEST/LIMIT, such as 500m, 2, 512Mi or 1Gi/2Gi",
        )
    return Amounts(request=request, limit=limit or request)


def environment(entries: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Parse `NAME=VALUE` entries; raise UsageError for one that is none, or a name given twice."""
    parsed: dict[str, str] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not _VARIABLE.fullmatch(name) or "\0" in value:
            raise UsageError(
                "This is no environment variable.",
                where="--env",
                # Only the name is told: what follows may be a secret.
                found=repr(name[:100]),
                expected="NAME=VALUE; a name is of letters, digits, _ . and -",
            )
        if name in parsed:
            raise UsageError("An environment variable is given twice.", where="--env", found=name)
        parsed[name] = value
    return tuple(parsed.items())


def store_path(text: str) -> str:
    """Return a folder of the node, or raise UsageError."""
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or ":" in text or path == PurePosixPath("/"):
        raise UsageError(
            "The node's store cannot lie there.",
            where="--store-path",
            found=repr(text[:200]),
            expected="an absolute path of the node without .. and :, such as /var/lib/ocistacks",
        )
    return str(path)
