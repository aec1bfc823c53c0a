"""Whom a configured cluster trusts: never a lab, unless it is one."""

import ssl
from pathlib import Path

import pytest

from ctlctl.cluster.access import AccessError, require_identity, tls_trust
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl_config import ClusterSettings, make_cluster
from support.pki import CertificatePlan
from support.servers import tcp_server
from support.smallcluster import LAB_TOMCAT, TOMCAT, pin_of
from support.tlsservers import free_port, write_certificate

PLACE = Place("hq", "127.0.0.1", "AXL")


def cluster(folder: Path, port: int, *, lab: bool = False, **tls: str) -> ClusterSettings:
    axl = {"host": "127.0.0.1", "port": port, "username": "u", "password_file": "x", **tls}
    return make_cluster(folder / "ctld.toml", "hq", {"timezone": "UTC", "lab": lab, "axl": axl})


def context(folder: Path, certificate: CertificatePlan) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*write_certificate(folder, certificate))
    return made


@pytest.mark.parametrize(("lab", "certificate"), [(False, TOMCAT), (True, TOMCAT), (True, LAB_TOMCAT)])
def test_who_may_be_talked_to(tmp_path: Path, lab: bool, certificate: CertificatePlan) -> None:
    with tcp_server(lambda _: None, context(tmp_path, certificate)) as port:
        require_identity("hq", cluster(tmp_path, port, lab=lab, tls_pin=pin_of(certificate)))


def test_a_pinned_certificate_of_a_lab_is_refused(tmp_path: Path) -> None:
    with tcp_server(lambda _: None, context(tmp_path, LAB_TOMCAT)) as port:
        settings = cluster(tmp_path, port, tls_pin=pin_of(LAB_TOMCAT))
        with pytest.raises(AccessError, match=r"never trusted in a cluster that is none.*lab = true") as caught:
            require_identity("hq", settings)
    assert caught.value.fault is ConnectorFault.TLS


def test_who_does_not_answer_is_not_trusted_either(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError) as caught:
        require_identity("hq", cluster(tmp_path, free_port(), tls_pin=pin_of(TOMCAT)))
    assert caught.value.fault is ConnectorFault.UNREACHABLE


@pytest.mark.parametrize(("lab", "refused"), [(False, True), (True, False)])
def test_a_ca_file_with_a_labs_certificate(tmp_path: Path, lab: bool, refused: bool) -> None:
    certificates = (TOMCAT, LAB_TOMCAT)
    (tmp_path / "ca.pem").write_text("".join(ssl.DER_cert_to_PEM_cert(one.encode()) for one in certificates))
    settings = cluster(tmp_path, 8443, lab=lab, tls_ca="ca.pem")
    if refused:
        with pytest.raises(AccessError, match=r"ca\.pem: a certificate of a lab"):
            tls_trust(settings, settings.axl, PLACE)
    else:
        trust = tls_trust(settings, settings.axl, PLACE)
        assert trust is not None
        assert trust.ca_file == tmp_path / "ca.pem"
