"""`ocistacks k8s`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ocistacks.cli.options import InsecureOption
from ocistacks.kubernetes.choices import DEFAULT_STORE_PATH, DEFAULT_USER, Kind, Mode
from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import Images, NodeStore, PinnedApplication, Workload
    from ocistacks.registry.reference import RegistryReference


@dataclass(frozen=True, kw_only=True)
class WorkloadOptions:
    """How the application runs."""

    kind: Annotated[Kind, typer.Option("--kind", help="What runs the pods.")] = Kind.POD
    name: Annotated[
        str | None, typer.Option("--name", help="By default the application's name.")
    ] = None
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="By default that of `kubectl apply`.")
    ] = None
    replicas: Annotated[
        int | None, typer.Option("--replicas", min=0, help="Pods of a deployment; by default 1.")
    ] = None
    cpu: Annotated[
        str | None,
        typer.Option("--cpu", metavar="REQUEST[/LIMIT]", help="Processors: 500m, or 1/2."),
    ] = None
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="REQUEST[/LIMIT]", help="Memory: 512Mi, or 1Gi/2Gi."),
    ] = None
    image_pull_secret: Annotated[
        list[str] | None,
        typer.Option(
            "--image-pull-secret",
            metavar="NAME",
            help="A secret with registry credentials; may be repeated. The puller logs in with the "
            "first.",
        ),
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", metavar="NAME=VALUE", help="An environment variable; may be repeated."
        ),
    ] = None
    user: Annotated[
        int, typer.Option("--user", min=1, help="The uid and gid that the pod runs as.")
    ] = DEFAULT_USER

    def workload(self, application: str, arguments: tuple[str, ...]) -> Workload:
        """Return the options checked, or raise UsageError."""
        from ocistacks.errors import UsageError
        from ocistacks.kubernetes import checks
        from ocistacks.kubernetes.model import Workload

        if self.replicas is not None and self.kind is not Kind.DEPLOYMENT:
            raise UsageError(
                "Only a deployment has replicas.",
                where="--replicas",
                found=f"--kind {self.kind}",
                expected=f"--kind {Kind.DEPLOYMENT}",
            )
        asked = (("cpu", self.cpu), ("memory", self.memory))
        secrets = self.image_pull_secret or ()
        return Workload(
            name=(
                checks.default_name(application)
                if self.name is None
                else checks.workload_name(self.name)
            ),
            kind=self.kind,
            namespace=None if self.namespace is None else checks.namespace(self.namespace),
            replicas=1 if self.replicas is None else self.replicas,
            resources=tuple(
                (name, checks.amounts(text, f"--{name}"))
                for name, text in asked
                if text is not None
            ),
            pull_secrets=tuple(checks.object_name(name, "--image-pull-secret") for name in secrets),
            environment=checks.environment(self.env or ()),
            arguments=arguments,
            user=self.user,
        )


@dataclass(frozen=True, kw_only=True)
class PodOptions:
    """What single modes need; None where it was not given."""

    base_image: Annotated[
        str | None,
        typer.Option(
            "--base-image",
            help="The image of the container that runs the application, for all modes but image; "
            "by default what the stack's application images stand on.",
        ),
    ] = None
    puller_image: Annotated[
        str | None,
        typer.Option(
            "--puller-image",
            envvar="OCISTACKS_PULLER_IMAGE",
            help="The image that pulls, for the modes init and node; by default "
            "ocistacks/puller:VERSION in the stack's registry.",
        ),
    ] = None
    puller_log_format: Annotated[
        Literal["text", "json"],
        typer.Option("--puller-log-format", help="How the puller tells its progress."),
    ] = "text"
    store_path: Annotated[
        str | None,
        typer.Option(
            "--store-path",
            metavar="DIR",
            help=f"The node's folder for the mode node; by default {DEFAULT_STORE_PATH}.",
        ),
    ] = None
    store_claim: Annotated[
        str | None,
        typer.Option(
            "--store-claim",
            metavar="NAME",
            help="A PersistentVolumeClaim in its place, which the restricted profile allows.",
        ),
    ] = None

    def store(self, mode: Mode) -> NodeStore:
        """Return the node's store; UsageError for an option that the mode has no use for."""
        from ocistacks.errors import UsageError
        from ocistacks.kubernetes import checks
        from ocistacks.kubernetes.model import NodeStore

        unused = (
            ("--base-image", self.base_image if mode is Mode.IMAGE else None),
            ("--store-path", self.store_path if mode is not Mode.NODE else None),
            ("--store-claim", self.store_claim if mode is not Mode.NODE else None),
        )
        for option, value in unused:
            if value is not None:
                raise UsageError("The mode has no use for an option.", where=option, found=mode)
        if self.store_path is not None and self.store_claim is not None:
            raise UsageError(
                "The node's store is a folder or a claim, not both.",
                found="--store-path and --store-claim",
            )
        claim = self.store_claim
        return NodeStore(
            path=checks.store_path(self.store_path or DEFAULT_STORE_PATH),
            claim=None if claim is None else checks.object_name(claim, "--store-claim"),
        )


