"""The dashboards, held to what Grafana makes of them.

How a panel shows what its queries give was seen in Grafana's own parts (@grafana/data, @grafana/ui and
@grafana/prometheus 13.2): the transformations, the display of values, the tables and graphs.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ctlctl.assess.enrolments import EnrolmentStanding
from ctlctl.assess.model import CredentialState
from ctlctl.assess.numbers import NOT_ASKED
from ctlctl.connectors.ris_ports import RegistrationStatus
from ctlctl.metrics.collector import VERDICTS
from ctlctl.service.rolloutdocs import UNKNOWN_MODE
from ctlctl_capf.rollout.rows import AT_WORK, Mode, PhoneState
from support.prometheus import DASHBOARDS

#: Units of Grafana that are used here, of the 273 of @grafana/data 13.2 (getValueFormats).
UNITS = frozenset({"short", "s", "percentunit", "bytes", "reqps", "dateTimeAsIso"})
#: Names of colours that every theme of Grafana has (createVisualizationColors), and of its text.
HUES = frozenset({"red", "orange", "yellow", "green", "blue", "purple"})
COLOURS = HUES | {f"{shade}-{hue}" for shade in ("light", "dark") for hue in HUES} | {"text"}
SETTLED = ({"id": "merge", "options": {}},)

Panel = dict[str, Any]


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS}


def panels(*kinds: str) -> list[Any]:
    return [
        pytest.param(panel, id=f"{name}-{panel['title']}")
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
        if not kinds or panel["type"] in kinds
    ]


def panel_of(dashboard: str, title: str) -> Panel:
    (found,) = (one for one in dashboards()[dashboard]["panels"] if one["title"] == title)
    return dict(found)


def columns(panel: Panel) -> dict[str, dict[str, Any]]:
    """Return what is set for each column, by its name."""
    overrides = panel["fieldConfig"]["overrides"]
    assert all(one["matcher"]["id"] == "byName" for one in overrides)
    found = {one["matcher"]["options"]: {each["id"]: each["value"] for each in one["properties"]} for one in overrides}
    assert len(found) == len(overrides)
    return found


def every(value: Any, key: str) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """Give what stands under a key, wherever that is."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from every(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from every(inner, key)


def has_special(mappings: list[dict[str, Any]], match: str) -> bool:
    return any(one["type"] == "special" and one["options"]["match"] == match for one in mappings)


@pytest.mark.parametrize("panel", panels())
def test_units_colours_and_limits_are_grafanas(panel: Panel) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    units = [one["unit"] for one in columns(panel).values() if "unit" in one]
    assert UNITS.issuperset([*units, *([defaults["unit"]] if "unit" in defaults else ())])
    assert COLOURS.issuperset(one for key in ("color", "fixedColor") for one in every(panel, key) if type(one) is str)
    for steps in every(panel, "steps"):
        assert steps[0]["value"] is None
        limits = [one["value"] for one in steps[1:]]
        assert limits == sorted(set(limits))


@pytest.mark.parametrize("panel", panels("stat", "bargauge", "timeseries"))
def test_whatever_is_no_table_has_a_unit(panel: Panel) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize("panel", panels("bargauge", "timeseries"))
def test_bars_and_stacks_begin_at_zero(panel: Panel) -> None:
    # Otherwise they begin at the least value: its bar is empty, and of a stack only the top is seen.
    assert panel["fieldConfig"]["defaults"]["min"] == 0


@pytest.mark.parametrize("panel", panels("table"))
def test_a_table_shows_words_as_they_are_and_colours_by_limits(panel: Panel) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    # A unit of the whole table is for its words, too, and makes of plan "27e654" a number: infinite.
    assert "unit" not in defaults
    # By palette every cell of a column has the same colour, whatever its limits say.
    assert defaults["color"] == {"mode": "thresholds"}
    for name, column in columns(panel).items():
        cell = column.get("custom.cellOptions", {}).get("type", "auto")
        mappings = column.get("mappings", [])
        if cell == "auto":
            assert not list(every(mappings, "color")), name
            assert "thresholds" not in column, name
        if cell in {"color-background", "gauge"}:
            # A cell without a value would have the colour of the lowest limit, which may be green.
            assert has_special(mappings, "null"), name


