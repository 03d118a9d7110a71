"""Five stacks on one framework: what all of them take up in a registry, and on a node."""

import pytest

from ocistacks.blob.toc import read_toc

NAMES = ("one", "two", "three", "four", "five")
SPEC = """
[[runtimes]]
name = "main"
python_implementation = "cpython@3.13.5"
requirements = []

[[frameworks]]
name = "numeric"
runtime = "main"
requirements = ["numpy==2.3.4"]

[[applications]]
name = "{name}"
frameworks = ["numeric"]
requirements = []
launch_module = "{name}.py"
"""
# Beside the layers' blobs: manifests and attestations. Beside the files: what a store writes down.
OVERHEAD = 1.02


@pytest.fixture
def references(command_line, start_registry, tmp_path):
    """Push five stacks, made in five folders, to five repositories of an empty registry."""
    with start_registry(data=tmp_path / "registry") as host:
        pushed = []
        for name in NAMES:
            spec = tmp_path / name / "venvstacks.toml"
            spec.parent.mkdir()
            spec.write_text(SPEC.format(name=name))
            (spec.parent / f"{name}.py").write_text(f"import numpy\nprint('{name}')\n")
            command_line.succeed("lock", spec)
            pushed.append(f"{host}/stacks/{name}:1")
            command_line.succeed("push", spec, pushed[-1], "--layer-repository", f"{host}/layers")
        yield pushed


def test_a_registry_and_a_node_hold_every_file_once(
    references, command_line, fresh_command_line, tmp_path
):
    blobs, files = distinct(references, command_line, tmp_path)

    in_registry = sum(
        path.stat().st_size for path in (tmp_path / "registry").glob("**/blobs/**/data")
    )
    assert len(blobs) == 2 + len(NAMES)
    assert sum(blobs.values()) < in_registry < sum(blobs.values()) * OVERHEAD

    for name, reference in zip(NAMES, references, strict=True):
        fresh_command_line.succeed("pull", reference, tmp_path / "node" / name)
    store = tmp_path / "store"
    on_node = {
        (told.st_dev, told.st_ino): told.st_size
        for folder in (store, tmp_path / "node")
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
        for told in [path.stat()]
    }
    assert sum(files.values()) <= sum(on_node.values()) < sum(files.values()) * OVERHEAD


def distinct(references, command_line, folder):
    """Return the sizes in bytes of all layers' blobs, and of all their files, by digest."""
    blobs, files = {}, {}
    for reference in references:
        layout = folder / "layouts" / reference.rpartition("/")[2].partition(":")[0]
        command_line.succeed("copy", reference, f"oci:{layout}:1")
        for path in (layout / "blobs" / "sha256").iterdir():
            with path.open("rb") as stream:
                if stream.read(4) != b"\x28\xb5\x2f\xfd":  # of zstd, RFC 8878, section 3.1.1
                    continue
                toc = read_toc(stream)
            blobs[path.name] = path.stat().st_size
            files |= {each.digest: each.size for each in toc.entries if each.type == "reg"}
    return blobs, files