def k8s(
    reference: Annotated[
        str,
        typer.Argument(metavar="REFERENCE", help="HOST/REPOSITORY[:TAG][@DIGEST] in a registry."),
    ],
    workload: WorkloadOptions,
    pod: PodOptions,
    app: Annotated[str, typer.Option("--app", help="The application's name.")],
    mode: Annotated[
        Mode, typer.Option("--mode", help="How the application's layers come into its pods.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="What the application is told.")
    ] = None,
    platform: Annotated[
        Platform | None,
        typer.Option("--platform", help="By default, whatever of Linux the application is for."),
    ] = None,
    output: Annotated[
        Literal["manifest", "values"],
        typer.Option("--output", help="A manifest, or values for the Helm chart of the examples."),
    ] = "manifest",
    insecure: InsecureOption = False,
) -> None:
    """Print a manifest for Kubernetes that runs an application; everything in it is by digest."""
    from ocistacks.kubernetes import modes, pin
    from ocistacks.kubernetes.values import chart_values
    from ocistacks.kubernetes.workloads import manifest
    from ocistacks.kubernetes.yaml_text import yaml_text
    from ocistacks.oci.open import open_source

    store = pod.store(mode)
    asked = workload.workload(app, tuple(arguments or ()))
    stack = pin.registry_reference(reference, "a stack")
    with open_source(stack, environment=os.environ, insecure=insecure) as source:
        application = pin.pin_application(source, stack, app, platform=platform)
    images = _images(mode, application, pod, stack, insecure=insecure)
    spec = modes.pod(mode, application, asked, images, store)
    document = (
        manifest(application, asked, spec)
        if output == "manifest"
        else chart_values(mode, application, asked, images, store)
    )
    typer.echo(yaml_text(document), nl=False)


def _images(
    mode: Mode,
    application: PinnedApplication,
    options: PodOptions,
    stack: RegistryReference,
    *,
    insecure: bool,
) -> Images:
    from ocistacks.kubernetes.model import Images, Puller
    from ocistacks.kubernetes.pin import application_image

    if mode is Mode.IMAGE:
        # Where there are several platforms, the mode says so itself.
        several = len(application.platforms) > 1
        return Images(application=None if several else application_image(application))
    base = _base(application, options, stack, insecure=insecure)
    if not mode.pulls:
        return Images(base=base)
    puller = Puller(
        image=_puller_image(options, stack, insecure=insecure),
        log_format=options.puller_log_format,
        insecure=insecure,
    )
    return Images(base=base, puller=puller)


def _base(
    application: PinnedApplication,
    options: PodOptions,
    stack: RegistryReference,
    *,
    insecure: bool,
) -> str:
    from ocistacks.kubernetes.pin import pin_image
    from ocistacks.spec.settings import Settings

    if options.base_image is None and application.base is not None:
        return application.base
    name = options.base_image or Settings().base_image
    return pin_image(
        name,
        "the container that runs the application",
        environment=os.environ,
        insecure=insecure and name.startswith(f"{stack.host}/"),
        hint="name another with --base-image",
    )


def _puller_image(options: PodOptions, stack: RegistryReference, *, insecure: bool) -> str:
    from ocistacks import __version__
    from ocistacks.kubernetes.pin import pin_image

    name = options.puller_image or f"{stack.host}/ocistacks/puller:{__version__}"
    return pin_image(
        name,
        "the puller",
        environment=os.environ,
        insecure=insecure and name.startswith(f"{stack.host}/"),
        hint="`ocistacks builder build --target puller` makes it: push it there, or name another "
        "with --puller-image or OCISTACKS_PULLER_IMAGE",
    )
