"""What goes into a container and comes out of it are tar streams, which any tar reads."""

import io
import tarfile

import pytest
from docker.models.containers import Container

from ocistacks.builder.engine import receive, send
from ocistacks.errors import EngineError, TargetError


class Archive(Container):
    """A container of which only the archive calls are used."""

    def __init__(self, content=b"", chunk=7):
        super().__init__()
        self.content = content
        self.chunk = chunk

    def put_archive(self, path, data):
        self.path, self.content = path, b"".join(data)
        return True

    def get_archive(self, path, chunk_size=0, encode_stream=False):
        chunks = range(0, len(self.content), self.chunk)
        return (self.content[at : at + self.chunk] for at in chunks), {"name": path}


def tar_of(*members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_files_and_folders_are_sent_for_every_user(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    (tmp_path / "large").chmod(0o400)
    container = Archive()
    entries = [("request.json", b"{}"), ("a" * 64, tmp_path / "large"), ("build", None)]
    send(container, "/work", [*entries, ("empty", b"")])
    assert container.path == "/work"
    with tarfile.open(fileobj=io.BytesIO(container.content)) as archive:
        members = archive.getmembers()
        contents = [archive.extractfile(member) for member in members]
        read = [stream.read() if stream else None for stream in contents]
    assert [(member.name, member.mode, member.mtime, member.uid) for member in members] == [
        ("request.json", 0o644, 0, 0),
        ("a" * 64, 0o644, 0, 0),
        ("build", 0o777, 0, 0),
        ("empty", 0o644, 0, 0),
    ]
    assert read == [b"{}", b"x" * 3_000_000, None, b""]


@pytest.mark.parametrize("chunk", [1, 511, 512, 5000, 1 << 20])
def test_a_file_comes_out_whole_however_it_is_cut(tmp_path, chunk):
    content = bytes(range(256)) * 17
    container = Archive(tar_of((tarfile.TarInfo("blob"), content)), chunk)
    receive(container, "/work/blob", tmp_path / "blob")
    assert (tmp_path / "blob").read_bytes() == content


def link():
    member = tarfile.TarInfo("blob")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return tar_of((member, b""))


@pytest.mark.parametrize("content", [link(), tar_of()], ids=["link", "nothing"])
def test_what_is_no_file_is_refused(tmp_path, content):
    with pytest.raises(EngineError) as caught:
        receive(Archive(content), "/work/blob", tmp_path / "blob")
    assert str(caught.value) == (
        "The container engine gives no file back.\n  where: /work/blob\n  expected: a regular file"
    )
    assert not (tmp_path / "blob").exists()


def test_a_place_that_cannot_be_written_is_told_of(tmp_path):
    container = Archive(tar_of((tarfile.TarInfo("blob"), b"content")))
    with pytest.raises(TargetError) as caught:
        receive(container, "/work/blob", tmp_path / "missing" / "blob")
    assert caught.value.where == str(tmp_path / "missing" / "blob")
    assert caught.value.found == "No such file or directory"
