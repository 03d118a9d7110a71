"""Which files of a launch or support module belong to its application.

venvstacks' "Source tree content filtering": in a git work tree everything that git does not ignore,
elsewhere everything but `__pycache__`. A module that is a single file is always taken.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ocistacks.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dulwich.ignore import IgnoreFilterManager
    from dulwich.index import Index


class SourceFilter(Protocol):
    """What decides which entries of a module's folders are left out."""

    def leaves_out(self, path: Path, *, is_folder: bool) -> bool:
        """Tell whether ``path`` (absolute) is left out; what is in such a folder is not asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheFilter:
    """Leaves out compiled files where no version control tells more."""

    def leaves_out(self, path: Path, *, is_folder: bool) -> bool:
        """Tell whether ``path`` is a folder of compiled files."""
        return path.name == "__pycache__"


@dataclass(frozen=True, kw_only=True, slots=True)
class GitFilter:
    """Leaves out what git ignores, and what belongs to git itself.

    The rules are those of the work tree alone (.gitignore files and .git/info/exclude): the user's
    own global rules would make the same checkout mean something else on another machine.
    """

    work_tree: Path
    rules: IgnoreFilterManager
    index: Index

    def leaves_out(self, path: Path, *, is_folder: bool) -> bool:
        """Tell whether git ignores ``path`` and does not track it nevertheless."""
        if path.name.startswith(".git") or not path.is_relative_to(self.work_tree):
            return True
        relative = path.relative_to(self.work_tree).as_posix()
        if os.fsencode(relative) in self.index:
            return False
        return bool(self.rules.is_ignored(f"{relative}/" if is_folder else relative))


def source_filter(folder: Path) -> SourceFilter:
    """Return the filter for a module in ``folder`` (absolute): that of its git work tree, if any.

    Raises SpecError where the work tree's metadata cannot be read.
    """
    from dulwich.errors import NotGitRepository

    for work_tree in (folder, *folder.parents):
        metadata = work_tree / ".git"
        if not metadata.exists():
            continue
        try:
            return _git_filter(work_tree)
        except NotGitRepository:
            continue  # git too goes on to the next folder up
        except (OSError, ValueError, AssertionError) as error:
            raise SpecError(
                "It cannot be told which files of the stack's modules git ignores.",
                where=str(metadata),
                found=str(error),
                expected="the metadata of a git work tree",
            ) from error
    return CacheFilter()


def walk_module(folder: Path) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """Yield a package's folders, top down and sorted, each with its sorted files.

    ``folder`` is absolute; a link to a folder is neither yielded nor followed. Raises SpecError
    where ``folder`` itself is left out: the application would have an empty module.
    """
    chosen = source_filter(folder.parent)
    if chosen.leaves_out(folder, is_folder=True):
        raise SpecError(
            "A module of the stack is left out of version control, so that it would be empty.",
            where=str(folder),
            expected="a package folder that git does not ignore",
            hint="except it in .gitignore",
        )
    yield from _walk(folder, chosen)


def _walk(folder: Path, chosen: SourceFilter) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    kept = [e for e in entries if not chosen.leaves_out(e, is_folder=e.is_dir())]
    yield folder, tuple(entry for entry in kept if entry.is_file())
    for entry in kept:
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry, chosen)


def _git_filter(work_tree: Path) -> GitFilter:
    from dulwich.ignore import IgnoreFilter, IgnoreFilterManager
    from dulwich.repo import Repo

    with Repo(str(work_tree)) as repository:
        exclude = Path(repository.commondir()) / "info" / "exclude"
        rules = [IgnoreFilter.from_path(exclude)] if exclude.exists() else []
        return GitFilter(
            work_tree=work_tree,
            rules=IgnoreFilterManager(str(work_tree), rules, ignorecase=False),
            index=repository.open_index(),
        )
