"""What the recipe says and leaves behind where it cannot go on; nothing is compiled here."""

import tarfile

import pytest

from ocistacks.builder.python_source import recipe
from ocistacks.builder.python_source.build import main
from ocistacks.builder.python_source.processes import ToolRunner
from ocistacks.builder.python_source.sources import KNOWN_RELEASES
from ocistacks.builder.python_source.unpacking import SourceTree
from ocistacks.digests import Digest
from ocistacks.errors import BuildError


@pytest.fixture
def release(tmp_path):
    """A small tarball in a release's form."""
    path = tmp_path / "release.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        archive.addfile(tarfile.TarInfo("Python-3.13.5/configure"))
    return path


def arguments(release, tmp_path, *more):
    output, work = tmp_path / "python.tar.zst", tmp_path / "work"
    return ["--source", str(release), "--output", str(output), "--work", str(work), *more]


def test_an_unknown_tarball_is_refused_before_anything_is_made(release, tmp_path, capsys):
    assert main(arguments(release, tmp_path)) == 8
    known = " or ".join(tarball.digest for tarball in KNOWN_RELEASES.values())
    assert capsys.readouterr() == (
        "",
        (
            "The CPython release tarball is not the one that was asked for.\n"
            "  where: release.tar.xz\n"
            f"  found: {Digest.of_file(release)}\n"
            f"  expected: {known}\n"
            "  hint: fetch it again, from another mirror\n"
        ),
    )
    assert not (tmp_path / "work").exists()


def test_a_used_work_folder_is_refused(release, tmp_path, capsys):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine").write_text("keep")
    sha256 = Digest.of_file(release).hex
    assert main(arguments(release, tmp_path, "--sha256", sha256)) == 9
    assert capsys.readouterr().err == (
        "CPython is built in a folder of its own.\n"
        f"  where: {tmp_path / 'work'}\n"
        "  found: a folder with files in it\n"
        "  expected: an empty folder, or none yet\n"
    )
    assert (tmp_path / "work" / "mine").read_text() == "keep"


def test_a_work_folder_that_is_a_file_is_refused(release, tmp_path, capsys):
    (tmp_path / "work").write_text("a file")
    assert main(arguments(release, tmp_path, "--sha256", Digest.of_file(release).hex)) == 9
    assert capsys.readouterr().err == (
        "The folder to build CPython in cannot be used.\n"
        f"  where: {tmp_path / 'work'}\n"
        f"  found: [Errno 17] File exists: '{tmp_path / 'work'}'\n"
    )


def test_a_failing_tool_is_shown_with_the_end_of_its_output(tmp_path):
    log = tmp_path / "build.log"
    runner = ToolRunner(environment={"PATH": "/usr/bin:/bin", "NAME": "value"}, log=log)
    program = "for i in $(seq 30); do echo line $i; done; umask; echo $NAME >&2; exit 3"
    with pytest.raises(BuildError) as caught:
        runner.run("compile CPython", ["sh", "-c", program], folder=tmp_path)
    shown = "".join(f"\n    line {number}" for number in range(13, 31))
    assert str(caught.value) == (
        "A tool failed while it should compile CPython.\n"
        "  where: sh\n"
        f"  found: exit code 3{shown}\n    0022\n    value\n"
        f"  hint: the whole output is in {log}"
    )
    assert log.read_text().startswith(f"$ sh -c {program}\nline 1\n")


def test_a_tool_whose_output_is_read_tells_its_own_error(tmp_path):
    log = tmp_path / "build.log"
    runner = ToolRunner(environment={"PATH": "/usr/bin:/bin"}, log=log)
    assert runner.read("ask", ["sh", "-c", "echo answer"], folder=tmp_path) == "answer\n"
    with pytest.raises(BuildError) as caught:
        runner.read("ask", ["sh", "-c", "echo why >&2; exit 1"], folder=tmp_path)
    assert caught.value.found == "exit code 1\n    why"
    with pytest.raises(BuildError) as caught:
        runner.read("ask", ["/nowhere/tool"], folder=tmp_path)
    assert caught.value.found == "[Errno 2] No such file or directory: '/nowhere/tool'"


def test_missing_tools_are_named_together(tmp_path):
    runner = ToolRunner(environment={"PATH": str(tmp_path)}, log=tmp_path / "log")
    with pytest.raises(BuildError) as caught:
        runner.require(["gcc", "make"])
    assert str(caught.value) == (
        "CPython cannot be built here: tools are missing.\n"
        "  found: no gcc, no make\n"
        "  expected: gcc, make\n"
        "  hint: build in the image of Containerfile.builder's target python-source"
    )


def test_the_environment_of_a_build_is_fixed(tmp_path, monkeypatch):
    monkeypatch.setenv("CFLAGS", "-march=native")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/elsewhere")
    source = SourceTree(folder=tmp_path, version="3.13.5", minor="3.13", epoch=1_749_656_217)
    environment = recipe.build_environment(source, tmp_path / "home")
    assert environment.keys() == {
        "HOME",
        "LC_ALL",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED",
        "SOURCE_DATE_EPOCH",
        "TMPDIR",
        "TZ",
    }
    assert environment["SOURCE_DATE_EPOCH"] == "1749656217"


def test_the_import_check_names_what_is_missing(capsys):
    exec(recipe.import_check(("json", "no_such_module", "xml.nothing")), {})
    assert capsys.readouterr().out == (
        "no_such_module: No module named 'no_such_module'\n"
        "xml.nothing: No module named 'xml.nothing'\n"
    )
