"""`ocistacks verify`: what is sound passes, and each part that somebody changed is found."""

import json
import urllib.request
from contextlib import nullcontext
from pathlib import Path

import pytest
import zstandard

from ocistacks.blob.pack import pack_tree
from ocistacks.blob.toc import (
    SKIPPABLE_HEADER_SIZE,
    Footer,
    Part,
    annotations_of,
    encode_footer,
    parse_footer,
    skippable_frame,
)
from ocistacks.blob.unpack import unpack_blob
from ocistacks.digests import Digest
from ocistacks.oci.attestations import attach, attestation, read_attestations
from ocistacks.oci.layout import ImageLayout
from ocistacks.registry.model import Descriptor, Index, Manifest

SBOM = "application/vnd.cyclonedx+json"
PROVENANCE = "application/vnd.in-toto+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYERS = ["app-demo", "app-other", "cpython-3.13", "framework-numbers"]


def rows(told):
    """The table as {layer: {column: outcome}}; names of images hold spaces."""
    lines = told.splitlines()
    columns = lines[0].split()
    table = {}
    for line in lines[1:]:
        cells = line.rsplit(maxsplit=len(columns) - 1)
        if len(cells) == len(columns) and "promise" not in line:
            table[cells[0].strip()] = dict(zip(columns[2:], cells[2:], strict=True))
    return table


def outcomes(told):
    return {name: set(cells.values()) for name, cells in rows(told).items()}


class Forger:
    """Changes a stack in a layout as somebody with the right to write to a registry could."""

    def __init__(self, folder):
        self.layout = ImageLayout.open(folder)
        self.reference = f"oci:{folder}:latest"

    @property
    def index(self):
        root = self.layout.resolve("latest")
        return Index.read(self.layout.read_manifest(root), where="test")

    def entry(self, name):
        (found,) = [
            entry
            for entry in self.index.manifests
            if entry.annotation("dev.ocistacks.layer.name") == name
            and entry.annotation("org.opencontainers.image.title")
        ]
        return found

    def manifest(self, entry):
        return Manifest.read(self.layout.read_manifest(entry), where="test")

    def write_blob(self, content, media_type):
        descriptor = Descriptor(
            media_type=media_type, digest=Digest.of_bytes(content), size=len(content)
        )
        self.layout.write_blob(descriptor, lambda: nullcontext(iter((content,))))
        return descriptor

    def replace(self, name, manifest, **changes):
        """Put another manifest in the place of a layer's, and attach what the old one had."""
        old = self.entry(name)
        content = manifest.canonical()
        self.layout.write_manifest(content, MANIFEST_TYPE, None)
        digest = Digest.of_bytes(content)
        new = old.model_copy(update={"digest": digest, "size": len(content), **changes})
        entries = tuple(new if each == old else each for each in self.index.manifests)
        index = self.index.model_copy(update={"manifests": entries}).canonical()
        self.layout.write_manifest(index, INDEX_TYPE, "latest")
        return old, new

    def documents(self, entry, kind):
        return [content for _, content in read_attestations(self.layout, entry.digest, kind)]

    def attach(self, entry, kind, content):
        attach([attestation(entry, kind, content, title="forged.json")], self.layout)

    def detach(self, entry, kind):
        """Take what is attached out of the layout's index."""
        gone = {each.digest for each in self.layout.referrers(entry.digest, kind)}
        path = self.layout.folder / "index.json"
        index = json.loads(path.read_bytes())
        index["manifests"] = [each for each in index["manifests"] if each["digest"] not in gone]
        path.write_text(json.dumps(index))

    def with_blob(self, name, change_tree, tmp_path):
        """Give a layer another blob, with all its documents made to fit."""
        entry = self.entry(name)
        manifest = self.manifest(entry)
        path, blob = tmp_path / "forged", change_tree()
        (old_layer,) = manifest.layers
        annotations = {
            **(old_layer.annotations or {}),
            **blob.annotations,
            "dev.ocistacks.blob.uncompressed-size": str(blob.uncompressed_size),
            "dev.ocistacks.blob.file-count": str(blob.file_count),
        }
        content = path.read_bytes()
        layer = self.write_blob(content, old_layer.media_type)
        layer = layer.model_copy(update={"annotations": annotations})
        configuration = json.loads(self.layout.blob_path(manifest.config.digest).read_bytes())
        configuration["rootfs"]["diff_ids"] = [blob.diff_id]
        config = self.write_blob(json.dumps(configuration).encode(), manifest.config.media_type)
        changed = manifest.model_copy(update={"layers": (layer,), "config": config})
        old, new = self.replace(name, changed)
        (statement,) = self.documents(old, PROVENANCE)
        document = json.loads(statement)
        document["subject"][0]["digest"]["sha256"] = layer.digest.hex
        self.attach(new, PROVENANCE, json.dumps(document).encode())
        self.attach(new, SBOM, self.documents(old, SBOM)[0])


