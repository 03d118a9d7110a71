"""`ocistacks inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.options import InsecureOption, ReferenceArgument, TalkOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocistacks.oci.inspection import BlobReport, Inspection


def inspect(
    reference: ReferenceArgument,
    talk: TalkOptions,
    json: Annotated[bool, typer.Option("--json/--no-json", help="Tell it as JSON.")] = False,
    insecure: InsecureOption = False,
) -> None:
    """Tell what a stack, a layer or an application image holds, and what is shared."""
    from json import dumps

    from ocistacks.cli.remote import remote_stack
    from ocistacks.oci.inspect import inspect as inspect_object

    with remote_stack(reference, insecure=insecure, talk=talk) as remote:
        root = remote.source.resolve(remote.reference.target)
        found = inspect_object(remote.source, root, tag=remote.reference.tag)
    if json:
        document = {"reference": reference, **found.to_json()}
        typer.echo(dumps(document, indent=2, sort_keys=True))
        return
    typer.echo(f"{found.kind} {found.digest}")
    for lines in (_applications(found), _layers(found), _images(found), _sharing(found)):
        for number, line in enumerate(lines):
            typer.echo(f"\n{line}" if number == 0 else line)


def _applications(found: Inspection) -> Iterator[str]:
    from ocistacks.cli.tables import table_lines

    if found.applications:
        yield from table_lines(
            ("APPLICATION", "LAUNCH MODULE", "PLATFORMS", "IMAGE TAG"),
            (
                (
                    application.name,
                    application.launch_module or "-",
                    ", ".join(application.platforms),
                    application.image_tag or "-",
                )
                for application in found.applications
            ),
        )


def _layers(found: Inspection) -> Iterator[str]:
    from ocistacks.cli.tables import table_lines

    if found.layers:
        yield from table_lines(
            (
                *("LAYER", "PLATFORM", "KIND", "LOCK", "SIZE", "UNPACKED", "FILES"),
                *("REQUIRES", "USED BY", "INPUT", "BLOB"),
            ),
            (
                (
                    layer.description.install_target,
                    layer.description.platform,
                    layer.description.kind,
                    str(layer.description.lock_version),
                    *_sizes(layer.blob),
                    ", ".join(layer.description.requires) or "-",
                    ", ".join(layer.applications) or "-",
                    layer.description.input_digest.short,
                    layer.blob.digest,
                )
                for layer in found.layers
            ),
        )


def _images(found: Inspection) -> Iterator[str]:
    from ocistacks.cli.tables import table_lines

    if found.kind == "stack":
        return  # its layers are listed already
    for image in found.images:
        name = f"{image.base_name}@" if image.base_name else ""
        base = f" on {name}{image.base_digest}" if image.base_digest else ""
        yield f"image {image.digest} for {image.platform or 'an unknown platform'}{base}"
        yield from table_lines(
            ("BLOB", "SIZE", "UNPACKED", "FILES", "DIGEST"),
            ((blob.name or "-", *_sizes(blob), blob.digest) for blob in image.blobs),
        )


def _sharing(found: Inspection) -> Iterator[str]:
    from ocistacks.cli.tables import size

    if found.kind == "stack":
        yield (
            f"layers: {size(found.size)}; without sharing, each application would have its own: "
            f"{size(found.size_without_sharing)}"
        )


def _sizes(blob: BlobReport) -> tuple[str, str, str]:
    from ocistacks.cli.tables import size

    return (
        size(blob.size),
        "-" if blob.uncompressed_size is None else size(blob.uncompressed_size),
        "-" if blob.file_count is None else str(blob.file_count),
    )
