"""What skopeo, umoci, podman and the oras library make of what was pushed and published."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from oras.client import OrasClient

from ocistacks.digests import Digest
from ocistacks.errors import NotFoundError
from ocistacks.oci.assemble import application_image
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.base_image import read_base_image
from ocistacks.oci.description import LayerDescription, is_layer_artifact
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.platforms import Platform
from ocistacks.registry.model import Index
from ocistacks.registry.reference import parse_reference

SKOPEO_COPY = ("skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false")


@pytest.fixture
def pushed(stack, repository, registry, repository_name, reporter):
    """The stack in the registry; gives its name without a tag."""
    tags = {
        f"layer-{number}": each.descriptor.digest for number, each in enumerate(stack.artifacts)
    }
    tags["image"] = stack.image.descriptor.digest
    copy_objects(
        stack.source, repository, stack.root, tag="latest", extra_tags=tags, reporter=reporter
    )
    return f"{registry}/{repository_name}"


def assert_same_parts(stack, index):
    """skopeo 1.9 writes an index anew, without artifact types; all else keeps its bytes."""
    assert [entry.digest for entry in index.manifests] == [
        stack.image.descriptor.digest,
        *(artifact.descriptor.digest for artifact in stack.artifacts),
    ]
    assert [is_layer_artifact(entry) for entry in index.manifests] == [False, True, True, True]
    for entry, layer in zip(index.manifests[1:], stack.layers, strict=True):
        read = LayerDescription.from_annotations(
            entry.annotations, Platform.LINUX_X86_64, where="here"
        )
        assert read == layer.description


def test_skopeo_copies_all_of_a_pushed_stack(stack, pushed, run, tmp_path):
    folder = tmp_path / "dir"
    run(*SKOPEO_COPY, "--all", f"docker://{pushed}:latest", f"dir:{folder}")
    for layer in stack.layers:
        assert Digest.of_file(folder / layer.blob.digest.hex) == layer.blob.digest
    assert_same_parts(stack, Index.read((folder / "manifest.json").read_bytes(), where="here"))


def test_skopeo_copies_a_published_layout_to_a_registry(
    stack, registry, repository, repository_name, run, tmp_path, reporter
):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    target = f"docker://{registry}/{repository_name}:copied"
    run(*SKOPEO_COPY, "--all", f"oci:{tmp_path / 'layout'}:latest", target)
    copied = repository.read_manifest(repository.resolve("copied"))
    assert_same_parts(stack, Index.read(copied, where="here"))
    summary = copy_objects(stack.source, repository, stack.root, reporter=reporter)
    assert (summary.sent_blobs, summary.manifests) == (0, 1)


def test_what_skopeo_wrote_is_a_source(stack, pushed, run, tmp_path, repository, reporter):
    run(*SKOPEO_COPY, "--all", f"docker://{pushed}:latest", f"oci:{tmp_path / 'written'}:v1")
    layout = ImageLayout.open(tmp_path / "written")
    only = layout.resolve(None)
    assert only == layout.resolve("v1")
    summary = copy_objects(layout, repository, only, reporter=reporter)
    assert (summary.sent_blobs, summary.present_blobs, summary.manifests) == (0, 7, 1)


@pytest.mark.parametrize("tag", ["image", "latest"])
def test_an_image_and_its_stack_are_both_run_as_the_application(stack, pushed, run, tag):
    platform = ("--override-os", "linux", "--override-arch", "amd64")
    config = json.loads(
        run(
            *("skopeo", *platform, "inspect", "--tls-verify=false", "--config"),
            f"docker://{pushed}:{tag}",
        )
    )
    assert config["config"] == {
        "Entrypoint": ["/app-demo/bin/python", "-m", "demo"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "WorkingDir": "/",
    }
    assert config["rootfs"]["diff_ids"] == [layer.blob.diff_id for layer in stack.layers]
    assert config["created"] == "1980-01-01T00:00:00Z"


def test_the_oras_library_pulls_the_archive(stack, pushed, tmp_path):
    client = OrasClient(insecure=True)
    for number, layer in enumerate(stack.layers):
        (file,) = client.pull(target=f"{pushed}:layer-{number}", outdir=str(tmp_path))
        assert Path(file).name == layer.description.archive_name
        assert Digest.of_file(Path(file)) == layer.blob.digest


def test_umoci_lists_and_reads_a_published_layout(stack, run, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.image.descriptor, tag="image", reporter=reporter)
    assert run("umoci", "list", "--layout", layout.folder).decode().split() == ["image"]
    told = json.loads(run("umoci", "stat", "--json", "--image", f"{layout.folder}:image"))
    digests = [entry["layer"]["digest"] for entry in told["history"]]
    assert digests == [layer.blob.digest for layer in stack.layers]


@pytest.fixture
def base(run, tmp_path):
    """A base image made by umoci: a shell with its libraries, for this machine's architecture."""
    root = tmp_path / "base root"
    (root / "bin").mkdir(parents=True)
    shell = Path("/bin/dash").resolve()
    shutil.copy(shell, root / "bin" / "sh")
    words = run("ldd", shell).decode().split()
    for library in (Path(word) for word in words if word.startswith("/")):
        (root / library.parent.relative_to("/")).mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library.relative_to("/"))
    folder = tmp_path / "base"
    image = f"{folder}:trixie"
    run("umoci", "init", "--layout", folder)
    run("umoci", "new", "--image", image)
    run("umoci", "insert", "--image", image, root, "/")
    settings = ("--config.env", "COLOUR=green", "--config.user", "1234", "--config.cmd", "/bin/sh")
    run("umoci", "config", "--image", image, *settings)
    return folder


