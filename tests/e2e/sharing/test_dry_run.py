"""Stacks that share layers: dry runs, copies, what is told of them, and what is not built twice."""

import json
import urllib.request

import pytest


@pytest.fixture
def small(small_spec, command_line):
    """A locked and built stack, whose application is another each time."""
    command_line.succeed("build", small_spec)
    return small_spec


def tags(registry, repository):
    url = f"http://{registry}/v2/{repository}/tags/list"
    try:
        with urllib.request.urlopen(url) as answer:
            return sorted(json.load(answer)["tags"] or [])
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return None


def test_a_dry_run_tells_what_a_push_then_does(small, command_line, registry, tmp_path):
    name = f"dry/{tmp_path.name.lower()}"
    shared = ("--layer-repository", f"{registry}/{name}/layers")
    push = ("push", small, f"{registry}/{name}/stack:1", *shared)
    told = json.loads(command_line.succeed(*push, "--dry-run", "--json"))
    assert tags(registry, f"{name}/layers") is None
    assert tags(registry, f"{name}/stack") is None
    layers, stack = told["transfers"]
    assert (layers["target"], stack["target"]) == (
        f"{registry}/{name}/layers",
        f"{registry}/{name}/stack",
    )
    blobs = {each["name"]: each for each in stack["objects"] if each["kind"] == "blob"}
    assert {each["action"] for each in blobs.values()} == {"mount"}
    assert layers["totals"]["send"]["bytes"] > sum(each["bytes"] for each in blobs.values())

    table = command_line.succeed(*push, "--dry-run")
    assert f"{registry}/{name}/stack, which is not changed:\n" in table
    assert "main.tar.zst" in table
    assert "total: send " in table

    pushed = command_line.succeed(*push)
    assert "sent 0 blobs (0 bytes)" in pushed
    assert told["digest"] in pushed
    for repository, planned in (("stack", stack), ("layers", layers)):
        # Beside them there are the lists of what refers to the objects.
        found = tags(registry, f"{name}/{repository}")
        assert set(planned["tags"]) == {tag for tag in found if not tag.startswith("sha256-")}
    again = json.loads(command_line.succeed(*push, "--dry-run", "--json"))
    for transfer in again["transfers"]:
        assert {each["action"] for each in transfer["objects"]} == {"present"}


def test_a_dry_run_to_a_folder_makes_none(small, command_line, tmp_path):
    told = command_line.succeed("push", small, f"oci:{tmp_path / 'layout'}", "--dry-run")
    assert "send" in told
    assert not (tmp_path / "layout").exists()


def test_json_without_a_dry_run_is_refused(small, command_line, tmp_path):
    code, message = command_line.fail("push", small, f"oci:{tmp_path / 'layout'}", "--json")
    assert (code, message) == (
        2,
        "Only a dry run is told as JSON.\n  found: --json\n  expected: --dry-run --json\n",
    )
