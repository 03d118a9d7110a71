"""Credentials of an index: used, and nowhere to be found afterwards."""

from __future__ import annotations

import pytest

from ocistacks.errors import LockError, MaterialError
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.request.choose_wheels import choose_wheels
from ocistacks.request.plan import choose_layers, plan_stack
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.store import Store

USER, PASSWORD = "jo-the-user", "p4ssw0rd-of-jo"
RUNTIME = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["base"]
platforms = ["linux_x86_64"]
"""
VARIABLES = {"UV_INDEX_OUR_OWN_USERNAME": USER, "UV_INDEX_OUR_OWN_PASSWORD": PASSWORD}


@pytest.fixture
def private(stack, index):
    """A stack whose index, named our-own, wants credentials."""
    index.credentials = (USER, PASSWORD)
    index.add("base", "1.0")
    url = index.url
    stack.write(RUNTIME, uv=f'[[tool.uv.index]]\nname = "our-own"\nurl = "{url}"\ndefault = true')
    return stack


def holds_secret(text):
    return USER in text or PASSWORD in text


def fetched(stack, lock, folder):
    chosen = choose_layers(stack.read(), [lock], Platform.LINUX_X86_64, choose_wheels)
    (plan,) = plan_stack(stack.read(), chosen, scripts={})
    wheels = [material for material in plan.materials if material.name.endswith(".whl")]
    store = Store(folder)
    size = fetch_materials(store, wheels, environment=stack.environment, reporter=SilentReporter())
    return plan, store, size


def test_credentials_in_variables_lock_and_fetch_and_are_not_kept(private, tmp_path):
    private.environment |= VARIABLES
    lock = private.lock()["py"].lock

    plan, store, size = fetched(private, lock, tmp_path / "store")

    assert size == plan.materials[0].size
    assert plan.materials[0].login.name == "our-own"
    written = [content.decode() for content, _ in private.snapshot().values()]
    assert not holds_secret("".join([*written, plan.request.canonical().decode(), str(plan)]))
    kept = [path for path in store.root.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in path.read_bytes() for path in kept)


def test_credentials_in_the_specification_are_not_kept(private, index):
    private.path.write_text(
        private.path.read_text().replace("http://", f"http://{USER}:{PASSWORD}@")
    )

    private.lock()

    written = "".join(content.decode() for content, _ in private.snapshot().values())
    assert not holds_secret(written)
    private.path.write_text(private.path.read_text().replace(PASSWORD, "another"))
    assert private.outcomes() == {"py": "up to date"}, "a password is no input of a lock"


def test_without_credentials_the_refusal_says_what_is_missing(private):
    with pytest.raises(LockError) as caught:
        private.lock()

    url = private.index.url
    assert str(caught.value) == (
        "Layer py cannot be locked: uv finds no set of packages for it.\n"
        "  where: layer py\n"
        "  found: No solution found when resolving dependencies for linux_x86_64\n"
        "    Because base was not found in the package registry and layer py depends on base, we "
        "can conclude that layer py's requirements are unsatisfiable.\n"
        f"    hint: An index URL ({url}) could not be queried due to a lack of valid "
        "authentication credentials (401 Unauthorized)\n"
        "  expected: a wheel of every package for linux_x86_64\n"
        "  hint: relax the requirement, narrow the layer's platforms, or add an index that has the "
        "wheels"
    )


def test_wrong_credentials_are_not_told(private, tmp_path):
    private.environment |= {**VARIABLES, "UV_INDEX_OUR_OWN_PASSWORD": f"{PASSWORD}-wrong"}

    with pytest.raises(LockError) as caught:
        private.lock()

    assert not holds_secret(str(caught.value))


def test_a_server_that_refuses_the_wheel_is_answered_with_the_variables(private, tmp_path):
    private.environment |= VARIABLES
    lock = private.lock()["py"].lock
    private.environment["UV_INDEX_OUR_OWN_PASSWORD"] = f"{PASSWORD}-wrong"

    with pytest.raises(MaterialError) as caught:
        fetched(private, lock, tmp_path / "store")

    name = "base-1.0-py3-none-any.whl"
    assert str(caught.value) == (
        f"{name} cannot be fetched.\n"
        f"  where: GET {private.index.url.removesuffix('/simple')}/files/{name}\n"
        "  found: HTTP 401 Unauthorized\n"
        "  expected: HTTP 200\n"
        "  hint: give the credentials of the index, with UV_INDEX_OUR_OWN_USERNAME and "
        "UV_INDEX_OUR_OWN_PASSWORD"
    )


def test_credentials_go_to_the_index_of_that_name_alone(private, new_index, index, tmp_path):
    other = new_index(credentials=("nobody", "knows"))
    private.environment |= VARIABLES
    name = "base-1.0-py3-none-any.whl"
    other.files[name] = index.files[name]
    index.projects["base"][0]["url"] = f"{other.url.removesuffix('/simple')}/files/{name}"
    pylock = private.folder / "requirements/py/pylock.py.toml"
    index.projects["base"][0]["url"] = f"{index.url.removesuffix('/simple')}/files/{name}"
    private.lock()
    pylock.write_text(
        pylock.read_text().replace(
            index.url.replace("/simple", "/files"), other.url.replace("/simple", "/files")
        )
    )
    lock = private.lock()["py"].lock

    with pytest.raises(MaterialError) as caught:
        fetched(private, lock, tmp_path / "store")

    assert caught.value.hint == "give the credentials of the index, with a netrc file"
