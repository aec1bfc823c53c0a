"""Which label stands for which parameter: what is not known for certain is never mapped."""

import pytest

from ctlctl.connectors.axl_parameters import KNOWN_LABELS, KnownLabel, resolve_labels
from ctlctl.connectors.axl_values import CLUSTER_WIDE_NODE, ENTERPRISE_SERVICE, Parameter

MODE = "Cluster Security Mode"


def parameter(name: str, service: str = ENTERPRISE_SERVICE, node: str = CLUSTER_WIDE_NODE) -> Parameter:
    return Parameter(node, service, name, "0", "string")


def test_every_label_is_in_one_half() -> None:
    found = resolve_labels([parameter("ClusterSecurityMode"), parameter("Unheard")], {})
    assert found.mapped.keys() == {MODE}
    assert found.mapped.keys() | found.unmapped.keys() == {one.label for one in KNOWN_LABELS}
    assert not found.mapped.keys() & found.unmapped.keys()
    assert found.unmapped["TLS Ciphers"] == "its internal name is not known"
    assert "no parameter URILookupPolicy of Enterprise Wide" in found.unmapped["URI Lookup Policy"]


def test_a_parameter_of_the_name_in_another_service_is_another_one() -> None:
    assert not resolve_labels([parameter("ClusterSecurityMode", "Cisco CallManager")], {}).mapped


def test_a_name_is_never_made_of_a_label() -> None:
    names = ["TFTPFileSignatureAlgorithm", "TLSCiphers", "BuiltinBridgeEnable", "URI Lookup Policy"]
    every = [parameter(name, service) for name in names for service in (ENTERPRISE_SERVICE, "Cisco CallManager")]
    assert not resolve_labels(every, {}).mapped


def test_a_verified_name_counts_and_each_node_has_its_own() -> None:
    nodes = [parameter("Bib", "Cisco CallManager", node) for node in ("one", "two")]
    found = resolve_labels(nodes, {"Builtin Bridge Enable": "Bib"})
    assert found.mapped["Builtin Bridge Enable"].parameters == tuple(nodes)
    assert found.mapped["Builtin Bridge Enable"].is_writable


def test_a_verified_name_wins_over_a_known_one() -> None:
    both = [parameter("URILookupPolicy"), parameter("Other")]
    found = resolve_labels(both, {"URI Lookup Policy": "Other"})
    assert found.mapped["URI Lookup Policy"].parameters == (both[1],)


def test_what_only_commands_may_change_is_not_made_writable_under_another_label() -> None:
    found = resolve_labels([parameter("ClusterSecurityMode")], {"TLS Ciphers": "ClusterSecurityMode"})
    assert not found.mapped
    for label in (MODE, "TLS Ciphers"):
        assert found.unmapped[label] == "several labels are given the internal name ClusterSecurityMode"
    renamed = resolve_labels([parameter("Mode2")], {MODE: "Mode2"})
    assert not renamed.mapped[MODE].is_writable


def test_a_label_in_the_settings_that_nobody_knows_is_told() -> None:
    found = resolve_labels([parameter("X")], {"Tls Cyphers": "X"})
    assert found.unmapped["Tls Cyphers"] == "it is no label that is known here"


@pytest.mark.parametrize("half", ["mapped", "unmapped"])
def test_the_map_cannot_be_changed(half: str) -> None:
    with pytest.raises(TypeError):
        getattr(resolve_labels([], {}), half)["x"] = 1


def test_the_known_labels_are_each_there_once() -> None:
    assert len({one.label for one in KNOWN_LABELS}) == len(KNOWN_LABELS)
    named = [(one.service, one.name) for one in KNOWN_LABELS if one.name]
    assert len(set(named)) == len(named)
    assert KnownLabel(MODE, ENTERPRISE_SERVICE, "ClusterSecurityMode", is_writable=False) in KNOWN_LABELS
