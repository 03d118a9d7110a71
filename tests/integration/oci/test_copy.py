"""`ocistacks copy` between registries and layouts, as skopeo sees both sides."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

from ocistacks.oci.assemble import image_index, input_digest_tag
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry.model import Index
from ocistacks.registry.repository import Repository


@pytest.fixture
def place(request, registry, tmp_path):
    """Give the name of a fresh place: a repository or a layout."""

    def new(kind):
        name = uuid.uuid4().hex
        return f"{registry}/copy/{name}" if kind == "registry" else f"oci:{tmp_path / name}"

    return new


@pytest.fixture
def filled(stack, repository, repository_name, registry, tmp_path, reporter):
    """Give the reference of the stack, pushed with no tag but its own."""

    def fill(kind):
        if kind == "registry":
            copy_objects(stack.source, repository, stack.root, tag="v1", reporter=reporter)
            return f"{registry}/{repository_name}:v1"
        layout = ImageLayout.create(tmp_path / "filled")
        copy_objects(stack.source, layout, stack.root, tag="v1", reporter=reporter)
        return f"oci:{tmp_path / 'filled'}:v1"

    return fill


@pytest.fixture
def raw(run):
    """Give what skopeo reads of a reference."""

    def inspect(reference):
        name = reference if reference.startswith("oci:") else f"docker://{reference}"
        return run("skopeo", "inspect", "--raw", "--tls-verify=false", name)

    return inspect


def tags_of(stack):
    image = image_index([stack.image.descriptor])
    return {
        **{
            input_digest_tag(layer.description.input_digest): artifact.manifest
            for layer, artifact in zip(stack.layers, stack.artifacts, strict=True)
        },
        "v2-demo": image.index,
    }


@pytest.mark.parametrize("to", ["registry", "layout"])
@pytest.mark.parametrize("origin", ["registry", "layout"])
def test_every_digest_stays_and_every_tag_comes_along(
    origin, to, stack, filled, place, command, raw
):
    source, target = filled(origin), place(to)
    told = command("copy", source, f"{target}:v2")
    assert raw(f"{target}:v2") == raw(source) == stack.index.index
    for tag, content in tags_of(stack).items():
        assert raw(f"{target}:{tag}") == content
        assert f"tag: {tag}\n" in told
    assert f"{target}:v2@{stack.root.digest}: sent " in told

    again = command("copy", source, f"{target}:v2")
    assert ": sent 0 blobs (0 bytes), 0 mounted (0 bytes), 7 were there" in again


def test_within_a_registry_every_blob_is_mounted(filled, place, command):
    told = command("copy", filled("registry"), place("registry"))
    assert ": sent 0 blobs (0 bytes), 7 mounted (" in told


def test_a_copy_is_a_copy_of_its_copy(stack, filled, place, command, raw):
    there, back = place("layout"), place("registry")
    command("copy", filled("registry"), f"{there}:v2")
    command("copy", f"{there}:v2", f"{back}:v2")
    assert raw(f"{back}:v2") == stack.index.index
    assert raw(f"{back}:v2-demo") == raw(f"{there}:v2-demo")


def test_a_digest_names_a_stack_with_its_tags(
    stack, filled, place, command, registry, repository_name, raw
):
    filled("registry")
    target = place("registry")
    command("copy", f"{registry}/{repository_name}@{stack.root.digest}", f"{target}:v2")
    assert raw(f"{target}:v2-demo") == image_index([stack.image.descriptor]).index


def test_a_layer_alone_and_an_image_alone(stack, filled, place, command, raw, environment):
    reference = filled("registry").removesuffix(":v1")
    layer, image = stack.artifacts[0], stack.image
    target = place("layout")
    command("copy", f"{reference}@{layer.descriptor.digest}", f"{target}:layer")
    assert raw(f"{target}:layer") == layer.manifest
    tag = input_digest_tag(stack.layers[0].description.input_digest)
    assert raw(f"{target}:{tag}") == layer.manifest
    told = command("copy", f"{reference}@{image.descriptor.digest}", f"{target}:image")
    assert raw(f"{target}:image") == image.manifest
    assert "tag: " not in told


def test_what_is_no_stack_is_copied_as_it_is(run, tmp_path, place, command, raw):
    layout = tmp_path / "foreign"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:it")
    target = place("registry")
    told = command("copy", f"oci:{layout}:it", f"{target}:it")
    assert raw(f"{target}:it") == raw(f"oci:{layout}:it")
    assert "tag: " not in told


def test_a_dry_run_changes_nothing(stack, filled, place, command, registry, environment):
    source, target, folder = filled("registry"), place("registry"), place("layout")
    told = json.loads(command("copy", source, f"{target}:v2", "--dry-run", "--json"))
    assert told["digest"] == stack.root.digest
    [transfer] = told["transfers"]
    assert transfer["target"] == f"{target}:v2"
    assert transfer["tags"]["v2"] == stack.root.digest
    assert set(transfer["tags"]) == {"v2", *tags_of(stack)}
    assert transfer["totals"]["mount"]["objects"] == 7
    assert transfer["totals"]["send"]["objects"] == 6
    repository = target.removeprefix(f"{registry}/")
    with Repository(registry, repository, environment=environment) as opened:
        assert opened.find("v2") is None
        assert not opened.has_blob(stack.layers[0].blob.digest)

    told = command("copy", source, folder, "--dry-run")
    assert "total: send 13 (" in told
    assert not Path(folder.removeprefix("oci:")).exists()


def test_a_missing_tag_moves_nothing(filled, place, command, tmp_path):
    source = filled("registry").replace(":v1", ":gone")
    folder = place("layout")
    assert "error: There is no way to read " in command("copy", source, folder, code=6)
    assert ImageLayout.open(Path(folder.removeprefix("oci:"))).tags() == {}


def test_a_digest_cannot_be_copied_to(filled, place, command, stack):
    told = command("copy", filled("registry"), f"{place('registry')}@{stack.root.digest}", code=2)
    assert told.startswith("error: A reference to write to cannot hold a digest")


def test_an_index_that_another_tool_wrote_anew_still_has_its_tags(
    stack, filled, place, command, run, raw, tmp_path
):
    """skopeo 1.9 leaves artifact types out, so that the index itself has another digest."""
    target = place("registry")
    rewritten = f"{place('registry')}:v1"
    run(
        *("skopeo", "copy", "--quiet", "--all"),
        *("--src-tls-verify=false", "--dest-tls-verify=false"),
        *(f"docker://{filled('registry')}", f"docker://{rewritten}"),
    )
    command("copy", rewritten, f"{target}:v2")
    assert raw(f"{target}:v2") == raw(rewritten)
    for tag in (tag for tag in tags_of(stack) if tag.startswith("input-")):
        assert raw(f"{target}:{tag}") == tags_of(stack)[tag]
    [image] = Index.read(raw(f"{target}:v2-demo"), where="here").manifests
    assert image.digest == stack.image.descriptor.digest


def test_nothing_of_the_store_is_needed(filled, place, command, tmp_path):
    command("copy", filled("registry"), place("layout"))
    assert os.listdir(tmp_path / "none" / "blobs" / "sha256") == []  # noqa: PTH208
