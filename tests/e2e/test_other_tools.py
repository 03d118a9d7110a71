"""What was pushed and published, read and run by tools that this project did not write."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def run(*command, **options):
    finished = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


@pytest.fixture
def published(command_line, stack, tmp_path):
    command_line.succeed("publish", stack, "--output-dir", tmp_path / "published")
    return tmp_path / "published"


def test_skopeo_copies_the_stack(pushed, tmp_path):
    run(
        *("skopeo", "copy", "--all", "--src-tls-verify=false"),
        *(f"docker://{pushed}", f"dir:{tmp_path / 'copied'}"),
    )
    manifest = json.loads((tmp_path / "copied" / "manifest.json").read_text())
    kinds = [entry["annotations"]["dev.ocistacks.layer.kind"] for entry in manifest["manifests"]]
    assert sorted(kinds) == ["application"] * 4 + ["framework", "runtime"]
    for entry in manifest["manifests"]:
        assert (
            tmp_path / "copied" / f"{entry['digest'].removeprefix('sha256:')}.manifest.json"
        ).exists()


def test_what_skopeo_copied_can_be_pulled(pushed, fresh_command_line, tmp_path):
    """Also by a skopeo that leaves the index's artifact types out."""
    layout = tmp_path / "copied"
    run(
        *("skopeo", "copy", "--all", "--src-tls-verify=false"),
        *(f"docker://{pushed}", f"oci:{layout}:latest"),
    )
    told = fresh_command_line.succeed("run", f"oci:{layout}", "clustering-demo")
    assert told.startswith("clustering: ")


def test_skopeo_copies_an_application_image(pushed, tmp_path):
    image = pushed.replace(":latest", ":latest-classification-demo")
    run(
        "skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{tmp_path / 'image'}"
    )
    manifest = json.loads((tmp_path / "image" / "manifest.json").read_text())
    assert len(manifest["layers"]) == 4


def test_tar_and_zstd_list_a_layer(published):
    archive = published / "framework-sklearn.tar.zst"
    command = 'set -o pipefail; zstd -dc "$1" | tar -t'
    names = run("bash", "-c", command, "bash", archive).splitlines()
    assert "framework-sklearn/lib/python3.13/site-packages/sklearn/__init__.py" in names
    assert all(name.startswith("framework-sklearn/") for name in names)


@pytest.mark.parametrize("depth", ["flat", "some/what/deeper down"])
def test_plain_tar_is_all_that_an_archive_needs(published, tmp_path, depth):
    """Beside its siblings, read-only, as another user, with no further step."""
    place = tmp_path / depth
    place.mkdir(parents=True)
    for name in ("cpython-3.13", "framework-sklearn", "app-classification-demo"):
        run("tar", "-x", "--zstd", "-f", published / f"{name}.tar.zst", "-C", place)
    for parent in (place, *place.parents):
        if parent == Path(parent.anchor):
            break
        parent.chmod(parent.stat().st_mode | 0o055)
    run("chmod", "-R", "a-w", place)
    told = run(
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i"),
        *(place / "app-classification-demo" / "bin" / "python", "-m", "classification_demo"),
        cwd="/",
    )
    assert told.startswith("classification: ")
    run("chmod", "-R", "u+w", place)


def test_postinstall_may_be_run_and_has_nothing_to_do(published, tmp_path):
    for name in ("cpython-3.13", "framework-sklearn", "app-clustering-demo"):
        run("tar", "-x", "--zstd", "-f", published / f"{name}.tar.zst", "-C", tmp_path)
    layers = [tmp_path / name for name in ("framework-sklearn", "app-clustering-demo")]
    for layer in layers:
        run("python3", "-I", "-B", layer / "postinstall.py")
    shutil.rmtree(tmp_path / "framework-sklearn")
    alone = subprocess.run(
        ["python3", "-I", "-B", layers[1] / "postinstall.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 1
    assert alone.stderr == (
        "app-clustering-demo needs beside it: ../framework-sklearn/lib/python3.13/site-packages\n"
    )


@pytest.fixture
def podman(tmp_path):
    """Podman with a storage of its own, set up for kernels with hybrid control groups."""
    storage = Path(tempfile.mkdtemp(prefix="oci-"))  # podman wants it short
    (tmp_path / "containers.conf").write_text(
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n'
        '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]\n'
    )
    environment = {**os.environ, "CONTAINERS_CONF": str(tmp_path / "containers.conf")}
    places = ("--root", storage / "root", "--runroot", storage / "run")

    def call(*words):
        return run("podman", *places, *words, env=environment)

    yield call
    call("rmi", "--all", "--force")
    shutil.rmtree(storage)


def test_podman_runs_an_application_image(pushed, podman):
    image = pushed.replace(":latest", ":latest-classification-demo")
    told = podman("run", "--rm", "--network=none", "--tls-verify=false", "--read-only", image)
    assert told.startswith("classification: ")
