"""Bad input: one message, an exit code of its own, no traceback, and nothing half-made."""

import json
import socket
import subprocess

import pytest

RUNTIME = """\
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = []
"""


@pytest.fixture
def spec(tmp_path):
    return tmp_path / "venvstacks.toml"


@pytest.fixture
def layout(command_line, stack, tmp_path):
    """The pushed stack in an image layout that a test may damage."""
    folder = tmp_path / "layout"
    command_line.succeed("push", stack, f"oci:{folder}:latest")
    return folder


def test_a_wrong_field(command_line, spec):
    spec.write_text(RUNTIME.replace("requirements", "requirments"))
    code, message = command_line.fail("lock", spec)
    assert code == 3
    assert "runtimes[0].requirments" in message
    assert "requirements" in message
    assert not (spec.parent / "requirements").exists()


def test_an_unknown_framework(command_line, spec):
    spec.write_text(
        f'{RUNTIME}\n[[frameworks]]\nname = "tensors"\nruntime = "cpython-3.13"\n'
        'requirements = []\n\n[[frameworks]]\nname = "models"\nframeworks = ["tensor"]\n'
        "requirements = []\n"
    )
    code, message = command_line.fail("lock", spec)
    assert code == 3
    assert "frameworks[1].frameworks" in message
    assert "'tensor'" in message
    assert "tensors" in message


def test_a_missing_specification(command_line, tmp_path):
    code, message = command_line.fail("lock", tmp_path / "nowhere.toml")
    assert code == 6
    assert "nowhere.toml" in message


def test_building_what_is_not_locked(command_line, spec):
    spec.write_text(RUNTIME)
    code, message = command_line.fail("build", spec)
    assert code == 4
    assert message == (
        "Layers must be locked before they are built.\n"
        f"  where: {spec}\n"
        "  found: cpython-3.13: it was never locked\n"
        "  expected: a valid lock of every layer\n"
        "  hint: ocistacks lock venvstacks.toml\n"
    )


def test_an_engine_that_is_not_there(fresh_command_line, stack):
    code, message = fresh_command_line.fail(
        "builder", "build", "--engine", "docker", DOCKER_HOST="unix:///nonexistent/docker.sock"
    )
    assert code == 5
    assert message.startswith("Docker does not answer.\n  where: unix:///nonexistent/docker.sock\n")
    assert "--builder podman or local" in message


def test_an_unreachable_registry(fresh_command_line, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        reference = f"127.0.0.1:{closed.getsockname()[1]}/some/stack:latest"
        code, message = fresh_command_line.fail("pull", reference, tmp_path / "target")
    assert code == 10
    assert reference.partition("/")[0] in message
    assert not (tmp_path / "target").exists()


def test_a_tag_that_does_not_exist(fresh_command_line, pushed, tmp_path):
    reference = pushed.replace(":latest", ":no-such-tag")
    code, message = fresh_command_line.fail("pull", reference, tmp_path / "target")
    assert code == 6
    assert "no-such-tag" in message
    assert "MANIFEST_UNKNOWN" in message
    assert not (tmp_path / "target").exists()


def test_an_unknown_application(fresh_command_line, pushed, tmp_path):
    code, message = fresh_command_line.fail("run", pushed, "clasification-demo")
    assert code == 6
    assert message == (
        "The stack has no such application.\n"
        f"  where: {pushed}\n"
        "  found: clasification-demo\n"
        "  expected: classification-demo, clustering-demo\n"
        "  hint: did you mean classification-demo?\n"
    )


def test_no_reference(fresh_command_line, tmp_path):
    code, message = fresh_command_line.fail("pull", "sklearn", tmp_path / "target")
    assert code == 2
    assert "HOST[:PORT]/REPO[:TAG][@DIGEST]" in message


def test_a_blob_with_other_bytes(fresh_command_line, layout, tmp_path):
    largest = max((layout / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    largest.unlink()  # it is a hard link to the store's
    largest.write_bytes(damaged)
    code, message = fresh_command_line.fail("pull", f"oci:{layout}", tmp_path / "target")
    assert code in {8, 11}
    assert largest.name in message or "framework-sklearn" in message
    assert not (tmp_path / "target").exists()
    store = tmp_path / "store"
    assert not (store / "trees" / largest.name).exists()
    assert list((store / "temporary").iterdir()) == []


def test_a_blob_of_another_layer(fresh_command_line, layout, tmp_path):
    """Same length, intact compression, wrong content: only the digest tells."""
    blobs = layout / "blobs" / "sha256"
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    names = "org.opencontainers.image.ref.name"
    index = next(entry for entry in entries if entry.get("annotations", {}).get(names) == "latest")
    stack = json.loads((blobs / index["digest"].removeprefix("sha256:")).read_text())
    digests = {
        entry["annotations"]["dev.ocistacks.layer.kind"]: entry["digest"].removeprefix("sha256:")
        for entry in stack["manifests"]
    }
    application, runtime = (
        json.loads((blobs / digests[kind]).read_text())["layers"][0]["digest"]
        for kind in ("application", "runtime")
    )
    target = blobs / application.removeprefix("sha256:")
    target.unlink()
    target.write_bytes((blobs / runtime.removeprefix("sha256:")).read_bytes())
    code, message = fresh_command_line.fail("pull", f"oci:{layout}", tmp_path / "target")
    assert code in {8, 11}
    assert "Traceback" not in message
    assert not (tmp_path / "target").exists()


def test_a_target_that_is_not_empty(fresh_command_line, pushed, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    code, message = fresh_command_line.fail("pull", pushed, target)
    assert code == 9
    assert message == (
        "The target folder is not empty, and no deployment of ocistacks.\n"
        f"  where: {target}\n"
        "  found: mine.txt\n"
        "  expected: an empty folder, or none\n"
        "  hint: choose another folder\n"
    )
    assert [path.name for path in target.iterdir()] == ["mine.txt"]


def test_a_target_that_cannot_be_written(fresh_command_line, pushed, tmp_path):
    """A file system mounted read-only refuses even root."""
    place = tmp_path / "read-only"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", place], check=True)
    try:
        code, message = fresh_command_line.fail("pull", pushed, place / "target")
    finally:
        subprocess.run(["umount", place], check=True)
    assert code == 9
    assert str(place / "target") in message
    assert "Read-only file system" in message


def test_a_store_that_cannot_be_written(command_line, pushed, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, message = command_line.fail(
        "pull", pushed, tmp_path / "target", OCISTACKS_STORE=str(tmp_path / "file" / "store")
    )
    assert code == 9
    assert str(tmp_path / "file") in message


def test_version_and_help(command_line):
    assert command_line.succeed("--version").startswith("ocistacks ")
    told = command_line.succeed("--help")
    for command in (
        "show",
        "lock",
        "build",
        "publish",
        "push",
        "pull",
        "run",
        "builder",
        "schema",
        "wheels",
    ):
        assert f"  {command} " in told
