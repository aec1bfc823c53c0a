"""What Prometheus is told of rollouts. A scrape reads documents that lie ready; it asks no cluster.

There is no label for a phone, and no value of a label that is not of a fixed set but cluster and plan.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ctlctl.metrics.sheet import Gauge, Sheet, cleaned
from ctlctl.service.rolloutdocs import UNKNOWN_MODE
from ctlctl_capf.rollout.rows import Mode, PhoneState

Documents = Callable[[], Sequence[Mapping[str, Any]]]
Results = Callable[[], Mapping[tuple[str, str], int]]

#: Seconds for which a rollout that has ended is shown.
SHOWN_SECONDS: Final = 86_400
_ROLLOUT: Final = ("cluster", "rollout")

STATE: Final = Gauge("ctl_rollout_state", "1 for how a rollout goes, 0 for the others.", (*_ROLLOUT, "state"))
PHONES: Final = Gauge("ctl_rollout_phones", "Phones of a rollout by where they stand.", (*_ROLLOUT, "state"))
FAILURES: Final = Gauge(
    "ctl_rollout_failures", "Phones of a rollout that last did not get through, by reason.", (*_ROLLOUT, "reason")
)
HALT: Final = Gauge("ctl_rollout_halt", "1 for the reason why a rollout has halted.", (*_ROLLOUT, "reason"))
HOLD: Final = Gauge("ctl_rollout_hold", "1 for why no further phone is taken at present.", (*_ROLLOUT, "hold"))
CARRIED_OUT: Final = Gauge(
    "ctl_rollout_carried_out", "1 where ctld carries out a rollout that has not ended, 0 where nobody does.", _ROLLOUT
)
FINISH: Final = Gauge(
    "ctl_rollout_estimated_finish_timestamp_seconds", "When a rollout will be through, at the present rate.", _ROLLOUT
)
DEADLINE: Final = Gauge("ctl_rollout_deadline_timestamp_seconds", "When a rollout is to be through.", _ROLLOUT)
BEHIND: Final = Gauge(
    "ctl_rollout_behind_deadline", "1 where a rollout will not be through by its deadline, 0 where it will.", _ROLLOUT
)
WINDOW: Final = Gauge(
    "ctl_rollout_window_closes_timestamp_seconds",
    "When the window closes that is open; when it closed that was open last.",
    _ROLLOUT,
)
PACE: Final = Gauge(
    "ctl_rollout_axl_writes_per_second", "Writes to AXL a second that a rollout allows itself.", _ROLLOUT
)

#: All of them, in the order of the exposition.
ROLLOUT_GAUGES: Final = (STATE, PHONES, FAILURES, HALT, HOLD, CARRIED_OUT, FINISH, DEADLINE, BEHIND, WINDOW, PACE)
_RESULTS: Final = ("ctl_rollout_results", "Phones that came to an end in rollouts, by how.", ("cluster", "result"))


class RolloutCollector(Collector):
    """Gives Prometheus the rollouts that are under way, and those that ended within a day.

    Args:
        documents: of rollouts, with `failures` by reason; called once for each scrape, from any thread.
        results: (cluster, final state) -> phones, of all rollouts there ever were.
        now: the clock, seconds since 1970.
    """

    def __init__(self, documents: Documents, results: Results, now: Callable[[], float]) -> None:
        self._documents = documents
        self._results = results
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values, so that registering asks nobody."""
        return [*(gauge.family() for gauge in ROLLOUT_GAUGES), _results_family()]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as the documents have them now."""
        sheet, now = Sheet(), self._now()
        for document in self._documents():
            ended = document["ended_at"]
            if ended is None or now - ended < SHOWN_SECONDS:
                _put(sheet, document)
        yield from sheet.families(ROLLOUT_GAUGES)
        results = _results_family()
        for (cluster, result), count in sorted(self._results().items()):
            results.add_metric((cleaned(cluster), cleaned(result)), count)
        yield results


def _results_family() -> CounterMetricFamily:
    name, meaning, labels = _RESULTS
    return CounterMetricFamily(name, meaning, labels=labels)


def _put(sheet: Sheet, document: Mapping[str, Any]) -> None:
    place = (str(document["cluster"]), str(document["plan"]))
    for mode in (*(mode.value for mode in Mode), UNKNOWN_MODE):
        sheet.put(STATE, int(document["mode"] == mode), *place, mode)
    for state in PhoneState:
        sheet.put(PHONES, document["counts"].get(state.value, 0), *place, state.value)
    for reason, count in document["failures"].items():
        sheet.put(FAILURES, count, *place, reason)
    if document["ended_at"] is None:
        _put_course(sheet, document, place)


def _put_course(sheet: Sheet, document: Mapping[str, Any], place: tuple[str, str]) -> None:
    """Add what there is to say of a rollout while it has not ended."""
    sheet.put(CARRIED_OUT, int(document["live"]), *place)
    if document["mode"] == Mode.HALTED.value and document["halt"]:
        sheet.put(HALT, 1, *place, document["halt"])
    if document["window_closes"] is not None:
        sheet.put(WINDOW, document["window_closes"], *place)
    if not document["live"]:
        return
    sheet.put(PACE, document["pace"], *place)
    if document["hold"]:
        sheet.put(HOLD, 1, *place, document["hold"])
    if document["finish"] is not None:
        sheet.put(FINISH, document["finish"], *place)
    if document["deadline"] is not None:
        sheet.put(DEADLINE, document["deadline"], *place)
        sheet.put(BEHIND, int(document["behind"]), *place)
