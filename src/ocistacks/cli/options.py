"""Arguments and options that several commands have, alone or in groups (see ``groups``).

Names and defaults are those of venvstacks 0.8 wherever it has the option.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ocistacks.cli.python_sources import PYTHON_SOURCE_FORM, python_sources
from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.builder.python_runtimes import PythonOrigin
    from ocistacks.cli.console import ConsoleReporter
    from ocistacks.cli.session import BuilderFlags

BUILD_DIR = Path("_build")
OUTPUT_DIR = Path("_artifacts")
EXPORT_DIR = Path("_export")

SpecArgument = Annotated[Path, typer.Argument(metavar="SPEC", help="The stack's venvstacks.toml.")]
ReferenceArgument = Annotated[
    str,
    typer.Argument(
        metavar="REFERENCE",
        help="HOST/REPOSITORY[:TAG][@DIGEST] in a registry, or oci:FOLDER[:TAG] on disk.",
    ),
]
BuilderBaseOption = Annotated[
    str | None,
    typer.Option(
        "--builder-base",
        envvar="OCISTACKS_BUILDER_BASE",
        help="The image that the builder image is made from.",
    ),
]
PythonFromOption = Annotated[
    Literal["auto", "standalone", "source"],
    typer.Option(
        "--python-from",
        envvar="OCISTACKS_PYTHON_FROM",
        help="Where Python comes from: prebuilt, or compiled from the release tarball.",
    ),
]
BuildDirOption = Annotated[
    Path,
    typer.Option("--build-dir", help="The folder of built layers, from the specification's."),
]
UnusedBuildDirOption = Annotated[
    Path,
    typer.Option("--build-dir", help="Taken as venvstacks does; nothing depends on it."),
]
ForceOption = Annotated[
    bool, typer.Option("--force/--no-force", help="Write again what is there already.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run/--no-dry-run", help="Tell what would be written, and stop.")
]
CleanOption = Annotated[
    bool, typer.Option("--clean/--no-clean", help="Make everything anew, whatever is there.")
]
CacheOption = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache",
        envvar="OCISTACKS_CACHE",
        help="Take layers that the layer repository, or else the stack's, has already.",
    ),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Speak plain HTTP also to a host that is not loopback.")
]
AttestationsOption = Annotated[
    bool,
    typer.Option(
        "--attestations/--no-attestations",
        help="Send SBOMs and provenance with the layers and images.",
    ),
]
PlatformOption = Annotated[
    Platform | None, typer.Option("--platform", help="Another platform than this machine's.")
]


@dataclass(frozen=True, kw_only=True)
class TalkOptions:
    """How much a command tells beside its results; the same options may stand before it."""

    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show errors and results only.")] = (
        False
    )
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell of short steps, too.")] = (
        False
    )

    log_format: Annotated[
        Literal["text", "json"] | None,
        typer.Option(
            "--log-format",
            envvar="OCISTACKS_LOG_FORMAT",
            help="Progress as lines for a log, without bars, even on a terminal.",
        ),
    ] = None

    def reporter(self) -> ConsoleReporter:
        """Return the reporter for that."""
        from ocistacks.cli.console import ConsoleReporter

        if self.log_format is not None:
            from ocistacks.cli.log_lines import LineReporter

            return LineReporter(self.log_format, quiet=self.quiet)
        return ConsoleReporter(quiet=self.quiet, verbose=self.verbose)


@dataclass(frozen=True, kw_only=True)
class SettingsOptions:
    """Settings of `[tool.ocistacks]` that the command line gives; they go before all others."""

    repository: Annotated[
        str | None,
        typer.Option(
            "--repository", metavar="HOST/NAME", help="The repository that the stack is pushed to."
        ),
    ] = None
    layer_repository: Annotated[
        str | None,
        typer.Option(
            "--layer-repository",
            metavar="HOST/NAME",
            help="A repository shared by several stacks, whose blobs are mounted, not sent.",
        ),
    ] = None
    base_image: Annotated[
        str | None,
        typer.Option(
            "--base-image",
            help="What application images stand on: a reference, or none for no such images.",
        ),
    ] = None
    compression: Annotated[
        Literal["zstd", "gzip"] | None,
        typer.Option(
            "--compression", help="How layers are compressed; gzip for engines without zstd."
        ),
    ] = None
    compression_level: Annotated[
        int | None,
        typer.Option("--compression-level", help="1 to 22 with zstd, 1 to 9 with gzip."),
    ] = None
    bytecode: Annotated[
        bool | None,
        typer.Option(
            "--bytecode/--no-bytecode", help="Whether layers hold compiled bytecode, or not."
        ),
    ] = None
    python_source: Annotated[
        list[str] | None,
        typer.Option(
            "--python-source",
            metavar=PYTHON_SOURCE_FORM,
            help="An archive of a Python interpreter; may be repeated.",
        ),
    ] = None
    platform: Annotated[
        list[Platform] | None,
        typer.Option("--platform", help="A platform to build; may be repeated."),
    ] = None
    builder: Annotated[
        Literal["auto", "docker", "podman", "local"] | None,
        typer.Option(
            "--builder", help="Where layers are built; auto takes the first that answers."
        ),
    ] = None

    def overrides(self) -> Mapping[str, object]:
        """Return the settings by name, None for those that were not given.

        Raises UsageError for a Python source that is none.
        """
        return {
            "repository": self.repository,
            "layer_repository": self.layer_repository,
            "base_image": self.base_image,
            "compression": self.compression,
            "compression_level": self.compression_level,
            "bytecode": self.bytecode,
            "python_sources": python_sources(self.python_source) if self.python_source else None,
            "platforms": tuple(self.platform) if self.platform else None,
            "builder": self.builder,
        }


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Showing what a transfer would send, instead of sending it."""

    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run/--no-dry-run",
            help="Tell of each object whether it would be sent, mounted or is there, and stop.",
        ),
    ] = False
    json: Annotated[
        bool, typer.Option("--json/--no-json", help="Tell it as JSON; with --dry-run alone.")
    ] = False

    def check(self) -> None:
        """Raise UsageError for JSON of what is no dry run."""
        from ocistacks.errors import UsageError

        if self.json and not self.dry_run:
            raise UsageError(
                "Only a dry run is told as JSON.",
                found="--json",
                expected="--dry-run --json",
            )


