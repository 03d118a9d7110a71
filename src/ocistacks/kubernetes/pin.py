"""Everything that a manifest names, by the digest that its registry has for it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.deploy.pull import read_stack_index
from ocistacks.deploy.select import find_application, listed_layers, select_layers
from ocistacks.errors import NotFoundError, UsageError
from ocistacks.kubernetes.model import PinnedApplication, PinnedLayer
from ocistacks.oci import annotations as keys
from ocistacks.oci.description import is_layer_artifact
from ocistacks.oci.open import open_source
from ocistacks.platforms import Platform
from ocistacks.registry.reference import LayoutReference, RegistryReference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.deploy.select import ListedLayer
    from ocistacks.registry.model import Descriptor, Index
    from ocistacks.registry.source import ObjectSource


def registry_reference(text: str, what: str) -> RegistryReference:
    """Parse a reference to something that a cluster pulls; raise UsageError for a folder."""
    reference = parse_reference(text)
    if isinstance(reference, LayoutReference):
        raise UsageError(
            f"A cluster cannot pull {what} from a folder.",
            found=text,
            expected="HOST[:PORT]/REPO[:TAG][@DIGEST]",
            hint="push it to a registry first",
        )
    return reference


def pin_application(
    source: ObjectSource,
    reference: RegistryReference,
    name: str,
    *,
    platform: Platform | None,
) -> PinnedApplication:
    """Return the application ``name`` of a stack: on a platform, or on all of Linux's it is for.

    Raises:
        NotFoundError: there is no such stack or application, or none for the platform.
        UsageError: the platform is not Linux.
        AuthError, DigestError, TransferError, UnsafeContentError: the registry does not play along.
    """
    where = str(reference)
    if platform is not None and not platform.is_linux:
        raise UsageError(
            "Kubernetes runs applications for Linux alone here.",
            where="--platform",
            found=platform,
            expected=", ".join(each for each in Platform if each.is_linux),
        )
    stack = source.resolve(reference.target)
    index = read_stack_index(source, stack, where=where)
    chosen = _by_platform(index, name, platform, where)
    platforms = tuple(chosen)
    application = find_application(chosen[platforms[0]], name, where=where).description
    if application.launch_module is None:
        raise NotFoundError(
            "The application does not say which module launches it.",
            where=f"{where}, {application.name}",
            hint="push the stack again with a current ocistacks",
        )
    image = _image(index, application.install_target, platforms) if len(platforms) == 1 else None
    return PinnedApplication(
        reference=where,
        stack=f"{reference.name}@{stack.digest}",
        name=application.name.removeprefix("app-"),
        install_target=application.install_target,
        launch_module=application.launch_module,
        platforms=platforms,
        layers=tuple(
            tuple(
                PinnedLayer(
                    install_target=layer.description.install_target,
                    image=f"{reference.name}@{layer.descriptor.digest}",
                )
                for layer in layers
            )
            for layers in chosen.values()
        ),
        image=f"{reference.name}@{image.digest}" if image is not None else None,
        base=_recorded_base(image) if image is not None else None,
    )


def pin_image(
    text: str, what: str, *, environment: Mapping[str, str], insecure: bool = False, hint: str
) -> str:
    """Return an image as HOST/REPOSITORY@DIGEST; its registry is asked where a tag names it.

    Raises:
        NotFoundError: there is no such image; ``hint`` says what to do.
        UsageError: it is no reference to an image in a registry.
        AuthError, TransferError: the registry does not answer, or wants other credentials.
    """
    reference = registry_reference(text, what)
    digest = reference.digest
    if digest is None:
        with open_source(reference, environment=environment, insecure=insecure) as source:
            try:
                digest = source.resolve(reference.target).digest
            except NotFoundError as error:
                raise NotFoundError(
                    f"There is no image {reference} for {what}.",
                    where=error.where,
                    found=error.found,
                    hint=hint,
                ) from error
    # Without the tag: not every runtime takes both.
    return f"{reference.name}@{digest}"


def application_image(application: PinnedApplication) -> str:
    """Return the application image; raise NotFoundError if the stack was pushed without."""
    if application.image is None:
        raise NotFoundError(
            "The stack has no image of this application.",
            where=application.reference,
            found="layers alone",
            hint="push it with a base image (--base-image), or take another --mode",
        )
    return application.image


def _by_platform(
    index: Index, name: str, platform: Platform | None, where: str
) -> Mapping[Platform, Sequence[ListedLayer]]:
    """Return the application's layers on the platforms that it is to run on, at least one."""
    if platform is not None:
        wanted = [platform]
    else:
        offered = {
            entry.platform.platform()
            for entry in index.manifests
            if entry.platform is not None and is_layer_artifact(entry)
        }
        wanted = [each for each in Platform if each.is_linux and each in offered]
    chosen: dict[Platform, Sequence[ListedLayer]] = {}
    missing: NotFoundError | None = None
    for each in wanted:
        try:
            chosen[each] = select_layers(
                listed_layers(index, each, where=where), [name], where=where
            )
        except NotFoundError as error:
            missing = missing or error
    if chosen:
        return chosen
    raise missing or NotFoundError(
        "This reference has no layers for Linux.",
        where=where,
        expected="the index that `ocistacks push` writes",
    )


def _image(index: Index, install_target: str, platforms: tuple[Platform, ...]) -> Descriptor | None:
    for entry in index.manifests:
        if (
            not is_layer_artifact(entry)
            and entry.platform is not None
            and entry.platform.names(platforms[0])
            and entry.annotation(keys.LAYER_INSTALL_TARGET) == install_target
        ):
            return entry
    return None


def _recorded_base(image: Descriptor) -> str | None:
    """Return the base image that an application image says it stands on, if a cluster has it."""
    name, digest = image.annotation(keys.BASE_NAME), image.annotation(keys.BASE_DIGEST)
    if not name or not digest:
        return None
    try:
        reference = parse_reference(f"{name.partition('@')[0]}@{digest}")
    except UsageError:
        return None
    if isinstance(reference, LayoutReference):
        return None
    return f"{reference.name}@{reference.digest}"
