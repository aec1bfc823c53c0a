"""In which order phones go: canaries spread over the model families, then batches spread over the sites."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ctlctl_capf.rollout.model import Limits, PlannedPhone


def arrange(phones: Iterable[PlannedPhone], limits: Limits) -> tuple[PlannedPhone, ...]:
    """Return the phones in the order in which a rollout takes them.

    The canaries come first: one phone of each model family in turn, the largest family first, so that a family that
    cannot do it shows while few phones are at risk; in each family those who agreed to go first, then phones that are
    registered. The rest is spread over the sites, so that no batch falls on one of them. The same phones give the same
    order, whatever order they came in.

    Args:
        phones: all phones of a plan.
        limits: for how many canaries there are.
    """
    by_family: defaultdict[str, list[PlannedPhone]] = defaultdict(list)
    for phone in sorted(phones, key=_eagerness):
        by_family[phone.family].append(phone)
    families = sorted(by_family.values(), key=lambda members: (-len(members), members[0].family))
    canaries = _in_turn(families, sum(limits.canaries))
    taken = {phone.name for phone in canaries}
    rest = [phone for members in families for phone in members if phone.name not in taken]
    return (*canaries, *_spread(rest))


def _eagerness(phone: PlannedPhone) -> tuple[bool, bool, str]:
    return (not phone.first, phone.registered is not True, phone.name)


def _in_turn(families: Sequence[Sequence[PlannedPhone]], wanted: int) -> list[PlannedPhone]:
    taken: list[PlannedPhone] = []
    turn = 0
    while len(taken) < wanted:
        of_this_turn = [members[turn] for members in families if turn < len(members)]
        if not of_this_turn:
            break
        taken += of_this_turn[: wanted - len(taken)]
        turn += 1
    return taken


def _spread(phones: list[PlannedPhone]) -> list[PlannedPhone]:
    """Mix the sites evenly: each site's phones stand at equal distances over the whole."""
    phones.sort(key=lambda phone: phone.name)
    sizes = Counter(phone.site for phone in phones)
    seen: Counter[str] = Counter()
    placed = []
    for phone in phones:
        placed.append(((2 * seen[phone.site] + 1) / (2 * sizes[phone.site]), phone.site, phone))
        seen[phone.site] += 1
    placed.sort(key=lambda each: each[:2])
    return [phone for _, _, phone in placed]
