"""Services and certificates of a running lab's nodes: by our clients, and by clients that know nothing of it."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from ctlctl.cluster.nodeaccess import open_certificate_api, open_control_center
from ctlctl.connectors.certificate_api import CertificateApiClient
from ctlctl.connectors.certificate_api_ports import CertificateApiError
from ctlctl.connectors.control_center import ControlCenterClient
from ctlctl.connectors.control_center_ports import ControlCenterError, ServiceState
from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl.connectors.secret import Secret
from ctlctl.inventory.collect_services import read_services
from ctlctl.inventory.collect_stores import read_stores
from ctlctl.inventory.words import Fault
from ctlctl_config import load_settings
from ctlctl_config.model import ClusterSettings, NodeSettings
from ctlctl_lab.build import PLATFORM_READER, PLATFORM_SECRET
from ctlctl_lab.run import RunningLab
from ctlctl_lab.world import World
from support.labhttp import control_center_wsdl
from support.runninglab import small_lab
from support.soap import RIS

zeep = pytest.importorskip("zeep", reason="a client to ask the lab with")

TFTP, CTI, TOMCAT = "Cisco Tftp", "Cisco CTIManager", "Cisco Tomcat"
PATH = "/controlcenterservice2/services/ControlCenterServices"
API = "/platformcom/api/v1/certmgr/config"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("node-services"), phones=4) as lab:
        yield lab


@pytest.fixture
def world(running: RunningLab) -> Iterator[World]:
    yield running.services.world
    running.services.world.faults.clear()


class Cluster:
    """What the settings file of the lab says."""

    def __init__(self, running: RunningLab) -> None:
        self.folder = running.settings.parent
        self.settings: ClusterSettings = load_settings(running.settings).clusters["lab"]
        self.platform_password = (self.folder / "secrets" / PLATFORM_SECRET).read_text().strip()
        self.axl_password = (self.folder / "secrets" / "axl.password").read_text().strip()

    def services(self, node: NodeSettings, password: str = "") -> ControlCenterClient:
        secret = Secret(password or self.axl_password)
        return open_control_center("lab", self.settings, node, secret, patience_seconds=0)

    def certificates(self, node: NodeSettings, password: str = "") -> CertificateApiClient:
        secret = Secret(password or self.platform_password)
        return open_certificate_api("lab", self.settings, node, PLATFORM_READER, secret)

    def ask(self, interface: str, node: NodeSettings) -> object:
        """Ask a node over one of its interfaces."""
        if interface == "services":
            with self.services(node) as client:
                return client.services()
        with self.certificates(node) as reader:
            return reader.snapshot()


@pytest.fixture(scope="module")
def cluster(running: RunningLab) -> Cluster:
    return Cluster(running)


# Control Center.


def test_services_of_every_node(cluster: Cluster, world: World) -> None:
    rows = dict(read_services(cluster.settings.nodes, cluster.services))
    assert list(rows) == list(world.cluster.nodes)
    for name, services in rows.items():
        assert not isinstance(services, Fault)
        node = world.cluster.nodes[name]
        found = {one.name: one for one in services}
        assert {one.name for one in services if one.activated and one.status == "Started"} >= node.services
        assert found["Cisco WebDialer Web Service"].activated is False
        # Told in seconds; it is the same instant however late the answer is.
        assert found[TOMCAT].started_at == int(node.booted)
    again = dict(read_services(cluster.settings.nodes, cluster.services))
    assert again == rows


def test_a_restart_by_another_client_is_seen(cluster: Cluster, world: World, tmp_path: Path) -> None:
    node = cluster.settings.nodes[0]
    before = int(time.time())
    order = {"NodeName": node.name, "ControlType": "Restart"}

    def restart(name: str) -> Any:  # noqa: ANN401 - zeep has no types for it
        with _third_party(cluster, node, tmp_path) as service:
            request = order | {"ServiceList": {"item": [name]}}
            return service.soapDoControlServices(ControlServiceRequest=request)

    answer = restart(TFTP)
    assert answer["ServiceInfoList"]["item"][0]["ServiceStatus"] == "Started"
    with cluster.services(node) as client:
        (found,) = client.services([TFTP])
    assert found.state is ServiceState.STARTED
    assert found.up_seconds is not None
    assert found.up_seconds <= time.time() - before + 1
    ((_, services),) = read_services([node], cluster.services)
    assert not isinstance(services, Fault)
    (started,) = (one.started_at for one in services if one.name == TFTP)
    assert started is not None
    assert before <= started <= time.time()

    world.faults.service_stuck.add((node.name, CTI))
    (item,) = restart(CTI)["ServiceInfoList"]["item"]
    assert (item["ServiceStatus"], item["ReasonCode"], item["UpTime"]) == ("Stopped", -1069, -1)
    with cluster.services(node) as client:
        (found,) = client.services([CTI])
    assert (found.state, found.activated, found.up_seconds) == (ServiceState.STOPPED, None, None)
    world.faults.clear()
    assert world.start_service(node.name, CTI)


def test_another_client_activates_and_deactivates(cluster: Cluster, world: World, tmp_path: Path) -> None:
    node = cluster.settings.nodes[-1]
    assert TFTP not in world.cluster.nodes[node.name].services
    order = {"NodeName": node.name, "DeployType": "Deploy", "ServiceList": {"item": [TFTP]}}
    with cluster.services(node) as client, _third_party(cluster, node, tmp_path) as service:
        assert client.services([TFTP])[0].activated is False
        service.soapDoServiceDeployment(DeploymentServiceRequest=order)
        assert client.services([TFTP])[0].activated is True
        service.soapDoServiceDeployment(DeploymentServiceRequest=order | {"DeployType": "UnDeploy"})
        assert client.services([TFTP])[0].activated is False
    assert TFTP not in world.cluster.nodes[node.name].services


def test_another_client_reads_lists(cluster: Cluster, world: World, tmp_path: Path) -> None:
    with _third_party(cluster, cluster.settings.nodes[1], tmp_path) as service:
        everything = service.soapGetStaticServiceList(ServiceInformationResponse="")["item"]
        product = service.getProductInformationList(ServiceInfo="")
        status = service.soapGetServiceStatus(ServiceStatus=[""])["ServiceInfoList"]["item"]
    deployable = {each["ServiceName"] for each in everything if each["Deployable"]}
    assert TFTP in deployable
    assert TOMCAT not in deployable
    assert {each["ServiceName"] for each in everything} > deployable
    assert (product["ActiveServerVersion"], product["PrimaryNode"]) == (world.cluster.version, "lab-pub")
    assert len(status) == len(everything)
    with cluster.services(cluster.settings.nodes[1]) as client:
        mine = client.product()
    assert (mine.version, mine.primary) == (world.cluster.version, "lab-pub")
    assert {name for name, can in mine.deployable if can} == deployable


@contextmanager
def _third_party(cluster: Cluster, node: NodeSettings, folder: Path) -> Iterator[Any]:
    """Give zeep's proxy of the real description, which has no types."""
    with requests.Session() as session:
        session.auth = (cluster.settings.axl.username, cluster.axl_password)
        session.verify = _certificate(cluster, node, folder)
        session.trust_env = False
        client = zeep.Client(str(control_center_wsdl()), transport=zeep.transports.Transport(session=session))
        address = f"https://{node.host}:{node.ports.tomcat}{PATH}"
        yield client.create_service(f"{{{RIS}}}ControlCenterServicesBinding", address)


