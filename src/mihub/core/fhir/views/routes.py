"""Plain paths and conditions as closures over JSON: `a.b.c`, where(x = 'y'), first(), [n], ofType(), extension(url), keys.

A route knows the type it leads to, so its values need no wrapping. Whatever does not look as R4 says (a list where one
value belongs, an element with extensions in place of a value) raises `Odd`: FHIRPath itself then decides. Above: `direct`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from mihub.core.fhir.fhirpath import nodes
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.types import Model, Step, TypeInfo
from mihub.core.fhir.views.keys import reference_key, resource_key
from mihub.core.fhir.views.trail import At, Child, Listed, ReferenceKey, ResourceKey, Trail, Where

_Get = Callable[[Any], Any]
_Test = Callable[[Any], bool]
# Primitives whose System value is the JSON text itself.
_TEXTS: Final = frozenset(
    ["string", "code", "uri", "url", "canonical", "id", "oid", "uuid", "markdown", "base64Binary"]
)
_NONE: Final[tuple[Any, ...]] = ()


class Odd(Exception):
    """The resource has a shape that a direct route does not decide."""


@dataclass(frozen=True, slots=True)
class Route:
    """From a node to one value or None, or (`many`) to a sequence of values without nulls.

    `keys`: a chain of single children, not yet a closure. `step`: the last step, when nothing was picked after it.
    `sieve`: where the values of a `many` come from, one by one, so that the first can be had without all the others.
    `trail`: the same way as values, None where there are no words for it.
    """

    kind: TypeInfo
    many: bool = False
    keys: tuple[str, ...] = ()
    get: _Get | None = None
    step: Step | None = None
    sieve: Sieve | None = None
    trail: Trail | None = None

    @property
    def getter(self) -> _Get:
        """The closure."""
        return self.get or _chain(self.keys)


@dataclass(frozen=True, slots=True)
class Sieve:
    """Of the objects that `items` gives, those that pass `test` (None: all), and of each of them the child `step`."""

    items: _Get
    test: _Test | None
    step: Step | None = None


class Router:
    """Makes routes; None for what has to be run in FHIRPath."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def route(self, node: Node, kind: TypeInfo) -> Route | None:
        """From a node of this type along the expression."""
        match node:
            case nodes.Special(name="this"):
                return Route(kind, trail=())
            case nodes.Member(source=None, name=name):
                # A type's name at the start stands for the item of that type.
                begin = Route(kind, trail=())
                return begin if kind.is_a(name) else self._child(begin, name)
            case nodes.Member(source=source, name=name) if source is not None:
                inner = self.route(source, kind)
                return None if inner is None else self._child(inner, name)
            case nodes.Index(source=source, index=nodes.Literal(value=int() as place)):
                return self._at(self.route(source, kind), place)
            case nodes.Call():
                return self._call(node, kind)
            case _:
                return None

    def test(self, node: Node, kind: TypeInfo) -> _Test | None:
        """Whether the expression, which gives a Boolean or nothing, gives true on a node of this type."""
        match node:
            case nodes.Binary(operator="and" | "or" as operator, left=left, right=right):
                one, other = self.test(left, kind), self.test(right, kind)
                if one is None or other is None:
                    return None
                return _both(one, other) if operator == "and" else _either(one, other)
            case nodes.Binary(operator="=", left=left, right=nodes.Literal(value=str() as text)):
                return _equals(self.route(left, kind), text)
            case nodes.Binary(operator="=", left=nodes.Literal(value=str() as text), right=right):
                return _equals(self.route(right, kind), text)
            case nodes.Call(
                source=source, name="startsWith", arguments=(nodes.Literal(value=str() as text),)
            ) if source is not None:
                return _starts(self.route(source, kind), text)
            case nodes.Call(source=source, name="exists", arguments=()) if source is not None:
                return _exists(self.route(source, kind))
            case nodes.Call(source=source, name="empty", arguments=()) if source is not None:
                found = _exists(self.route(source, kind))
                return None if found is None else lambda value: not found(value)
            case nodes.Call(source=source, name="exists", arguments=(criteria,)) if source is not None:
                return _exists(self._where(self.route(source, kind), criteria))
            case _:
                return None

    def is_decided(self, node: Node) -> bool:
        """Whether the expression gives true or false on everything, never nothing."""
        return isinstance(node, nodes.Call) and node.name in ("exists", "empty")

    def _call(self, node: nodes.Call, kind: TypeInfo) -> Route | None:
        match node:
            case nodes.Call(source=None, name="getResourceKey"):
                return self._resource_key(Route(kind, trail=()))
            case nodes.Call(source=nodes.Member() as source, name="ofType", arguments=(argument,)):
                return self._of_type(source, argument, kind)
            case nodes.Call(source=None, name="extension" | "getReferenceKey"):
                inner: Route | None = Route(kind, trail=())
            case nodes.Call(source=source) if source is not None:
                inner = self.route(source, kind)
            case _:
                return None
        if inner is None:
            return None
        match node:
            case nodes.Call(name="first", arguments=()):
                return self._at(inner, 0)
            case nodes.Call(name="where", arguments=(criteria,)):
                return self._where(inner, criteria)
            case nodes.Call(name="extension", arguments=(nodes.Literal(value=str() as url),)):
                return self._extension(inner, url)
            case nodes.Call(name="getReferenceKey", arguments=() | (nodes.Literal(),)):
                return self._reference_key(inner, node.arguments)
            case nodes.Call(name="getResourceKey"):
                return self._resource_key(inner)
            case _:
                return None

    def _child(self, source: Route, name: str) -> Route | None:
        if source.kind.primitive:
            return None
        steps = source.kind.step(name)
        if len(steps) != 1 or f"{name}[x]" in source.kind.elements:
            return None
        return _stepped(source, steps[0], many=source.kind.elements[name][2] != "1")

    def _of_type(self, source: nodes.Member, argument: Node, kind: TypeInfo) -> Route | None:
        """One type of a choice. Types that derive from it are keys of their own and left to FHIRPath."""
        inner = Route(kind, trail=()) if source.source is None else self.route(source.source, kind)
        wanted = nodes.type_name(argument)
        if inner is None or wanted is None or wanted.namespace not in ("", "FHIR"):
            return None
        if inner.kind.primitive or f"{source.name}[x]" not in inner.kind.elements:
            return None
        if source.source is None and kind.is_a(source.name):
            return None
        target = self._model.type(wanted.name)
        if target is None:
            return None
        fits = [
            step for step in inner.kind.step(source.name)
            if step.type is not None
            and (step.type is target if target.primitive else step.type.is_a(target.name))
        ]  # fmt: skip
        return _stepped(inner, fits[0], many=False) if len(fits) == 1 else None

    def _at(self, source: Route | None, place: int) -> Route | None:
        if source is None or isinstance(place, bool) or place < 0:
            return None
        get = source.getter
        if not source.many:
            return source if place == 0 else None
        trail = _on(source, At(place))
        if place == 0 and source.sieve is not None:
            return Route(source.kind, get=_first(source.sieve, get), trail=trail)

        def pick(node: Any) -> Any:
            found = get(node)
            return found[place] if len(found) > place else None

        return Route(source.kind, get=pick, trail=trail)

    def _where(self, source: Route | None, criteria: Node) -> Route | None:
        if source is None or source.kind.primitive:
            return None
        test = self.test(criteria, source.kind)
        if test is None:
            return None
        pairs = self._pairs(criteria, source.kind)
        return _filtered(source, test, Where(pairs) if pairs else Where(test=test))

    def _pairs(self, criteria: Node, kind: TypeInfo) -> tuple[tuple[str, str], ...]:
        """`a = 'x' and b = 'y'` as keys with their texts; () when it is anything else."""
        match criteria:
            case nodes.Binary(operator="and", left=left, right=right):
                one, other = self._pairs(left, kind), self._pairs(right, kind)
                return (*one, *other) if one and other else ()
            case nodes.Binary(operator="=", left=path, right=nodes.Literal(value=str() as text)):
                pass
            case nodes.Binary(operator="=", left=nodes.Literal(value=str() as text), right=path):
                pass
            case _:
                return ()
        route = self.route(path, kind)
        return (
            ((route.keys[0], text),) if route and len(route.keys) == 1 and route.kind.name in _TEXTS else ()
        )

    def _extension(self, source: Route, url: str) -> Route | None:
        inner = self._child(source, "extension")
        # An url that is no text is nobody's: not odd, so no pair of `Where`.
        test = _url_is(url)
        return None if inner is None else _filtered(inner, test, Where(test=test))

    def _reference_key(self, source: Route, arguments: tuple[Node, ...]) -> Route | None:
        wanted = arguments[0].value if arguments and isinstance(arguments[0], nodes.Literal) else None
        if wanted is not None and not isinstance(wanted, str):
            return None
        return self._mapped(source, lambda value: reference_key(value, wanted), ReferenceKey(wanted))

    def _resource_key(self, source: Route) -> Route | None:
        return self._mapped(source, resource_key, ResourceKey())

    def _mapped(self, source: Route, key: _Get, step: ReferenceKey | ResourceKey) -> Route | None:
        kind, get = self._model.type("id"), source.getter
        if kind is None or source.kind.primitive:
            return None
        if not source.many:
            return Route(kind, get=lambda node: key(get(node)), trail=_on(source, step))

        def each(node: Any) -> Any:
            return [found for found in map(key, get(node)) if found is not None]

        return Route(kind, many=True, get=each)


