"""`ocistacks sbom`: whose bill of materials it prints."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def names(told):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(told) is None
    return sorted(component["name"] for component in json.loads(told).get("components", ()))


def test_an_applications_holds_all_layers_and_the_base(fresh_command_line, attested):
    told = fresh_command_line.succeed("sbom", attested, "--app", "demo")
    assert names(told) == ["base image", "counting", "cpython", "measuring", "saying"]
    subject = json.loads(told)["metadata"]["component"]
    assert (subject["type"], subject["name"]) == ("container", "app-demo")


@pytest.mark.parametrize("name", ["framework-numbers", "cpython-3.13"])
def test_a_layers_holds_the_layer_alone(fresh_command_line, attested, name):
    told = fresh_command_line.succeed("sbom", attested, "--layer", name)
    expected = {"framework-numbers": ["counting", "measuring"], "cpython-3.13": ["cpython"]}
    assert names(told) == expected[name]
    assert json.loads(told)["metadata"]["component"]["name"] == name


def test_the_tag_of_an_application_is_enough(fresh_command_line, attested):
    told = fresh_command_line.succeed("sbom", f"{attested}-demo")
    assert told == fresh_command_line.succeed("sbom", attested, "--app", "app-demo")


def test_a_layout_without_images_tells_an_applications_from_its_layers(fresh_command_line, layout):
    told = fresh_command_line.succeed("sbom", f"oci:{layout}:latest", "--app", "demo")
    assert names(told) == ["counting", "cpython", "measuring", "saying"]


def test_which_one_must_be_said_where_there_are_several(fresh_command_line, attested):
    assert fresh_command_line.fail("sbom", attested) == (
        2,
        (
            "The stack has several SBOMs.\n"
            f"  where: {attested}\n"
            "  found: demo, other\n"
            "  hint: name one with --app, or a layer with --layer\n"
        ),
    )
    code, message = fresh_command_line.fail("sbom", attested, "--app", "demo", "--layer", "x")
    assert (code, message.splitlines()[0]) == (2, "An application and a layer have an SBOM each.")


def test_what_there_is_not(fresh_command_line, attested):
    assert fresh_command_line.fail("sbom", attested, "--layer", "framework-number") == (
        6,
        (
            "The stack has no such layer.\n"
            f"  where: {attested}\n"
            "  found: framework-number\n"
            "  expected: app-demo, app-other, cpython-3.13, framework-numbers\n"
            "  hint: did you mean framework-numbers?\n"
        ),
    )
    code, message = fresh_command_line.fail("sbom", attested, "--app", "dem")
    assert (code, message.splitlines()[0]) == (6, "The stack has no such application.")
    code, _message = fresh_command_line.fail(
        "sbom", attested, "--app", "demo", "--platform", "linux_aarch64"
    )
    assert code == 6


def test_a_stack_that_was_sent_without(command_line, fresh_command_line, small_stack, tmp_path):
    reference = f"oci:{tmp_path / 'bare'}:latest"
    command_line.succeed("push", small_stack, reference, "--no-attestations")
    code, message = fresh_command_line.fail("sbom", reference, "--layer", "cpython-3.13")
    assert code == 6
    assert message.startswith("No SBOM is attached to this object.\n")
    assert message.endswith("  hint: push the stack again, without --no-attestations\n")
