"""What a user gives for a manifest is checked by Kubernetes' rules."""

import pytest

from ocistacks.errors import UsageError
from ocistacks.kubernetes import checks
from ocistacks.kubernetes.model import Amounts


@pytest.mark.parametrize(
    ("application", "name"),
    [("demo", "demo"), ("My_App.v2", "my-app-v2"), ("-x-", "x"), ("a" * 70, "a" * 63)],
)
def test_an_application_s_name_becomes_an_object_s(application, name):
    assert checks.default_name(application) == name


def test_a_name_of_which_nothing_is_left_must_be_given():
    with pytest.raises(UsageError) as raised:
        checks.default_name("é")
    assert str(raised.value) == (
        "Kubernetes takes no such name.\n"
        "  where: --name\n"
        "  found: ''\n"
        "  expected: a-z, 0-9 and hyphens between them, at most 63"
    )


@pytest.mark.parametrize("name", ["Demo", "a_b", "-a", "a-", "a" * 64, "a.b", ""])
def test_names_and_namespaces_that_kubernetes_refuses(name):
    with pytest.raises(UsageError):
        checks.workload_name(name)
    with pytest.raises(UsageError):
        checks.namespace(name)


@pytest.mark.parametrize("name", ["A", "a..b", "-a", "a/b", "a" * 254, ""])
def test_object_names_that_kubernetes_refuses(name):
    with pytest.raises(UsageError) as raised:
        checks.object_name(name, "--image-pull-secret")
    assert raised.value.where == "--image-pull-secret"
    assert checks.object_name("registry.credentials-1", "x") == "registry.credentials-1"


@pytest.mark.parametrize(
    ("text", "request_", "limit"),
    [
        ("500m", "500m", "500m"),
        ("0.5/2", "0.5", "2"),
        ("1Gi/2Gi", "1Gi", "2Gi"),
        ("1e3", *["1e3"] * 2),
    ],
)
def test_amounts_are_requests_and_limits(text, request_, limit):
    assert checks.amounts(text, "--cpu") == Amounts(request=request_, limit=limit)


@pytest.mark.parametrize("text", ["", "much", "1/", "/1", "1 Gi", "1GB", "-1", "1/2/3", "\u0661"])
def test_amounts_that_are_none(text):
    with pytest.raises(UsageError) as raised:
        checks.amounts(text, "--memory")
    assert str(raised.value) == (
        "This is no amount of a resource.\n"
        "  where: --memory\n"
        f"  found: {text!r}\n"
        "  expected: REQUEST or REQUEST/LIMIT, such as 500m, 2, 512Mi or 1Gi/2Gi"
    )


def test_variables_are_names_and_any_values():
    assert checks.environment(["A=1", "B.c-d=x=y", "E="]) == (
        ("A", "1"),
        ("B.c-d", "x=y"),
        ("E", ""),
    )


@pytest.mark.parametrize("entry", ["A", "=1", "1A=x", "A B=x", "A=\0"])
def test_variables_that_are_none(entry):
    with pytest.raises(UsageError) as raised:
        checks.environment([entry])
    assert raised.value.where == "--env"


def test_a_wrong_variable_is_told_without_its_value():
    with pytest.raises(UsageError) as raised:
        checks.environment(["MY TOKEN=hunter2"])
    assert "hunter2" not in str(raised.value)
    with pytest.raises(UsageError) as raised:
        checks.environment(["A=hunter2", "A=hunter3"])
    assert str(raised.value) == (
        "An environment variable is given twice.\n  where: --env\n  found: A"
    )


def test_the_store_s_folder():
    assert checks.store_path("/var/lib/stacks/") == "/var/lib/stacks"


@pytest.mark.parametrize("text", ["", "var/lib", "/", "/a/../b", "/a:b"])
def test_folders_that_cannot_be_the_store_s(text):
    with pytest.raises(UsageError) as raised:
        checks.store_path(text)
    assert raised.value.where == "--store-path"