def _stepped(source: Route, step: Step, *, many: bool) -> Route | None:
    if step.type is None:
        return None
    kept = step.key, step.shadow, step.type.primitive
    trail = _on(source, Listed(*kept) if many else Child(*kept))
    if not source.many and not many:
        if source.get is None:
            return Route(step.type, keys=(*source.keys, step.key), step=step, trail=trail)
        return Route(step.type, get=_then(source.get, step.key), step=step, trail=trail)
    if source.many:
        sieve = None
        if not many and source.sieve is not None and source.sieve.step is None:
            sieve = Sieve(source.sieve.items, source.sieve.test, step)
        pick = _picker(step, many)
        return Route(
            step.type, many=True, get=_gathered(source.getter, pick), step=step, sieve=sieve, trail=trail
        )
    opened = _opened(source, step)
    return Route(step.type, many=True, get=opened, step=step, sieve=Sieve(opened, None), trail=trail)


def _on(source: Route, step: Child | Listed | At | Where | ReferenceKey | ResourceKey) -> Trail | None:
    return None if source.trail is None else (*source.trail, step)


def _url_is(url: str) -> _Test:
    return lambda each: bool(each.get("url") == url)


def _chain(keys: tuple[str, ...]) -> _Get:
    if not keys:
        return lambda node: node
    *before, key = keys
    if not before:
        return lambda node: node.get(key)
    return _pair(before[0], key) if len(before) == 1 else _then(_chain(tuple(before)), key)


