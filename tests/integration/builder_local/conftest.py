"""A small Debian archive of our own, as a folder and over HTTP, for the apt of this machine."""

import http.server
import subprocess
import threading

import pytest

from ocistacks.builder.toolchain_root import toolchain_packages
from ocistacks.digests import Digest

PROGRAM = "#!/bin/sh\necho this is {name}\n"


class Archive:
    """A flat archive (sources.list(5)) in ``folder``, of tiny packages of this architecture."""

    def __init__(self, folder):
        self.folder = folder
        self.index = {}
        asked = subprocess.run(
            ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
        )
        self.architecture = asked.stdout.strip()

    def add(self, name, *, version="1.0", depends="", place="usr/bin"):
        """Make a package with one program, which says its name, and a page of documentation."""
        tree = self.folder / "trees" / name
        for folder in ("DEBIAN", place, f"usr/share/doc/{name}"):
            (tree / folder).mkdir(parents=True, exist_ok=True)
        program = tree / place / name
        program.write_text(PROGRAM.format(name=name))
        program.chmod(0o4755)
        (tree / "usr/share/doc" / name / "copyright").write_text("none")
        # Nothing of a package may run: these scripts would not go unnoticed.
        for script in ("preinst", "postinst"):
            (tree / "DEBIAN" / script).write_text("#!/bin/sh\nexit 1\n")
            (tree / "DEBIAN" / script).chmod(0o755)
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: {self.architecture}\n"
            f"Maintainer: nobody <nobody@example.org>\nDescription: {name}\n"
        )
        control += f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN" / "control").write_text(control)
        file = self.folder / f"{name}_{version}_{self.architecture}.deb"
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, file]
        subprocess.run(command, capture_output=True, check=True)
        self.index[name] = (
            f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\n"
            f"SHA256: {Digest.of_file(file).hex}\n"
        )
        (self.folder / "Packages").write_text("\n".join(self.index.values()))
        return file


@pytest.fixture
def archive(tmp_path):
    """An empty archive."""
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "Packages").touch()
    return Archive(folder)


@pytest.fixture
def toolchain_archive(archive):
    """An archive with something by the name of every package of the toolchain."""
    for name in toolchain_packages():
        # A package from before /usr was merged, and one that others need.
        place = "bin" if name == "dash" else "usr/bin"
        archive.add(name, place=place, depends="" if name == "libc6-dev" else "libc6-dev")
    return archive


@pytest.fixture
def use_source(tmp_path, monkeypatch):
    """A function that makes one line the only source of this machine's apt, with a hook in it."""

    def use(line):
        (tmp_path / "sources.list").write_text(f"{line}\n")
        settings = tmp_path / "machine.conf"
        settings.write_text(
            f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            f'APT::Update::Pre-Invoke {{ "touch {tmp_path}/hook-ran"; }};\n'
            'Acquire::http::Proxy::127.0.0.1 "DIRECT";\n'
        )
        monkeypatch.setenv("APT_CONFIG", str(settings))

    return use


class Mirror:
    """The archive over HTTP; a request for a name in ``held`` is answered when ``release`` is."""

    def __init__(self):
        self.asked = []
        self.held = set()
        self.waiting = threading.Event()
        self.release = threading.Event()
        self.address = ""


@pytest.fixture
def mirror(archive):
    state = Mirror()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=str(archive.folder))

        def do_GET(self):
            name = self.path.rpartition("/")[2]
            state.asked.append(name)
            if name in state.held:
                state.waiting.set()
                state.release.wait(60)
            # A client that was killed is not there to be answered.
            try:
                super().do_GET()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    yield state
    state.release.set()
    server.shutdown()
    thread.join()
    server.server_close()
