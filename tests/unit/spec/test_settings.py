"""Settings: flags, then the environment, then the file, then the default."""

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import UsageError
from ocistacks.platforms import Platform
from ocistacks.spec.settings import Settings
from ocistacks.spec.settings_sources import environment_variable

SHA256 = "0" * 64
FILE = f"""
[tool.ocistacks]
repository = "registry.example.org:5000/team/stack"
layer_repository = "registry.example.org:5000/layers"
base_image = "oci:base:latest"
compression = "gzip"
compression_level = 6
bytecode = false
platforms = ["linux_aarch64"]
builder = "podman"
[tool.ocistacks.python_sources."3.13.5".linux_x86_64]
url = "https://example.org/cpython.tar.zst"
sha256 = "{SHA256}"
"""


def test_defaults(parse):
    settings = parse("").settings
    assert settings.model_dump() == {
        "repository": None,
        "layer_repository": None,
        "base_image": "gcr.io/distroless/base-debian12",
        "compression": "zstd",
        "compression_level": 3,
        "bytecode": True,
        "python_sources": {},
        "platforms": None,
        "builder": "auto",
    }


def test_the_file_goes_before_defaults(parse):
    settings = parse(FILE).settings
    assert settings.repository == "registry.example.org:5000/team/stack"
    assert (settings.compression, settings.compression_level) == ("gzip", 6)
    assert settings.platforms == (Platform.LINUX_AARCH64,)
    source = settings.python_sources["3.13.5"][Platform.LINUX_X86_64]
    assert source.digest == Digest.from_hex(SHA256)


def test_the_environment_goes_before_the_file(parse):
    environment = {
        "OCISTACKS_REPOSITORY": "other.example.org/stack",
        "OCISTACKS_COMPRESSION": "zstd",
        "OCISTACKS_COMPRESSION_LEVEL": "19",
        "OCISTACKS_BYTECODE": "Yes",
        "OCISTACKS_PLATFORMS": "linux_x86_64, win_amd64",
        "OCISTACKS_BASE_IMAGE": "",
        "OCISTACKS_PYTHON_SOURCES": '{"3.12.9": {"linux_x86_64": {"url": "file:///x.tar", '
        f'"sha256": "sha256:{SHA256}"}}}}}}',
    }
    settings = parse(FILE, environment=environment).settings
    assert settings.repository == "other.example.org/stack"
    assert (settings.compression, settings.compression_level) == ("zstd", 19)
    assert settings.bytecode is True
    assert settings.platforms == (Platform.LINUX_X86_64, Platform.WIN_AMD64)
    assert settings.base_image == "oci:base:latest"
    assert settings.python_sources["3.12.9"][Platform.LINUX_X86_64].sha256 == SHA256


def test_flags_go_before_the_environment(parse):
    settings = parse(
        FILE,
        environment={"OCISTACKS_BUILDER": "docker", "OCISTACKS_BYTECODE": "0"},
        overrides={"builder": "local", "bytecode": None},
    ).settings
    assert (settings.builder, settings.bytecode) == ("local", False)


def test_a_wrong_variable_is_not_looked_at_where_a_flag_is_given(parse):
    settings = parse(
        "", environment={"OCISTACKS_BUILDER": "dokcer"}, overrides={"builder": "local"}
    ).settings
    assert settings.builder == "local"


def test_every_setting_has_a_variable():
    assert {environment_variable(name) for name in Settings.model_fields} == {
        "OCISTACKS_REPOSITORY",
        "OCISTACKS_LAYER_REPOSITORY",
        "OCISTACKS_BASE_IMAGE",
        "OCISTACKS_COMPRESSION",
        "OCISTACKS_COMPRESSION_LEVEL",
        "OCISTACKS_BYTECODE",
        "OCISTACKS_PYTHON_SOURCES",
        "OCISTACKS_PLATFORMS",
        "OCISTACKS_BUILDER",
    }


def fault(key, problem, *rest):
    lines = "".join(f"    {line}\n" for line in rest)
    return (
        f"venvstacks.toml has a fault.\n  tool.ocistacks{key}: {problem}\n{lines}"
        "  where: /stack/venvstacks.toml"
    )