def _pair(first: str, key: str) -> _Get:
    def get(node: Any) -> Any:
        inner = node.get(first)
        if inner.__class__ is dict:
            return inner.get(key)
        if inner is None:
            return None
        raise Odd

    return get


def _then(before: _Get, key: str) -> _Get:
    def get(node: Any) -> Any:
        inner = before(node)
        if inner.__class__ is dict:
            return inner.get(key)
        if inner is None:
            return None
        raise Odd

    return get


def _picker(step: Step, many: bool) -> _Get:
    """From one object to the values in the key: as a sequence, all of the class that the type asks for."""
    key, shadow = step.key, step.shadow
    complex_type = step.type is not None and not step.type.primitive

    def listed(each: Any) -> Any:
        value = each.get(key)
        if shadow in each:
            raise Odd
        if value is None:
            return _NONE
        if value.__class__ is not list:
            raise Odd
        for one in value:
            if (one.__class__ is dict) is not complex_type or one is None or one.__class__ is list:
                raise Odd
        return value

    def alone(each: Any) -> Any:
        value = each.get(key)
        if shadow in each:
            raise Odd
        if value is None:
            return _NONE
        if (value.__class__ is dict) is not complex_type or value.__class__ is list:
            raise Odd
        return (value,)

    return listed if many else alone


