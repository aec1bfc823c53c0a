"""How an AXL kind of thing is described: where its items are, and what its elements say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from ctlctl_lab.model import Cluster
from ctlctl_lab.soap.axl_tags import Tag
from ctlctl_lab.soap.soapxml import Element, tag

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to another item by name (XFkType), with its pkid where it has one."""

    text: str
    pkid: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """An element with elements in it."""

    members: tuple[tuple[str, "Value"], ...]
    pkid: str | None = None


#: Text, a reference, parts, or None for an element that is left out.
Value: TypeAlias = str | Ref | Group | None


@dataclass(frozen=True, slots=True)
class Field(Generic[_T]):
    """An element of an item.

    Attributes:
        name: its name.
        get: what it says.
        listed: whether list* answers with it, not only get*.
        since: the first AXL version that has it.
    """

    name: str
    get: Callable[[Cluster, _T], Value]
    listed: bool = True
    since: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Kind(Generic[_T]):
    """A kind of item.

    Attributes:
        name: as operations spell it, such as "Phone".
        tag: element that holds one in an answer, such as "phone".
        items: all of them.
        pkid: the identifier of one.
        fields: its elements, in schema order.
        criteria: what list* can search for: element -> text that is compared.
        keys: elements that together choose one in get*; "uuid" always does.
        by_key: a quicker way from the only key to the item.
        shown: what a fault says was not found: the key's text, or else the name of the kind.
    """

    name: str
    tag: str
    items: Callable[[Cluster], Sequence[_T]]
    pkid: Callable[[_T], str]
    fields: tuple[Field[_T], ...]
    criteria: Mapping[str, Callable[[_T], str]]
    keys: Mapping[str, Callable[[_T], str]]
    by_key: Callable[[Cluster, str], _T | None] | None = None
    shown: bool = False

    def find(self, cluster: Cluster, request: Element) -> _T | None:
        """Return the item that a request chooses, or None. Use it under `Cluster.lock`."""
        uuid = request.value("uuid")
        if uuid is not None:
            wanted = uuid.strip("{} \n").lower()
            return next((item for item in self.items(cluster) if self.pkid(item) == wanted), None)
        texts = {name: request.value(name) for name in self.keys}
        if self.by_key is not None:
            return self.by_key(cluster, next(iter(texts.values())) or "")
        return next(
            (item for item in self.items(cluster) if all(get(item) == texts[key] for key, get in self.keys.items())),
            None,
        )


#: A kind of whatever items.
AnyKind: TypeAlias = Kind[Any]


def fields_of(tags: Iterable[Tag], known: Mapping[str, Callable[[Cluster, _T], Value]]) -> tuple[Field[_T], ...]:
    """Return the elements of a big type: what the lab keeps, and the defaults of the rest.

    Args:
        tags: all elements, in order.
        known: what the lab keeps, by name.
    """
    return tuple(
        Field(each.name, known.get(each.name) or _constant(each.default), each.listed, each.since) for each in tags
    )


def _constant(value: str | None) -> Callable[[Cluster, object], Value]:
    return lambda _cluster, _item: value


def write(name: str, value: Value, wanted: Element | None = None) -> str:
    """Return an element as XML.

    Args:
        name: its name.
        value: what it says.
        wanted: the element of returnedTags that asked for it: parts it names are all that is given.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return tag(name, value)
    if isinstance(value, Ref):
        return tag(name, value.text, uuid(value.pkid))
    asked = {} if wanted is None else {each.name: each for each in wanted.children}
    inside = "".join(
        write(part, content, asked.get(part)) for part, content in value.members if not asked or part in asked
    )
    return f"<{name}{uuid(value.pkid)}>{inside}</{name}>"


def uuid(pkid: str | None) -> str:
    """Return the attribute that AXL writes an identifier with: in braces and upper case."""
    return "" if pkid is None else f' uuid="{{{pkid.upper()}}}"'


def boolean(value: object) -> str:
    """Return a truth value as AXL writes it."""
    return "true" if value else "false"
