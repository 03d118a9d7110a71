"""The images of Containerfile.builder: found, or made."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.builder.base_image import debian_base, import_debian_base
from ocistacks.builder.engine import engine_errors
from ocistacks.builder.image_context import CONTAINERFILE, context_digest, context_tar
from ocistacks.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker import DockerClient

    from ocistacks.builder.image_context import ImageTarget
    from ocistacks.builder.task import Toolchain

DEFAULT_BASE = "docker.io/library/python:3.13-slim-bookworm"
_REPOSITORY = "localhost/ocistacks-"
_PROXY_VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    "PIP_INDEX_URL",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageOptions:
    """How the builder image is made.

    ``base_image`` is None for the public default, with one made by mmdebstrap where that cannot
    be pulled.
    """

    base_image: str | None
    environment: Mapping[str, str]
    say: Callable[[str], None]


def ensure_image(
    client: DockerClient, engine: str, toolchain: Toolchain, options: ImageOptions
) -> str:
    """Return the tag of the image for a toolchain, after making it where it is missing.

    Raises:
        EngineError: no base image is to be had, or the build fails.
    """
    tag = image_tag(toolchain, options)
    if not has_image(client, engine, tag):
        options.say(f"The {toolchain} image is missing in {engine}: building it, once.")
        build_image(client, engine, toolchain, options)
    return tag


def image_tag(target: ImageTarget, options: ImageOptions) -> str:
    """Return the tag of a target's image; it changes with whatever the image is made of."""
    digest = context_digest(target, options.base_image or DEFAULT_BASE)
    return f"{_REPOSITORY}{target}:{digest.hex[:16]}"


def build_image(
    client: DockerClient, engine: str, target: ImageTarget, options: ImageOptions
) -> str:
    """Build the image of a target of Containerfile.builder and return its tag."""
    tag = image_tag(target, options)
    base = options.base_image or _reachable_base(client, engine, options)
    environment = options.environment
    with engine_errors(f"build the {target} image", engine):
        events = client.api.build(
            fileobj=io.BytesIO(context_tar(target, environment)),
            custom_context=True,
            dockerfile=CONTAINERFILE,
            target=target,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            # A proxy or mirror may listen on the engine's loopback alone.
            network_mode="host",
            buildargs={
                "BASE_IMAGE": base,
                **{name: environment[name] for name in _PROXY_VARIABLES if environment.get(name)},
            },
        )
        told: list[str] = []
        failed = False
        for event in events:  # to their end, so that the connection can be closed
            line = str(event.get("stream") or event.get("error") or "").strip()
            if line:
                told.append(line)
            if line.startswith(("Step ", "STEP ")):
                options.say(f"  {line}")
            failed = failed or "error" in event
    if failed:
        raise EngineError(
            f"The {target} image cannot be built.",
            where=f"{engine}, {CONTAINERFILE}, base image {base}",
            found="\n    ".join(told[-15:]),
            hint="name another base with --builder-base, set proxy and SSL_CERT_FILE, or build "
            "without an engine: --builder local",
        )
    return tag


def has_image(client: DockerClient, engine: str, tag: str) -> bool:
    """Whether an engine has an image of that name."""
    import docker.errors

    with engine_errors("look for the builder image", engine):
        try:
            client.images.get(tag)
        except docker.errors.ImageNotFound:
            return False
    return True


def _reachable_base(client: DockerClient, engine: str, options: ImageOptions) -> str:
    """Return the public base image if it is there or can be pulled, else one made here."""
    for present in (DEFAULT_BASE, debian_base()):
        if has_image(client, engine, present):
            return present
    try:
        with engine_errors(f"pull {DEFAULT_BASE}", engine):
            client.images.pull(DEFAULT_BASE)
    except EngineError as error:
        options.say(f"{DEFAULT_BASE} cannot be pulled: making a Debian base with mmdebstrap.")
        return import_debian_base(client, engine, error)
    return DEFAULT_BASE