def _certificate(cluster: Cluster, node: NodeSettings, folder: Path) -> str:
    with cluster.certificates(node) as client:
        own = next(one for one in client.snapshot().certificates if (one.store, one.place) == ("tomcat", "own"))
    path = folder / f"{node.name}.pem"
    text = base64.b64encode(own.der).decode()
    path.write_text(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    return str(path)


@pytest.mark.parametrize(
    ("switch", "value", "kinds"),
    [
        ("html_next", 1, {ConnectorFault.SERVER_ERROR}),
        ("truncate_next", 1, {ConnectorFault.PROTOCOL, ConnectorFault.UNREACHABLE}),
    ],
)
@pytest.mark.parametrize("interface", ["services", "certificates"])
def test_switches_give_the_errors_they_should(
    cluster: Cluster, world: World, interface: str, switch: str, value: int, kinds: set[ConnectorFault]
) -> None:
    setattr(world.faults, switch, value)
    node = cluster.settings.nodes[0]
    with pytest.raises(ConnectorError) as found:
        cluster.ask(interface, node)
    assert found.value.fault in kinds
    assert (found.value.cluster, found.value.node) == ("lab", node.name)


def test_a_wrong_password_is_tried_once_and_on_one_node(cluster: Cluster) -> None:
    tried: list[str] = []

    def opened(node: NodeSettings) -> ControlCenterClient:
        tried.append(node.name)
        return cluster.services(node, "not the password")

    rows = list(read_services(cluster.settings.nodes, opened))
    assert tried == [cluster.settings.nodes[0].name]
    assert all(isinstance(answer, Fault) and answer.kind == "credentials" for _, answer in rows)
    assert "not the password" not in str(rows)
    with cluster.services(cluster.settings.nodes[0], "not the password") as client:
        for _ in range(2):
            with pytest.raises(ControlCenterError) as found:
                client.services()
            assert found.value.fault is ConnectorFault.CREDENTIALS


# The certificate API.


def test_stores_of_every_node(cluster: Cluster, world: World) -> None:
    rows = dict(read_stores(cluster.settings.nodes, cluster.certificates))
    assert list(rows) == list(world.cluster.nodes)
    for name, stores in rows.items():
        assert not isinstance(stores, Fault)
        node = world.cluster.nodes[name]
        own = {one.store: one.der for one in stores if one.place == "own"}
        assert own.pop("ITLRecovery") == world.cluster.itl_recovery.der
        assert own == {unit: identity.der for unit, identity in node.identities.items()}
        trusted = {(one.store, one.der) for one in stores if one.place == "trust"}
        assert trusted == {(store, each.der) for store, held in world.cluster.trust.items() for each in held}
        assert all(one.file.endswith(".pem") for one in stores if one.place == "trust")


def test_a_renewed_certificate_is_listed_before_it_is_served(cluster: Cluster, world: World) -> None:
    node = cluster.settings.nodes[1]
    before = world.cluster.nodes[node.name].identities["TVS"]
    world.renew("TVS", node.name, restart=False)
    installed = world.cluster.nodes[node.name].identities["TVS"]
    assert installed.der != before.der
    with cluster.certificates(node) as client:
        listed = {one.der for one in client.snapshot().certificates if one.store == "TVS"}
    assert listed == {installed.der}


def test_who_may_read_certificates(cluster: Cluster, world: World) -> None:
    node = cluster.settings.nodes[0]
    # The account of AXL is nobody there.
    wrong = open_certificate_api(
        "lab", cluster.settings, node, cluster.settings.axl.username, Secret(cluster.axl_password)
    )
    with wrong as client:
        for words in ("refuses the platform account", "nothing was sent"):
            with pytest.raises(CertificateApiError, match=words) as found:
                client.snapshot()
            assert found.value.fault is ConnectorFault.CREDENTIALS
            assert "not the AXL user" in found.value.advice
            assert cluster.axl_password not in str(found.value)
    assert not world.faults.ssh_locked


def test_a_cluster_before_14_has_no_certificate_api(cluster: Cluster, world: World) -> None:
    version = world.cluster.version
    world.cluster.version = "12.5.1.18900-40"
    try:
        ((_, answer), *_) = read_stores(cluster.settings.nodes, cluster.certificates)
    finally:
        world.cluster.version = version
    assert isinstance(answer, Fault)
    assert answer.kind == "unsupported"
    assert "from 14 on" in answer.advice


def test_a_node_that_shows_another_certificate_gets_no_password(cluster: Cluster, world: World) -> None:
    node, other = cluster.settings.nodes[0], cluster.settings.nodes[1]
    moved = other.model_copy(update={"host": node.host})
    for interface in ("services", "certificates"):
        with pytest.raises(ConnectorError) as found:
            cluster.ask(interface, moved)
        assert found.value.fault is ConnectorFault.TLS
    # A node that the settings say nothing of must be who AXL's server is.
    unsaid = other.model_copy(update={"tls_pin": None})
    with pytest.raises(ConnectorError) as found:
        cluster.ask("services", unsaid)
    assert found.value.fault is ConnectorFault.TLS
    publisher = node.model_copy(update={"tls_pin": None})
    assert cluster.ask("services", publisher)
    # And a cluster that is no lab takes no lab's certificate, pinned or not.
    genuine = cluster.settings.model_copy(update={"lab": False})
    with pytest.raises(ConnectorError, match="lab"):
        open_control_center("lab", genuine, node, Secret("x"))
    assert not world.faults.ssh_locked


def test_another_client_reads_certificates(cluster: Cluster, world: World, tmp_path: Path) -> None:
    node = cluster.settings.nodes[0]
    base = f"https://{node.host}:{node.ports.tomcat}{API}"
    with requests.Session() as session:
        session.verify, session.trust_env = _certificate(cluster, node, tmp_path), False
        refused = session.get(f"{base}/snapshot/server", timeout=20)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Basic realm="CMPlatform"')
        session.auth = (PLATFORM_READER, cluster.platform_password)
        snapshot = session.get(f"{base}/snapshot/server", timeout=20).json()
        assert snapshot.keys() == {"trackingId", "server", "identities", "trusts", "revokedCertificates"}
        identity = session.get(f"{base}/identity/certificate?service=CallManager", timeout=20).json()
        own = {each["service"]: each["certificate"] for each in snapshot["identities"]}
        assert identity["certificate"] == own["CallManager"]
        trusted = session.get(f"{base}/trust/certificate?service=CallManager", timeout=20).json()["certificates"]
        assert len(trusted) == len(world.cluster.trust["CallManager-trust"])
        for question in ("identity/certificate?service=Nothing", "trust/certificate?service="):
            odd = session.get(f"{base}/{question}", timeout=20)
            assert (odd.status_code, len(odd.json()["messages"])) == (400, 1)
        assert session.get(f"{base}/elsewhere", timeout=20).status_code == 404
        assert session.post(f"{base}/csr", json={"service": "tomcat"}, timeout=20).status_code == 405
