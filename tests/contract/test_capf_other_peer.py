"""`ctlctl capf enroll` and the lab's CAPF against another server and client, written from the published facts alone."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from ctlctl_lab.model import BY_LSC, BY_MIC, BY_NULL, BY_STRING, DELETE, INSTALL, TROUBLESHOOT, Phone
from ctlctl_lab.run import RunningLab
from support import capfpeer as peer
from support.capflab import PENDING, STRING, ended, host, mend, order, phone_where, proof, status, wait
from support.capfpeer import Authority, Client, Elements, Habits, Key, Message, Order, Server
from support.capfserver import string_file
from support.command import Done, ctlctl
from support.runninglab import small_lab

NAME = "recorder"
Edit = Callable[[int, Elements], list[Message]]


def edit(command: int, change: Callable[[Elements], Elements]) -> Edit:
    """Return what changes the elements of one command."""
    return lambda number, elements: [(number, change(elements) if number == command else elements)]


def put(command: int, tag: int, change: Callable[[bytes], bytes]) -> Habits:
    """Return the habit to write one element of a command in another way."""
    return Habits(edit(command, lambda parts: [(one, change(value) if one == tag else value) for one, value in parts]))


def add(command: int, *elements: tuple[int, bytes]) -> Habits:
    """Return the habit to say more."""
    return Habits(edit(command, lambda parts: [*parts, *elements]))


def leave_out(command: int, tag: int) -> Habits:
    """Return the habit to leave an element out."""
    return Habits(edit(command, lambda parts: [each for each in parts if each[0] != tag]))


def instead(command: int, *messages: Message) -> Habits:
    """Return the habit to say something else."""
    return Habits(lambda number, elements: list(messages) if number == command else [(number, elements)])


def leaving(command: int) -> Habits:
    """Return the habit to hang up instead of saying something."""

    def leave(number: int, elements: Elements) -> list[Message]:
        if number == command:
            raise ConnectionAbortedError("we leave")
        return [(number, elements)]

    return Habits(leave, rude=True)


#: How messages may be cut, ordered and numbered, whoever sends them.
SHAPES = {
    "plain": Habits(),
    "reverse": Habits(reverse=True),
    "byte-by-byte": Habits(cut=1),
    "header-apart": Habits(cut=8),
    "session-0": Habits(session=0),
    "session-max": Habits(session=0xFFFF_FFFF),
    "rude": Habits(rude=True),
}
#: What the facts leave to a server.
SERVER_WAYS = {
    **SHAPES,
    "no-auth-type": leave_out(peer.AUTH_REQ, peer.AUTH_TYPE),
    "its-auth-type": put(peer.AUTH_REQ, peer.AUTH_TYPE, lambda _: b"\1"),
    "unknown-elements": add(peer.AUTH_REQ, (14, b"x"), (14, b""), (99, b"y" * 60_000)),
    "size-of-ec": add(peer.KEY_REQ, (peer.BITS, b"\1\0")),
    "no-certificate-type": leave_out(peer.STORE_REQ, peer.CERT_TYPE),
    "calls-it-mic": put(peer.STORE_REQ, peer.CERT, lambda value: value[:4] + b"\2" + value[5:]),
    "length-of-der": put(
        peer.STORE_REQ, peer.CERT, lambda value: value[:1] + struct.pack(">H", len(value) - 5) + value[3:]
    ),
    "length-0": put(peer.STORE_REQ, peer.CERT, lambda value: value[:1] + bytes(2) + value[3:]),
    "ends-with-0": put(peer.END, peer.REASON, lambda _: b"\0"),
    "says-more": add(peer.END, (peer.INFO, b"well done")),
}
#: What they leave to a client.
CLIENT_WAYS = {
    **{name: habits for name, habits in SHAPES.items() if not name.startswith("session")},
    "glued": Habits(glue=True),
    "no-reason": leave_out(peer.AUTH, peer.REASON),
    "no-string": leave_out(peer.AUTH, peer.PASSWORD),
    "unknown-elements": add(peer.AUTH, (5, b"id"), (14, b""), (19, b"\3"), (99, b"y")),
    "reason-with-key": add(peer.KEY, (peer.REASON, b"\1")),
    "stored-0": put(peer.STORE, peer.REASON, lambda _: b"\0"),
}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def enroll(server: Server, tmp_path: Path, *words: object, string: str = STRING) -> Done:
    """Enrol by string."""
    anchor = tmp_path / "anchor.pem"
    anchor.write_bytes(server.authority.pem())
    where = ("--server", f"127.0.0.1:{server.port}", "--name", NAME, "--trust-anchor", anchor)
    return ctlctl(
        "capf", "enroll", "--out", tmp_path / "out", *where, "--auth-string-file", string_file(tmp_path, string), *words
    )


def again(server: Server, tmp_path: Path, *words: object) -> Done:
    """Renew or delete what is there."""
    return ctlctl("capf", "enroll", "--out", tmp_path / "out", "--server", f"127.0.0.1:{server.port}", *words)


def held(tmp_path: Path) -> tuple[bytes, bytes]:
    """Return key and certificate as they lie there."""
    return (tmp_path / "out" / "key.pem").read_bytes(), (tmp_path / "out" / "certificate.pem").read_bytes()


def kind_held(tmp_path: Path) -> str:
    """Return what kind of key lies there; the certificate is of it."""
    key, certificate = held(tmp_path)
    public = load_pem_private_key(key, None).public_key()
    assert x509.load_pem_x509_certificate(certificate).public_key() == public
    return peer.kind_of(public)


def install(key: str = "ec0", subject: str = "{name}") -> dict[str, Order]:
    return {NAME: Order("install", 1, STRING, key, subject)}


class TestOurClient:
    @pytest.mark.parametrize("capf", ["rsa2048", "ec2"])
    @pytest.mark.parametrize("kind", ["rsa1024", "rsa2048", "ec0", "ec1", "ec2"])
    def test_a_certificate_is_got_renewed_by_itself_and_deleted(self, tmp_path: Path, kind: str, capf: str) -> None:
        """The other server checks both signatures of each key, which nothing of ours has made."""
        by_itself, ours = Order(mode=3, key="ec1"), Authority(capf)
        with Server(install(kind), ours) as server:
            done = enroll(server, tmp_path, *(("--require-key", "rsa:1024") if kind == "rsa1024" else ()))
            assert (done.code, done.err, kind_held(tmp_path)) == (0, "", kind)
        with Server({NAME: by_itself}, ours) as server:
            done = again(server, tmp_path, "--renew", "--force")
            assert (done.code, server.faults, kind_held(tmp_path)) == (0, [], "ec1")
            said = dict(server.logs[0][0][1])
            assert {peer.CERT, peer.SIGNED, peer.SIGNED2} < said.keys()
            assert said[peer.PASSWORD] == b"\0"
        with Server({NAME: Order("delete", 3)}, ours) as server:
            assert again(server, tmp_path, "--delete").code == 0
            assert server.stored == {NAME: None}
        assert not (tmp_path / "out" / "key.pem").exists()

    @pytest.mark.parametrize("habits", SERVER_WAYS.values(), ids=SERVER_WAYS)
    def test_a_server_may_have_its_own_ways(self, authority: Authority, tmp_path: Path, habits: Habits) -> None:
        with Server(install(), authority, habits) as server:
            done = enroll(server, tmp_path)
        assert (done.code, done.err, server.faults) == (0, "", [])
        assert "did not confirm" not in done.out
        assert kind_held(tmp_path) == "ec0"

    def test_an_order_without_a_type_is_of_rsa(self, authority: Authority, tmp_path: Path) -> None:
        with Server(install("rsa2048"), authority, leave_out(peer.KEY_REQ, peer.KEY_TYPE)) as server:
            assert enroll(server, tmp_path).code == 0
        assert kind_held(tmp_path) == "rsa2048"

    @pytest.mark.parametrize("subject", ["RECORDER", "Recorder"])
    def test_capf_may_spell_a_user_in_its_own_case(self, authority: Authority, tmp_path: Path, subject: str) -> None:
        with Server(install(subject=subject), authority) as server:
            assert enroll(server, tmp_path).code == 0

    @pytest.mark.parametrize("text", [b"used already", b"used already\0", b"used already\0\0\0"])
    def test_an_odd_text_hides_no_refusal(self, authority: Authority, tmp_path: Path, text: bytes) -> None:
        with Server(install(), authority, add(peer.END, (peer.INFO, text))) as server:
            done = enroll(server, tmp_path, string="99999")
        assert done.code == 4
        assert "reason 7: wrong or used authentication string" in done.err
        assert "it says: used already" in done.err

    @pytest.mark.parametrize(
        ("habits", "code", "words"),
        [
            (instead(peer.AUTH_REQ, (peer.END, [(peer.REASON, peer.BAD)])), 3, "before it was told who asks"),
            (instead(peer.STORE_REQ, (peer.END, [(peer.REASON, peer.BAD)])), 4, "after it had ordered to install"),
            (put(peer.KEY_REQ, peer.CURVE, lambda _: b"\3"), 4, "curve 3 is not known (key-refused)\n"),
            (instead(peer.KEY_REQ, (peer.LATER, [(peer.DELAY, b"60\0")])), 3, "the server has no time: try again"),
            (instead(peer.KEY_REQ, (peer.LATER, [])), 3, "the server has no time: try again"),
            (add(peer.STORE_REQ, peer.carried(b"another")), 3, "element 4 stands twice"),
            (instead(peer.KEY_REQ, (peer.BUSY, [])), 3, "REQUEST_IN_PROGRESS may not come now"),
            (instead(peer.KEY_REQ, (40, [])), 3, "command 40 is not known"),
        ],
    )
    def test_what_goes_wrong_is_told_as_it_is_and_nothing_is_left(
        self, authority: Authority, tmp_path: Path, habits: Habits, code: int, words: str
    ) -> None:
        with Server(install(), authority, habits) as server:
            done = enroll(server, tmp_path)
        assert done.code == code
        assert words in done.err
        assert "Check the string" not in done.err
        assert not any((tmp_path / "out" / "sets").iterdir())

    @pytest.mark.parametrize(
        ("order_", "foreign", "habits"),
        [
            (Order(mode=3, key="ec1"), True, Habits()),
            (Order("delete", 3), False, Habits()),
            (Order("fetch", 3), False, Habits()),
            (Order(mode=1, string="1"), False, Habits()),
            (Order(mode=3, subject="mallory"), False, Habits()),
            (Order(mode=3), False, leaving(peer.STORE_REQ)),
            (Order(mode=3), False, leaving(peer.KEY_REQ)),
        ],
        ids=["foreign-key", "delete", "fetch", "string", "other-name", "leaves-late", "leaves-early"],
    )
    def test_the_old_stays_whole(
        self, authority: Authority, tmp_path: Path, order_: Order, foreign: bool, habits: Habits
    ) -> None:
        with Server(install(), authority) as server:
            assert enroll(server, tmp_path).code == 0
        before = held(tmp_path)
        with Server({NAME: order_}, authority, habits, foreign) as server:
            assert again(server, tmp_path, "--renew", "--force").code in {1, 3, 4}
        assert held(tmp_path) == before


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(running: RunningLab) -> Iterator[RunningLab]:
    yield running
    mend(running)


@pytest.fixture
def phone(lab: RunningLab) -> Phone:
    return phone_where(lab, lambda each: each.lsc is not None and each.mic is not None and each.kind.ec)


def bare(key: bytes) -> bytes:
    """Return an RSA key as PKCS#1 writes it, without the algorithm around it."""
    return load_der_public_key(key).public_bytes(Encoding.DER, PublicFormat.PKCS1)


