"""What a layer says about itself in annotations, written and read back.

docs/oci-objects.md lists the keys. Annotations that come from a registry are a stranger's input:
an install target becomes a folder's name, so it is checked here before anybody uses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, TransferError, UnsafeContentError
from ocistacks.oci import annotations as keys
from ocistacks.registry import media_types
from ocistacks.spec.names import name_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.blob.model import Blob
    from ocistacks.platforms import Platform
    from ocistacks.registry.model import Descriptor

_LONGEST_LIST = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerDescription:
    """What one layer is.

    ``name`` is the environment name, ``kind`` runtime, framework or application; ``requires``
    the install targets of the layers below, nearest first, the runtime last; ``archive_name``
    the file name that the blob has as an archive; ``launch_module`` an application's alone.
    """

    name: str
    kind: str
    install_target: str
    lock_hash: Digest
    input_digest: Digest
    lock_version: int
    requires: tuple[str, ...]
    platform: Platform
    archive_name: str
    launch_module: str | None = None

    def annotations(self) -> dict[str, str]:
        """Return the annotations that tell all of it but the platform."""
        values = {
            keys.TITLE: self.archive_name,
            keys.LAYER_NAME: self.name,
            keys.LAYER_KIND: self.kind,
            keys.LAYER_INSTALL_TARGET: self.install_target,
            keys.LAYER_LOCK_HASH: self.lock_hash,
            keys.LAYER_INPUT_DIGEST: self.input_digest,
            keys.LAYER_LOCK_VERSION: str(self.lock_version),
        }
        if self.requires:
            values[keys.LAYER_REQUIRES] = ",".join(_escaped(name) for name in self.requires)
        if self.launch_module is not None:
            values[keys.APPLICATION_LAUNCH_MODULE] = self.launch_module
        return values

    @classmethod
    def from_annotations(
        cls, values: Mapping[str, str], platform: Platform, *, where: str
    ) -> LayerDescription:
        """Read a layer's annotations back; ``where`` names their document to the user.

        Raises:
            TransferError: a key is missing or has no sense.
            UnsafeContentError: a name would not be a plain folder or file name.
        """
        requires = values.get(keys.LAYER_REQUIRES)
        required = tuple(unquote(name) for name in requires.split(",")) if requires else ()
        if len(required) > _LONGEST_LIST:
            raise _senseless(keys.LAYER_REQUIRES, f"{len(required)} names", where)
        description = cls(
            name=_required(values, keys.LAYER_NAME, where),
            kind=_required(values, keys.LAYER_KIND, where),
            install_target=_required(values, keys.LAYER_INSTALL_TARGET, where),
            lock_hash=_digest(values, keys.LAYER_LOCK_HASH, where),
            input_digest=_digest(values, keys.LAYER_INPUT_DIGEST, where),
            lock_version=int(_matching(values, keys.LAYER_LOCK_VERSION, "[0-9]{1,9}", where)),
            requires=required,
            platform=platform,
            archive_name=_required(values, keys.TITLE, where),
            launch_module=values.get(keys.APPLICATION_LAUNCH_MODULE),
        )
        for name in (description.install_target, description.archive_name, *required):
            _check_file_name(name, where)
        return description


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A layer, wherever it came from: built, read from a layout or pulled."""

    description: LayerDescription
    blob: Blob


def is_layer_artifact(descriptor: Descriptor) -> bool:
    """Whether an entry of a stack index is a layer artifact, and no application image.

    Tools that know image spec 1.0 alone (skopeo 1.9) write an index anew without artifact types,
    so a layer artifact is known by its archive's name too, which an image does not have.
    """
    if descriptor.artifact_type is not None:
        return descriptor.artifact_type == media_types.LAYER_ARTIFACT
    title = descriptor.annotation(keys.TITLE)
    return title is not None and descriptor.annotation(keys.LAYER_INSTALL_TARGET) is not None


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace(",", "%2C")


def _required(values: Mapping[str, str], key: str, where: str) -> str:
    value = values.get(key)
    if not value:
        raise _senseless(key, "nothing" if value is None else "an empty text", where)
    return value


def _matching(values: Mapping[str, str], key: str, pattern: str, where: str) -> str:
    value = _required(values, key, where)
    if not re.fullmatch(pattern, value):
        raise _senseless(key, repr(value[:100]), where)
    return value


def _digest(values: Mapping[str, str], key: str, where: str) -> Digest:
    value = _required(values, key, where)
    try:
        return Digest(value)
    except DigestError as error:
        raise _senseless(key, repr(value[:100]), where) from error


def _check_file_name(name: str, where: str) -> None:
    problem = name_problem(name)
    if problem is not None:
        raise UnsafeContentError(
            f"A layer's folder or file name {problem}.",
            where=where,
            found=repr(name[:200]),
            expected="a plain name without a path",
        )


def _senseless(key: str, found: str, where: str) -> TransferError:
    return TransferError(
        "A layer's annotations do not say what ocistacks needs to know.",
        where=f"{key} of {where}",
        found=found,
        hint="push the stack again with a current ocistacks",
    )
