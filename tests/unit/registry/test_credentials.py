from __future__ import annotations

import base64
import json

import pytest

from ocistacks.errors import AuthError, UsageError
from ocistacks.registry.credential_values import Credentials
from ocistacks.registry.credentials import find_credentials


def auth(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def write():
    def write_file(path, **content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    return write_file


@pytest.fixture
def find(home):
    """Ask for the credentials of a.b/x/y on a machine with these settings."""

    def find_in(host="a.b", **environment):
        return find_credentials(host, "x/y", {"HOME": str(home), **environment})

    return find_in


def entry(user):
    return {"a.b": {"auth": auth(f"{user}:pa:ss")}}


def test_nobody_is_logged_in(find):
    assert find() is None


def test_the_files_in_their_order(find, home, write, tmp_path):
    places = [
        (home / ".config" / "containers" / "auth.json", {}),
        (tmp_path / "run" / "containers" / "auth.json", {"XDG_RUNTIME_DIR": str(tmp_path / "run")}),
        (home / ".docker" / "config.json", {}),
        (tmp_path / "own" / "config.json", {"DOCKER_CONFIG": str(tmp_path / "own")}),
        (tmp_path / "file.json", {"REGISTRY_AUTH_FILE": str(tmp_path / "file.json")}),
    ]
    environment = {}
    for number, (path, settings) in enumerate(places):
        write(path, auths=entry(f"user{number}"))
        environment |= settings
        expected = Credentials(username=f"user{number}", password="pa:ss")
        assert find(**environment) == expected


@pytest.mark.parametrize(
    "key", ["a.b/x/y", "a.b/x", "a.b", "https://a.b", "https://a.b/", "https://a.b/v1/"]
)
def test_the_keys_of_a_registry(find, home, write, key):
    write(home / ".docker" / "config.json", auths={key: {"username": "u", "password": "p"}})
    assert find() == Credentials(username="u", password="p")


def test_the_most_special_key_wins(find, home, write):
    auths = {"a.b": {"auth": auth("general:1")}, "a.b/x": {"auth": auth("special:2")}}
    write(home / ".docker" / "config.json", auths=auths)
    found = find()
    assert found is not None
    assert found.username == "special"


def test_docker_hub_has_a_key_of_its_own(find, home, write):
    auths = {"https://index.docker.io/v1/": {"auth": auth("hub:1")}}
    write(home / ".docker" / "config.json", auths=auths)
    assert find("docker.io") == Credentials(username="hub", password="1")
    assert find() is None


def test_another_registrys_credentials_are_not_taken(find, home, write):
    write(home / ".docker" / "config.json", auths={"a.b.example": {"auth": auth("u:p")}})
    assert find() is None


def test_credentials_are_not_shown():
    assert repr(Credentials(username="me", password="secret")) == "Credentials()"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "the file: json_invalid"),
        ('{"auths": {"a.b": {"auth": 5, "password": "hush"}}}', "auths.a.b.auth: string_type"),
        (
            '{"auths": {"a.b": {"auth": "aHVzaA=="}}}',
            "auths.a.b.auth is not base64 of USER:PASSWORD",
        ),
        ('{"auths": {"a.b": {"auth": "hush!"}}}', "auths.a.b.auth is not base64 of USER:PASSWORD"),
        (" " * (1 << 21), "a file of more than a megabyte"),
    ],
)
def test_files_that_cannot_be_used(find, home, content, found):
    path = home / ".docker" / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(UsageError) as raised:
        find()
    assert str(raised.value) == (
        "The file with registry credentials cannot be used.\n"
        f"  where: {path}\n"
        f"  found: {found}\n"
        "  expected: what `docker login` or `podman login` writes\n"
        "  hint: mend or remove the file, or log in again"
    )
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_tokens(find, home, write):
    path = home / ".docker" / "config.json"
    write(path, auths={"a.b": {"auth": auth("<token>:x"), "identitytoken": "identity"}})
    assert find() == Credentials(identity_token="identity")
    write(path, auths={"a.b": {"auth": auth("<token>:identity")}})
    assert find() == Credentials(identity_token="identity")
    write(path, auths={"a.b": {"registrytoken": "bearer"}})
    assert find() == Credentials(bearer_token="bearer")


