"""A layer's provenance: what an in-toto reader sees, and what is read back."""

from __future__ import annotations

import json

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import TransferError
from ocistacks.oci.provenance import provenance_statement, read_provenance
from ocistacks.platforms import Platform
from ocistacks.request.materials import Material
from ocistacks.request.model import BuildRequest, ModulesInput, PythonInput, WheelInput

WHEEL = WheelInput(
    name="numpy",
    version="2.3.1",
    filename="numpy-2.3.1-cp313-cp313-manylinux_2_28_x86_64.whl",
    digest=Digest.of_bytes(b"numpy"),
)
PYTHON, MODULES, BLOB = (Digest.of_bytes(text) for text in (b"python", b"modules", b"blob"))
REQUEST = BuildRequest(
    kind="application",
    install_target="app-demo@2",
    platform=Platform.LINUX_X86_64,
    python=PythonInput(implementation="cpython", version="3.13.5", digest=PYTHON),
    lower_targets=("cpython-3.13",),
    wheels=(WHEEL,),
    modules=ModulesInput(launch_module="demo", digest=MODULES),
    bytecode=True,
    compression="zstd",
    compression_level=3,
)


def material(digest, url=None, path=None):
    return Material(name="any", digest=digest, size=7, url=url, path=path)


def statement(description, url="https://files.example/numpy.whl"):
    materials = [material(WHEEL.digest, url), material(PYTHON)]
    return provenance_statement(description, REQUEST, BLOB, materials)


def changed(content, change):
    document = json.loads(content)
    change(document)
    return json.dumps(document).encode()


def test_it_is_an_in_toto_statement_with_slsa_provenance(application):
    content = statement(application.description)
    assert json.loads(content) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app-demo@2.tar.zst", "digest": {"sha256": BLOB.hex}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://ocistacks.dev/build/layer/v1",
                "externalParameters": json.loads(REQUEST.canonical()),
                "internalParameters": {"lock_hash": application.description.lock_hash},
                "resolvedDependencies": [
                    {
                        "name": WHEEL.filename,
                        "uri": "pkg:pypi/numpy@2.3.1",
                        "digest": {"sha256": WHEEL.digest.hex},
                        "downloadLocation": "https://files.example/numpy.whl",
                    },
                    {
                        "name": "cpython-3.13.5",
                        "uri": "pkg:generic/cpython@3.13.5",
                        "digest": {"sha256": PYTHON.hex},
                    },
                    {"name": "launch and support modules", "digest": {"sha256": MODULES.hex}},
                ],
            },
            "runDetails": {"builder": {"id": "https://ocistacks.dev/builder/layer-format/2"}},
        },
    }
    assert statement(application.description) == content


def test_what_is_written_is_read_back(application):
    read = read_provenance(statement(application.description), where="here")
    assert (read.name, read.blob) == ("app-demo@2.tar.zst", BLOB)
    assert read.lock_hash == application.description.lock_hash
    assert read.request == REQUEST
    assert read.input_digest == REQUEST.input_digest
    assert [(each.digest, each.url) for each in read.materials] == [
        (WHEEL.digest, "https://files.example/numpy.whl"),
        (PYTHON, None),
        (MODULES, None),
    ]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://somebody:secret@files.example/n.whl", "https://files.example/n.whl"),
        ("https://files.example/n.whl#sha256=00", "https://files.example/n.whl"),
        ("https://files.example/n.whl?signature=secret", None),
        ("file:///home/somebody/n.whl", None),
        ("oci://registry.example/tools/cpython:3.13", "oci://registry.example/tools/cpython:3.13"),
        (None, None),
    ],
)
def test_no_secret_and_no_place_on_a_machine_is_told(application, url, told):
    content = statement(application.description, url)
    assert b"secret" not in content
    assert b"somebody" not in content
    (numpy, *_) = read_provenance(content, where="here").materials
    assert numpy.url == told


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(predicateType="https://example/other"),
        lambda document: document["predicate"]["buildDefinition"].update(buildType="other"),
        lambda document: document.update(predicate={}),
    ],
    ids=["another predicate", "another builder", "no build"],
)
def test_what_others_said_is_left_alone(application, change):
    content = changed(statement(application.description), change)
    assert read_provenance(content, where="here") is None


def definition(document):
    return document["predicate"]["buildDefinition"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda d: d.update(_type="x"), "_type: Input should be"),
        (lambda d: d.update(subject=[]), "subject: Tuple should have at least 1 item"),
        (
            lambda d: definition(d)["externalParameters"].update(kind="x"),
            "kind: Input should be",
        ),
        (
            lambda d: definition(d)["externalParameters"].update(new=1),
            "new: Extra inputs are not permitted",
        ),
        (
            lambda d: definition(d)["externalParameters"].update(compression_level=0.5),
            "float has no canonical JSON form",
        ),
        (lambda d: definition(d).pop("internalParameters"), "internalParameters: Field required"),
        (lambda d: d["subject"][0].update(digest={"sha512": "0"}), "This is not a digest"),
    ],
)
def test_one_of_ours_that_makes_no_sense_is_refused(application, change, found):
    content = changed(statement(application.description), change)
    with pytest.raises(TransferError) as caught:
        read_provenance(content, where="registry.example/x@sha256:1")
    assert caught.value.what == "A layer's provenance cannot be read."
    assert caught.value.where == "registry.example/x@sha256:1"
    assert found in caught.value.found


def test_what_is_no_json_is_refused():
    with pytest.raises(TransferError) as caught:
        read_provenance(b"\x00", where="here")
    assert "Invalid JSON" in caught.value.found


def test_another_request_is_seen_by_its_digest(application):
    def change(document):
        definition(document)["externalParameters"]["wheels"][0]["version"] = "2.3.2"

    read = read_provenance(changed(statement(application.description), change), where="here")
    assert read.input_digest != REQUEST.input_digest
    assert read.input_digest == read.request.input_digest
