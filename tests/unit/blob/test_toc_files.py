"""What is refused in a table of contents, and where it disagrees with a tar."""

from __future__ import annotations

from typing import Any

import pytest

from ocistacks.blob.toc import Toc
from ocistacks.blob.toc_files import ListedTree, list_tree, require_same_entries
from ocistacks.blob.tree_shape import TreeEntry
from ocistacks.digests import Digest
from ocistacks.errors import UnsafeContentError

DIGEST = Digest.of_bytes(b"content")
TOP: dict[str, Any] = {"type": "dir", "name": "app/", "mode": 0o755}
FILE: dict[str, Any] = {
    "type": "reg",
    "name": "app/file",
    "mode": 0o755,
    "size": 7,
    "digest": DIGEST,
    "offset": 100,
    "endOffset": 200,
}


def listed(*entries: dict[str, Any]) -> ListedTree:
    toc = Toc.model_validate({"version": 1, "entries": entries})
    return list_tree(toc, content_end=1000, maximum_size=100, maximum_entries=5)


def test_entries_as_the_tar_has_them() -> None:
    link = {"type": "symlink", "name": "app/link", "linkName": "file", "mode": 0o777}
    chunk = {"type": "chunk", "name": "app/file", "offset": 150, "chunkOffset": 4}

    tree = listed(TOP, FILE, chunk, link)

    assert (tree.install_target, tree.folders) == ("app", ("app",))
    assert [each.entry for each in tree.entries] == [
        TreeEntry(name="app/file", kind="reg", size=7, executable=True, digest=DIGEST.hex),
        TreeEntry(name="app/link", kind="symlink", link_name="file"),
    ]
    assert (tree.entries[0].start, tree.entries[0].end) == (100, 200)


def test_folders_that_the_table_leaves_out_come_before_what_they_hold() -> None:
    deep = FILE | {"name": "app/a/b/file"}

    assert listed(deep, TOP).folders == ("app", "app/a", "app/a/b")


REFUSED = {
    "absolute name": ([FILE | {"name": "/app/file"}], "the name is absolute"),
    "dot dot name": ([FILE | {"name": "app/../../file"}], "holds a .. component"),
    "second top folder": ([FILE | {"name": "other/file"}], "more than one top folder"),
    "beside the top folder": ([FILE | {"name": "file"}], "beside its one top folder"),
    "a name twice": ([FILE, FILE], "a name twice"),
    "below a file": ([FILE, FILE | {"name": "app/file/x"}], "below a name that is no folder"),
    "link away": (
        [{"type": "symlink", "name": "app/l", "linkName": "../../etc"}],
        "above the folder that holds the layers",
    ),
    "below a link": (
        [
            {"type": "symlink", "name": "app/l", "linkName": "."},
            FILE | {"name": "app/l/x"},
        ],
        "below a name that is no folder",
    ),
    "hard link to what is not there": (
        [{"type": "hardlink", "name": "app/h", "linkName": "etc/passwd"}],
        "does not point to a file before it",
    ),
    "device": ([{"type": "char", "name": "app/d"}], "holds a char entry"),
    "block device": ([{"type": "block", "name": "app/d"}], "holds a block entry"),
    "fifo": ([{"type": "fifo", "name": "app/f"}], "holds a fifo entry"),
    "set-user-id": ([FILE | {"mode": 0o4755}], "set-user-id"),
    "file without a digest": ([FILE | {"digest": None}], "where a file's content lies"),
    "file without a place": ([FILE | {"endOffset": 0}], "where a file's content lies"),
    "file behind the content": ([FILE | {"endOffset": 1001}], "where a file's content lies"),
    "file that ends before it begins": ([FILE | {"offset": 300}], "where a file's content lies"),
    "more bytes than allowed": ([FILE | {"size": 101}], "more than the blob may hold"),
    "more entries than allowed": (
        [FILE | {"name": f"app/{number}"} for number in range(5)],
        "more than the blob may hold",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    entries, fault = REFUSED[case]

    with pytest.raises(UnsafeContentError) as error:
        listed(TOP, *entries)

    assert fault in str(error.value)


def table(*entries: dict[str, Any]) -> Toc:
    return Toc.model_validate({"version": 1, "entries": entries})


FOUND = TreeEntry(name="app/file", kind="reg", size=7, executable=True, digest=DIGEST.hex)
DIFFERENT = {
    "name": FOUND._replace(name="app/x"),
    "size": FOUND._replace(size=8),
    "mode": FOUND._replace(executable=False),
    "content": FOUND._replace(digest="0" * 64),
    "kind": TreeEntry(name="app/file", kind="symlink", link_name="x"),
}


def test_a_table_that_agrees() -> None:
    require_same_entries(table(TOP, FILE), (TreeEntry(name="app", kind="dir"), FOUND))


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_table_that_differs_in_one_entry(case: str) -> None:
    with pytest.raises(UnsafeContentError, match="lists other files than its tar holds"):
        require_same_entries(table(TOP, FILE), (TreeEntry(name="app", kind="dir"), DIFFERENT[case]))


def test_a_table_that_leaves_something_out() -> None:
    with pytest.raises(UnsafeContentError) as error:
        require_same_entries(table(TOP), (TreeEntry(name="app", kind="dir"), FOUND))

    assert str(error.value) == (
        "A blob's table of contents lists other files than its tar holds.\n"
        "  where: app/file\n"
        "  found: in the table: no entry\n"
        f"  expected: as in the tar: executable file app/file, 7 bytes, {DIGEST}\n"
        "  hint: do not use this blob: its maker shows different readers different files"
    )


def test_the_digest_of_an_empty_file_may_be_left_out() -> None:
    empty = {"type": "reg", "name": "app/empty", "mode": 0o644}
    found = TreeEntry(name="app/empty", kind="reg", digest=Digest.of_bytes(b"").hex)

    require_same_entries(table(TOP, empty), (TreeEntry(name="app", kind="dir"), found))