@pytest.fixture
def forger(layout):
    return Forger(layout)


def test_what_was_pushed_is_what_it_promises(fresh_command_line, attested):
    told = fresh_command_line.succeed("verify", attested)
    table = rows(told)
    assert sorted(table) == sorted([*LAYERS, "image of app-demo", "image of app-other"])
    for name in LAYERS:
        assert table[name] == dict.fromkeys(
            ("MANIFEST", "CONFIG", "BLOB", "CONTENTS", "PROVENANCE", "SBOM"), "ok"
        )
    assert table["image of app-demo"] == {
        **dict.fromkeys(("MANIFEST", "CONFIG", "BLOB", "SBOM"), "ok"),
        "CONTENTS": "-",
        "PROVENANCE": "-",
    }
    assert told.splitlines()[-1].endswith(": 4 layers and 2 images are what they promise")
    blobs = Path(fresh_command_line.environment["OCISTACKS_STORE"]) / "blobs" / "sha256"
    assert list(blobs.iterdir()) == []


def test_a_layout_is_verified_as_well(fresh_command_line, layout):
    told = fresh_command_line.succeed("verify", f"oci:{layout}")
    assert set.union(*outcomes(told).values()) == {"ok"}


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def parts(attested, name="framework-numbers"):
    """The digests of a layer's manifest, configuration and blob, as the registry has them."""
    host, _, rest = attested.partition("/")
    repository, _, tag = rest.rpartition(":")

    def read(target):
        request = urllib.request.Request(
            f"http://{host}/v2/{repository}/manifests/{target}",
            headers={"Accept": f"{INDEX_TYPE}, {MANIFEST_TYPE}"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    (entry,) = [
        entry
        for entry in read(tag)["manifests"]
        if entry["annotations"]["dev.ocistacks.layer.name"] == name and "artifactType" in entry
    ]
    manifest = read(entry["digest"])
    return {
        "MANIFEST": entry["digest"],
        "CONFIG": manifest["config"]["digest"],
        "BLOB": manifest["layers"][0]["digest"],
    }


def cut(content):
    return content[:-1]


@pytest.mark.parametrize(
    ("part", "change"),
    [("MANIFEST", flipped), ("CONFIG", flipped), ("CONFIG", cut), ("BLOB", flipped), ("BLOB", cut)],
)
def test_a_changed_byte_in_the_registry_is_found(
    fresh_command_line, attested, damaged, part, change
):
    digest = parts(attested)[part]
    with damaged(digest, change):
        finished = fresh_command_line.run("verify", attested)
    assert finished.returncode == 8, finished.stderr
    assert f"framework-numbers (linux_x86_64), {part.lower()}: " in finished.stderr
    assert digest in finished.stderr
    table = rows(finished.stdout)
    assert table["framework-numbers"][part] == "wrong"
    for name in ("app-demo", "cpython-3.13"):
        assert set(table[name].values()) == {"ok"}


def test_all_faults_are_told_at_once(fresh_command_line, attested, damaged):
    of_framework = parts(attested)
    of_runtime = parts(attested, "cpython-3.13")
    with damaged(of_framework["CONFIG"], flipped), damaged(of_runtime["BLOB"], flipped):
        code, message = fresh_command_line.fail("verify", attested)
    assert code == 8
    assert message.startswith(f"2 checks fail of {attested}.\n")
    assert "framework-numbers (linux_x86_64), config: " in message
    assert "cpython-3.13 (linux_x86_64), blob: " in message


def test_a_damaged_base_of_an_image_is_found(fresh_command_line, attested, damaged, base_layout):
    base = ImageLayout.open(Path(base_layout.removeprefix("oci:")))
    manifest = base.resolve(None)
    while manifest.is_index:
        manifest = Index.read(base.read_manifest(manifest), where="test").manifests[0]
    (layer, *_) = Manifest.read(base.read_manifest(manifest), where="test").layers
    with damaged(layer.digest, flipped):
        finished = fresh_command_line.run("verify", attested)
    assert finished.returncode == 8
    table = rows(finished.stdout)
    assert table["image of app-demo"]["BLOB"] == table["image of app-other"]["BLOB"] == "wrong"
    assert set.union(*(set(table[name].values()) for name in LAYERS)) == {"ok"}


CHANGED_STATEMENTS = {
    "build request": lambda d: d["predicate"]["buildDefinition"]["externalParameters"]["wheels"][
        0
    ].update(version="9"),
    "blob": lambda d: d["subject"][0]["digest"].update(sha256="0" * 64),
    "archive": lambda d: d["subject"][0].update(name="other.tar.zst"),
    "lock": lambda d: d["predicate"]["buildDefinition"]["internalParameters"].update(
        lock_hash=f"sha256:{'0' * 64}"
    ),
    "set of materials": lambda d: d["predicate"]["buildDefinition"]["resolvedDependencies"].pop(),
}


@pytest.mark.parametrize("part", CHANGED_STATEMENTS)
def test_another_provenance_is_found(fresh_command_line, forger, part):
    entry = forger.entry("framework-numbers")
    (statement,) = forger.documents(entry, PROVENANCE)
    forger.detach(entry, PROVENANCE)
    document = json.loads(statement)
    CHANGED_STATEMENTS[part](document)
    forger.attach(entry, PROVENANCE, json.dumps(document).encode())
    finished = fresh_command_line.run("verify", forger.reference)
    assert finished.returncode == 8, finished.stdout
    assert f"A layer's provenance tells of another {part}.\n" in finished.stderr
    assert rows(finished.stdout)["framework-numbers"]["PROVENANCE"] == "wrong"


def test_a_second_provenance_does_not_hide_behind_the_first(fresh_command_line, forger):
    entry = forger.entry("framework-numbers")
    (statement,) = forger.documents(entry, PROVENANCE)
    document = json.loads(statement)
    CHANGED_STATEMENTS["blob"](document)
    forger.attach(entry, PROVENANCE, json.dumps(document).encode())
    code, message = fresh_command_line.fail("verify", forger.reference)
    assert (code, message.splitlines()[0]) == (8, f"1 check fails of {forger.reference}.")


def without_a_package(document):
    document["components"].pop()


def with_another_hash(document):
    document["components"][0]["hashes"][0]["content"] = "0" * 64


@pytest.mark.parametrize("change", [without_a_package, with_another_hash])
def test_another_sbom_is_found(fresh_command_line, forger, change):
    entry = forger.entry("framework-numbers")
    (sbom,) = forger.documents(entry, SBOM)
    forger.detach(entry, SBOM)
    document = json.loads(sbom)
    removed = document["components"][-1 if change is without_a_package else 0]["name"]
    change(document)
    forger.attach(entry, SBOM, json.dumps(document).encode())
    finished = fresh_command_line.run("verify", forger.reference)
    assert finished.returncode == 8
    assert "An SBOM lists other packages than were built in.\n" in finished.stderr
    expected = finished.stderr.partition("expected: ")[2]
    assert expected.startswith(removed)
    assert rows(finished.stdout)["framework-numbers"]["SBOM"] == "wrong"


def test_what_scanners_attach_is_left_alone(fresh_command_line, forger):
    entry = forger.entry("framework-numbers")
    other = {"bomFormat": "CycloneDX", "specVersion": "1.4", "metadata": {"tools": [{"name": "x"}]}}
    forger.attach(entry, SBOM, json.dumps(other).encode())
    foreign = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [],
        "predicateType": "https://example.com/scan/v1",
        "predicate": {},
    }
    forger.attach(entry, PROVENANCE, json.dumps(foreign).encode())
    fresh_command_line.succeed("verify", forger.reference)


def test_a_stack_without_attestations_says_so(
    command_line, fresh_command_line, small_stack, tmp_path
):
    reference = f"oci:{tmp_path / 'bare'}:latest"
    command_line.succeed("push", small_stack, reference, "--no-attestations")
    finished = fresh_command_line.run("verify", reference)
    assert finished.returncode == 6
    assert rows(finished.stdout)["app-demo"]["PROVENANCE"] == "missing"
    assert "  hint: push the stack again, or leave these checks out with --no-attestations\n" in (
        finished.stderr
    )
    told = fresh_command_line.succeed("verify", reference, "--no-attestations")
    assert set(rows(told)["app-demo"]) == {"MANIFEST", "CONFIG", "BLOB", "CONTENTS"}


def test_an_index_that_says_something_else_than_the_manifest_is_found(fresh_command_line, forger):
    entry = forger.entry("framework-numbers")
    annotations = {**entry.annotations, "dev.ocistacks.layer.lock-version": "7"}
    forger.replace("framework-numbers", forger.manifest(entry), annotations=annotations)
    code, message = fresh_command_line.fail("verify", forger.reference)
    assert code == 11
    assert "A layer's manifest says something else than the stack's index.\n" in message


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


def test_another_blob_whose_documents_all_fit_is_found_by_a_rebuild(command_line, forger, tmp_path):
    pack = forged_tree(forger, tmp_path, "framework-numbers")
    forger.with_blob("framework-numbers", pack, tmp_path)
    command_line.succeed("verify", forger.reference)  # nothing contradicts itself
    finished = command_line.run("verify", forger.reference, "--rebuild")
    assert finished.returncode == 8, finished.stderr
    table = rows(finished.stdout)
    assert table["framework-numbers"]["REBUILD"] == "wrong"
    assert {table[name]["REBUILD"] for name in ("app-demo", "cpython-3.13")} == {"ok"}
    assert "A layer is not what its build request gives.\n" in finished.stderr


def test_a_table_of_contents_that_lies_is_found(fresh_command_line, forger, tmp_path):
    (layer,) = forger.manifest(forger.entry("framework-numbers")).layers
    content = forger.layout.blob_path(layer.digest).read_bytes()
    footer = parse_footer(content[-64:])
    part = footer.toc
    text = zstandard.ZstdDecompressor().decompress(
        content[part.offset : part.offset + part.size], max_output_size=part.uncompressed_size
    )
    text = text.replace(b"/counting.py", b"/countinh.py")
    toc = zstandard.ZstdCompressor().compress(text)
    lying = Footer(
        toc=Part(offset=part.offset, size=len(toc), uncompressed_size=len(text)),
        tar_split=footer.tar_split,
    )
    head = content[: part.offset - SKIPPABLE_HEADER_SIZE]
    path = tmp_path / "forged"
    path.write_bytes(head + skippable_frame(toc) + skippable_frame(encode_footer(lying)))

    class Lying:
        annotations = annotations_of(lying, Digest.of_bytes(toc))
        uncompressed_size = layer.annotation("dev.ocistacks.blob.uncompressed-size")
        file_count = layer.annotation("dev.ocistacks.blob.file-count")
        diff_id = json.loads(
            forger.layout.blob_path(
                forger.manifest(forger.entry("framework-numbers")).config.digest
            ).read_bytes()
        )["rootfs"]["diff_ids"][0]

    forger.with_blob("framework-numbers", Lying, tmp_path)
    finished = fresh_command_line.run("verify", forger.reference)
    assert finished.returncode == 11, finished.stderr
    table = rows(finished.stdout)
    assert (table["framework-numbers"]["BLOB"], table["framework-numbers"]["CONTENTS"]) == (
        "ok",
        "wrong",
    )
    assert "A blob's table of contents lists other files than its tar holds.\n" in finished.stderr


def test_an_image_with_another_layer_is_found(
    command_line, fresh_command_line, small_stack, base_layout, tmp_path
):
    folder = tmp_path / "images"
    reference = f"oci:{folder}:latest"
    command_line.succeed("push", small_stack, reference, "--base-image", base_layout)
    forger = Forger(folder)
    images = [
        entry
        for entry in forger.index.manifests
        if not entry.annotation("org.opencontainers.image.title")
    ]
    manifest = forger.manifest(images[0])
    other = forger.manifest(forger.entry("app-other")).layers[0]
    changed = manifest.model_copy(update={"layers": (*manifest.layers[:-1], other)})
    content = changed.canonical()
    forger.layout.write_manifest(content, MANIFEST_TYPE, None)
    new = images[0].model_copy(update={"digest": Digest.of_bytes(content), "size": len(content)})
    entries = tuple(new if each == images[0] else each for each in forger.index.manifests)
    index = forger.index.model_copy(update={"manifests": entries}).canonical()
    forger.layout.write_manifest(index, INDEX_TYPE, "latest")
    finished = fresh_command_line.run("verify", reference, "--no-attestations")
    assert finished.returncode == 8
    assert "An image's layers are not those of the stack.\n" in finished.stderr
    assert rows(finished.stdout)["image of app-demo"]["BLOB"] == "wrong"


def test_another_machine_builds_it_again_from_the_request_alone(
    fresh_command_line, attested, files
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


def test_what_cannot_be_had_is_told(fresh_command_line, forger, files, monkeypatch):
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


def test_what_makes_no_sense_together(fresh_command_line, attested):
    code, message = fresh_command_line.fail("verify", attested, "--rebuild", "--no-attestations")
    assert (code, message.splitlines()[0]) == (2, "A layer is built again from its provenance.")
    code, message = fresh_command_line.fail("verify", attested, "--platform", "linux_aarch64")
    assert (code, message.splitlines()[0]) == (
        6,
        "This reference has no layers for the platform.",
    )
    code, message = fresh_command_line.fail("verify", f"{attested}-demo")
    assert (code, message.splitlines()[0]) == (6, "This reference names no stack.")