REPOSITORY = "allowed: HOST[:PORT]/NAME in lower case, without scheme, tag, digest or user"
SOURCE = 'python_sources."3.13.5".linux_x86_64'
GOOD = f'url = "https://example.org/x", sha256 = "{SHA256}"'
REFUSED = {
    'repository = "https://example.org/x"': fault(
        ".repository", "not a repository name", "found: 'https://example.org/x'", REPOSITORY
    ),
    'layer_repository = "me:hunter2@example.org/x"': fault(
        ".layer_repository", "not a repository name", "found: '***@example.org/x'", REPOSITORY
    ),
    'base_image = "docker://x"': fault(
        ".base_image",
        "not an image",
        "found: 'docker://x'",
        "allowed: an image reference, 'oci:FOLDER' or 'oci:FOLDER:TAG', or 'none'",
    ),
    'compression = "gz"': fault(
        ".compression",
        "unknown value",
        "found: 'gz'",
        "allowed: zstd, gzip",
        "did you mean 'gzip'?",
    ),
    "compression_level = 23": fault(
        ".compression_level",
        "out of range",
        "found: 23",
        "allowed: 1 to 22 with zstd, 1 to 9 with gzip.",
    ),
    'compression = "gzip"\ncompression_level = 10': fault(
        "", "compression_level is too high for gzip", "found: 10", "allowed: 1 to 9"
    ),
    "bytecode = 1": fault(".bytecode", "wrong type", "found: 1", "allowed: true or false"),
    f'python_sources = {{ "3.13" = {{ linux_x86_64 = {{ {GOOD} }} }} }}': fault(
        '.python_sources."3.13"',
        "not a Python version",
        "found: '3.13'",
        "allowed: X.Y.Z, such as '3.13.5'",
    ),
    f"{SOURCE} = {{ {GOOD}, urll = 3 }}": fault(
        f".{SOURCE}.urll",
        "unknown field",
        "found: 'urll'",
        "allowed: url, sha256",
        "did you mean 'url'?",
    ),
    f"{SOURCE} = {{ {GOOD.replace(SHA256, 'abc')} }}": fault(
        f".{SOURCE}.sha256",
        "not a SHA-256 digest",
        "found: 'abc'",
        "allowed: 64 lower-case hexadecimal digits",
    ),
    f"{SOURCE} = {{ {GOOD.replace('https', 'ftp')} }}": fault(
        f".{SOURCE}.url",
        "not a URL that an archive can come from",
        "found: 'ftp://example.org/x'",
        "allowed: https://, http://, file://, oci://",
    ),
    f"{SOURCE} = {{ {GOOD.replace('example', 'user:hunter2@example')} }}": fault(
        f".{SOURCE}.url",
        "a URL with a user name or password",
        "allowed: a URL without credentials",
    ),
    f'{SOURCE} = {{ sha256 = "{SHA256}" }}': fault(
        f".{SOURCE}.url",
        "missing field",
        "allowed: Where the archive is: https://, http://, file:// or oci://.",
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_setting_in_the_file(text, refusal):
    assert refusal(f"[tool.ocistacks]\n{text}") == REFUSED[text]


def test_a_wrong_variable_is_named(parse):
    with pytest.raises(UsageError) as caught:
        parse("", environment={"OCISTACKS_BUILDER": "dokcer"})
    assert str(caught.value) == (
        "A setting makes no sense: unknown value.\n"
        "  where: the environment variable OCISTACKS_BUILDER\n"
        "  found: 'dokcer'\n"
        "  expected: auto, docker, podman, local\n"
        "  hint: did you mean 'docker'?"
    )


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BYTECODE", "maybe"),
        ("COMPRESSION_LEVEL", "high"),
        ("PLATFORMS", "linux"),
        ("PYTHON_SOURCES", "{"),
    ],
)
def test_text_that_cannot_be_parsed_is_refused(parse, variable, text):
    with pytest.raises(UsageError) as caught:
        parse("", environment={f"OCISTACKS_{variable}": text})
    assert caught.value.where == f"the environment variable OCISTACKS_{variable}"
    assert caught.value.found == repr(text)


def test_a_flag_that_does_not_go_with_the_file_is_named(parse):
    with pytest.raises(UsageError) as caught:
        parse("[tool.ocistacks]\ncompression_level = 19", overrides={"compression": "gzip"})
    assert str(caught.value) == (
        "A setting makes no sense: compression_level is too high for gzip.\n"
        "  where: the flag --compression\n"
        "  found: 19\n"
        "  expected: 1 to 9"
    )


def test_what_has_no_part_in_a_disagreement_is_not_named(parse):
    variables = {"OCISTACKS_COMPRESSION_LEVEL": "10", "OCISTACKS_BUILDER": "local"}
    with pytest.raises(UsageError) as caught:
        parse("[tool.ocistacks]\ncompression = 'gzip'", environment=variables)
    assert caught.value.where == "the environment variable OCISTACKS_COMPRESSION_LEVEL"


def test_an_unknown_override_is_refused(parse):
    with pytest.raises(UsageError) as caught:
        parse("", overrides={"bytecod": True})
    assert str(caught.value) == (
        "There is no such setting.\n"
        "  found: 'bytecod'\n"
        "  expected: repository, layer_repository, base_image, compression, compression_level, "
        "bytecode, python_sources, platforms, builder\n"
        "  hint: did you mean 'bytecode'?"
    )
