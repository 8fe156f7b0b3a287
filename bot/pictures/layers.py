"""In which column a service of a call graph stands: callers before what they call, the anchor in column 0. Pure."""

from collections.abc import Collection, Mapping, Sequence

Pair = tuple[str, str]


def columns(names: Sequence[str], calls: Sequence[Pair], most_before: int, most: int) -> dict[str, int]:
    """Each service's column; the first of ``names`` is the anchor.

    Where it needs at most ``most`` columns, of which ``most_before`` before the anchor's, every call that belongs to no
    circle leads to a higher column. A graph that is too deep or too tangled for this is laid out by the distance to the
    anchor, with calls within a column, and what is further away than there is room stands in the outermost column.
    """
    layers = _layers(names, _acyclic(names, calls))
    first, last = min(layers.values(), default=0), max(layers.values(), default=0)
    if -first <= most_before and last - first < most:
        return layers
    callers, callees = _ways(names, calls)
    before, after = _distances(names[0], callers), _distances(names[0], callees)
    near = {name: -before[name] if name in before else after[name] for name in names if name in before or name in after}
    placed = list(near)
    for name in placed:
        found = dict.fromkeys(callers[name], near[name] - 1) | dict.fromkeys(callees[name], near[name] + 1)
        fresh = {one: column for one, column in found.items() if one not in near}
        near |= fresh
        placed += fresh
    first = max(min(near.values()), -most_before)
    last = min(max(near.values()), first + most - 1)
    return {name: min(max(near.get(name, 0), first), last) for name in names}


def _ways(names: Sequence[str], calls: Collection[Pair]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Who calls each service, and whom it calls, each in the order of ``names``."""
    rank = {name: number for number, name in enumerate(names)}
    callers: dict[str, list[str]] = {name: [] for name in names}
    callees: dict[str, list[str]] = {name: [] for name in names}
    for caller, callee in sorted(calls, key=lambda call: (rank[call[0]], rank[call[1]])):
        callees[caller].append(callee)
        callers[callee].append(caller)
    return callers, callees


def _acyclic(names: Sequence[str], calls: Sequence[Pair]) -> set[Pair]:
    """The calls without circles: those that would close one are turned round."""
    callers, callees = _ways(names, calls)
    far = _distances(names[0], callers) if names else {}
    # Those furthest before the anchor are entered first, so that what leads to it keeps its direction.
    entered = sorted(names, key=lambda one: (bool(callers[one]), -far.get(one, -1)))
    kept: set[Pair] = set()
    done: set[str] = set()
    for start in entered:
        if start in done:
            continue
        path, on_path = [(start, iter(callees[start]))], {start}
        while path:
            name, rest = path[-1]
            for callee in rest:
                if callee in on_path:
                    kept.add((callee, name))
                    continue
                kept.add((name, callee))
                if callee not in done:
                    path.append((callee, iter(callees[callee])))
                    on_path.add(callee)
                    break
            else:
                path.pop()
                on_path.discard(name)
                done.add(name)
    return kept


def _distances(start: str, ways: Mapping[str, Sequence[str]]) -> dict[str, int]:
    far = {start: 0}
    ring = [start]
    for name in ring:
        fresh = [one for one in ways[name] if one not in far]
        far |= dict.fromkeys(fresh, far[name] + 1)
        ring += dict.fromkeys(fresh)
    return far


def _layers(names: Sequence[str], onward: Collection[Pair]) -> dict[str, int]:
    """Each service's column from the anchor's, 0: every call goes to a higher one, as near to the anchor as can be."""
    callers, callees = _ways(names, onward)
    order = _callers_first(names, callers, callees)
    layers = dict.fromkeys(names[:1], 0)
    for name in reversed(order):
        before = [layers[callee] for callee in callees[name] if callee in layers]
        if before and name not in layers:
            layers[name] = min(before) - 1
    for name in order:
        after = [layers[caller] for caller in callers[name] if caller in layers]
        if after and name not in layers:
            layers[name] = max(after) + 1
    for name in reversed(order):
        before = [layers[callee] for callee in callees[name] if callee in layers]
        layers.setdefault(name, min(before) - 1 if before else 0)
    return layers


def _callers_first(
    names: Sequence[str], callers: Mapping[str, Sequence[str]], callees: Mapping[str, Sequence[str]]
) -> list[str]:
    waiting = {name: len(callers[name]) for name in names}
    order = [name for name in names if not waiting[name]]
    for name in order:
        for callee in callees[name]:
            waiting[callee] -= 1
            if not waiting[callee]:
                order.append(callee)  # the list is the queue
    return order
