"""From a reference to the source or sink that it names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.oci.layout import ImageLayout
from ocistacks.registry.reference import LayoutReference, RegistryReference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ocistacks.registry.repository import Repository


@contextmanager
def open_source(
    reference: LayoutReference | RegistryReference,
    *,
    environment: Mapping[str, str],
    insecure: bool = False,
) -> Iterator[ImageLayout | Repository]:
    """Open what ``reference`` names for reading; ``insecure`` allows HTTP without TLS.

    Raises NotFoundError where a layout does not exist; a registry is not asked yet.
    """
    if isinstance(reference, LayoutReference):
        yield ImageLayout.open(reference.folder)
        return
    from ocistacks.registry.repository import Repository  # requests is slow to import

    with Repository(
        reference.host, reference.repository, environment=environment, insecure=insecure
    ) as repository:
        yield repository


@contextmanager
def open_sink(
    reference: LayoutReference | RegistryReference,
    *,
    environment: Mapping[str, str],
    insecure: bool = False,
    dry_run: bool = False,
) -> Iterator[ImageLayout | Repository]:
    """Open what ``reference`` names for writing; a layout that does not exist is made.

    With ``dry_run`` nothing is made, and the sink can be asked what it has.

    Raises:
        TargetError: a layout cannot be made.
        UsageError: the reference holds a digest, which nobody can choose.
    """
    if isinstance(reference, LayoutReference):
        make = ImageLayout.planned if dry_run else ImageLayout.create
        yield make(reference.folder)
        return
    if reference.digest is not None:
        raise UsageError(
            "A reference to write to cannot hold a digest: the content decides it.",
            found=str(reference),
            expected="HOST[:PORT]/REPO[:TAG]",
        )
    from ocistacks.registry.repository import Repository  # requests is slow to import

    with Repository(
        reference.host, reference.repository, environment=environment, insecure=insecure
    ) as repository:
        yield repository
