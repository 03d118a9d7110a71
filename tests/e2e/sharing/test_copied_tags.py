"""A copy has the tags that a push to its place would have set."""

import json
import subprocess
import urllib.request

import pytest


@pytest.fixture
def base(tmp_path):
    """An image of no layer, for this machine."""
    layout = tmp_path / "base"
    subprocess.run(["umoci", "init", "--layout", layout], check=True)
    subprocess.run(["umoci", "new", "--image", f"{layout}:base"], check=True)
    return f"oci:{layout}:base"


def tags(registry, repository):
    with urllib.request.urlopen(f"http://{registry}/v2/{repository}/tags/list") as answer:
        names = json.load(answer)["tags"]
    found = {}
    for name in names:
        request = urllib.request.Request(
            f"http://{registry}/v2/{repository}/manifests/{name}",
            method="HEAD",
            headers={
                "Accept": "application/vnd.oci.image.index.v1+json, "
                "application/vnd.oci.image.manifest.v1+json"
            },
        )
        with urllib.request.urlopen(request) as answer:
            found[name] = answer.headers["Docker-Content-Digest"]
    return found


def test_a_copy_has_the_tags_of_a_push(command_line, stacks, registry, base, tmp_path):
    name = f"copied/{tmp_path.name.lower()}"
    pushed, copied = f"{name}/pushed", f"{name}/copied"
    told = command_line.succeed(
        "push", stacks["one"], f"{registry}/{pushed}:v1", "--base-image", base
    )
    assert f"application image: {registry}/{pushed}:v1-one\n" in told
    command_line.succeed("copy", f"{registry}/{pushed}:v1", f"{registry}/{copied}:v1")
    assert tags(registry, copied) == tags(registry, pushed)
    # The stack, its application's image, three layers; and the lists of what refers to them.
    lists = [tag for tag in tags(registry, copied) if tag.startswith("sha256-")]
    assert (len(tags(registry, copied)) - len(lists), len(lists)) == (5, 4)

    report = json.loads(command_line.succeed("inspect", f"{registry}/{copied}:v1", "--json"))
    assert [each["image_tag"] for each in report["applications"]] == ["v1-one"]
    [image] = report["images"]
    assert image["base"]["name"] is None  # a folder is nothing to others
    assert image["base"]["digest"].startswith("sha256:")
    assert [blob["digest"] for blob in image["blobs"]] == [
        layer["blob"]["digest"] for layer in report["layers"]
    ]


def test_two_stacks_on_one_framework_differ_by_their_applications(
    command_line, stacks, registry, tmp_path
):
    name = f"{registry}/differ/{tmp_path.name.lower()}"
    for stack in ("one", "two"):
        command_line.succeed("push", stacks[stack], f"{name}:{stack}")
    told = json.loads(command_line.succeed("diff", f"{name}:one", f"{name}:two", "--json"))
    statuses = {layer["name"]: layer["status"] for layer in told["layers"]}
    assert statuses == {
        "main": "same",
        "framework-shared": "same",
        "app-two": "added",
        "app-one": "removed",
    }
    assert told["fetch_bytes"] < 10_000
