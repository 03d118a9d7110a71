"""The build request: its canonical form, and its digest, pinned."""

import hashlib

import pytest
from pydantic import ValidationError

from ocistacks.digests import Digest
from ocistacks.platforms import Platform
from ocistacks.request.model import BuildRequest, ModulesInput, PythonInput, WheelInput
from ocistacks.spec.names import LayerKind


def digest(letter):
    return Digest.from_hex(letter * 64)


REQUEST = BuildRequest(
    kind=LayerKind.APPLICATION,
    install_target="app-run@2",
    platform=Platform.LINUX_X86_64,
    python=PythonInput(implementation="cpython", version="3.13.5", digest=digest("a")),
    lower_targets=("framework-high", "cpython-3.13"),
    wheels=(
        WheelInput(
            name="zeta", version="1.0+é", filename="zeta-1.0-py3-none-any.whl", digest=digest("b")
        ),
    ),
    dynlib_exclude=("PIL/**/libpng16.*",),
    modules=ModulesInput(launch_module="run", digest=digest("c")),
    bytecode=True,
    compression="zstd",
    compression_level=3,
)


def test_the_canonical_form_is_all_that_counts_and_nothing_else():
    assert REQUEST.canonical().decode() == (
        '{"bytecode":true,"compression":"zstd","compression_level":3,'
        '"dynlib_exclude":["PIL/**/libpng16.*"],'
        '"install_target":"app-run@2","kind":"application","layer_format":2,"lower_scripts":[],'
        '"lower_targets":["framework-high","cpython-3.13"],'
        f'"modules":{{"digest":"{digest("c")}","launch_module":"run"}},'
        '"platform":"linux_x86_64",'
        f'"python":{{"digest":"{digest("a")}","implementation":"cpython","version":"3.13.5"}},'
        f'"wheels":[{{"digest":"{digest("b")}","filename":"zeta-1.0-py3-none-any.whl",'
        '"name":"zeta","version":"1.0+é"}]}'
    )


def test_the_input_digest_is_golden():
    """A change here empties every cache of every user: make it knowingly."""
    assert REQUEST.input_digest == (
        "sha256:a33f29d7fcbf9c0e475b8795fe51b67147cfc1828663893d29ce197be66920b7"
    )
    assert REQUEST.input_digest.hex == hashlib.sha256(REQUEST.canonical()).hexdigest()


def test_a_request_survives_its_own_json():
    assert BuildRequest.model_validate_json(REQUEST.canonical()) == REQUEST


def test_materials_are_named_once_each():
    twice = REQUEST.model_copy(update={"wheels": REQUEST.wheels * 2})
    assert twice.material_digests == (digest("b"), digest("a"), digest("c"))
    bare = REQUEST.model_copy(
        update={
            "wheels": (),
            "modules": None,
            "python": PythonInput(implementation="cpython", version="3.13.5", digest=None),
        }
    )
    assert bare.material_digests == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("install_target", "../x"),
        ("install_target", ""),
        ("platform", "linux"),
        ("compression", "xz"),
        ("host", "here"),
    ],
)
def test_what_makes_no_sense_is_refused(field, value):
    with pytest.raises(ValidationError):
        BuildRequest.model_validate({**REQUEST.model_dump(), field: value})


def test_a_wheels_file_name_stays_in_its_folder():
    with pytest.raises(ValidationError):
        WheelInput(name="x", version="1", filename="../x.whl", digest=digest("b"))
