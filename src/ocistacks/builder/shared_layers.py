"""Layers that somebody else has built already: what the building of a stack asks for them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.blob.model import Blob
    from ocistacks.digests import Digest
    from ocistacks.registry.reference import RegistryReference
    from ocistacks.request.plan import PlannedLayer


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundLayer:
    """A layer in a registry: what is known of its blob, and the tag by which it was found.

    ``name`` is the install target, for messages.
    """

    name: str
    blob: Blob
    origin: RegistryReference


class SharedLayers(Protocol):
    """Where layers are looked for before they are built.

    Neither method fails for what is wrong there: that is told as a warning, and the layer is built.
    """

    def find(self, plans: Sequence[PlannedLayer]) -> Mapping[Digest, FoundLayer]:
        """Return those of the planned layers that are there, by input digest."""

    def fetch(self, found: FoundLayer) -> bool:
        """Bring a layer's blob into the store, verified; False where it cannot be had.

        Raises TargetError where the store cannot be written.
        """


SharedLayersFactory = Callable[[], AbstractContextManager[SharedLayers]]
