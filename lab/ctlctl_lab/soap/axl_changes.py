"""listChange: what changed, as far back as the queue remembers."""

from collections.abc import Iterator
from itertools import islice

from ctlctl_lab.model import Change, Cluster
from ctlctl_lab.soap.axl_catalogue import KINDS
from ctlctl_lab.soap.axl_faults import bad_request, not_found
from ctlctl_lab.soap.axl_kinds import Ref, uuid
from ctlctl_lab.soap.soapxml import Element, escape_attribute, tag

#: Changes of one answer; the next start says where to go on.
MAX_CHANGES = 5000
_KINDS = {kind.name: kind for kind in KINDS}


def answer(cluster: Cluster, request: Element) -> Iterator[str]:
    """Answer a listChange. Use it under `Cluster.lock`.

    Args:
        cluster: whose changes.
        request: the operation.

    Yields:
        queueInfo and changes, as XML.

    Raises:
        AxlFault: 5007 where the queue is not the one that was asked for.
    """
    queue = cluster.changes
    start = request.child("startChangeId")
    found: list[Change] = []
    following = queue.next_id
    if start is not None:
        if start.attributes.get("queueId") != queue.queue_id:
            raise not_found("queueId")
        if not start.text.strip().isdecimal():
            raise bad_request("startChangeId must be a number")
        found = list(islice(queue.since(int(start.text)), MAX_CHANGES))
        if len(found) == MAX_CHANGES:
            following = found[-1].id + 1
    yield (
        f"<queueInfo><firstChangeId>{queue.first_id}</firstChangeId><lastChangeId>{queue.last_id}</lastChangeId>"
        f"<nextStartChangeId>{following}</nextStartChangeId>{tag('queueId', queue.queue_id)}</queueInfo>"
    )
    tags = _Tags(cluster)
    wanted = {each.text for each in request.walk("objectList", "object")}
    yield "<changes>"
    for change in found:
        if not wanted or change.type in wanted:
            yield _change(change, tags)
    yield "</changes>"


class _Tags:
    """What changed elements say now; looked up once per kind, because an answer has thousands of changes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._items: dict[str, dict[str, object]] = {}

    def write(self, change: Change) -> str:
        """Return the changed elements of a change as XML."""
        return "".join(self._tag(change, name) for name in change.tags)

    def _tag(self, change: Change, name: str) -> str:
        text = self._text(change, name)
        return tag("changedTag", text, f' name="{escape_attribute(name)}"')

    def _text(self, change: Change, name: str) -> str:
        kind = _KINDS.get(change.type)
        if kind is None or change.action == "r":
            return ""
        if change.type not in self._items:
            self._items[change.type] = {kind.pkid(item): item for item in kind.items(self._cluster)}
        item = self._items[change.type].get(change.pkid)
        found = next((field for field in kind.fields if field.name == name), None)
        if item is None or found is None:
            return ""
        value = found.get(self._cluster, item)
        return value if isinstance(value, str) else value.text if isinstance(value, Ref) else ""


def _change(change: Change, tags: _Tags) -> str:
    inside = tags.write(change)
    return (
        f'<change type="{escape_attribute(change.type)}"{uuid(change.pkid)}><id>{change.id}</id>'
        f"<action>{change.action}</action><serviceType/><doGet>{'false' if inside else 'true'}</doGet>"
        f"<changedTags>{inside}</changedTags></change>"
    )
