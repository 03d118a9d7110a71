"""`ocistacks inspect` on a stack, a layer and an image, in a registry and in a layout."""

from __future__ import annotations

import json

import pytest

from ocistacks.oci.assemble import image_index
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.stack_tags import WithIndexes
from ocistacks.oci.transfer import copy_objects


@pytest.fixture
def pushed(stack, repository, registry, repository_name, reporter):
    """The stack as `push` sends it; gives its name without a tag."""
    made = image_index([stack.image.descriptor])
    copy_objects(
        WithIndexes(stack.source, (made,)),
        repository,
        stack.root,
        tag="v1",
        extra_tags={"v1-demo": made.descriptor.digest},
        reporter=reporter,
    )
    return f"{registry}/{repository_name}"


def blob_json(layer):
    return {
        "name": layer.description.archive_name,
        "digest": layer.blob.digest,
        "media_type": layer.blob.media_type,
        "bytes": layer.blob.size,
        "uncompressed_bytes": layer.blob.uncompressed_size,
        "files": layer.blob.file_count,
    }


def layer_json(stack, number, applications):
    layer, artifact = stack.layers[number], stack.artifacts[number]
    description = layer.description
    return {
        "name": description.name,
        "kind": description.kind,
        "install_target": description.install_target,
        "platform": "linux_x86_64",
        "lock_version": 1,
        "lock_hash": description.lock_hash,
        "input_digest": description.input_digest,
        "requires": list(description.requires),
        "launch_module": description.launch_module,
        "digest": artifact.descriptor.digest,
        "blob": blob_json(layer),
        "applications": applications,
    }


def image_json(stack):
    return {
        "digest": stack.image.descriptor.digest,
        "application": "demo",
        "launch_module": "demo",
        "platform": "linux_x86_64",
        "base": None,
        "blobs": [blob_json(layer) for layer in stack.layers],
    }


def test_a_stack_as_json(stack, pushed, command):
    told = json.loads(command("inspect", f"{pushed}:v1", "--json"))
    size = sum(layer.blob.size for layer in stack.layers)
    assert told == {
        "reference": f"{pushed}:v1",
        "kind": "stack",
        "digest": stack.root.digest,
        "applications": [
            {
                "name": "demo",
                "launch_module": "demo",
                "image_tag": "v1-demo",
                "platforms": ["linux_x86_64"],
            }
        ],
        "layers": [layer_json(stack, number, ["demo"]) for number in range(3)],
        "images": [image_json(stack)],
        "sharing": {"bytes": size, "bytes_without_sharing": size},
    }


def test_a_stack_as_a_table(stack, pushed, command):
    told = command("inspect", f"{pushed}:v1")
    assert told.startswith(f"stack {stack.root.digest}\n\nAPPLICATION  LAUNCH MODULE  PLATFORMS")
    rows = {line.split()[0]: line.split() for line in told.splitlines() if line}
    assert rows["demo"] == ["demo", "demo", "linux_x86_64", "v1-demo"]
    framework = stack.layers[1]
    assert rows["framework-x@2"][1:4] == ["linux_x86_64", "framework", "1"]
    assert rows["framework-x@2"][-4:] == [
        "cpython-3.13",
        "demo",
        framework.description.input_digest.short,
        framework.blob.digest,
    ]
    assert "\nlayers: 9" in told


def test_what_two_applications_share(stack, make_layer, tmp_path, command, reporter):
    from ocistacks.oci.assemble import layer_artifact, stack_index
    from ocistacks.oci.assembled_source import AssembledSource

    second = make_layer("application", "app-two", requires=("framework-x@2", "cpython-3.13"))
    artifact = layer_artifact(second.description, second.blob)
    index = stack_index([each.descriptor for each in (*stack.artifacts, artifact)])
    source = AssembledSource((*stack.artifacts, artifact), (index,), store=stack.store)
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(source, layout, index.descriptor, tag="latest", reporter=reporter)
    told = json.loads(command("inspect", f"oci:{tmp_path / 'layout'}", "--json"))
    assert [layer["applications"] for layer in told["layers"]] == [
        ["demo", "two"],
        ["demo", "two"],
        ["demo"],
        ["two"],
    ]
    runtime, framework, one = (layer.blob.size for layer in stack.layers)
    assert told["sharing"] == {
        "bytes": runtime + framework + one + second.blob.size,
        "bytes_without_sharing": 2 * runtime + 2 * framework + one + second.blob.size,
    }
    assert [each["image_tag"] for each in told["applications"]] == [None, None]


def test_a_layer_alone(stack, pushed, command):
    reference = f"{pushed}@{stack.artifacts[1].descriptor.digest}"
    told = json.loads(command("inspect", reference, "--json"))
    assert told["kind"] == "layer"
    assert told["layers"] == [layer_json(stack, 1, [])]
    assert (told["images"], told["applications"]) == ([], [])
    assert command("inspect", reference).startswith("layer sha256:")


def test_an_image_alone_and_behind_its_tag(stack, pushed, command):
    reference = f"{pushed}@{stack.image.descriptor.digest}"
    told = json.loads(command("inspect", reference, "--json"))
    assert (told["kind"], told["layers"]) == ("image", [])
    assert told["images"] == [image_json(stack)]
    assert [each["name"] for each in told["applications"]] == ["demo"]
    behind = json.loads(command("inspect", f"{pushed}:v1-demo", "--json"))
    assert (behind["kind"], behind["images"]) == ("index", [image_json(stack)])
    table = command("inspect", reference)
    assert f"\nimage {stack.image.descriptor.digest} for linux_x86_64\nBLOB" in table
    assert stack.layers[0].blob.digest in table


def test_an_image_of_another_tool(run, tmp_path, command):
    layout = tmp_path / "foreign"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:it")
    told = json.loads(command("inspect", f"oci:{layout}:it", "--json"))
    assert (told["kind"], told["layers"], told["applications"]) == ("image", [], [])
    assert told["images"][0]["application"] is None


def test_a_missing_reference(pushed, command):
    assert "There is no way to read" in command("inspect", f"{pushed}:gone", code=6)
