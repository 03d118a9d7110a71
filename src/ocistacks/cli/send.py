"""Assembling a built stack's objects and sending them: what `publish` and `push` share."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.errors import AuthError, NotFoundError, TransferError, UsageError
from ocistacks.oci.assemble_stack import StackObjects, assemble_stack
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.attestations import attach
from ocistacks.oci.base_image import SETTING_HINT, read_base_image
from ocistacks.oci.open import open_sink, open_source
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry import media_types
from ocistacks.registry.reference import (
    DEFAULT_TAG,
    LayoutReference,
    RegistryReference,
    parse_reference,
)
from ocistacks.registry.retry import retried
from ocistacks.spec.settings import NO_BASE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.cli.session import StackSession
    from ocistacks.digests import Digest
    from ocistacks.oci.attestations import Attestation, AttestationSummary
    from ocistacks.oci.transfer import TransferSummary


@dataclass(frozen=True, kw_only=True, slots=True)
class SentStack:
    """A stack that was sent: the digest of its index, and the names of its application images.

    ``attestations`` is None where none were wanted.
    """

    digest: Digest
    summary: TransferSummary
    attestations: AttestationSummary | None
    image_tags: tuple[str, ...]


def send_stack(
    session: StackSession,
    layers: Sequence[BuiltLayer],
    target: LayoutReference | RegistryReference,
    *,
    insecure: bool = False,
    needs_images: bool = True,
    attest: bool = True,
) -> SentStack:
    """Send the objects of a built stack; its tag moves last, when all else is there.

    With ``attest``, SBOMs and provenance go with them. Without ``needs_images``, a default base
    image that cannot be had is a warning, and there are no application images then.

    Raises:
        OcistacksError: of any kind; the tag has not moved then.
    """
    environment, name = session.environment, session.stack.settings.base_image
    with ExitStack() as opened:
        base_source, bases = None, {}
        if name != NO_BASE_IMAGE:
            reference = _base_reference(name)
            base_source = opened.enter_context(open_source(reference, environment=environment))
            try:
                bases = {
                    platform: read_base_image(base_source, reference, platform)
                    for platform in session.platforms
                    if platform.is_linux
                }
            except (AuthError, NotFoundError, TransferError) as error:
                if needs_images or "base_image" in session.stack.settings.model_fields_set:
                    raise
                session.reporter.say(
                    f"warning: no application images are made: {error.what} ({name}); "
                    f"--base-image names another"
                )
        objects = assemble_stack(layers, bases, tag=target.tag or DEFAULT_TAG)
        source = AssembledSource(
            (*objects.artifacts, *objects.images),
            (*objects.image_indexes, objects.index),
            store=session.store,
            base=base_source,
        )
        attestations = None
        if attest:
            # The library for SBOMs takes 0.2 s to be imported.
            from ocistacks.oci.attest_stack import stack_attestations

            attestations = stack_attestations(layers, objects, bases)
        sink = opened.enter_context(open_sink(target, environment=environment, insecure=insecure))
        shared = _layer_repository(session, target)
        if shared is not None and objects.artifacts:
            of_layers = attestations.of_layers if attestations is not None else ()
            _share_layers(session, source, objects, shared, of_layers, insecure=insecure)
        summary = copy_objects(
            source,
            sink,
            objects.index.descriptor,
            extra_tags=objects.tags,
            mount_from=shared.repository if shared is not None else None,
            reporter=session.reporter,
        )
        attached = attach(attestations.all, sink) if attestations is not None else None
        # Behind the attestations, which some registries take for objects alone that they have.
        retried(
            lambda: sink.write_manifest(objects.index.index, media_types.IMAGE_INDEX, target.tag)
        )
    return SentStack(
        digest=objects.index.descriptor.digest,
        summary=summary,
        attestations=attached,
        image_tags=tuple(
            f"{_without_tag(target)}:{tag}" for tag in objects.tags if not tag.startswith("input-")
        ),
    )


def _layer_repository(
    session: StackSession, target: LayoutReference | RegistryReference
) -> RegistryReference | None:
    """Return the repository that the stack's layers are shared in, None where there is none."""
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


def _share_layers(
    session: StackSession,
    source: AssembledSource,
    objects: StackObjects,
    shared: RegistryReference,
    attestations: Sequence[Attestation],
    *,
    insecure: bool,
) -> None:
    """Send the layer artifacts to the layer repository, each under its input digest."""
    artifacts = {artifact.descriptor.digest for artifact in objects.artifacts}
    with open_sink(shared, environment=session.environment, insecure=insecure) as sink:
        copy_objects(
            source,
            sink,
            objects.artifacts[0].descriptor,
            extra_tags={tag: digest for tag, digest in objects.tags.items() if digest in artifacts},
            reporter=session.reporter,
        )
        attach(attestations, sink)


def _base_reference(name: str) -> LayoutReference | RegistryReference:
    try:
        return parse_reference(name)
    except UsageError as error:
        raise UsageError(
            f"The base image is not a reference: {error.what}",
            found=error.found,
            expected=error.expected,
            hint=SETTING_HINT,
        ) from error


def _without_tag(target: LayoutReference | RegistryReference) -> str:
    return target.name if isinstance(target, RegistryReference) else f"oci:{target.folder}"
