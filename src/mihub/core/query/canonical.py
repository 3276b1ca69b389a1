"""One form for all ways to write the same question, and its hash.

Order, repetition, nesting and labels do not matter; two questions with one hash have the same people. Source:
the laws of Boolean algebra that need no knowledge of the data. Above: `core.disclosure`, approvals.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

from mihub.core.fhir import Json
from mihub.core.query.nodes import And, AttributeTest, ConceptTest, Criterion, LinkedTest, Node, Not


def canonical(node: Node) -> Node:
    """Flattened, sorted, without repetition and double negation. Applying it twice changes nothing."""
    if isinstance(node, Not):
        inner = canonical(node.part)
        return inner.part if isinstance(inner, Not) else Not(inner)
    if isinstance(node, Criterion):
        return _criterion(node)
    kind = type(node)
    flat: dict[str, Node] = {}
    for part in node.parts:
        simple = canonical(part)
        for member in simple.parts if isinstance(simple, kind) else (simple,):
            flat[_text(member)] = member
    parts = tuple(flat[key] for key in sorted(flat))
    return parts[0] if len(parts) == 1 else kind(parts)


def to_json(node: Node) -> Json:
    """The node as JSON: `{"and": [...]}`, `{"or": [...]}`, `{"not": ...}` or `{"criterion": {...}}`."""
    if isinstance(node, Criterion):
        body = asdict(node)
        del body["label"]
        return {"criterion": body}
    if isinstance(node, Not):
        return {"not": to_json(node.part)}
    return {"and" if isinstance(node, And) else "or": [to_json(part) for part in node.parts]}


def query_hash(node: Node) -> str:
    """SHA-256 of the canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(_text(canonical(node)).encode()).hexdigest()


def criteria(node: Node) -> tuple[Criterion, ...]:
    """All criteria of the question in order, those inside NOT included, those inside references not."""
    if isinstance(node, Criterion):
        return (node,)
    parts = (node.part,) if isinstance(node, Not) else node.parts
    return tuple(criterion for part in parts for criterion in criteria(part))


def _criterion(node: Criterion) -> Criterion:
    value = node.value
    if isinstance(value, ConceptTest):
        value = ConceptTest(tuple(sorted(set(value.concepts))))
    attributes = {str(test): test for test in map(_attribute, node.attributes)}
    return replace(
        node,
        kinds=tuple(sorted(set(node.kinds))),
        codes=tuple(sorted(set(node.codes))),
        value=value,
        attributes=tuple(attributes[key] for key in sorted(attributes)),
    )


def _attribute(attribute: AttributeTest) -> AttributeTest:
    test = attribute.test
    if isinstance(test, ConceptTest):
        test = ConceptTest(tuple(sorted(set(test.concepts))))
    elif isinstance(test, LinkedTest):
        linked = {_text(simple): simple for simple in map(_criterion, test.criteria)}
        test = LinkedTest(tuple(linked[key] for key in sorted(linked)))
    return replace(attribute, test=test)


def _text(node: Node) -> str:
    return json.dumps(to_json(node), sort_keys=True, separators=(",", ":"), default=str)
