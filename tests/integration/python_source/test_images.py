"""Containerfile.builder in the three engines, and what the recipe says in the wrong image."""

import json
import subprocess

import pytest

pytestmark = pytest.mark.timeout(900)

QUESTIONS = """
import json, os, pydantic, sys, ocistacks, uv, zstandard
stats = {name: os.stat(name) for name in ("/work", "/materials")}
folders = {name: (stat.st_uid, stat.st_mode & 0o777) for name, stat in stats.items()}
print(json.dumps({
    "user": [os.getuid(), os.getgid()],
    "folders": folders,
    "recent": sys.version_info >= (3, 11),
    "source": ocistacks.__file__,
    "uv": os.path.exists(uv.find_uv_bin()),
    "environment": sorted(os.environ.keys() & {"SSL_CERT_FILE", "PIP_CERT", "PYTHONPATH"}),
}))
"""
ANSWERS = {
    "user": [1000, 1000],
    "folders": {"/work": [1000, 0o755], "/materials": [1000, 0o755]},
    "recent": True,
    "source": "/opt/ocistacks/source/ocistacks/__init__.py",
    "uv": True,
    "environment": [],
}
ASK = ["--rm", "--network=none", "--entrypoint=/opt/ocistacks/bin/python"]


@pytest.fixture(scope="module")
def builder_image(docker, docker_base, build_words):
    name = "ocistacks-test-builder:latest"
    docker("build", "--force-rm", *build_words("builder", docker_base, name))
    return name


def test_docker_builds_the_builder(docker, builder_image):
    assert json.loads(docker("run", *ASK, builder_image, "-c", QUESTIONS)) == ANSWERS


def test_docker_builds_the_puller(docker, docker_base, build_words):
    name = "ocistacks-test-puller:latest"
    docker("build", "--force-rm", *build_words("puller", docker_base, name))
    locked = ["--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--user=4321:4321"]
    assert docker("run", *locked, name, "--version").startswith("ocistacks ")


@pytest.mark.parametrize("tool", ["podman", "buildah"])
def test_podman_and_buildah_build_the_builder(containers, podman_base, build_words, tool):
    tag = f"localhost/ocistacks-test-builder-by-{tool}:latest"
    containers(tool, "build", *build_words("builder", podman_base, tag))
    printed = containers("podman", "run", *ASK, tag, "-c", QUESTIONS)
    assert json.loads(printed) == ANSWERS


def test_the_entry_point_runs_a_module_without_the_work_folder_on_its_path(docker, builder_image):
    printed = docker("run", "--rm", "--network=none", builder_image, "site")
    assert "'/work'," not in printed
    assert "'/opt/ocistacks/source'," in printed


def test_the_recipe_names_the_tools_that_the_builder_lacks(docker, builder_image, tarball):
    container = docker(
        *["create", "--network=none", builder_image, "ocistacks.builder.python_source.build"],
        *["--source=/materials/release.tar.xz", "--output=/work/out.tar.zst", "--work=/work/build"],
    ).strip()
    try:
        docker("cp", tarball, f"{container}:/materials/release.tar.xz")
        with pytest.raises(subprocess.CalledProcessError) as caught:
            docker("start", "--attach", container)
    finally:
        docker("rm", "--force", container)
    assert caught.value.returncode == 5
    assert caught.value.stderr.split(" s\n")[1] == (
        "CPython cannot be built here: tools are missing.\n"
        "  found: no gcc, no make, no patchelf, no pkg-config, no strip\n"
        "  expected: gcc, ldd, make, patchelf, pkg-config, strip\n"
        "  hint: build in the image of Containerfile.builder's target python-source\n"
    )
