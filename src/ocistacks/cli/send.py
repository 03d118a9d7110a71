"""Assembling a built stack's objects and sending them: what `publish` and `push` share."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.cli.attesting import StackAttester
from ocistacks.cli.plans import PlannedTransfer
from ocistacks.errors import UsageError
from ocistacks.oci.assemble_stack import StackObjects, assemble_stack
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.open import open_sink, open_source
from ocistacks.oci.transfer import copy_objects, plan_copy
from ocistacks.oci.transfer_plan import MountSource
from ocistacks.registry import media_types
from ocistacks.registry.reference import (
    DEFAULT_TAG,
    LayoutReference,
    RegistryReference,
    parse_reference,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.cli.base_images import BaseImages
    from ocistacks.cli.session import StackSession
    from ocistacks.digests import Digest
    from ocistacks.oci.attestations import AttestationSink, AttestationSummary
    from ocistacks.oci.transfer import TransferSummary
    from ocistacks.oci.transfer_plan import TransferPlan
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource


@dataclass(frozen=True, kw_only=True, slots=True)
class SentStack:
    """A stack that was sent: the digest of its index, and the names of its application images.

    ``attestations`` is None where none were wanted; ``shared`` tells what was sent to the layer
    repository before, and its name, None without one.
    """

    digest: Digest
    summary: TransferSummary
    attestations: AttestationSummary | None
    image_tags: tuple[str, ...]
    shared: tuple[str, TransferSummary] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedStack:
    """What sending a stack would do: in the layer repository, if there is one, then in its own."""

    digest: Digest
    transfers: tuple[PlannedTransfer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Assembled:
    """What is sent; ``origins`` names the repository of each artifact whose layer was found."""

    objects: StackObjects
    source: AssembledSource
    origins: Mapping[Digest, str]

    def shared_with(self, repository: str) -> tuple[Descriptor, Mapping[str, str]] | None:
        """Return the layer artifacts that a layer repository gets: one of them, and their tags.

        What was found there stays as it is: whoever may only read there can push, too.
        """
        artifacts = {
            artifact.descriptor.digest: artifact.descriptor
            for artifact in self.objects.artifacts
            if self.origins.get(artifact.descriptor.digest) != repository
        }
        if not artifacts:
            return None
        tags = {tag: digest for tag, digest in self.objects.tags.items() if digest in artifacts}
        return next(iter(artifacts.values())), tags


def send_stack(
    session: StackSession,
    layers: Sequence[BuiltLayer],
    target: LayoutReference | RegistryReference,
    *,
    bases: BaseImages,
    insecure: bool = False,
    attest: bool = True,
) -> SentStack:
    """Send the objects of a built stack; its tag moves last, when all else is there.

    With ``attest``, SBOMs and provenance go with them.

    Raises:
        OcistacksError: of any kind; the tag has not moved then.
    """
    environment = session.environment
    with (
        _assembled(session, layers, target, bases=bases, insecure=insecure) as assembled,
        open_sink(target, environment=environment, insecure=insecure) as sink,
        _open_layer_repository(session, assembled, target, insecure=insecure) as shared,
    ):
        objects = assembled.objects
        attester = None
        if attest:
            attester = StackAttester.of(
                layers, objects, bases.images, environment=environment, insecure=insecure
            )
        sent_before = None
        to_share = assembled.shared_with(shared.name) if shared is not None else None
        if shared is not None and to_share is not None:
            artifact, tags = to_share
            shared_summary = copy_objects(
                assembled.source,
                shared.sink,
                artifact,
                extra_tags=tags,
                reporter=session.reporter,
            )
            if attester is not None:
                attester.attach_to_layers(tags.values(), shared.sink)
            sent_before = (shared.name, shared_summary)
        summary = copy_objects(
            assembled.source,
            sink,
            objects.index.descriptor,
            extra_tags=objects.tags,
            mount_from=shared.mount_source() if shared is not None else None,
            reporter=session.reporter,
        )
        attached = None
        if attester is not None:
            attached = attester.attach_to_all(sink, name=_without_tag(target))
        # Behind the attestations, which some registries take for objects alone that they have.
        sink.write_manifest(objects.index.index, media_types.IMAGE_INDEX, target.tag)
    return SentStack(
        digest=objects.index.descriptor.digest,
        summary=summary,
        attestations=attached,
        image_tags=tuple(
            f"{_without_tag(target)}:{tag}" for tag in objects.tags if not tag.startswith("input-")
        ),
        shared=sent_before,
    )


def plan_sending(
    session: StackSession,
    layers: Sequence[BuiltLayer],
    target: LayoutReference | RegistryReference,
    *,
    bases: BaseImages,
    insecure: bool = False,
) -> PlannedStack:
    """Return what ``send_stack`` would do, and change nothing but this machine's store.

    Raises:
        OcistacksError: of any kind.
    """
    environment = session.environment
    with (
        _assembled(session, layers, target, bases=bases, insecure=insecure) as assembled,
        open_sink(target, environment=environment, insecure=insecure, dry_run=True) as sink,
        _open_layer_repository(session, assembled, target, insecure=insecure) as shared,
    ):
        objects, source = assembled.objects, assembled.source
        transfers: list[PlannedTransfer] = []
        planned = None
        to_share = assembled.shared_with(shared.name) if shared is not None else None
        if shared is not None and to_share is not None:
            artifact, tags = to_share
            planned = plan_copy(source, shared.sink, artifact, extra_tags=tags)
            transfers.append(PlannedTransfer(target=shared.name, plan=planned, tags=tags))
        mount_from = shared.mount_source(sent_before=planned) if shared is not None else None
        plan = plan_copy(
            source,
            sink,
            objects.index.descriptor,
            extra_tags=objects.tags,
            mount_from=mount_from,
        )
    tags = {**objects.tags, target.tag or DEFAULT_TAG: objects.index.descriptor.digest}
    transfers.append(PlannedTransfer(target=_without_tag(target), plan=plan, tags=tags))
    return PlannedStack(digest=objects.index.descriptor.digest, transfers=tuple(transfers))


@contextmanager
def _assembled(
    session: StackSession,
    layers: Sequence[BuiltLayer],
    target: LayoutReference | RegistryReference,
    *,
    bases: BaseImages,
    insecure: bool,
) -> Iterator[_Assembled]:
    with ExitStack() as opened:
        objects = assemble_stack(layers, bases.images, tag=target.tag or DEFAULT_TAG)
        source = AssembledSource(
            (*objects.artifacts, *objects.images),
            (*objects.image_indexes, objects.index),
            store=session.store,
            base=bases.source,
            elsewhere=_open_origins(session, layers, opened, insecure=insecure),
        )
        origins = {
            artifact.descriptor.digest: layer.origin.name
            for layer, artifact in zip(layers, objects.artifacts, strict=True)
            if layer.origin is not None
        }
        yield _Assembled(objects=objects, source=source, origins=origins)


def _open_origins(
    session: StackSession, layers: Sequence[BuiltLayer], opened: ExitStack, *, insecure: bool
) -> Mapping[Digest, ObjectSource]:
    """Return where the blobs are that were found in a registry and are not in the store."""
    sources: dict[str, ObjectSource] = {}
    origins: dict[Digest, ObjectSource] = {}
    for layer in layers:
        if layer.origin is None or session.store.has_blob(layer.blob.digest):
            continue
        name = layer.origin.name
        if name not in sources:
            source = open_source(layer.origin, environment=session.environment, insecure=insecure)
            sources[name] = opened.enter_context(source)
        origins[layer.blob.digest] = sources[name]
    return origins


@dataclass(frozen=True, kw_only=True, slots=True)
class _LayerRepository:
    """The repository that stacks share layers in, opened."""

    name: str
    repository: str
    sink: AttestationSink

    def mount_source(self, *, sent_before: TransferPlan | None = None) -> MountSource:
        """Return it as what blobs are mounted from, also those that a plan would send to it."""
        sent = sent_before.missing_blobs if sent_before is not None else ()
        digests = {blob.digest for blob in sent}
        return MountSource(
            repository=self.repository,
            has_blob=lambda digest: digest in digests or self.sink.has_blob(digest),
        )


@contextmanager
def _open_layer_repository(
    session: StackSession,
    assembled: _Assembled,
    target: LayoutReference | RegistryReference,
    *,
    insecure: bool,
) -> Iterator[_LayerRepository | None]:
    """Open the layer repository, if there is one and it is not the target."""
    shared = layer_repository(session, target)
    if shared is None or not assembled.objects.artifacts:
        yield None
        return
    with open_sink(shared, environment=session.environment, insecure=insecure) as sink:
        yield _LayerRepository(name=shared.name, repository=shared.repository, sink=sink)


def layer_repository(
    session: StackSession, target: LayoutReference | RegistryReference
) -> RegistryReference | None:
    """Return the repository that the stack's layers are shared in, None where there is none.

    Raises:
        UsageError: it is in another registry than the target.
    """
    name = session.stack.settings.layer_repository
    if name is None or isinstance(target, LayoutReference):
        return None
    shared = parse_reference(f"{name}:{DEFAULT_TAG}")
    if not isinstance(shared, RegistryReference) or shared.host != target.host:
        raise UsageError(
            "The layer repository is in another registry than the stack's repository.",
            where="the setting layer_repository",
            found=name,
            expected=f"a repository of {target.host}, because blobs are mounted within a registry",
        )
    return None if shared.name == target.name else shared


def _without_tag(target: LayoutReference | RegistryReference) -> str:
    return target.name if isinstance(target, RegistryReference) else f"oci:{target.folder}"
