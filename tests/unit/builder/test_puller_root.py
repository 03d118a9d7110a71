"""What the puller's root is made of, as far as no image is needed for it."""

import subprocess
import sys
from pathlib import Path

from ocistacks.builder.puller_root import command, libraries

ROOT = Path(__file__).parents[3]
LDD = """\
\tlinux-vdso.so.1 (0x00007ffe0b1f2000)
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f0a1c000000)
\tlibpython3.13.so.1.0 => /usr/local/lib/libpython3.13.so.1.0 (0x00007f0a1b000000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f0a1c200000)
"""


def test_libraries_and_the_loader_are_found():
    assert libraries(LDD) == [
        Path("/lib/x86_64-linux-gnu/libm.so.6"),
        Path("/usr/local/lib/libpython3.13.so.1.0"),
        Path("/lib64/ld-linux-x86-64.so.2"),
    ]
    assert libraries("\tstatically linked\n") == []


def test_the_libraries_of_a_real_program_are_there():
    told = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    found = libraries(told)
    assert [path.name for path in found if path.name.startswith("libc.so")] != []
    assert all(path.exists() for path in found)


def test_the_command_is_a_program_that_no_environment_changes():
    first, *_rest = command(Path("/usr/bin/python3.11")).splitlines()
    assert first == "#!/usr/bin/python3.11 -IBS"
    compile(command(Path(sys.executable)), "ocistacks", "exec")


def test_the_puller_has_the_versions_that_the_package_is_tested_with():
    def pins(path):
        lines = (ROOT / path).read_text().splitlines()
        return {line.partition(" ")[0] for line in lines if "==" in line.partition(" ")[0]}

    puller = pins("src/ocistacks/builder/image/puller-requirements.txt")
    assert len(puller) == 19
    assert puller <= pins("scripts/requirements.txt")
