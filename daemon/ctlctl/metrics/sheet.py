"""Gauges on their way to Prometheus: what they are called, and labels made harmless, few and without doubles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from ctlctl.terminal import printable

#: Characters of a label's value. Words of certificates and consoles come in unchecked; a CN has 64 at most (X.520).
MAX_LABEL_CHARACTERS: Final = 100
#: Stands for what was not named, and for the rest of what was too many.
UNKNOWN: Final = "unknown"
OTHER: Final = "other"


class Doubles(StrEnum):
    """What becomes of two values with the same labels: a scrape with doubles would be refused as a whole."""

    SUM = "sum"
    LEAST = "least"
    GREATEST = "greatest"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge.

    Attributes:
        name: with its unit, as Prometheus wants it.
        meaning: one sentence.
        labels: names of its labels.
        doubles: what becomes of two values with the same labels.
    """

    name: str
    meaning: str
    labels: tuple[str, ...]
    doubles: Doubles = Doubles.SUM

    def family(self) -> GaugeMetricFamily:
        """Return it without a value."""
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)


@lru_cache(maxsize=4096)
def cleaned(text: str) -> str:
    """Return a label's value: one line, short, nothing that a terminal or a page would act on, never empty."""
    shown = printable(text[:MAX_LABEL_CHARACTERS])
    if len(text) > MAX_LABEL_CHARACTERS or len(shown) > MAX_LABEL_CHARACTERS:
        shown = shown[: MAX_LABEL_CHARACTERS - 1] + "…"
    # To Prometheus an empty value is no label at all.
    return shown.strip() or UNKNOWN


def few(counts: Iterable[tuple[str, int]], limit: int) -> dict[str, str]:
    """Say under which name each word is shown: the ``limit`` most frequent under their own, the rest under "other"."""
    total: dict[str, int] = {}
    for word, count in counts:
        total[word] = total.get(word, 0) + count
    ranked = sorted(total, key=lambda word: (-total[word], word))
    return {word: word if place < limit else OTHER for place, word in enumerate(ranked)}


class Sheet:
    """Collects the values of one scrape."""

    def __init__(self) -> None:
        self._values: dict[Gauge, dict[tuple[str, ...], float]] = {}

    def put(self, gauge: Gauge, value: float, *labels: str) -> None:
        """Add a value; labels in the order of the gauge's names."""
        rows = self._values.setdefault(gauge, {})
        key = tuple(cleaned(label) for label in labels)
        if key in rows:
            value = _merged(gauge.doubles, rows[key], value)
        rows[key] = value

    def put_counts(self, gauge: Gauge, cluster: str, counts: Mapping[str, int], limit: int) -> None:
        """Add a gauge with one label besides the cluster, of which at most ``limit`` values are told apart."""
        names = few(counts.items(), limit)
        for word, count in counts.items():
            self.put(gauge, count, cluster, names[word])

    def families(self, gauges: Iterable[Gauge]) -> Iterable[GaugeMetricFamily]:
        """Return each gauge with its values; one without values still says that it exists."""
        for gauge in gauges:
            family = gauge.family()
            for labels, value in self._values.get(gauge, {}).items():
                family.add_metric(labels, value)
            yield family


def _merged(doubles: Doubles, before: float, value: float) -> float:
    if doubles is Doubles.SUM:
        return before + value
    return min(before, value) if doubles is Doubles.LEAST else max(before, value)
