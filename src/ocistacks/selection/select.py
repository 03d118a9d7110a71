"""From a wish to the operations on each layer, by the rules of venvstacks 0.8."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.selection.model import Operations, Selection, When, Wish
from ocistacks.spec.model import lower_layers
from ocistacks.spec.names import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ocistacks.platforms import Platform
    from ocistacks.spec.model import StackSpec


def select_layers(stack: StackSpec, wish: Wish, platforms: Iterable[Platform]) -> Selection:
    """Return what ``wish`` means for each layer of ``stack``; ``platforms`` are built for.

    What is not locked, built or published is left out of the operations that follow it. Layers
    that included ones stand on are locked and built where that is needed for them; those that stand
    on a layer that is locked are locked as well.

    Raises:
        UsageError: a pattern matches no layer, or the wish contradicts itself about one.
    """
    warnings: list[str] = []
    included = _matching(stack, wish.include, wish, warnings, option="--include")
    reset = _matching(stack, wish.reset_lock, wish, warnings, option="--reset-lock")
    if not wish.include:
        included = {layer.environment_name for layer in stack.layers}
    rules = _rules(wish)
    dependencies, derived = _related(stack, included, rules)
    _refuse_contradiction(sorted(dependencies & derived), rules)
    operations: dict[str, Operations] = {}
    buildable = set(platforms)
    for layer in stack.layers:
        name = layer.environment_name
        if name in included:
            build = When.ALWAYS if wish.build else When.NEVER
            chosen = Operations(lock=wish.lock, build=build, publish=wish.publish)
        elif name in dependencies:
            chosen = rules.of_dependencies
        elif name in derived:
            chosen = rules.of_derived
        else:
            continue
        may_reset = chosen.lock is When.ALWAYS or (name in included and wish.lock is not When.NEVER)
        operations[name] = _narrowed(
            chosen,
            reset=name in reset and may_reset,
            elsewhere=buildable.isdisjoint(layer.platforms),
        )
    return Selection(operations=operations, warnings=tuple(warnings))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rules:
    """What is done with layers that are not included themselves."""

    of_dependencies: Operations
    of_derived: Operations


def _rules(wish: Wish) -> _Rules:
    locked = wish.lock is When.ALWAYS
    lock_dependencies = locked and wish.lock_dependencies
    build_dependencies = wish.build and wish.build_dependencies
    publish_dependencies = wish.publish and wish.publish_dependencies
    if locked and not lock_dependencies:
        build_dependencies = publish_dependencies = False
    build_derived = wish.build and wish.build_derived
    publish_derived = wish.publish and wish.publish_derived
    if wish.build:
        publish_dependencies = publish_dependencies and build_dependencies
        publish_derived = publish_derived and build_derived
    return _Rules(
        of_dependencies=Operations(
            lock=When.ALWAYS if lock_dependencies else When.IF_NEEDED,
            build=When.ALWAYS if build_dependencies else When.IF_NEEDED,
            publish=publish_dependencies,
        ),
        of_derived=Operations(
            lock=When.ALWAYS if locked else When.NEVER,
            build=When.ALWAYS if build_derived else When.NEVER,
            publish=publish_derived,
        ),
    )


def _related(
    stack: StackSpec, included: Collection[str], rules: _Rules
) -> tuple[set[str], set[str]]:
    dependencies: set[str] = set()
    derived: set[str] = set()
    for layer in stack.layers:
        below = {lower.environment_name for lower in lower_layers(layer)}
        if layer.environment_name in included:
            dependencies |= below - set(included)
        elif rules.of_derived.names and below & set(included):
            derived.add(layer.environment_name)
    return dependencies, derived


def _refuse_contradiction(both: Sequence[str], rules: _Rules) -> None:
    """Refuse layers between included ones that would be treated in two ways."""
    if not both:
        return
    below, above = rules.of_dependencies, rules.of_derived
    for what, differ, options in (
        (
            "locking",
            (below.lock is When.ALWAYS) != (above.lock is When.ALWAYS),
            "--lock-dependencies",
        ),
        (
            "building",
            (below.build is When.ALWAYS) != (above.build is When.ALWAYS),
            "--build-dependencies and --build-derived together, or neither",
        ),
        (
            "publishing",
            below.publish != above.publish,
            "--publish-dependencies and --publish-derived together, or neither",
        ),
    ):
        if differ:
            raise UsageError(
                f"The options contradict each other about {what}.",
                where=", ".join(both),
                found="layers that stand on an included one, while another included one stands on "
                "them",
                hint=f"include them too, or give {options}",
            )


def _narrowed(chosen: Operations, *, reset: bool, elsewhere: bool) -> Operations:
    """Return the operations with the lock's reset, and without what other platforms need."""
    return Operations(
        lock=chosen.lock,
        build=When.NEVER if elsewhere else chosen.build,
        publish=chosen.publish and not elsewhere,
        reset_lock=reset,
    )


def _matching(
    stack: StackSpec, patterns: Sequence[str], wish: Wish, warnings: list[str], *, option: str
) -> set[str]:
    names = [layer.environment_name for layer in stack.layers]
    found = {name for name in names for pattern in patterns if fnmatchcase(name, pattern)}
    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in names):
            continue
        if wish.allow_missing:
            warnings.append(f"{option} {pattern!r} matches no layer of {stack.path.name}")
            continue
        near = nearest(pattern, names)
        meant = f"did you mean {near!r}? " if near else ""
        raise UsageError(
            "A pattern matches no layer.",
            where=option,
            found=repr(pattern),
            expected=", ".join(names) or "no layer: the specification declares none",
            hint=f"{meant}--allow-missing makes it a warning",
        )
    return found
