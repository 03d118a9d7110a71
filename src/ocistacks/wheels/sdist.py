"""Which sdist a requirement takes, as uv finds it in the layer's indexes, and where it lies.

uv is asked for the requirement alone, without what the package depends on: it then reads what the
index says and opens no sdist, so that no code of a package runs here.
"""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.pylock import Pylock

from ocistacks.digests import Digest
from ocistacks.errors import LockError, UsageError
from ocistacks.lock import uv
from ocistacks.lock.local_wheels import local_path, with_absolute_places
from ocistacks.redaction import without_secrets
from ocistacks.request.index_login import index_logins, login_for
from ocistacks.request.materials import Material
from ocistacks.wheels.model import SdistInput
from ocistacks.wheels.resolver_settings import sdist_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.pylock import Package
    from packaging.requirements import Requirement

    from ocistacks.request.index_login import IndexLogin
    from ocistacks.spec.model import LayerSpec, StackSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Sdist:
    """An sdist and where it can be had."""

    given: SdistInput
    material: Material


def find_sdist(
    requirement: Requirement,
    layer: LayerSpec,
    stack: StackSpec,
    lower_packages: Iterable[Package],
    *,
    environment: Mapping[str, str],
) -> Sdist:
    """Return the newest sdist that ``requirement`` allows, within what the layers below have.

    Raises:
        LockError: there is none, no index answers, or the index tells no SHA-256 of it.
        UsageError: the requirement is a URL.
    """
    if requirement.url is not None:
        raise UsageError(
            "A wheel is built from the sdist that an index or a find-links folder has.",
            where=requirement.name,
            found=without_secrets(requirement.url),
            expected="a name and versions, such as 'demo==1.0'",
            hint="put the sdist into a folder, and name that in find-links of [tool.uv]",
        )
    project = sdist_project(requirement, layer, stack.uv_configuration, lower_packages)
    name = requirement.name
    with tempfile.TemporaryDirectory(prefix="ocistacks-sdist-") as folder:
        try:
            text = uv.pin(
                with_absolute_places(project, stack.folder),
                layer=layer,
                folder=Path(folder),
                environment=environment,
            )
        except LockError as error:
            raise LockError(
                f"No sdist of {name} can be found.",
                where=f"layer {layer.environment_name}, {requirement}",
                found=error.found,
                hint="name a version that an index has the sdist of, or check the indexes in "
                "[tool.uv]",
            ) from error
        packages = Pylock.from_dict(tomllib.loads(text)).packages
        found = [package for package in packages if package.sdist is not None]
        if len(found) != 1:
            raise LockError(
                f"No sdist of {name} can be found.",
                where=f"layer {layer.environment_name}, {requirement}",
                found=", ".join(str(package.name) for package in packages) or "nothing",
                expected="one package with an sdist",
            )
        return _located(found[0], Path(folder), index_logins(stack.uv_configuration))


def _located(package: Package, folder: Path, logins: Iterable[IndexLogin]) -> Sdist:
    sdist = package.sdist
    if sdist is None or package.version is None:
        raise TypeError(package.name)
    filename = unquote(sdist.filename)
    sha256 = sdist.hashes.get("sha256")
    if sha256 is None:
        raise LockError(
            "An sdist has no sha256, so it cannot be verified.",
            where=f"{package.name}: {filename}",
            found=", ".join(sdist.hashes) or "no hash",
            expected="sha256",
            hint="put the sdist into a folder, and name that in find-links of [tool.uv]",
        )
    path = local_path(sdist.url, sdist.path, folder)
    material = Material(
        name=filename,
        digest=Digest.from_hex(sha256),
        size=sdist.size,
        url=sdist.url if path is None else None,
        path=path,
        login=login_for(sdist.url, None, logins) if path is None and sdist.url else None,
    )
    given = SdistInput(
        name=package.name,
        version=str(package.version),
        filename=filename,
        digest=material.digest,
    )
    return Sdist(given=given, material=material)
