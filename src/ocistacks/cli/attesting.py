"""What `push` and `publish` attach to a stack that they sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.oci.attestations import AttestationSummary, attach
from ocistacks.oci.copy_referrers import copy_attestations
from ocistacks.oci.open import open_source

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.oci.assemble import BaseImage
    from ocistacks.oci.assemble_stack import StackObjects
    from ocistacks.oci.attest_stack import StackAttestations
    from ocistacks.oci.attestations import AttestationSink
    from ocistacks.platforms import Platform
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.reference import RegistryReference


@dataclass(frozen=True, kw_only=True, slots=True)
class StackAttester:
    """The attestations of a stack, and where those are of layers that were found in a registry.

    Of a layer that was not built here, this machine states nothing: what is attached to it where it
    was found comes along.
    """

    attestations: StackAttestations
    found: tuple[tuple[RegistryReference, Descriptor], ...]
    environment: Mapping[str, str]
    insecure: bool

    @classmethod
    def of(
        cls,
        layers: Sequence[BuiltLayer],
        objects: StackObjects,
        bases: Mapping[Platform, BaseImage],
        *,
        environment: Mapping[str, str],
        insecure: bool,
    ) -> StackAttester:
        """Make the attestations of a stack whose objects were assembled of ``layers``."""
        # The library for SBOMs takes 0.2 s to be imported.
        from ocistacks.oci.attest_stack import stack_attestations

        return cls(
            attestations=stack_attestations(layers, objects, bases),
            found=tuple(
                (layer.origin, artifact.descriptor)
                for layer, artifact in zip(layers, objects.artifacts, strict=True)
                if layer.origin is not None
            ),
            environment=environment,
            insecure=insecure,
        )

    def attach_to_layers(self, subjects: Collection[str], sink: AttestationSink) -> None:
        """Attach what is told of the layer artifacts ``subjects``, which are new in ``sink``."""
        attach([each for each in self.attestations.of_layers if each.subject in subjects], sink)

    def attach_to_all(self, sink: AttestationSink, *, name: str) -> AttestationSummary:
        """Attach all in the place that has that name, where all objects of the stack are."""
        summary = attach(self.attestations.all, sink)
        for origin, artifact in self.found:
            if origin.name == name:
                continue
            with open_source(
                origin, environment=self.environment, insecure=self.insecure
            ) as source:
                copied = copy_attestations(source, sink, artifact.digest)
            summary = AttestationSummary(
                sent=summary.sent + copied.sent, present=summary.present + copied.present
            )
        return summary
