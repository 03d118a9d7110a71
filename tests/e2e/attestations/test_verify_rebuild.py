"""`ocistacks verify --rebuild`: what another machine makes of a layer's build request."""

from pathlib import Path

from ocistacks.blob.pack import pack_tree
from ocistacks.blob.unpack import unpack_blob

LAYERS = ["app-demo", "app-other", "cpython-3.13", "framework-numbers"]


def test_another_machine_builds_it_again_from_the_request_alone(
    fresh_command_line, rows, attested, files
):
    files.asked.clear()
    told = fresh_command_line.succeed("verify", attested, "--rebuild")
    assert {name: rows(told)[name]["REBUILD"] for name in LAYERS} == dict.fromkeys(LAYERS, "ok")
    assert sorted(files.asked) == [
        "/files/counting-1.0-py3-none-any.whl",
        "/files/measuring-2.1-py3-none-any.whl",
        "/files/saying-0.3-py3-none-any.whl",
        "/python.tar.zst",
    ]
    builds = Path(fresh_command_line.environment["OCISTACKS_STORE"]) / "builds"
    assert list(builds.iterdir()) == []


def forged_tree(forger, tmp_path, name):
    """A function that packs a layer's tree again, with one file more."""
    (layer,) = forger.manifest(forger.entry(name)).layers
    folder = tmp_path / "tree"
    folder.mkdir()
    with forger.layout.open_blob(layer) as chunks:
        unpack_blob(chunks, folder, media_type=layer.media_type, maximum_size=1 << 30)
    (tree,) = folder.iterdir()
    (tree / "backdoor.py").write_text("print('hello')\n")

    def pack():
        with (tmp_path / "forged").open("wb") as output:
            return pack_tree(tree, tree.name, output)

    return pack


def test_another_blob_whose_documents_all_fit_is_found_by_a_rebuild(
    command_line, rows, forger, tmp_path
):
    pack = forged_tree(forger, tmp_path, "framework-numbers")
    forger.with_blob("framework-numbers", pack, tmp_path)
    command_line.succeed("verify", forger.reference)  # nothing contradicts itself
    finished = command_line.run("verify", forger.reference, "--rebuild")
    assert finished.returncode == 8, finished.stderr
    table = rows(finished.stdout)
    assert table["framework-numbers"]["REBUILD"] == "wrong"
    assert {table[name]["REBUILD"] for name in ("app-demo", "cpython-3.13")} == {"ok"}
    assert "A layer is not what its build request gives.\n" in finished.stderr


def test_what_cannot_be_had_is_told(fresh_command_line, rows, forger, files, monkeypatch):
    for name in ("/files/counting-1.0-py3-none-any.whl", "/files/saying-0.3-py3-none-any.whl"):
        monkeypatch.delitem(files.contents, name)
    modules = "application/vnd.ocistacks.modules.v1.tar"
    forger.detach(forger.entry("app-other"), modules)
    finished = fresh_command_line.run("verify", forger.reference, "--rebuild")
    assert finished.returncode != 0
    table = rows(finished.stdout)
    assert {name: table[name]["REBUILD"] for name in LAYERS} == {
        "app-demo": "wrong",
        "app-other": "missing",
        "cpython-3.13": "ok",
        "framework-numbers": "wrong",
    }
    assert "counting-1.0-py3-none-any.whl cannot be fetched." in finished.stderr
    assert (
        "  hint: rebuild on the machine that built the layer, or copy the file from its store\n"
    ) in finished.stderr
