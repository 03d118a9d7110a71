"""What a copy would do, object by object: made before a transfer, and printed by a dry run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ocistacks.oci import annotations as keys
from ocistacks.registry import media_types
from ocistacks.registry.model import Index, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ocistacks.digests import Digest
    from ocistacks.oci.graph import GraphManifest
    from ocistacks.registry.model import Descriptor

Kind = Literal["stack", "index", "artifact", "image", "configuration", "blob"]
Action = Literal["send", "mount", "present"]
ACTIONS: tuple[Action, ...] = ("send", "mount", "present")


@dataclass(frozen=True, kw_only=True, slots=True)
class MountSource:
    """A repository of the sink's registry whose blobs can be shared, and what it has."""

    repository: str
    has_blob: Callable[[Digest], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedObject:
    """One object of a copy; ``size`` in bytes, ``name`` for people."""

    kind: Kind
    name: str
    digest: Digest
    size: int
    action: Action

    def to_json(self) -> dict[str, object]:
        """Return the object as JSON has it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "digest": self.digest,
            "bytes": self.size,
            "action": self.action,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """How many objects, and how many bytes they have."""

    objects: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferPlan:
    """What a sink lacks of a graph, and what it has.

    ``missing_blobs`` are in the order of sending, the largest first; ``missing_manifests`` and
    ``present_manifests`` come after what they list. ``mounts`` are those of the missing blobs that
    another repository of the registry has, which it names; whether the registry lets them be
    shared shows when it is tried.
    """

    missing_blobs: tuple[Descriptor, ...]
    present_blobs: tuple[Descriptor, ...]
    missing_manifests: tuple[GraphManifest, ...]
    present_manifests: tuple[GraphManifest, ...]
    mounts: Mapping[Digest, str]

    def objects(self) -> tuple[PlannedObject, ...]:
        """Return all objects: blobs in the order of sending, then manifests, the present last."""
        return (
            *(
                _blob(blob, "mount" if blob.digest in self.mounts else "send")
                for blob in self.missing_blobs
            ),
            *(_manifest(manifest, "send") for manifest in self.missing_manifests),
            *(_blob(blob, "present") for blob in self.present_blobs),
            *(_manifest(manifest, "present") for manifest in self.present_manifests),
        )

    def totals(self) -> dict[Action, Total]:
        """Return for each action how much it concerns."""
        objects = self.objects()
        return {action: _total(objects, action) for action in ACTIONS}

    def to_json(self) -> dict[str, object]:
        """Return the plan as JSON has it."""
        return {
            "objects": [planned.to_json() for planned in self.objects()],
            "totals": {
                action: {"objects": total.objects, "bytes": total.size}
                for action, total in self.totals().items()
            },
        }


def _total(objects: tuple[PlannedObject, ...], action: Action) -> Total:
    chosen = [planned for planned in objects if planned.action == action]
    return Total(objects=len(chosen), size=sum(planned.size for planned in chosen))


def _manifest(manifest: GraphManifest, action: Action) -> PlannedObject:
    document = manifest.document
    return PlannedObject(
        kind=_kind(document),
        name=next(_names(document), "-"),
        digest=manifest.descriptor.digest,
        size=len(manifest.content),
        action=action,
    )


def _kind(document: Manifest | Index) -> Kind:
    if isinstance(document, Index):
        return "stack" if document.artifact_type == media_types.STACK_ARTIFACT else "index"
    return "image" if document.artifact_type is None else "artifact"


def _names(document: Manifest | Index) -> Iterator[str]:
    """Yield what a document could be called, the best first."""
    of_layer = (keys.LAYER_INSTALL_TARGET, keys.LAYER_NAME, keys.TITLE)
    yield from (name for key in of_layer if (name := (document.annotations or {}).get(key)))
    if isinstance(document, Index):
        yield f"{len(document.manifests)} manifests"


def _blob(blob: Descriptor, action: Action) -> PlannedObject:
    is_configuration = blob.media_type in {
        media_types.IMAGE_CONFIGURATION,
        media_types.DOCKER_CONFIGURATION,
    }
    return PlannedObject(
        kind="configuration" if is_configuration else "blob",
        name=blob.annotation(keys.TITLE) or "-",
        digest=blob.digest,
        size=blob.size,
        action=action,
    )
