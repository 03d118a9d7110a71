"""What archive a layer is to have: its name, format and build number, before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.deploy.archive_formats.convert import ArchiveFormat
from ocistacks.deploy.metadata_folder import MetadataFolder, refuse_clashes
from ocistacks.deploy.venvstacks_metadata import (
    layer_metadata,
    next_archive_build,
    own_value,
    with_archive,
)
from ocistacks.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ocistacks.deploy.archive_formats.convert import ArchiveContent
    from ocistacks.deploy.venvstacks_metadata import Metadata
    from ocistacks.digests import Digest
    from ocistacks.request.plan import PlannedLayer

_CLASH_HINT = "publish with --tag-outputs, which writes the platform into the names"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishOptions:
    """How layers are published.

    ``archive_format`` is that of the blobs if None. ``tag_outputs`` writes platform and build
    number into the names. ``force`` makes archives again that are there already. ``threads``
    compress. ``artifacts_in`` names where the layer artifacts go, without a tag: ``oci:FOLDER``
    (relative to the output folder) or ``HOST/REPOSITORY``; the metadata then refers to them.
    """

    archive_format: ArchiveFormat | None = None
    tag_outputs: bool = False
    force: bool = False
    threads: int = 1
    artifacts_in: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveRequest:
    """One layer's archive; ``previous`` is the metadata of the one that was published before."""

    plan: PlannedLayer
    archive_format: ArchiveFormat
    is_tagged: bool
    previous: Metadata | None

    def has_blob(self, blob: Digest) -> bool:
        """Whether the previous archive was made from that blob, in the same format."""
        return (
            own_value(self.previous, "blob_digest") == blob
            and own_value(self.previous, "archive_format") == self.archive_format
        )

    def has_inputs(self) -> bool:
        """Whether the previous archive was built from the same inputs, in the same format."""
        return (
            own_value(self.previous, "input_digest") == self.plan.input_digest
            and own_value(self.previous, "archive_format") == self.archive_format
        )

    def has_content(self, content: ArchiveContent) -> bool:
        """Whether the previous archive had these bytes."""
        previous = self.previous or {}
        return (
            previous.get("archive_size") == content.size
            and previous.get("archive_hashes") == content.hashes
        )

    def metadata(self, *, is_same: bool) -> Metadata:
        """Return what is known of the archive before it is made.

        ``is_same`` tells whether it has the bytes of the previous one, and so its build number.
        """
        request = self.plan.request
        build = next_archive_build(
            self.previous, self.plan.lock.metadata.lock_version, is_same=is_same
        )
        tag = f"-{request.platform}-{build}" if self.is_tagged else ""
        return with_archive(
            layer_metadata(self.plan),
            request.platform,
            build=build,
            name=f"{request.install_target}{tag}.{self.archive_format}",
            archive_format=self.archive_format,
        )


def archive_requests(
    plans: Sequence[PlannedLayer], output: Path, options: PublishOptions
) -> tuple[ArchiveRequest, ...]:
    """Return the archives that ``plans`` ask for, with what ``output`` tells of earlier ones.

    Raises:
        UsageError: two platforms' archives would have the same names, or the layers are compressed
            in another way than the format says.
        TargetError: the earlier metadata cannot be read.
    """
    if not options.tag_outputs:
        refuse_clashes(plans, hint=_CLASH_HINT)
    return tuple(
        ArchiveRequest(
            plan=plan,
            archive_format=_archive_format(plan, options.archive_format),
            is_tagged=options.tag_outputs,
            previous=MetadataFolder(
                output, plan.request.platform if options.tag_outputs else None
            ).read_layer(plan.layer.environment_name),
        )
        for plan in plans
    )


def _archive_format(plan: PlannedLayer, asked: ArchiveFormat | None) -> ArchiveFormat:
    available = ArchiveFormat.of_compression(plan.request.compression)
    if asked is None or asked is available or asked.is_converted:
        return asked or available
    raise UsageError(
        "The layers are compressed in another way than the archives should be.",
        where=f"layer {plan.request.install_target}",
        found=f"compression {plan.request.compression}, archive format {asked}",
        expected=f"{available}, {ArchiveFormat.TAR_XZ} or {ArchiveFormat.ZIP}",
        hint="set compression in [tool.ocistacks] and build again",
    )