def _opened(source: Route, step: Step) -> _Get:
    """The repeating child of a single element, all in one closure: it is what most views ask most often."""
    before = source.getter if source.get or source.keys else None
    key, shadow = step.key, step.shadow
    complex_type = step.type is not None and not step.type.primitive

    def get(node: Any) -> Any:
        inner = node if before is None else before(node)
        if inner.__class__ is not dict:
            if inner is None:
                return _NONE
            raise Odd
        value = inner.get(key)
        if shadow in inner:
            raise Odd
        if value is None:
            return _NONE
        if value.__class__ is not list:
            raise Odd
        for one in value:
            if (one.__class__ is dict) is not complex_type or one is None or one.__class__ is list:
                raise Odd
        return value

    return get


def _first(sieve: Sieve, every: _Get) -> _Get:
    """The first value of a sieve, or None."""
    items, test, step = sieve.items, sieve.test, sieve.step
    if step is None and test is None:

        def first(node: Any) -> Any:
            found = every(node)
            return found[0] if found else None

        return first
    if step is None:
        wanted = cast(_Test, test)

        def passing(node: Any) -> Any:
            for each in items(node):
                if wanted(each):
                    return each
            return None

        return passing
    key, shadow = step.key, step.shadow
    complex_type = step.type is not None and not step.type.primitive

    def child(node: Any) -> Any:
        for each in items(node):
            if test is None or test(each):
                value = each.get(key)
                if shadow in each:
                    raise Odd
                if value is not None:
                    if (value.__class__ is dict) is not complex_type or value.__class__ is list:
                        raise Odd
                    return value
        return None

    return child


def _gathered(before: _Get, pick: _Get) -> _Get:
    def get(node: Any) -> Any:
        found = before(node)
        if len(found) == 1:
            return pick(found[0])
        return [value for each in found for value in pick(each)]

    return get


def _filtered(source: Route, test: _Test, where: Where) -> Route | None:
    get = source.getter
    if not source.many:

        def kept(node: Any) -> Any:
            found = get(node)
            if found.__class__ is dict:
                return found if test(found) else None
            if found is None:
                return None
            raise Odd

        return Route(source.kind, get=kept)
    sieve = None
    if source.sieve is not None and source.sieve.step is None and source.sieve.test is None:
        sieve = Sieve(source.sieve.items, test)
    return Route(
        source.kind,
        many=True,
        get=lambda node: [each for each in get(node) if test(each)],
        sieve=sieve,
        trail=_on(source, where),
    )


def _equals(route: Route | None, text: str) -> _Test | None:
    """`path = 'text'`. Several values are not equal to one."""
    if route is None or route.kind.name not in _TEXTS:
        return None
    if route.many:
        get = route.getter

        def only(node: Any) -> bool:
            found = get(node)
            return len(found) == 1 and bool(found[0] == text)

        return only
    return _of_text(route, lambda value: bool(value == text))


def _starts(route: Route | None, text: str) -> _Test | None:
    """`path.startsWith('text')`; on several values FHIRPath has its say."""
    if route is None or route.kind.name not in _TEXTS or route.many:
        return None
    return _of_text(route, lambda value: bool(value.startswith(text)))


def _of_text(route: Route, accepts: _Test) -> _Test:
    if len(route.keys) == 1:
        key = route.keys[0]

        def child(node: Any) -> bool:
            value = node.get(key)
            if value.__class__ is str:
                return accepts(value)
            if value is None:
                return False
            raise Odd

        return child
    get = route.getter

    def same(node: Any) -> bool:
        value = get(node)
        if value.__class__ is str:
            return accepts(value)
        if value is None:
            return False
        raise Odd

    return same


def _exists(route: Route | None) -> _Test | None:
    """Whether something is there. An element that has only extensions is there, too."""
    if route is None:
        return None
    get = route.getter
    if route.many:
        return lambda node: bool(get(node))
    if route.step is None:
        return lambda node: get(node) is not None
    if not route.keys:
        return None
    step, before = route.step, _chain(route.keys[:-1])

    def there(node: Any) -> bool:
        inner = before(node)
        if inner is None:
            return False
        if inner.__class__ is not dict:
            raise Odd
        value = inner.get(step.key)
        if value.__class__ is list or (value is None and step.shadow in inner):
            raise Odd
        return value is not None

    return there


def _both(one: _Test, other: _Test) -> _Test:
    return lambda node: one(node) and other(node)


def _either(one: _Test, other: _Test) -> _Test:
    return lambda node: one(node) or other(node)
