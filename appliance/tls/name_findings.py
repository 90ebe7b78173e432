"""Whether a certificate names the hosts under which people open the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from appliance.tls.certificate import shown
from appliance.tls.model import Finding, Problem
from appliance.tls.names import LOOPBACK, all_canonical, covers, nearly_covers

_MOST_SHOWN = 10


def name_findings(
    certified: Sequence[str], names: Sequence[str], subject: str
) -> Iterator[Finding]:
    """Yield the problems of a certificate's names for a machine with `names`.

    The names of the machine for itself do not count: no other authority certifies them.
    """
    if not certified:
        yield Finding(Problem.NAMES_MISSING, {"subject": subject})
        return
    wanted = [name for name in all_canonical(names) if name not in LOOPBACK]
    missing = [name for name in wanted if not any(covers(each, name) for each in certified)]
    if not missing:
        return
    is_useless = len(missing) == len(wanted)
    problem = Problem.NO_NAME_COVERED if is_useless else Problem.NAMES_NOT_COVERED
    yield Finding(problem, {"names": _list(missing), "certified": _list(certified)})
    for pattern in certified[:_MOST_SHOWN]:
        if near := [name for name in missing if nearly_covers(pattern, name)]:
            facts = {"names": _list(near), "wildcard": shown(pattern)}
            yield Finding(Problem.WILDCARD_MISSES, facts)


def _list(names: Sequence[str]) -> str:
    listed = ", ".join(map(shown, names[:_MOST_SHOWN]))
    more = len(names) - _MOST_SHOWN
    return f"{listed} and {more} more" if more > 0 else listed
