"""Published archives, deployed with plain tools as a program made for venvstacks does it."""

import hashlib
import json
import os
import stat
import subprocess
import sys

import pytest

from ocistacks.deploy.archive_formats.convert import ArchiveFormat
from ocistacks.deploy.archive_request import PublishOptions
from ocistacks.deploy.export import ExportOptions, export_layers
from ocistacks.deploy.publish import publish_archives
from ocistacks.progress import SilentReporter

UNPACKERS = {
    "zst": (ArchiveFormat.TAR_ZST, ("tar", "--zstd", "-C", "{folder}", "-xf", "{archive}")),
    "xz": (ArchiveFormat.TAR_XZ, ("tar", "-C", "{folder}", "-xf", "{archive}")),
    "xz with bsdtar": (ArchiveFormat.TAR_XZ, ("bsdtar", "-C", "{folder}", "-xf", "{archive}")),
    "zip": (ArchiveFormat.ZIP, ("unzip", "-q", "-d", "{folder}", "{archive}")),
    "zip with bsdtar": (ArchiveFormat.ZIP, ("bsdtar", "-C", "{folder}", "-xf", "{archive}")),
}
CONFIGURATION = "share/venv/metadata/venvstacks_layer.json"
DEPTHS = ("shallow", "a/much deeper/place")


@pytest.fixture(scope="module")
def publish(built_stack, test_store, tmp_path_factory):
    """A function that publishes the stack in a format, once, and gives the folder."""
    outputs = {}

    def published(archive_format):
        if archive_format not in outputs:
            stack, layers = built_stack
            output = tmp_path_factory.mktemp("output")
            options = PublishOptions(archive_format=archive_format, tag_outputs=True, threads=2)
            reporter = SilentReporter()
            publish_archives(
                layers, output, test_store, stack=stack, options=options, reporter=reporter
            )
            outputs[archive_format] = output
        return outputs[archive_format]

    return published


def run(*command):
    # unzip and bsdtar write names as the locale says.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def deploy(output, folder, unpacker):
    """Unpack what the metadata lists and return the layers' metadata, the runtime's first."""
    folder.mkdir(parents=True)
    (listing,) = (output / "__venvstacks__").glob("venvstacks-*.json")
    kinds = json.loads(listing.read_text())["layers"]
    layers = [*kinds["runtimes"], *kinds["frameworks"], *kinds["applications"]]
    for layer in layers:
        archive = output / layer["archive_name"]
        content = archive.read_bytes()
        assert len(content) == layer["archive_size"]
        assert hashlib.sha256(content).hexdigest() == layer["archive_hashes"]["sha256"]
        run(*(word.format(folder=folder, archive=archive) for word in unpacker))
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        layer["install_target"] for layer in layers
    )
    run("chmod", "-R", "a-w", folder)
    return layers


def described(folder):
    """Each name below a folder: what it is, and what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            found[path.relative_to(folder)] = os.fspath(path.readlink())
        elif stat.S_ISREG(mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[path.relative_to(folder)] = (stat.filemode(mode), content)
        else:
            found[path.relative_to(folder)] = stat.filemode(mode)
    return found


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("unpacker", UNPACKERS)
def test_a_program_made_for_venvstacks_deploys_and_runs_them(
    publish, public_folder, run_there, unpacker, depth
):
    archive_format, command = UNPACKERS[unpacker]
    folder = public_folder / depth
    layers = deploy(publish(archive_format), folder, command)
    started = {}
    for layer in layers:
        environment = folder / layer["install_target"]
        configuration = json.loads((environment / CONFIGURATION).read_text())
        base_python = os.path.normpath(environment / configuration["base_python"])
        for python in (base_python, sys.executable):
            script = environment / "postinstall.py"
            finished = run_there(python, "-X", "utf8", "-I", script)
            assert finished.returncode == 0, finished.stderr
        if "launch_module" in configuration:
            assert configuration["launch_module"] == layer["app_launch_module"]
            started[layer["layer_name"]] = run_there(
                environment / configuration["python"], "-m", configuration["launch_module"], "a b"
            )
        asked = "import json, sys; print(json.dumps(sys.path))"
        found = run_there(environment / configuration["python"], "-X", "utf8", "-Ic", asked)
        places = json.loads(found.stdout)
        assert all(place.startswith(f"{folder}/") for place in places)
        for entry in ("site_dir", *configuration["pylib_dirs"]):
            place = configuration.get(entry, entry)
            assert os.path.normpath(environment / place) in places
    assert started["app-plain"].stdout == "plain on runtime\n", started["app-plain"].stderr
    told = json.loads(started["app-demo"].stdout or started["app-demo"].stderr)
    assert told["arguments"] == ["a b"]
    assert told["names"] == ["helping", "above", "base", "runtime", "through .pth"]
    assert run_there(folder / "app-demo" / "bin" / "say", "it").stdout == "said ['it']\n"


def test_all_formats_unpack_to_the_same_tree(publish, public_folder):
    trees = []
    for name, (archive_format, command) in UNPACKERS.items():
        folder = public_folder / name.replace(" ", "-")
        deploy(publish(archive_format), folder, command)
        trees.append(described(folder))
    assert len(trees[0]) > 1000
    assert all(tree == trees[0] for tree in trees[1:])


def test_an_export_runs_where_it_is_and_where_it_is_moved_to(
    built_stack, test_store, public_folder, run_there
):
    stack, layers = built_stack
    folder = public_folder / "export"
    export_layers(
        layers,
        folder,
        test_store,
        stack=stack,
        options=ExportOptions(),
        reporter=SilentReporter(),
    )
    for place in (folder, public_folder / "moved" / "there"):
        if place != folder:
            place.parent.mkdir()
            folder.rename(place)
        finished = run_there(place / "app-demo" / "bin" / "python", "-m", "demo")
        assert finished.returncode == 0, finished.stderr
        told = json.loads(finished.stdout)
        assert told["names"] == ["helping", "above", "base", "runtime", "through .pth"]
        assert f"{place}/framework-base@1/lib/python3.13/site-packages" in told["path"]
