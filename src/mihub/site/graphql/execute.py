"""Running a query against a source: fields of resources, lists filtered by argument, references followed, searches.

Bounded: so many resources read and so many values told for one query. Source: https://hl7.org/fhir/R4/graphql.html.
Above: `site.api.graphql`, the suite of `apps.conformance`. Below: `document`, `answer`, `source`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from graphql.language import FieldNode

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.fhirpath import compile, r4  # noqa: A004  # FHIRPath's own word
from mihub.core.fhir.fhirpath.elements import Element, resource_type
from mihub.core.fhir.fhirpath.types import TypeInfo
from mihub.errors import InvalidInput, TooLarge
from mihub.site.graphql.answer import Answer
from mihub.site.graphql.document import DEEPEST, RULE, Document, read_document
from mihub.site.graphql.source import Page, Source

MOST_READS: Final = 1_000
MOST_VALUES: Final = 100_000


def execute(
    query: str,
    source: Source,
    *,
    start: Resource | None = None,
    operation: str = "",
    variables: Mapping[str, Any] | None = None,
) -> Json:
    """The `data` of the answer. `start`: the resource that was addressed, None for the whole record.

    Raises `InvalidInput` (with the field), `NotSupported`, `TooLarge`.
    """
    asked = read_document(query, operation, variables)
    run = _Run(asked, source)
    answer = Answer()
    if start is None:
        run.system(answer)
    else:
        run.resource(answer, asked.operation, start)
    return answer.told()


class _Run:
    """One query."""

    def __init__(self, asked: Document, source: Source) -> None:
        self._asked = asked
        self._source = source
        self._reads = 0
        self._values = 0
        # The resources that hold what is being told, innermost last: where `#id` is looked up.
        self._holders: list[Resource] = []

    def system(self, answer: Answer) -> None:
        """Fields at the top: `Patient(id: x)`, `PatientList(...)`, `PatientConnection(...)`."""
        for field in self._asked.fields(self._asked.operation.selection_set, "Query"):
            name, arguments = field.name.value, self._asked.arguments(field)
            if r4().is_resource(name):
                found = self._read(name, str(arguments.get("id", "")))
                if found is not None:
                    self._add(answer, field, _key(field), self._whole(field, found), many=False)
            elif not self._search(answer, field, None):
                raise _unknown(field, "the record")

    def resource(self, answer: Answer, node: Any, resource: Resource, depth: int = 0) -> None:
        """Add the selected fields of a resource of its own."""
        self._holders.append(resource)
        self.fill(answer, node, resource, resource_type(resource, r4()), (), depth)
        self._holders.pop()

    def fill(
        self, answer: Answer, node: Any, value: Json, kind: TypeInfo, slices: tuple[str, ...], depth: int = 0
    ) -> None:
        """Add the selected fields of one value. `slices`: a flattened field's suffix."""
        if depth > DEEPEST:
            raise TooLarge("The query is nested too deeply.", rule=f"at most {DEEPEST} levels")
        label = value.get("resourceType", kind.label)
        for field in self._asked.fields(node.selection_set, label):
            name = field.name.value
            if name == "resourceType" or name == "__typename":
                self._add(answer, field, _suffixed(field, slices), label, many=False)
            elif name == "resource" and kind.name == "Reference":
                self._follow(answer, field, value, slices, depth)
            elif "resourceType" in value and self._search(answer, field, value):
                continue
            else:
                self._field(answer, field, value, kind, slices, depth)

    def _field(
        self,
        answer: Answer,
        field: FieldNode,
        value: Json,
        kind: TypeInfo,
        slices: tuple[str, ...],
        depth: int,
    ) -> None:
        name = field.name.value
        child = _child(kind, name)
        if child is None:
            raise _unknown(field, kind.label)
        repeats, of = child
        held = value.get(name)
        items = held if isinstance(held, list) else [] if held is None else [held]
        chosen = self._chosen(field, [(i, one) for i, one in enumerate(items) if one is not None], of)
        sliced = self._asked.directive(field, "slice")
        for index, one in chosen:
            kind_here = of or resource_type(one, r4())
            if self._asked.directive(field, "flatten") is not None:
                suffix = (*slices, _slice_name(sliced, index, one, kind_here)) if sliced else slices
                self.fill(answer, field, one, kind_here, suffix or ("",), depth + 1)
                continue
            told = self._object(field, one, kind_here, depth) if isinstance(one, dict) else one
            self._add(answer, field, _suffixed(field, slices), told, many=repeats or bool(slices))

    def _chosen(
        self, field: FieldNode, items: list[tuple[int, Any]], kind: TypeInfo | None
    ) -> list[tuple[int, Any]]:
        """Lists are narrowed by arguments: `fhirpath`, `_offset`, `_count`, or the value of a child."""
        arguments = self._asked.arguments(field)
        offset, count = arguments.pop("_offset", 0), arguments.pop("_count", len(items))
        test = arguments.pop("fhirpath", None)
        if test is not None:
            items = [one for one in items if _passes(str(test), one[1], kind)]
        for name, wanted in arguments.items():
            items = [
                one for one in items if isinstance(one[1], dict) and _text(one[1].get(name)) == _text(wanted)
            ]
        if not all(isinstance(one, int) and one >= 0 for one in (offset, count)):
            raise InvalidInput("_offset and _count are whole numbers.", where=field.name.value, rule=RULE)
        items = items[offset : offset + count]
        return items[:1] if self._asked.directive(field, "first") is not None else items

    def _object(self, field: FieldNode, value: Json, kind: TypeInfo | None, depth: int = 0) -> Answer:
        inside = Answer()
        if field.selection_set is None:
            raise InvalidInput(
                "This field has parts; name those that are wanted.", where=field.name.value, rule=RULE
            )
        self.fill(inside, field, value, kind or resource_type(value, r4()), (), depth + 1)
        return inside

    def _whole(self, field: FieldNode, resource: Resource, depth: int = 0) -> Answer:
        inside = Answer()
        self.resource(inside, field, resource, depth + 1)
        return inside

    def _follow(
        self, answer: Answer, field: FieldNode, value: Json, slices: tuple[str, ...], depth: int
    ) -> None:
        arguments = self._asked.arguments(field)
        reference = str(value.get("reference", ""))
        found = self._contained(reference) if reference.startswith("#") else self._referenced(reference)
        if found is None:
            if arguments.get("optional") is True:
                return
            raise InvalidInput(
                "A reference leads to nothing that may be read.", where=f"{field.name.value}", rule=RULE
            )
        if arguments.get("type") in (None, found["resourceType"]):
            inside = reference.startswith("#")
            told = self._object(field, found, None, depth) if inside else self._whole(field, found, depth)
            self._add(answer, field, _suffixed(field, slices), told, many=bool(slices))

    def _contained(self, reference: str) -> Resource | None:
        inside = self._holders[-1].get("contained", ()) if self._holders else ()
        return next((one for one in inside if one.get("id") == reference[1:]), None)

    def _referenced(self, reference: str) -> Resource | None:
        kind, _, target = reference.partition("/")
        return self._read(kind, target.partition("/")[0]) if target and r4().is_resource(kind) else None

    def _search(self, answer: Answer, field: FieldNode, around: Resource | None) -> bool:
        """`TypeList` and `TypeConnection`; inside a resource `_reference` names the parameter that leads back to it."""
        name = field.name.value
        ending = next((one for one in ("List", "Connection") if name.endswith(one)), "")
        kind = name.removesuffix(ending)
        if (
            not ending
            or not r4().is_resource(kind)
            or (around is not None and "_reference" not in self._asked.arguments(field))
        ):
            return False
        arguments = self._asked.arguments(field)
        back = arguments.pop("_reference", None)
        parameters = [(_spelled(key), one) for key, value in arguments.items() for one in _texts(value)]
        if around is not None:
            parameters.append((str(back), f"{around['resourceType']}/{around.get('id', '')}"))
        if ending == "Connection":
            self._add(
                answer,
                field,
                _key(field),
                self._connection(field, self._source.page(kind, parameters)),
                many=False,
            )
            return True
        for one in self._source.search(kind, parameters):
            self._count_read()
            self._add(answer, field, _key(field), self._whole(field, one), many=True)
        return True

    def _connection(self, field: FieldNode, page: Page) -> Answer:
        answer = Answer()
        plain = {"count": page.count, "offset": page.offset, "pagesize": page.page_size, **page.links}
        for one in self._asked.fields(field.selection_set, "Connection"):
            name = one.name.value
            if name == "edges":
                for edge in page.edges:
                    self._count_read()
                    self._add(answer, one, _key(one), self._edge(one, edge), many=True)
            elif name in plain:
                self._add(answer, one, _key(one), plain[name], many=False)
            elif name not in ("first", "previous", "next", "last"):
                raise _unknown(one, "Connection")
        return answer

    def _edge(self, field: FieldNode, edge: Json) -> Answer:
        answer = Answer()
        for one in self._asked.fields(field.selection_set, "Edge"):
            name = one.name.value
            if name == "resource":
                self._add(answer, one, _key(one), self._whole(one, edge["resource"]), many=False)
            elif name in ("mode", "score"):
                if name in edge:
                    self._add(answer, one, _key(one), edge[name], many=False)
            else:
                raise _unknown(one, "Edge")
        return answer

    def _add(self, answer: Answer, field: FieldNode, name: str, value: Any, *, many: bool) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise TooLarge("The query asks for too much at once.", rule=f"at most {MOST_VALUES} values")
        answer.add(name, value, many=many, singleton=self._asked.directive(field, "singleton") is not None)

    def _read(self, resource_type_: str, resource_id: str) -> Resource | None:
        self._count_read()
        return self._source.read(resource_type_, resource_id)

    def _count_read(self) -> None:
        self._reads += 1
        if self._reads > MOST_READS:
            raise TooLarge("The query reads too many resources.", rule=f"at most {MOST_READS} in one query")


