"""What is said where no wheel can be built; nothing is put out then."""

import pytest

from ocistacks.errors import OcistacksError

pytestmark = pytest.mark.timeout(900)

SETUP = "from setuptools import setup\n\nsetup(name={name!r}, version={version!r})\n"
CONNECT = """
import socket
from setuptools import setup

for place in (("127.0.0.1", {port}), ("192.0.2.1", 80)):
    try:
        socket.create_connection(place, 5)
    except OSError as error:
        told = f"no network: {{error.strerror}}"
    else:
        raise SystemExit("there is a network")
raise SystemExit(told)
"""
MISSING_HEADER = """
from setuptools import Extension, setup

setup(name="failing", version="1.0", ext_modules=[Extension("failing", ["failing.c"])])
"""
UNUSABLE = (
    "Failed to validate `build-system` in pyproject.toml: `requires` must be an array of strings"
)
HINT = (
    "a build has no network, the requirements that the package names, and the builder's compilers "
    "and libraries: name a further requirement in extra-build-dependencies of [tool.uv], or take "
    "another version"
)


@pytest.fixture
def refusal(stack):
    """A function that fails to build and returns the error; only locks may be put out then."""

    def refusal(*names, **options):
        with pytest.raises(OcistacksError) as caught:
            stack.build(*names, **options)
        assert stack.wheels() == {}
        return caught.value

    return refusal


@pytest.fixture
def failed_build(stack, index, refusal):
    """A function from an sdist's files to what its failed build said, by line."""

    def failed_build(files):
        index.add("failing", "1.0", files)
        stack.write()
        error = refusal("failing")
        assert (type(error).__name__, error.what, error.hint) == (
            "BuildError",
            "failing 1.0 cannot be built from its sdist.",
            HINT,
        )
        assert error.where.startswith("builder local (")
        assert error.where.endswith("), exit code 5")
        return [line.strip() for line in error.found.splitlines()]

    return failed_build


def test_a_build_that_wants_the_network(failed_build, index):
    port = int(index.url.split(":")[2].partition("/")[0])

    told = failed_build({"setup.py": CONNECT.format(port=port)})

    assert "no network: Network is unreachable" in told


def test_a_library_that_the_builder_lacks(failed_build):
    told = failed_build({"setup.py": MISSING_HEADER, "failing.c": "#include <nowhere.h>\n"})

    assert "failing.c:1:10: fatal error: nowhere.h: No such file or directory" in told


def test_a_wheel_of_another_version(failed_build):
    told = failed_build({"setup.py": SETUP.format(name="failing", version="3.0")})

    assert told[-4:] == [
        "The build backend made a wheel of another package.",
        "where: failing-1.0.tar.gz",
        "found: failing-3.0-py3-none-any.whl",
        "expected: a wheel of failing 1.0",
    ]


def test_a_broken_build_system(failed_build):
    told = failed_build({"pyproject.toml": "[build-system]\nrequires = 1\n"})

    assert told[-4:] == [
        "The sdist does not say how it is built.",
        "where: failing-1.0",
        f"found: {UNUSABLE}",
        "expected: a pyproject.toml with [build-system] (PEP 518), or a setup.py",
    ]


def test_an_sdist_that_is_not_the_one_that_was_built_before(stack, index, refusal):
    name, version = "exchanged", "1.0"
    index.add(name, version, {"setup.py": SETUP.format(name=name, version=version)})
    stack.write()
    assert list(stack.build(name)) == ["exchanged-1.0-py3-none-any.whl"]
    for path in stack.output.glob("*.whl"):
        path.unlink()
    lock = stack.output / "pylock.exchanged-1_0-cp313-linux_x86_64.toml"
    before = lock.read_text()
    index.add(name, version, {"setup.py": "raise SystemExit\n"})

    error = refusal(name)

    assert error.exit_code == 8
    assert error.what == "An sdist is not the one that the wheel was built from before."
    assert error.where == f"exchanged-1.0.tar.gz, {lock}"
    assert error.expected in before
    assert error.found not in before
    assert error.hint == (
        "ask the index why it serves another file under that name; to take it, delete the lock"
    )
    assert lock.read_text() == before


