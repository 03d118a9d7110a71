"""SBOMs are valid CycloneDX 1.6 by the library's own schema, complete, and the same every time."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from ocistacks.digests import Digest
from ocistacks.oci.assemble import BaseImage
from ocistacks.oci.sbom import application_sbom, layer_sbom
from ocistacks.platforms import Platform
from ocistacks.registry.model import ImageConfiguration, RootFilesystem
from ocistacks.request.model import BuildRequest, ModulesInput, PythonInput, WheelInput

PYTHON = Digest.of_bytes(b"python")


def wheel(name, version):
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return WheelInput(
        name=name, version=version, filename=filename, digest=Digest.of_bytes(filename.encode())
    )


NUMPY, JOBLIB, UVICORN = wheel("numpy", "2.3.1"), wheel("joblib", "1.5"), wheel("uvicorn", "0.35")


def request(kind, install_target, wheels=(), *, version="3.13.5", modules=None):
    return BuildRequest(
        kind=kind,
        install_target=install_target,
        platform=Platform.LINUX_X86_64,
        python=PythonInput(implementation="cpython", version=version, digest=PYTHON),
        lower_targets=(),
        wheels=wheels,
        modules=modules,
        bytecode=True,
        compression="zstd",
        compression_level=3,
    )


@pytest.fixture
def described(layers):
    modules = ModulesInput(launch_module="demo", digest=Digest.of_bytes(b"modules"))
    requests = (
        request("runtime", "cpython-3.13", (JOBLIB,)),
        request("framework", "framework-a,b%", (JOBLIB, NUMPY)),
        request("application", "app-demo@2", (UVICORN,), modules=modules),
    )
    return [(layer.description, each) for layer, each in zip(layers, requests, strict=True)]


@pytest.fixture
def base():
    return BaseImage(
        name="registry.example/debian:12",
        digest=Digest.of_bytes(b"base"),
        layers=(),
        configuration=ImageConfiguration(
            architecture="amd64", os="linux", rootfs=RootFilesystem(diff_ids=())
        ),
    )


def assert_valid(content):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode()) is None


def found(content):
    return {
        (each["type"], each["name"], each.get("version"), each["hashes"][0]["content"])
        for each in json.loads(content)["components"]
    }


def of_wheel(one):
    return ("library", one.name, one.version, one.digest.hex)


def test_a_layer_tells_its_wheels_by_digest(described):
    content = layer_sbom(*described[1])
    assert_valid(content)
    assert found(content) == {of_wheel(JOBLIB), of_wheel(NUMPY)}
    document = json.loads(content)
    assert document["specVersion"] == "1.6"
    subject = document["metadata"]["component"]
    assert (subject["type"], subject["name"], subject["version"]) == (
        "framework",
        "framework-a,b%",
        "3",
    )
    properties = {each["name"]: each["value"] for each in subject["properties"]}
    description = described[1][0]
    assert properties == {
        "dev.ocistacks.layer.install-target": "framework-a,b%",
        "dev.ocistacks.layer.input-digest": description.input_digest,
        "dev.ocistacks.layer.lock-hash": description.lock_hash,
        "dev.ocistacks.platform": "linux_x86_64",
    }
    numpy = next(each for each in document["components"] if each["name"] == "numpy")
    assert numpy["purl"] == "pkg:pypi/numpy@2.3.1"
    assert numpy["properties"] == [
        {"name": "dev.ocistacks.wheel.filename", "value": NUMPY.filename}
    ]


def test_the_runtime_tells_its_python(described):
    content = layer_sbom(*described[0])
    assert_valid(content)
    assert found(content) == {of_wheel(JOBLIB), ("platform", "cpython", "3.13.5", PYTHON.hex)}
    python = next(each for each in json.loads(content)["components"] if each["type"] == "platform")
    assert python["purl"] == "pkg:generic/cpython@3.13.5"
    assert python["cpe"] == "cpe:2.3:a:python:python:3.13.5:*:*:*:*:*:*:*"


@pytest.mark.parametrize(
    ("version", "cpe"),
    [
        ("3.14.0rc2", "cpe:2.3:a:python:python:3.14.0:rc2:*:*:*:*:*:*"),
        ("3.12.11", "cpe:2.3:a:python:python:3.12.11:*:*:*:*:*:*:*"),
    ],
)
def test_vulnerabilities_of_python_are_found_by_its_cpe(runtime, version, cpe):
    content = layer_sbom(runtime.description, request("runtime", "cpython", version=version))
    assert_valid(content)
    assert json.loads(content)["components"][0]["cpe"] == cpe


def test_an_application_tells_all_layers_and_the_base(described, base):
    content = application_sbom(described, base)
    assert_valid(content)
    assert found(content) == {
        of_wheel(JOBLIB),
        of_wheel(NUMPY),
        of_wheel(UVICORN),
        ("platform", "cpython", "3.13.5", PYTHON.hex),
        ("container", "registry.example/debian:12", None, base.digest.hex),
    }
    document = json.loads(content)
    assert document["metadata"]["component"]["type"] == "container"
    places = [
        property_["value"]
        for each in document["components"]
        if each["name"] == "joblib"
        for property_ in each["properties"]
        if property_["name"] == "dev.ocistacks.layer.install-target"
    ]
    assert sorted(places) == ["cpython-3.13", "framework-a,b%"]  # one wheel in two layers


def test_a_base_from_a_folder_is_told_without_the_folder(described, base):
    here = dataclasses.replace(base, name="oci:/home/somebody/base")
    content = application_sbom(described, here)
    assert ("container", "base image", None, base.digest.hex) in found(content)
    assert b"somebody" not in content


def test_an_application_without_a_base_or_wheels_is_valid(described):
    description, last = described[-1]
    content = application_sbom([(description, last.model_copy(update={"wheels": ()}))], None)
    assert_valid(content)
    assert "components" not in json.loads(content)


def test_nothing_is_random_and_nothing_tells_the_time(described, base):
    content = application_sbom(described, base)
    assert application_sbom(described, base) == content
    document = json.loads(content)
    assert document["metadata"]["timestamp"] == "1980-01-01T00:00:00+00:00"
    assert document["serialNumber"].startswith("urn:uuid:")
    other = json.loads(application_sbom(described, None))
    assert other["serialNumber"] != document["serialNumber"]


def test_the_bytes_do_not_depend_on_the_process(described, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from ocistacks.oci.description import LayerDescription\n"
        "from ocistacks.oci.sbom import layer_sbom\n"
        "from ocistacks.platforms import Platform\n"
        "from ocistacks.request.model import BuildRequest\n"
        "request = BuildRequest.model_validate_json(sys.argv[1])\n"
        "values = dict(item.split('=', 1) for item in sys.argv[2:])\n"
        "description = LayerDescription.from_annotations(\n"
        "    values, Platform.LINUX_X86_64, where='here')\n"
        "sys.stdout.buffer.write(layer_sbom(description, request))\n"
    )
    description, made = described[1]
    arguments = [f"{key}={value}" for key, value in description.annotations().items()]
    told = {
        subprocess.run(
            [sys.executable, program, made.canonical(), *arguments],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {layer_sbom(description, made)}