@dataclass(frozen=True, kw_only=True)
class LockingOptions:
    """How layers are locked."""

    index: Annotated[
        bool, typer.Option("--index/--no-index", help="Ask the default package index.")
    ] = True
    local_wheels: Annotated[
        list[Path] | None,
        typer.Option(
            "--local-wheels",
            metavar="DIR",
            help="Another folder of wheels, from the specification's; may be repeated.",
        ),
    ] = None
    reset_lock: Annotated[
        list[str] | None,
        typer.Option(
            "--reset-lock",
            metavar="PATTERN",
            help="Let go of what these layers have pinned before; may be repeated.",
        ),
    ] = None
    lock_dependencies: Annotated[
        bool,
        typer.Option(
            "--lock-dependencies/--no-lock-dependencies",
            help="Lock what included layers stand on, too.",
        ),
    ] = False
    python_from: PythonFromOption = "auto"


@dataclass(frozen=True, kw_only=True)
class BuilderOptions:
    """Where and how layers are built."""

    builder_base: BuilderBaseOption = None
    allow_unconfined: Annotated[
        bool,
        typer.Option(
            "--allow-unconfined", help="Build without isolation if the kernel gives none."
        ),
    ] = False
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Processes and threads in one build; one a processor."),
    ] = None

    def flags(self, python_origin: PythonOrigin = "auto", *, cache: bool = False) -> BuilderFlags:
        """Return the options as the session takes them."""
        from ocistacks.cli.session import BuilderFlags

        return BuilderFlags(
            allow_unconfined=self.allow_unconfined,
            builder_base=self.builder_base,
            python_origin=python_origin,
            jobs=self.jobs,
            cache=cache,
        )


@dataclass(frozen=True, kw_only=True)
class PublishingOptions:
    """What is published, and how it is called."""

    output_dir: Annotated[
        Path,
        typer.Option("--output-dir", help="The folder to write into, from the specification's."),
    ] = OUTPUT_DIR
    tag_outputs: Annotated[
        bool,
        typer.Option(
            "--tag-outputs/--no-tag-outputs",
            help="Name archives and metadata with their platform.",
        ),
    ] = False
    archive_format: Annotated[
        Literal["tar.zst", "tar.gz", "tar.xz", "zip"] | None,
        typer.Option(
            "--archive-format",
            help="By default the blob itself, tar.zst; tar.xz and zip are for older tools.",
        ),
    ] = None
    layout: Annotated[
        bool, typer.Option("--layout/--no-layout", help="Write an OCI image layout, too.")
    ] = True
    attestations: AttestationsOption = True