@pytest.mark.parametrize("panel", panels("table"))
def test_a_table_names_its_own_columns(panel: Panel) -> None:
    organize = panel["transformations"][-1]
    assert organize["id"] == "organize"
    renamed, excluded = organize["options"]["renameByName"], organize["options"]["excludeByName"]
    names = set(renamed.values())
    assert {one["displayName"] for one in panel["options"]["sortBy"]} <= names
    assert columns(panel).keys() <= names
    assert renamed.keys().isdisjoint(excluded)
    letters = [target["refId"] for target in panel["targets"]]
    values = {f"Value #{letter}" for letter in letters} if len(letters) > 1 else {"Value"}
    assert values <= renamed.keys() | excluded.keys()
    assert len(letters) == 1 or panel["transformations"][:-1] == list(SETTLED)


@pytest.mark.parametrize("dashboard", dashboards().values(), ids=lambda one: str(one["uid"]))
def test_a_dashboard_leads_to_what_is_there(dashboard: dict[str, Any]) -> None:
    everyone = dashboards().values()
    known = {one["uid"] for one in everyone}
    assert len(known) == len(DASHBOARDS)
    assert [link["tags"] for link in dashboard["links"]] == [["ctlctl"]]
    assert all("ctlctl" in one["tags"] for one in everyone)
    variables = {one["name"] for one in dashboard["templating"]["list"]}
    text = json.dumps(dashboard)
    assert set(re.findall(r"\$\{?([a-z]\w*)", text)) <= variables
    assert set(re.findall(r"/d/([\w-]+)", text)) <= known
    assert {one["uid"] for one in every(dashboard, "datasource") if isinstance(one, dict)} == {"${datasource}"}


@pytest.mark.parametrize(
    ("dashboard", "title", "label", "words"),
    [
        ("cluster", "Trust lists, worst first", "verdict", set(VERDICTS)),
        ("cluster", "Certificates of users, first end first", "state", {one.value for one in EnrolmentStanding}),
        ("rollout", "How it goes", "state", {*(one.value for one in Mode), UNKNOWN_MODE}),
        ("rollout", "In flight", "state", {one.value for one in AT_WORK - {PhoneState.OVERDUE}}),
    ],
)
def test_a_query_forgets_no_word(dashboard: str, title: str, label: str, words: set[str]) -> None:
    panel = panel_of(dashboard, title)
    asked = {
        word
        for target in panel["targets"]
        for found in re.findall(rf'\b{label}=~?"([^"]+)"', target["expr"])
        for word in found.split("|")
    }
    assert asked == words
    shown = {one for one in every(panel, "text") if type(one) is str}
    if title == "How it goes":
        # There it is said in more words.
        words = words - {UNKNOWN_MODE}
    assert not shown or words <= shown


@pytest.mark.parametrize("name", ["fleet", "cluster"])
def test_a_credential_has_its_colour_wherever_it_is_shown(name: str) -> None:
    shown = {word: one["color"]["fixedColor"] for word, one in columns(panel_of(name, "Phones by credential")).items()}
    assert shown.keys() == {one.value for one in CredentialState}
    assert shown["unknown"] == "purple"
    assert len(set(shown.values())) == len(shown)


@pytest.mark.parametrize(("name", "title"), [("cluster", "Phones by registration"), ("rollout", "Phones registered")])
def test_a_registration_has_its_colour_wherever_it_is_shown(name: str, title: str) -> None:
    shown = {word: one["color"]["fixedColor"] for word, one in columns(panel_of(name, title)).items()}
    assert shown.keys() == {one.value for one in RegistrationStatus} | {NOT_ASKED}
    assert shown["Unknown"] == "purple"