def test_podman_runs_an_application_image_on_a_base(
    stack, base, store, registry, repository, repository_name, environment, run, tmp_path, reporter
):
    reference = parse_reference(f"oci:{base}")
    below = ImageLayout.open(base)
    base_image = read_base_image(below, reference, Platform.LINUX_X86_64)
    assert base_image.configuration.config is not None
    assert base_image.configuration.config.command == ("/bin/sh",)
    image = application_image(base_image, stack.layers, "demo")
    source = AssembledSource((image,), store=store, base=below)
    summary = copy_objects(source, repository, image.descriptor, tag="demo", reporter=reporter)
    assert summary.sent_blobs == len(base_image.layers) + 4

    # Podman takes no path of more than 50 characters for its run root.
    folder = Path(tempfile.mkdtemp(prefix="podman-"))
    (folder / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]\n'
    )
    podman = (
        *("podman", "--root", folder / "graph", "--runroot", folder / "run", "--runtime", "runc"),
        *("--cgroup-manager", "cgroupfs", "--storage-driver", "vfs"),
    )
    settings = environment | {"CONTAINERS_CONF": str(folder / "containers.conf")}
    name = f"{registry}/{repository_name}:demo"
    try:
        run(*podman, "pull", "--quiet", "--tls-verify=false", name, env=settings)
        arguments = ("run", "--rm", "--network=none", name, "--fast")
        printed = run(*podman, *arguments, env=settings)
        inspected = json.loads(run(*podman, "image", "inspect", name, env=settings))
    finally:
        run(*podman, "system", "reset", "--force", env=settings)
        shutil.rmtree(folder)
    assert printed == b"ran /app-demo/bin/python -m demo --fast\n"
    assert inspected[0]["Config"]["User"] == "1234"
    assert "COLOUR=green" in inspected[0]["Config"]["Env"]
    assert "Cmd" not in inspected[0]["Config"]
    # A folder's name would give other digests on another machine.
    assert "org.opencontainers.image.base.name" not in inspected[0]["Annotations"]
    assert str(base) not in json.dumps(inspected[0]["History"])
    assert inspected[0]["Annotations"]["org.opencontainers.image.base.digest"] == base_image.digest


def test_a_base_image_for_another_platform_names_the_setting(base):
    reference = parse_reference(f"oci:{base}:trixie")
    with pytest.raises(NotFoundError) as raised:
        read_base_image(ImageLayout.open(base), reference, Platform.LINUX_AARCH64)
    assert str(raised.value) == (
        f"The base image oci:{base}:trixie cannot be used. "
        "The base image is not made for linux_aarch64.\n"
        f"  where: oci:{base}:trixie\n"
        "  found: linux/amd64\n"
        "  expected: linux/arm64\n"
        "  hint: name another image with base_image in [tool.ocistacks], --base-image or "
        'OCISTACKS_BASE_IMAGE; "none" makes no application images'
    )


def test_a_base_image_that_is_not_there_names_the_setting(repository, registry, repository_name):
    reference = parse_reference(f"{registry}/{repository_name}:gone")
    with pytest.raises(NotFoundError) as raised:
        read_base_image(repository, reference, Platform.LINUX_X86_64)
    assert str(raised.value) == (
        f"The base image {reference} cannot be used. There is no way to read {reference}.\n"
        f"  where: GET http://{registry}/v2/{repository_name}/manifests/gone\n"
        "  found: HTTP 404 Not Found: MANIFEST_UNKNOWN (manifest unknown)\n"
        "  hint: check the repository's name and the tag; or name another image with base_image "
        "in [tool.ocistacks], --base-image or OCISTACKS_BASE_IMAGE; "
        '"none" makes no application images'
    )
