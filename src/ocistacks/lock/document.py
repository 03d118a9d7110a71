"""From what uv resolved to the layer's lock, and its text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ocistacks.lock.shared import as_shared, is_shared, own_marker, shared_marker_text
from ocistacks.redaction import without_user
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.pylock import Package, Pylock

    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec


def layer_pylock(resolved: Pylock, layer: LayerSpec, lower_packages: Iterable[Package]) -> Pylock:
    """Return the lock of ``layer``, from what uv resolved for it, in uv's order.

    What no platform needs is dropped, what lower layers have is marked as shared, and wheels are
    the only source.
    """
    lower = tuple(lower_packages)
    packages = []
    for package in resolved.packages:
        wanted = platforms_of(package, layer)
        if not wanted:
            continue
        own = replace(
            package,
            marker=None if len(wanted) == len(layer.platforms) else package.marker,
            index=_portable_index(package),
            archive=None,
            directory=None,
            sdist=None,
            vcs=None,
            tool=None,
        )
        provided = all(_is_provided(package, lower, layer, platform) for platform in wanted)
        packages.append(as_shared(own) if provided else own)
    return replace(resolved, packages=packages, tool=None)


def needed_on(package: Package, layer: LayerSpec, platform: Platform) -> bool:
    """Whether a package's marker, apart from being shared, holds for a layer on a platform."""
    marker = own_marker(package)
    if marker is None:
        return True
    environment = platform.marker_environment(runtime_of(layer).python_version)
    return marker.evaluate(environment, context="lock_file")


def platforms_of(package: Package, layer: LayerSpec) -> tuple[Platform, ...]:
    """Return the platforms of ``layer`` that need a package."""
    return tuple(platform for platform in layer.platforms if needed_on(package, layer, platform))


def to_toml(pylock: Pylock, environment_name: str) -> str:
    """Return the text of the pylock file (PyPA "pylock.toml" 1.0)."""
    header = (
        f"# Locked requirements for {environment_name} (DO NOT EDIT)\n"
        "# Made by: ocistacks lock\n"
        "# Lock the stack again to change it.\n"
    )
    return pylock_text(pylock, header)


def pylock_text(pylock: Pylock, header: str) -> str:
    """Return the text of a pylock file that begins with the comment lines ``header``."""
    import tomli_w

    return header + tomli_w.dumps(_plain(_document(pylock)), indent=2)


def to_summary(pylock: Pylock, environment_name: str) -> str:
    """Return the text of the package summary, as venvstacks 0.8 writes it."""
    own: list[str] = []
    shared: list[str] = []
    for package in pylock.packages:
        marker = own_marker(package)
        suffix = f" ; {marker}".replace('"', "'") if marker else ""
        (shared if is_shared(package) else own).append(f"{package.name}=={package.version}{suffix}")
    lines = [
        f"# Package summary for {environment_name} (DO NOT EDIT)",
        "# Lock the stack again to change it.",
        *sorted(own),
    ]
    if shared:
        lines += ["", "# Shared packages inherited from other layers", *sorted(shared)]
    return "\n".join(lines) + "\n"


def _portable_index(package: Package) -> str | None:
    """Return the index without a user; None for a folder, which lies elsewhere elsewhere."""
    if package.index is None or urlsplit(package.index).scheme == "file":
        return None
    return without_user(package.index)


def _is_provided(
    package: Package, lower: tuple[Package, ...], layer: LayerSpec, platform: Platform
) -> bool:
    return any(
        candidate.name == package.name and needed_on(candidate, layer, platform)
        for candidate in lower
    )


def _document(pylock: Pylock) -> dict[str, Any]:
    """Return the lock as dicts and lists; entries for shared packages fail no validation here."""
    document = replace(pylock, packages=[p for p in pylock.packages if not is_shared(p)]).to_dict()
    own = iter(document["packages"])
    packages = [
        {"name": p.name, "version": str(p.version), "marker": shared_marker_text(own_marker(p))}
        if is_shared(p)
        else next(own)
        for p in pylock.packages
    ]
    return {**document, "packages": packages}


def _plain(value: Any) -> Any:  # noqa: ANN401 - a TOML document of any shape
    """Return a document of plain dicts and lists, as the TOML writer wants it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
