"""The images that a stack's application images stand on."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocistacks.errors import AuthError, NotFoundError, TransferError, UsageError
from ocistacks.oci.base_image import SETTING_HINT, read_base_image, unusable
from ocistacks.oci.open import open_source
from ocistacks.registry.reference import LayoutReference, RegistryReference, parse_reference
from ocistacks.spec.settings import NO_BASE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ocistacks.cli.session import StackSession
    from ocistacks.oci.assemble import BaseImage
    from ocistacks.platforms import Platform
    from ocistacks.registry.source import ObjectSource


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseImages:
    """The base image for each Linux platform of a stack, and the source that has their blobs."""

    images: Mapping[Platform, BaseImage] = field(default_factory=dict)
    source: ObjectSource | None = None


@contextmanager
def open_base_images(session: StackSession, *, needs_images: bool) -> Iterator[BaseImages]:
    """Open the source of the base images and read them; none where the setting says "none".

    Without ``needs_images``, a default image that cannot be had is a warning, and there is none.

    Raises:
        AuthError, DigestError, NotFoundError, TransferError, UnsafeContentError, UsageError: there
            is no such image, or it cannot be used.
    """
    settings = session.stack.settings
    if settings.base_image == NO_BASE_IMAGE:
        yield BaseImages()
        return
    reference = _reference(settings.base_image)
    with ExitStack() as opened:
        try:
            source = opened.enter_context(open_source(reference, environment=session.environment))
        except (NotFoundError, TransferError) as error:
            raise unusable(error, settings.base_image) from error
        try:
            images = {
                platform: read_base_image(source, reference, platform)
                for platform in session.platforms
                if platform.is_linux
            }
        except (AuthError, NotFoundError, TransferError) as error:
            if needs_images or "base_image" in settings.model_fields_set:
                raise
            session.reporter.say(
                f"warning: no application images are made: {error.what} "
                f"({settings.base_image}); --base-image names another"
            )
            images = {}
        yield BaseImages(images=images, source=source)


def _reference(name: str) -> LayoutReference | RegistryReference:
    try:
        return parse_reference(name)
    except UsageError as error:
        raise UsageError(
            f"The base image is not a reference: {error.what}",
            found=error.found,
            expected=error.expected,
            hint=SETTING_HINT,
        ) from error