def _child(kind: TypeInfo, name: str) -> tuple[bool, TypeInfo | None] | None:
    """Whether a JSON key of the type repeats, and its type; `_birthDate` is what stands beside `birthDate`."""
    plain = name.removeprefix("_")
    for element, (_, _, most, *_) in kind.elements.items():
        for step in kind.step(element.removesuffix("[x]")):
            if step.key == plain and (name == plain or (step.type is not None and step.type.primitive)):
                of = kind.model.type("Element") if name != plain else step.type
                return most != "1" and not element.endswith("[x]"), of
    return None


def _passes(test: str, value: Any, kind: TypeInfo | None) -> bool:
    return compile(test).test(Element(value, kind or resource_type(value, r4()))) is True


def _slice_name(sliced: Json, index: int, value: Json, kind: TypeInfo) -> str:
    path = str(sliced.get("path", ""))
    if path == "$index":
        return str(index)
    found = compile(path).evaluate(Element(value, kind))
    return ".".join(_text(one) for one in found)


def _suffixed(field: FieldNode, slices: Sequence[str]) -> str:
    return ".".join([_key(field), *(one for one in slices if one)])


def _key(field: FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value


def _spelled(parameter: str) -> str:
    """GraphQL names know no hyphen: `based_on` is the parameter `based-on`; `_id` and its like keep their first sign."""
    return parameter[:1] + parameter[1:].replace("_", "-")


def _texts(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        yield _text(one)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unknown(field: FieldNode, holder: str) -> InvalidInput:
    return InvalidInput(
        f"{holder} has no such field.",
        where=field.name.value,
        rule=RULE,
        next_step="Name elements as JSON names them.",
    )
