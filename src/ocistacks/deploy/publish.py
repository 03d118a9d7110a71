"""Publishing into a folder: archives, and the metadata that venvstacks writes beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.blob.names import is_plain_name
from ocistacks.builder.build_stack import read_built
from ocistacks.deploy.archive_formats.convert import ArchiveContent, convert_blob
from ocistacks.deploy.archive_request import archive_requests
from ocistacks.deploy.metadata_folder import MetadataFolder
from ocistacks.deploy.venvstacks_metadata import stack_metadata, with_content
from ocistacks.files import link_or_copy, unwritable
from ocistacks.oci.assemble_stack import describe_layer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.deploy.archive_request import ArchiveRequest, PublishOptions
    from ocistacks.deploy.venvstacks_metadata import Metadata
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.request.plan import PlannedLayer
    from ocistacks.spec.model import LayerSpec, StackSpec
    from ocistacks.store.store import Store

LAYOUT_FOLDER = "oci"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedArchive:
    """An archive in the output folder, ``changed`` if it was not there with these bytes."""

    path: Path
    built: BuiltLayer
    content: ArchiveContent
    metadata: Metadata
    changed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """An archive before it appears; ``source`` is its file, None if it is in its place already."""

    built: BuiltLayer
    content: ArchiveContent
    metadata: Metadata
    source: Path | None


def publish_archives(
    layers: Sequence[BuiltLayer],
    output: Path,
    store: Store,
    *,
    stack: StackSpec,
    options: PublishOptions,
    reporter: Reporter,
) -> tuple[PublishedArchive, ...]:
    """Write the archives of ``layers`` and all metadata into ``output``.

    All archives are made before the first one appears. A blob that is an archive as it is becomes
    a hard link to the store's where the file system allows. Layers of ``stack`` that are not among
    ``layers`` stay in the combined metadata while their archives are there.

    Raises:
        UsageError: two platforms' archives would have the same names, or the layers are compressed
            in another way than the format says.
        DigestError, UnsafeContentError: a blob in the store is damaged.
        TargetError: the folder cannot be written.
    """
    requests = archive_requests([built.plan for built in layers], output, options)
    with store.temporary_folder() as folder:
        prepared = [
            _prepare(request, built, output, store, folder / str(number), options, reporter)
            for number, (request, built) in enumerate(zip(requests, layers, strict=True))
        ]
        published = tuple(_place(each, output) for each in prepared)
    for platform in _metadata_platforms(published, options):
        current = {
            archive.metadata["layer_name"]: archive.metadata
            for archive in published
            if platform in {None, archive.built.plan.request.platform}
        }
        folder_of_platform = MetadataFolder(output, platform)
        folder_of_platform.write(
            stack, current, lambda layer, metadata: _is_there(layer, metadata, output)
        )
    return published


def publishing_request(
    plans: Sequence[PlannedLayer], output: Path, store: Store, *, options: PublishOptions
) -> Metadata:
    """Return what publishing would write, but for sizes and hashes, as venvstacks' dry run does.

    A layer that is not built yet is taken to get other bytes, unless its inputs are those of the
    archive that was published before.

    Raises:
        UsageError: as ``publish_archives``.
    """
    listed = []
    for request in archive_requests(plans, output, options):
        blob = read_built(store, request.plan.input_digest)
        is_same = request.has_inputs() or (blob is not None and request.has_blob(blob.digest))
        listed.append((request.plan.request.kind, request.metadata(is_same=is_same)))
    return stack_metadata(listed)


def _prepare(
    request: ArchiveRequest,
    built: BuiltLayer,
    output: Path,
    store: Store,
    temporary: Path,
    options: PublishOptions,
    reporter: Reporter,
) -> _Prepared:
    """Make a layer's archive, unless it is there already, in a file that nobody sees yet."""
    source: Path | None = None
    content = None if options.force else _present(request, built, output, store)
    is_same = content is not None
    if content is None:
        source, content = _make(request, built, store, temporary, options, reporter)
        is_same = request.has_content(content)
    return _Prepared(
        built=built,
        content=content,
        metadata=with_content(
            request.metadata(is_same=is_same),
            content,
            describe_layer(built),
            artifacts_in=options.artifacts_in,
        ),
        source=source,
    )


def _present(
    request: ArchiveRequest, built: BuiltLayer, output: Path, store: Store
) -> ArchiveContent | None:
    """Return the bytes of the archive that was published before, if it is there and the same."""
    if request.previous is None or not request.has_blob(built.blob.digest):
        return None
    path = output / request.metadata(is_same=True)["archive_name"]
    try:
        if not path.is_file():
            return None
        if path.samefile(store.blob_path(built.blob.digest)):
            found = ArchiveContent(size=built.blob.size, digest=built.blob.digest)
        else:
            found = ArchiveContent.of_file(path)
    except OSError as error:
        raise unwritable(path, error) from error
    return found if request.has_content(found) else None


def _make(
    request: ArchiveRequest,
    built: BuiltLayer,
    store: Store,
    temporary: Path,
    options: PublishOptions,
    reporter: Reporter,
) -> tuple[Path, ArchiveContent]:
    """Return a file with the archive, and its bytes' size and digest."""
    blob, path = built.blob, store.blob_path(built.blob.digest)
    if not request.archive_format.is_converted:
        return path, ArchiveContent(size=blob.size, digest=blob.digest)
    label = f"pack {built.plan.request.install_target}"
    with reporter.task(label, total=blob.uncompressed_size) as progress:
        content = convert_blob(
            path,
            blob,
            request.archive_format,
            temporary,
            threads=options.threads,
            progress=progress,
        )
    return temporary, content


def _place(prepared: _Prepared, output: Path) -> PublishedArchive:
    path = output / prepared.metadata["archive_name"]
    changed = prepared.source is not None and link_or_copy(prepared.source, path)
    return PublishedArchive(
        path=path,
        built=prepared.built,
        content=prepared.content,
        metadata=prepared.metadata,
        changed=changed,
    )


def _metadata_platforms(
    published: Sequence[PublishedArchive], options: PublishOptions
) -> Sequence[Platform | None]:
    """Return the platforms that have metadata of their own; None stands for all together."""
    if not options.tag_outputs:
        return (None,)
    return tuple(dict.fromkeys(archive.built.plan.request.platform for archive in published))


def _is_there(layer: LayerSpec, metadata: Metadata, output: Path) -> bool:
    """Whether what was published of a layer is still wanted, and its archive there."""
    name = metadata.get("archive_name")
    return (
        metadata.get("target_platform") in layer.platforms
        and is_plain_name(name)
        and (output / str(name)).is_file()
    )