@pytest.mark.parametrize("variable", ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG"])
@pytest.mark.parametrize("named", ["secret", "secret/.dockerconfigjson", "secret/config.json"])
def test_a_mounted_secret(find, write, tmp_path, variable, named):
    name = "config.json" if named.endswith("config.json") else ".dockerconfigjson"
    # A volume's files are links to those of the secret's present version.
    write(tmp_path / "secret" / "..data" / name, auths=entry("mounted"))
    (tmp_path / "secret" / name).symlink_to(f"..data/{name}")
    found = find(**{variable: str(tmp_path / named)})
    assert found == Credentials(username="mounted", password="pa:ss")


CI = {"OCISTACKS_REGISTRY_HOST": "a.b"}
PAIR = {"OCISTACKS_REGISTRY_USERNAME": "ci", "OCISTACKS_REGISTRY_PASSWORD": "pw"}
TOKEN = {"OCISTACKS_REGISTRY_TOKEN": "bearer"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({**CI, **PAIR}, Credentials(username="ci", password="pw")),
        (
            {**CI, **PAIR, "OCISTACKS_REGISTRY_USERNAME": "<token>"},
            Credentials(identity_token="pw"),
        ),
        ({**CI, **TOKEN}, Credentials(bearer_token="bearer")),
        (CI, Credentials(username="file", password="pa:ss")),
        (
            {**CI, **PAIR, "OCISTACKS_REGISTRY_HOST": "other"},
            Credentials(username="file", password="pa:ss"),
        ),
    ],
)
def test_the_variables_of_ci(find, home, write, variables, expected):
    write(home / ".docker" / "config.json", auths=entry("file"))
    assert find(**variables) == expected


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        (PAIR, "no OCISTACKS_REGISTRY_HOST"),
        (TOKEN, "no OCISTACKS_REGISTRY_HOST"),
        ({**CI, "OCISTACKS_REGISTRY_USERNAME": "ci"}, "no OCISTACKS_REGISTRY_PASSWORD"),
        ({**CI, "OCISTACKS_REGISTRY_PASSWORD": "pw"}, "no OCISTACKS_REGISTRY_USERNAME"),
    ],
)
def test_half_credentials(find, variables, found):
    with pytest.raises(UsageError) as raised:
        find(**variables)
    assert str(raised.value) == (
        "The environment does not say whole credentials.\n"
        f"  found: {found}\n"
        "  expected: OCISTACKS_REGISTRY_HOST, and OCISTACKS_REGISTRY_USERNAME with "
        "OCISTACKS_REGISTRY_PASSWORD, or OCISTACKS_REGISTRY_TOKEN\n"
        "  hint: set what is missing, or unset the others"
    )


@pytest.fixture
def helper(tmp_path):
    """Install a credential helper that is this shell script."""

    def install(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "docker-credential-test"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return f"{folder}:/usr/bin:/bin"

    return install


ANSWERS = 'read host; echo "{\\"Username\\":\\"of $host\\",\\"Secret\\":\\"s\\"}"'


@pytest.mark.parametrize(
    "settings", [{"credHelpers": {"a.b": "test"}}, {"credsStore": "test", "auths": {"a.b": {}}}]
)
def test_a_helper_is_asked(find, home, write, helper, settings):
    write(home / ".docker" / "config.json", **settings)
    assert find(PATH=helper(ANSWERS)) == Credentials(username="of a.b", password="s")


def test_a_helper_that_keeps_a_token(find, home, write, helper):
    write(home / ".docker" / "config.json", credsStore="test")
    path = helper('echo \'{"Username":"<token>","Secret":"identity"}\'')
    assert find(PATH=path) == Credentials(identity_token="identity")


def test_a_helper_that_knows_nothing(find, home, write, helper):
    write(home / ".docker" / "config.json", credsStore="test")
    path = helper("echo credentials not found in native keychain; exit 1")
    assert find(PATH=path) is None


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo secret >&2; exit 3", "exit status 3"),
        ("echo nonsense", "an answer that is not its protocol's"),
        ("echo '{}'", "an answer that is not its protocol's"),
    ],
)
def test_a_helper_that_fails(find, home, write, helper, script, found):
    write(home / ".docker" / "config.json", credsStore="test")
    with pytest.raises(AuthError) as raised:
        find(PATH=helper(script))
    assert str(raised.value) == (
        "A credential helper does not give or keep the registry's credentials.\n"
        "  where: docker-credential-test for a.b\n"
        f"  found: {found}\n"
        "  hint: install or mend the helper, or remove it from the Docker configuration"
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [("gone", "FileNotFoundError"), ("../../bin/sh", "a name that is no program's")],
)
def test_a_helper_that_is_none(find, home, write, name, found):
    write(home / ".docker" / "config.json", credsStore=name)
    with pytest.raises(AuthError) as raised:
        find(PATH="/nonexistent")
    assert raised.value.found == found
