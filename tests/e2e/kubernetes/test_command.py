"""`ocistacks k8s` on a stack in a real registry: what it pins, and what it refuses."""

import hashlib
import json
import subprocess

import kubernetes_validate
import pytest
import yaml

MODES = ("init", "node", "image-volume", "image")


@pytest.fixture
def print_manifest(fresh_command_line, pushed, puller_image):
    """A function that gives the manifest of `ocistacks k8s` on another machine, read as YAML."""

    def print_manifest(mode, *words, app="greeter", stack=pushed.stack):
        told = fresh_command_line.succeed("k8s", stack, "--app", app, "--mode", mode, *words)
        return yaml.safe_load(told)

    return print_manifest


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["pod", "deployment", "job"])
def test_every_mode_and_kind_is_printed_and_valid(print_manifest, restricted_faults, mode, kind):
    document = print_manifest(mode, "--kind", kind, "--cpu", "1/2", "--", "--fast", "$(HOME)")
    kubernetes_validate.validate(document, "1.33", strict=True)
    template = document["spec"].get("template", document)
    expected = ["volume hostPath"] if mode == "node" else []
    assert restricted_faults(template["spec"]) == expected
    (container,) = template["spec"]["containers"]
    assert container["args"] == ["--fast", "$$(HOME)"]
    assert container["resources"] == {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}