def short(key: bytes) -> bytes:
    """Return a key on P-256 with its point in the short form."""
    point = load_der_public_key(key).public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point


def shown(lab: RunningLab, phone: Phone, kind: str) -> tuple[Key, bytes]:
    """Return key and certificate of a phone, as the lab has them."""
    one = phone.lsc if kind == "LSC" else phone.mic
    assert one is not None
    return lab.world.pki.phone_key(one.key), proof(lab, phone, one).certificate


class TestOurServer:
    @pytest.mark.parametrize("habits", CLIENT_WAYS.values(), ids=CLIENT_WAYS)
    def test_a_client_may_have_its_own_ways(self, lab: RunningLab, phone: Phone, habits: Habits) -> None:
        order(lab, phone)
        client = Client(phone.name, habits=habits)
        assert client.run(host(lab)) == 1
        assert status(phone) == ended("Upgrade Success")

    @pytest.mark.parametrize(("key_order", "form"), [("RSA Only", bare), ("EC Only", short)], ids=["rsa", "ec"])
    def test_a_key_may_stand_in_another_form(
        self, lab: RunningLab, phone: Phone, key_order: str, form: Callable[[bytes], bytes]
    ) -> None:
        order(lab, phone)
        lab.world.cluster.profiles[phone.profile].key_order = key_order
        lab.world.cluster.profiles[phone.profile].ec_key_size = 256
        assert Client(phone.name, habits=put(peer.KEY, peer.PUBLIC, form)).run(host(lab)) == 1

    @pytest.mark.parametrize("busy", [0, 2, 120])
    def test_a_client_may_be_at_it_for_long(self, lab: RunningLab, phone: Phone, busy: int) -> None:
        order(lab, phone)
        assert Client(phone.name, busy=busy).run(host(lab)) == 1

    @pytest.mark.parametrize("kind", ["rsa1024", "rsa3072", "ec0", "ec1", "ec2"])
    def test_each_key_is_certified_and_proves_the_next(self, lab: RunningLab, phone: Phone, kind: str) -> None:
        """The first certificate is got by null string, the second by the first."""
        client = Client(phone.name)
        for mode in (BY_NULL, BY_LSC, BY_MIC):
            order(lab, phone, mode)
            profile = lab.world.cluster.profiles[phone.profile]
            if kind.startswith("ec"):
                profile.key_order, profile.ec_key_size = "EC Only", (256, 384, 521)[int(kind[2:])]
            else:
                profile.key_size = int(kind[3:])
            before = client.certificate
            assert client.run(host(lab)) == 1
            assert client.certificate != before
            assert client.key is not None
            assert peer.kind_of(client.key.public_key()) == kind

    @pytest.mark.parametrize("mode", [BY_LSC, BY_MIC])
    @pytest.mark.parametrize("kind", ["LSC", "MIC"])
    @pytest.mark.parametrize("proven", [{peer.SIGNED}, {peer.SIGNED2}, {peer.SIGNED, peer.SIGNED2}])
    def test_existing_certificates(self, lab: RunningLab, phone: Phone, mode: str, kind: str, proven: set[int]) -> None:
        order(lab, phone, mode)
        key, certificate = shown(lab, phone, kind)
        sudi = shown(lab, phone, "MIC")
        client = Client(phone.name, key=key, certificate=certificate, prove=frozenset(proven), sudi=sudi)
        assert client.run(host(lab)) == 1

    def test_signatures_of_the_usual_kind_are_none(self, lab: RunningLab, phone: Phone) -> None:
        """PKCS#1 v1.5 with DigestInfo is not what CAPF signs with."""
        order(lab, phone, BY_LSC)
        key, certificate = shown(lab, phone, "LSC")
        assert isinstance(key, RSAPrivateKey)
        usual = key.sign(phone.name.encode() + b"\0" + certificate, PKCS1v15(), hashes.SHA1())  # noqa: S303 - what phones sign with
        habits = put(peer.AUTH, peer.SIGNED, lambda _: usual)
        client = Client(phone.name, key=key, certificate=certificate, prove=frozenset({peer.SIGNED}), habits=habits)
        assert client.run(host(lab)) == 7
        assert status(phone) == ended("Upgrade Failed: Invalid Credentials")

    def test_a_session_signed_for_another_is_none(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone, BY_MIC)
        key, certificate = shown(lab, phone, "MIC")
        recorded: list[bytes] = []

        def record(value: bytes) -> bytes:
            recorded.append(value)
            return recorded[0]

        client = Client(
            phone.name,
            key=key,
            certificate=certificate,
            sudi=(key, certificate),
            habits=put(peer.AUTH, peer.SUDI, record),
        )
        assert client.run(host(lab)) == 1
        order(lab, phone, BY_MIC)
        client.key, client.certificate = key, certificate
        assert client.run(host(lab)) == 7
        assert len(recorded) == 2

    @pytest.mark.parametrize(("typed", "reason"), [(STRING, 1), (STRING + "0", 7), ("", 7)])
    def test_strings(self, lab: RunningLab, phone: Phone, typed: str, reason: int) -> None:
        order(lab, phone, BY_STRING, string=STRING)
        assert Client(phone.name, typed).run(host(lab)) == reason

    @pytest.mark.parametrize(
        ("operation", "reason", "word"), [(TROUBLESHOOT, 0, "Troubleshoot"), (DELETE, 1, "Delete")]
    )
    def test_handing_over_and_deleting(
        self, lab: RunningLab, phone: Phone, operation: str, reason: int, word: str
    ) -> None:
        known = phone.lsc_valid_until
        key, certificate = shown(lab, phone, "LSC")
        client = Client(phone.name, key=key, certificate=certificate)
        order(lab, phone, operation=operation)
        assert client.run(host(lab)) == reason
        assert status(phone) == ended(f"{word} Success")
        order(lab, phone, operation=operation)
        assert Client(phone.name).run(host(lab)) == reason
        assert status(phone) == ended(f"{word} Failed: Invalid LSC")
        phone.lsc_valid_until = known

    @pytest.mark.parametrize(
        "habits",
        [
            put(peer.AUTH, peer.VERSION, lambda _: b"\2"),
            put(peer.AUTH, peer.NAME, lambda value: value[:-1]),
            add(peer.AUTH, (peer.NAME, b"SEP000000000001\0")),
            instead(peer.AUTH, (peer.STORE, [(peer.REASON, peer.DONE)])),
        ],
        ids=["version", "no-nul", "two-names", "out-of-turn"],
    )
    def test_what_is_against_the_facts_ends_with_7_and_costs_nothing(
        self, lab: RunningLab, phone: Phone, habits: Habits
    ) -> None:
        order(lab, phone)
        assert Client(phone.name, habits=habits).run(host(lab)) == 7
        assert status(phone) == PENDING

    def test_many_at_once_each_in_its_own_way(self, lab: RunningLab) -> None:
        phones = list(lab.world.cluster.phones.values())[:20]
        for phone in phones:
            order(lab, phone, operation=INSTALL)
        ways = list(CLIENT_WAYS.values())
        ends: dict[str, int] = {}

        def go(phone: Phone, habits: Habits) -> None:
            ends[phone.name] = Client(phone.name, habits=habits).run(host(lab))

        threads = [Thread(target=go, args=(each, ways[place % len(ways)])) for place, each in enumerate(phones)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert ends == {phone.name: 1 for phone in phones}
        wait(lambda: all(status(each) == ended("Upgrade Success") for each in phones))
