"""Publishing the layers that a command selected: what `publish` and `build --publish` share."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from ocistacks.cli.base_images import open_base_images
from ocistacks.cli.send import SentStack, send_stack
from ocistacks.cli.tables import print_table, size
from ocistacks.deploy.archive_formats.convert import ArchiveFormat
from ocistacks.deploy.archive_request import PublishOptions
from ocistacks.deploy.publish import (
    LAYOUT_FOLDER,
    PublishedArchive,
    publish_archives,
    publishing_request,
)
from ocistacks.registry.reference import LayoutReference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.cli.options import PublishingOptions
    from ocistacks.cli.session import StackSession
    from ocistacks.selection.model import Selection


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedStack:
    """What was written; ``sent`` is None where no image layout was asked for."""

    archives: tuple[PublishedArchive, ...]
    layout: LayoutReference
    sent: SentStack | None


def publish_selected(
    session: StackSession,
    built: Sequence[BuiltLayer],
    selection: Selection,
    options: PublishingOptions,
    *,
    force: bool,
) -> PublishedStack:
    """Publish those of the ``built`` layers that the selection names.

    The image layout holds all layers of the stack that are built, whatever is selected.
    """
    layers = [layer for layer in built if layer.plan.layer.environment_name in selection.to_publish]
    output = session.folder(options.output_dir)
    layout = LayoutReference(folder=output / LAYOUT_FOLDER, tag="latest")
    with ExitStack() as opened:
        bases = None
        if options.layout:
            bases = opened.enter_context(open_base_images(session, needs_images=False))
        archives = publish_archives(
            layers,
            output,
            session.store,
            stack=session.stack,
            options=_publish_options(session, options, force=force),
            reporter=session.reporter,
        )
        sent = None
        if bases is not None:
            sent = send_stack(
                session, session.present(built), layout, bases=bases, attest=options.attestations
            )
    return PublishedStack(archives=archives, layout=layout, sent=sent)


def print_request(
    session: StackSession, selection: Selection, options: PublishingOptions, *, force: bool
) -> None:
    """Print what publishing would write, as JSON with venvstacks' keys."""
    plans = session.plans(selection.to_publish)
    request = publishing_request(
        plans,
        session.folder(options.output_dir),
        session.store,
        options=_publish_options(session, options, force=force),
    )
    typer.echo(json.dumps(request, indent=2, sort_keys=True))


def print_published(published: PublishedStack) -> None:
    """Print what was written on stdout."""
    print_table(
        ("ARCHIVE", "", "SIZE", "SHA256"),
        (
            (
                str(archive.path),
                "written" if archive.changed else "up to date",
                size(archive.content.size),
                archive.content.digest.hex,
            )
            for archive in published.archives
        ),
    )
    if published.sent is not None:
        documents, digest = published.sent.summary.manifests, published.sent.digest
        typer.echo(f"{published.layout}: {documents} documents, stack {digest}")


def _publish_options(
    session: StackSession, options: PublishingOptions, *, force: bool
) -> PublishOptions:
    return PublishOptions(
        archive_format=ArchiveFormat(options.archive_format) if options.archive_format else None,
        tag_outputs=options.tag_outputs,
        force=force,
        threads=session.flags.jobs or os.cpu_count() or 1,
        artifacts_in=f"oci:{LAYOUT_FOLDER}" if options.layout else None,
    )
