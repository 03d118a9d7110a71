"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ocistacks.platforms import Platform

SpecArgument = Annotated[Path, typer.Argument(metavar="SPEC", help="The stack's venvstacks.toml.")]
ReferenceArgument = Annotated[
    str,
    typer.Argument(
        metavar="REFERENCE",
        help="HOST/REPOSITORY[:TAG][@DIGEST] in a registry, or oci:FOLDER[:TAG] on disk.",
    ),
]
BuilderOption = Annotated[
    Literal["auto", "docker", "podman", "local"] | None,
    typer.Option("--builder", help="Where layers are built; auto takes the first that answers."),
]
PythonOption = Annotated[
    Literal["auto", "standalone", "source"],
    typer.Option(
        "--python-from",
        envvar="OCISTACKS_PYTHON_FROM",
        help="Where Python comes from: prebuilt, or compiled from the release tarball.",
    ),
]
UnconfinedOption = Annotated[
    bool,
    typer.Option("--allow-unconfined", help="Build without isolation if the kernel gives none."),
]
BuilderBaseOption = Annotated[
    str | None,
    typer.Option(
        "--builder-base",
        envvar="OCISTACKS_BUILDER_BASE",
        help="The image that the builder image is made from.",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="Processes and threads in one build; one a processor."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors and results only.")]
BaseImageOption = Annotated[
    str | None,
    typer.Option(
        "--base-image",
        help="What application images stand on: a reference, or none for no such images.",
    ),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Speak plain HTTP also to a host that is not loopback.")
]
PlatformOption = Annotated[
    Platform | None, typer.Option("--platform", help="Another platform than this machine's.")
]