def raw(name):
    """The bytes that a name in the registry stands for, by skopeo."""
    words = ("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    return subprocess.run(words, capture_output=True, check=True).stdout


def registry_digest(name):
    return f"sha256:{hashlib.sha256(raw(name)).hexdigest()}"


def test_everything_is_pinned_to_what_the_registry_has(print_manifest, pushed, puller_image):
    document = print_manifest("init")
    (pull,), (run,) = document["spec"]["initContainers"], document["spec"]["containers"]
    stack, base = pushed.stack.removesuffix(":v1"), pushed.base.removesuffix(":slim")
    assert pull["image"] == f"{puller_image.rpartition(':')[0]}@{registry_digest(puller_image)}"
    assert pull["args"][1] == f"{stack}@{registry_digest(pushed.stack)}"
    # What the stack's application images stand on.
    assert run["image"] == f"{base}@{registry_digest(pushed.base)}"
    assert document["metadata"]["annotations"] == {"dev.ocistacks.reference": pushed.stack}
    again = print_manifest("init", stack=pull["args"][1])
    assert again["spec"] == document["spec"]


def test_the_image_is_the_application_s(print_manifest, pushed):
    (run,) = print_manifest("image", app="Second_App")["spec"]["containers"]
    (image,) = json.loads(raw(f"{pushed.stack}-Second_App"))["manifests"]
    assert run["image"] == f"{pushed.stack.removesuffix(':v1')}@{image['digest']}"


def test_an_application_s_name_is_made_one_of_kubernetes(print_manifest):
    document = print_manifest("image", app="Second_App")
    assert document["metadata"]["name"] == "second-app"
    named = print_manifest("image", "--name", "other", "--namespace", "team", app="Second_App")
    assert (named["metadata"]["name"], named["metadata"]["namespace"]) == ("other", "team")


def test_names_of_images_can_be_given(print_manifest, pushed):
    pinned = f"registry.example.com/x/y@sha256:{'1' * 64}"
    document = print_manifest("init", "--puller-image", pinned, "--base-image", pinned)
    assert document["spec"]["initContainers"][0]["image"] == pinned
    assert document["spec"]["containers"][0]["image"] == pinned
    # A tag beside a digest is left out: not every runtime takes both.
    tagged = print_manifest("image-volume", "--base-image", pinned.replace("@", ":v1@"))
    assert tagged["spec"]["containers"][0]["image"] == pinned


def refusals(host):
    stack = f"{host}/team/stack:v1"
    return {
        ("--app", "greter", "--mode", "image"): (
            6,
            (
                "The stack has no such application.\n"
                f"  where: {stack}\n"
                "  found: greter\n"
                "  expected: Second_App, greeter\n"
                "  hint: did you mean greeter?\n"
            ),
        ),
        ("--app", "greeter", "--mode", "image", "--platform", "linux_aarch64"): (
            6,
            (
                "This reference has no layers for the platform.\n"
                f"  where: {stack}\n"
                "  found: linux_x86_64\n"
                "  expected: linux_aarch64\n"
            ),
        ),
        ("--app", "greeter", "--mode", "image", "--platform", "win_amd64"): (
            2,
            (
                "Kubernetes runs applications for Linux alone here.\n"
                "  where: --platform\n"
                "  found: win_amd64\n"
                "  expected: linux_x86_64, linux_aarch64\n"
            ),
        ),
        ("--app", "greeter", "--mode", "image", "--base-image", "x.org/y"): (
            2,
            "The mode has no use for an option.\n  where: --base-image\n  found: image\n",
        ),
        ("--app", "greeter", "--mode", "init", "--store-path", "/srv"): (
            2,
            "The mode has no use for an option.\n  where: --store-path\n  found: init\n",
        ),
        ("--app", "greeter", "--mode", "node", "--store-path", "/srv", "--store-claim", "x"): (
            2,
            (
                "The node's store is a folder or a claim, not both.\n"
                "  found: --store-path and --store-claim\n"
            ),
        ),
        ("--app", "greeter", "--mode", "image", "--replicas", "2"): (
            2,
            (
                "Only a deployment has replicas.\n"
                "  where: --replicas\n"
                "  found: --kind pod\n"
                "  expected: --kind deployment\n"
            ),
        ),
        ("--app", "greeter", "--mode", "init", "--puller-image", f"{host}/no/puller:1"): (
            6,
            (
                f"There is no image {host}/no/puller:1 for the puller.\n"
                f"  where: GET http://{host}/v2/no/puller/manifests/1\n"
                "  found: HTTP 404 Not Found: MANIFEST_UNKNOWN (manifest unknown)\n"
                "  hint: `ocistacks builder build --target puller` makes it: push it there, or "
                "name another with --puller-image or OCISTACKS_PULLER_IMAGE\n"
            ),
        ),
        ("--app", "greeter", "--mode", "init", "--puller-image", "oci:puller"): (
            2,
            (
                "A cluster cannot pull the puller from a folder.\n"
                "  found: oci:puller\n"
                "  expected: HOST[:PORT]/REPO[:TAG][@DIGEST]\n"
                "  hint: push it to a registry first\n"
            ),
        ),
    }


@pytest.mark.parametrize("number", range(len(refusals(""))))
def test_what_makes_no_sense_is_told(fresh_command_line, pushed, puller_image, number):
    words, expected = list(refusals(pushed.host).items())[number]
    assert fresh_command_line.fail("k8s", pushed.stack, *words) == expected


def test_a_mode_that_there_is_not_is_told(fresh_command_line, pushed):
    refused = fresh_command_line.run("k8s", pushed.stack, "--app", "greeter", "--mode", "magic")
    assert refused.returncode == 2
    assert "'magic' is not one of 'init', 'node', 'image-volume', 'image'" in refused.stderr


def test_a_folder_cannot_be_pulled_by_a_cluster(fresh_command_line):
    told = fresh_command_line.fail("k8s", "oci:folder", "--app", "x", "--mode", "image")
    assert told == (
        2,
        (
            "A cluster cannot pull a stack from a folder.\n"
            "  found: oci:folder\n"
            "  expected: HOST[:PORT]/REPO[:TAG][@DIGEST]\n"
            "  hint: push it to a registry first\n"
        ),
    )


def test_an_image_is_no_stack(fresh_command_line, pushed):
    code, told = fresh_command_line.fail("k8s", pushed.base, "--app", "x", "--mode", "image")
    assert code == 6
    assert told.startswith("This reference names a single image or artifact, not a stack.\n")


def test_a_stack_without_images_has_layers_alone(fresh_command_line, pushed, layers_only):
    words = ("k8s", layers_only, "--app", "greeter", "--mode")
    assert fresh_command_line.fail(*words, "image") == (
        6,
        (
            "The stack has no image of this application.\n"
            f"  where: {layers_only}\n"
            "  found: layers alone\n"
            "  hint: push it with a base image (--base-image), or take another --mode\n"
        ),
    )
    told = fresh_command_line.succeed(*words, "image-volume", "--base-image", pushed.base)
    assert len(yaml.safe_load(told)["spec"]["volumes"]) == 4
