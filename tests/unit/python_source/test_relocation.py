import os
import subprocess
import sys

import pytest

from ocistacks.builder.python_source.recipe import RECORDED_PREFIX
from ocistacks.builder.python_source.relocation import (
    RECORDED_SOURCE,
    pkgconfig_file,
    refuse_leaked_paths,
    relocate,
    sysconfig_module,
)
from ocistacks.errors import BuildError


def generated_module(source_folder):
    return (
        "# system configuration generated and used by the sysconfig module\n"
        f"build_time_vars = {{'LIBDIR': '{RECORDED_PREFIX}/lib',\n"
        f" 'abs_srcdir': '{source_folder}', 'INSTALL': '/usr/bin/install -c', 'WITH': 1,\n"
        f" 'BOTH': '-L{RECORDED_PREFIX}/lib -I{source_folder}/Include ' 'and much more text'}}\n"
    )


def test_sysconfig_data_is_the_same_for_every_source_folder():
    short = sysconfig_module(generated_module("/w"), "/w")
    deep = "/a/folder/that/is/much/deeper/than/the/other/one/so/that/lines/break/elsewhere"
    assert short == sysconfig_module(generated_module(deep), deep)


def test_sysconfig_data_follows_the_interpreter():
    namespace = {}
    exec(sysconfig_module(generated_module("/w/src"), "/w/src"), namespace)
    assert namespace["build_time_vars"] == {
        "LIBDIR": f"{sys.base_prefix}/lib",
        "abs_srcdir": RECORDED_SOURCE,
        "INSTALL": "/usr/bin/install -c",
        "WITH": 1,
        "BOTH": f"-L{sys.base_prefix}/lib -I{RECORDED_SOURCE}/Include and much more text",
    }


def test_a_pc_file_follows_its_own_folder():
    text = f"prefix={RECORDED_PREFIX}\nexec_prefix=${{prefix}}\nlibdir=${{exec_prefix}}/lib\n"
    assert pkgconfig_file(text) == (
        "prefix=${pcfiledir}/../..\nexec_prefix=${prefix}\nlibdir=${exec_prefix}/lib\n"
    )
    assert pkgconfig_file(f"exec_prefix={RECORDED_PREFIX}\n") == "exec_prefix=${pcfiledir}/../..\n"


def installed_tree(root, source_folder):
    library = root / "lib" / "python3.13"
    (library / "config-3.13-x86_64-linux-gnu").mkdir(parents=True)
    (root / "lib" / "pkgconfig").mkdir()
    (library / "_sysconfigdata__linux_x.py").write_text(generated_module(source_folder))
    makefile = library / "config-3.13-x86_64-linux-gnu" / "Makefile"
    makefile.write_text(f"abs_builddir=\t{source_folder}\nprefix=\t{RECORDED_PREFIX}\n")
    makefile.chmod(0o444)
    (root / "lib" / "pkgconfig" / "python-3.13.pc").write_text(f"prefix={RECORDED_PREFIX}\n")
    (root / "lib" / "pkgconfig" / "python3.pc").symlink_to("python-3.13.pc")
    return root


def test_an_installed_tree_is_freed_of_the_build_path(tmp_path):
    source_folder = tmp_path / "source" / "Python-3.13.5"
    tree = installed_tree(tmp_path / "python", source_folder)
    with pytest.raises(BuildError) as caught:
        refuse_leaked_paths(tree, [source_folder])
    assert str(caught.value) == (
        "The runtime still holds paths of the folder that it was built in.\n"
        "  found: lib/python3.13/_sysconfigdata__linux_x.py, "
        "lib/python3.13/config-3.13-x86_64-linux-gnu/Makefile\n"
        "  expected: no such path: the archive must not depend on where it was built\n"
        "  hint: this release needs another recipe; please report it"
    )
    relocate(tree, "3.13", source_folder)
    refuse_leaked_paths(tree, [source_folder])
    makefile = tree / "lib/python3.13/config-3.13-x86_64-linux-gnu/Makefile"
    assert makefile.read_text() == f"abs_builddir=\t{RECORDED_SOURCE}\nprefix=\t{RECORDED_PREFIX}\n"
    assert (tree / "lib/pkgconfig/python3.pc").is_symlink()
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import _sysconfigdata__linux_x as data;"
        "print(data.build_time_vars['LIBDIR'])"
    )
    library = os.fspath(tree / "lib" / "python3.13")
    printed = subprocess.run(
        [sys.executable, "-c", program, library], capture_output=True, text=True, check=True
    ).stdout
    assert printed == f"{sys.base_prefix}/lib\n"


def test_another_layout_is_an_error(tmp_path):
    tree = installed_tree(tmp_path, "/w")
    next(tree.glob("lib/python3.13/_sysconfigdata*")).write_text("variables = {}\n")
    with pytest.raises(BuildError) as caught:
        relocate(tree, "3.13", tmp_path)
    assert str(caught.value) == (
        "The installed CPython is not laid out as the recipe knows it.\n"
        "  where: _sysconfigdata\n"
        "  found: no assignment to build_time_vars\n"
        "  hint: this release needs another recipe; please report it"
    )
    with pytest.raises(BuildError) as caught:
        relocate(tree, "3.14", tmp_path)
    assert caught.value.where == "python3.14/_sysconfigdata_*.py"
    assert caught.value.found == "no such file"
