"""The hashes that tell whether a lock is still valid, equal to venvstacks 0.8's.

Each is the SHA-256 of the strings' UTF-8 bytes, one after the other without a separator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from ocistacks.digests import Digest
from ocistacks.lock.shared import is_shared, marker_text, own_marker
from ocistacks.spec.model import ApplicationSpec, LayerSpec, lower_layers, runtime_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.pylock import Package, Pylock


def hash_strings(strings: Iterable[str]) -> Digest:
    """Return the digest of the concatenated strings."""
    return Digest.of_chunks(text.encode() for text in strings)


def requirements_hash(pylock: Pylock) -> Digest:
    """Return the hash of what is locked: names, versions, markers, indexes, wheels."""
    return hash_strings(sorted(line for package in pylock.packages for line in _hashed(package)))


def lock_input_hash(layer: LayerSpec) -> Digest:
    """Return the hash of the declared requirements.

    venvstacks reads them as lines of a requirements file, where `#` begins a comment.
    """
    lines = (str(requirement).partition("#")[0].strip() for requirement in layer.requirements)
    return hash_strings(sorted(lines))


def other_inputs_hash(layer: LayerSpec) -> Digest:
    """Return the hash of what else a lock depends on: Python, platform floors, layers below."""
    lower = lower_layers(layer)
    inputs = [f"py_version={runtime_of(layer).python_minor}"]
    if any(platform.is_linux for platform in layer.platforms):
        inputs.append(f"linux_target={layer.declared_linux_target}")
    if any(platform.is_macos for platform in layer.platforms):
        inputs.append(f"macosx_target={layer.macosx_target}")
    if lower:
        inputs.append(lower[-1].environment_name)
        inputs += [framework.name for framework in lower[:-1]]
    return hash_strings(inputs)


def version_inputs_hash(layer: LayerSpec, module_hashes: Mapping[Path, str]) -> Digest:
    """Return the hash of what, besides the lock, makes a new version of a versioned layer.

    ``module_hashes`` holds venvstacks' hash for each launch and support module of the stack.
    """
    inputs = [f"env_name={layer.environment_name}", f"is_versioned_layer={layer.versioned}"]
    if isinstance(layer, ApplicationSpec):
        inputs.append(module_hashes[layer.launch_module])
        inputs += [module_hashes[path] for path in layer.support_modules]
    return hash_strings(inputs)


def _hashed(package: Package) -> Iterator[str]:
    marker = own_marker(package)
    suffix = f" ; {marker_text(marker)}" if marker else ""
    index = package.index or "unspecified index"
    yield f"{package.name}=={package.version}{suffix} from {index}"
    if not is_shared(package):
        for wheel in package.wheels or ():
            for algorithm, value in wheel.hashes.items():
                yield f"{unquote(wheel.filename)}:{algorithm}:{value}"