def test_a_build_requirement_without_a_wheel(stack, index, refusal):
    project = '[build-system]\nrequires = ["wheelless-tool"]\nbuild-backend = "tool"\n'
    index.add("wheelless_tool", "1.0", {"setup.py": ""})
    index.add("demanding", "1.0", {"pyproject.toml": project})
    stack.write(alone=True)

    assert str(refusal("demanding")) == (
        "What the build of demanding-1.0.tar.gz requires cannot be locked.\n"
        "  where: wheelless-tool\n"
        "  found: No solution found when resolving dependencies for linux_x86_64\n"
        "    Because wheelless-tool==1.0 has no usable wheels and only wheelless-tool==1.0 is "
        "available, we can conclude that all versions of wheelless-tool cannot be used.\n"
        "    And because the build of demanding-1.0.tar.gz depends on wheelless-tool, we can "
        "conclude that the build of demanding-1.0.tar.gz's requirements are unsatisfiable.\n"
        "    hint: Wheels are required for `wheelless-tool` because building from source is "
        "disabled for all packages (i.e., with `--no-build`)\n"
        "  expected: a wheel of every package for linux_x86_64\n"
        "  hint: build a requirement that has no wheel with ocistacks wheels SPEC NAME; or bound "
        "it with build-constraint-dependencies in [tool.uv]"
    )


def test_a_version_that_no_index_has(stack, index, refusal):
    index.add("wheelless", "1.0", {})
    stack.write(alone=True)

    assert str(refusal("wheelless==2.0")) == (
        "No sdist of wheelless can be found.\n"
        "  where: layer py, wheelless==2.0\n"
        "  found: No solution found when resolving dependencies for linux_x86_64\n"
        "    Because there is no version of wheelless==2.0 and layer py depends on "
        "wheelless==2.0, we can conclude that your requirements are unsatisfiable.\n"
        "  hint: name a version that an index has the sdist of, or check the indexes in [tool.uv]"
    )


def test_a_wheel_that_the_layer_cannot_take(stack, index, refusal):
    """The newest version is built, which is not the one that another package asks for."""
    index.add("chosen", "1.0", {"setup.py": SETUP.format(name="chosen", version="1.0")})
    index.add("chosen", "2.0", {"setup.py": SETUP.format(name="chosen", version="2.0")})
    index.add(
        "choosy",
        "1.0",
        {
            "setup.py": "from setuptools import setup\n\n"
            "setup(name='choosy', version='1.0', install_requires=['chosen<2'])\n"
        },
    )
    stack.write(["choosy"])

    with pytest.raises(OcistacksError) as caught:
        stack.build()

    assert type(caught.value).__name__ == "UnsolvableError"
    assert caught.value.packages == ("chosen",)
    assert "chosen<2" in caught.value.found, caught.value.found
    assert set(stack.wheels()) == {"choosy-1.0-py3-none-any.whl", "chosen-2.0-py3-none-any.whl"}
    # Named as the message says it, the stack has what it needs.
    assert list(stack.build("chosen<2")) == ["chosen-1.0-py3-none-any.whl"]
    assert stack.build() == {}


def test_a_stack_for_other_platforms(stack, refusal):
    stack.write(platforms=["win_amd64", "macosx_arm64"])

    assert str(refusal("wheelless")) == (
        "No layer of the stack is for the platform that wheels are built on.\n"
        f"  where: {stack.spec}\n"
        "  found: macosx_arm64, win_amd64\n"
        "  expected: linux_x86_64\n"
        "  hint: build the wheels on a machine of the stack's own platform"
    )


def test_a_url_with_a_password(stack, refusal):
    stack.write()

    assert str(refusal("direct @ https://user:secret@example.org/direct-1.0.tar.gz?key=1")) == (
        "A wheel is built from the sdist that an index or a find-links folder has.\n"
        "  where: direct\n"
        "  found: https://example.org/direct-1.0.tar.gz\n"
        "  expected: a name and versions, such as 'demo==1.0'\n"
        "  hint: put the sdist into a folder, and name that in find-links of [tool.uv]"
    )
