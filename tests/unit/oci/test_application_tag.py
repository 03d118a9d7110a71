"""The tag of an application's image."""

from ocistacks.oci.assemble_stack import application_tag
from ocistacks.registry.reference import is_tag


def test_stack_tag_and_name():
    assert application_tag("latest", "classification-demo") == "latest-classification-demo"


def test_a_name_that_no_tag_can_hold():
    tags = {application_tag("v1", name) for name in ("my app", "my-app", "my@app", "mÿ app")}
    assert len(tags) == 4
    assert all(is_tag(tag) for tag in tags)


def test_a_long_name_keeps_its_identity():
    tags = {application_tag("v1", "a" * 140 + end) for end in "xy"}
    assert len(tags) == 2
    assert all(is_tag(tag) for tag in tags)
