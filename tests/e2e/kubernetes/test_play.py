"""Printed manifests, played by Podman: what the application prints, what is fetched, what recovers.

The registry listens on the loopback, so that the pods are played in the host's network.
"""

import json
import os
import re
import signal
import subprocess
import time
import uuid

import pytest
import yaml

GREETING = (
    "greeter: xn--bcher-kva ['--fast', 'a b'] hello uid 65532\nread-only: Read-only file system\n"
)
WORDS = ("--env", "GREETING=hello", "--", "--fast", "a b")


@pytest.fixture
def node(tmp_path_factory):
    """The store of a node, prepared as docs/kubernetes.md says."""
    folder = tmp_path_factory.mktemp("node")
    for parent in folder.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    os.chown(folder, 65532, 65532)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)


@pytest.fixture
def print_manifest(fresh_command_line, pushed, puller_image):
    """A function that gives a manifest whose objects have a name of their own."""

    def print_manifest(mode, *words, stack=pushed.stack):
        name = f"greeter-{uuid.uuid4().hex[:8]}"
        images = ("--puller-image", puller_image)
        if mode != "image":
            images += ("--base-image", pushed.base)
        return name, fresh_command_line.succeed(
            "k8s", stack, "--app", "greeter", "--mode", mode, "--name", name, *images, *words
        )

    return print_manifest


@pytest.fixture
def start(podman_environment, tmp_path):
    """A function that starts to play a manifest; all that it started is taken down at the end."""
    started = []

    def start(name, manifest):
        file = tmp_path / f"{name}.yaml"
        file.write_text(manifest)
        words = ("podman", "kube", "play", "--network=host", "--tls-verify=false", file)
        process = subprocess.Popen(
            words,
            env=podman_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append((file, process))
        return process

    yield start
    for file, process in started:
        process.communicate()
        subprocess.run(
            ("podman", "kube", "down", file),
            env=podman_environment,
            check=False,
            capture_output=True,
        )


@pytest.fixture
def play(start, podman):
    """A function that plays a manifest to the application's end, and returns what it printed."""

    def play(name, manifest):
        process = start(name, manifest)
        told, _ = process.communicate(timeout=300)
        assert process.returncode == 0, told
        # Last of all, Podman tells the application's container.
        container = re.findall(r"^[0-9a-f]{64}$", told, flags=re.MULTILINE)[-1]
        assert podman("wait", container).strip() == "0", podman("logs", container)
        return podman("logs", container), container

    return play


@pytest.mark.parametrize("mode", ["init", "node", "image"])
@pytest.mark.parametrize("kind", ["pod", "deployment"])
def test_the_application_prints_what_it_prints_anywhere(
    print_manifest, play, podman, node, mode, kind
):
    words = ("--store-path", node) if mode == "node" else ()
    name, manifest = print_manifest(mode, "--kind", kind, *words, *WORDS)
    if kind == "deployment":
        # A deployment's pods run again what has ended; here they end once.
        manifest = manifest.replace("restartPolicy: Always", "restartPolicy: Never")
    told, identity = play(name, manifest)
    assert told == GREETING
    (container,) = json.loads(podman("inspect", identity))
    assert container["HostConfig"]["ReadonlyRootfs"] is True
    assert container["Config"]["User"] == "65532:65532"
    assert container["EffectiveCaps"] in (None, [])
    assert "no-new-privileges" in container["HostConfig"]["SecurityOpt"]


def test_a_second_pod_of_the_node_fetches_nothing(print_manifest, play, front, node):
    stack = f"{front.host}/team/stack:v1"
    words = ("--store-path", node, *WORDS)
    first, _ = play(*print_manifest("node", *words, stack=stack))
    assert first.startswith("greeter: ")
    fetched, folders = front.sent, sorted(path.name for path in (node / "deployments").iterdir())
    assert fetched > 10_000_000
    front.blobs.clear()
    second, _ = play(*print_manifest("node", *words, stack=stack))
    assert second == first
    # A few configurations are read again, and no layer.
    assert front.sent - fetched < 20_000, front.blobs
    assert sorted(path.name for path in (node / "deployments").iterdir()) == folders
    assert len(folders) == 1


def pid_of(container, environment):
    """Wait until a container runs, and return its process."""
    deadline = time.monotonic() + 60
    words = ("podman", "inspect", "--format", "{{.State.Pid}}", container)
    while time.monotonic() < deadline:
        asked = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if asked.returncode == 0 and int(asked.stdout) > 0:
            return int(asked.stdout)
        time.sleep(0.1)
    raise AssertionError(asked.stderr)


@pytest.mark.parametrize("sent", [100_000, 3_000_000, 15_000_000])
def test_a_pod_whose_puller_was_killed_recovers(
    print_manifest, start, play, podman, podman_environment, front, node, sent
):
    stack = f"{front.host}/team/stack:v1"
    name, manifest = print_manifest("node", "--store-path", node, *WORDS, stack=stack)
    front.pause = 0.05
    process = start(name, manifest)
    puller = pid_of(f"{name}-pull", podman_environment)
    while front.sent < sent:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    os.kill(puller, signal.SIGKILL)
    front.pause = 0.0
    told, _ = process.communicate(timeout=300)
    if process.returncode != 0:
        # The pod is played again, where Podman has not started the puller again by itself.
        name, manifest = print_manifest("node", "--store-path", node, *WORDS, stack=stack)
        assert play(name, manifest)[0] == GREETING, told
    else:
        assert podman("wait", f"{name}-application").strip() == "0"
        assert podman("logs", f"{name}-application") == GREETING
    assert len(list((node / "deployments").iterdir())) == 1


def test_image_volumes_lie_side_by_side(print_manifest, podman, pushed):
    """What a kubelet mounts, mounted by Podman: which has no subPath, so its folder is named."""
    _name, manifest = print_manifest("image-volume")
    spec = yaml.safe_load(manifest)["spec"]
    images = {volume["name"]: volume.get("image") for volume in spec["volumes"]}
    (container,) = spec["containers"]
    mounts = []
    try:
        for mount in container["volumeMounts"]:
            if images[mount["name"]] is None:
                continue
            reference = images[mount["name"]]["reference"]
            podman("pull", "--quiet", "--tls-verify=false", reference)
            listed = podman(
                *("run", "--rm", "--network=none", "--tls-verify=false", "--entrypoint=/bin/ls"),
                *(f"--mount=type=image,source={reference},destination=/mnt", container["image"]),
                "/mnt",
            )
            assert listed.split() == [mount["subPath"]]
            place = podman("image", "mount", reference).strip()
            mounts.append(f"--volume={place}/{mount['subPath']}:{mount['mountPath']}:ro")
        told = podman(
            *("run", "--rm", "--network=none", "--read-only", "--user=65532:65532"),
            *("--cap-drop=ALL", "--tls-verify=false", "--env=GREETING=hello", *mounts),
            *(f"--entrypoint={json.dumps(container['command'])}", container["image"]),
            *("--fast", "a b"),
        )
    finally:
        podman("image", "umount", "--all")
    assert told == GREETING
