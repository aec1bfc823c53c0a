"""Makes the trust lists of a small cluster, good and bad, with `ctlctl trustlist build`, and verifies them.

Everything is made here and now, keys included, in the directory `demo-lists`; nothing leaves this machine.
"""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DEMO = Path("demo-lists")
NODES = {"cucm-pub": "192.0.2.10", "cucm-sub1": "192.0.2.11", "cucm-sub2": "192.0.2.12"}
WIDTH = 80


def make_identity(folder: Path, name: str, common_name: str, days: int = 1825) -> None:
    """Write NAME.pem (certificate) and NAME.key (private key, mode 0600)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ctlctl demo"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "not for production"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    now = datetime.now(UTC)
    begin = now - timedelta(days=max(1, 30 - min(days, 0) * 2))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / f"{name}.key"
    path.touch(mode=0o600)
    path.write_bytes(private)


def ctlctl(*words: str | Path, show: bool = True) -> int:
    """Run one command as an operator would; return its exit code."""
    command = ["ctlctl", *(str(word) for word in words)]
    if show:
        print(f"\n$ {' '.join(command)}", flush=True)
    done = subprocess.run(command, check=False, stdout=None if show else subprocess.DEVNULL)
    if show:
        print(f"[exit code {done.returncode}]", flush=True)
    elif done.returncode:
        sys.exit(f"{' '.join(command)} failed with exit code {done.returncode}")
    return done.returncode


def build(kind: str, signer: str, records: list[str], out: Path, *extra: str) -> None:
    """Build one list."""
    options = [word for record in records for word in ("--record", record)]
    key = str(DEMO / "keys" / f"{signer}.key")
    ctlctl("trustlist", "build", "--kind", kind, *options, "--sign-key", key, "--out", out, *extra, show=False)


def record(role: str, name: str, node: str) -> str:
    """Return one --record option."""
    return f"role={role},cert={DEMO / 'keys' / f'{name}.pem'},dns={node},ip={NODES[node]}"


def make_lists() -> None:
    """Make the good lists, and bad ones from them."""
    keys = DEMO / "keys"
    keys.mkdir(parents=True)
    make_identity(keys, "ITLRecovery", "ITLRECOVERY_cucm-pub.demo.example")
    make_identity(keys, "CAPF", "CAPF-1f2e3d4c", days=41)
    make_identity(keys, "stranger", "ITLRECOVERY_elsewhere.demo.example")
    for node in NODES:
        make_identity(keys, node, f"{node}.demo.example", days=-12 if node == "cucm-sub2" else 1825)
        make_identity(keys, f"tvs-{node}", f"{node}.demo.example")
    anchors = [record("SAST", "ITLRecovery", "cucm-pub"), record("SAST", "cucm-pub", "cucm-pub")]
    nodes = [record("CCM+TFTP", node, node) for node in NODES]
    capf = [record("CAPF", "CAPF", "cucm-pub")]
    tvs = [record("TVS", f"tvs-{node}", node) for node in NODES]
    build("ctl", "ITLRecovery", anchors + nodes + capf, DEMO / "CTLFile.tlv")
    build("itl", "ITLRecovery", [*anchors, nodes[0], *capf, *tvs], DEMO / "ITLFile.tlv")
    bad = DEMO / "bad"
    bad.mkdir()
    strange = [record("SAST", "stranger", "cucm-pub"), *nodes, *capf]
    build("ctl", "stranger", strange, bad / "other-cluster.tlv")
    good = (DEMO / "CTLFile.tlv").read_bytes()
    middle = len(good) // 2
    (bad / "one-bit-flipped.tlv").write_bytes(good[:middle] + bytes((good[middle] ^ 1,)) + good[middle + 1 :])
    (bad / "cut-short.tlv").write_bytes(good[:-700])
    (bad / "something-behind.tlv").write_bytes(good + b"\xde\xad\xbe\xef")
    (bad / "empty.tlv").touch()
    (bad / "SEP001122334455.cnf.xml.sgn").write_text('<?xml version="1.0"?>\n<device/>\n')


def main() -> None:
    """Make the example and verify it."""
    shutil.rmtree(DEMO, ignore_errors=True)
    print("Making a cluster of three nodes: keys, certificates, a CTL and an ITL, and some bad lists ...", flush=True)
    make_lists()
    print("\n--- 1. A CTL, verified against the anchor you keep: the ITLRecovery certificate")
    good = ctlctl("verify", DEMO / "CTLFile.tlv", "--trust-anchor", DEMO / "keys/ITLRecovery.pem")
    print("\n--- 2. An ITL on its own: consistent with itself, but nobody vouched for its signer")
    alone = ctlctl("verify", DEMO / "ITLFile.tlv", "--ctl", DEMO / "CTLFile.tlv")
    print("\n--- 3. Would phones take the list of another cluster? (What happens to phones moved in a hurry)")
    moved = ctlctl("verify", DEMO / "bad/other-cluster.tlv", "--previous", DEMO / "CTLFile.tlv")
    print("\n--- 4. A directory full of bad files")
    bad = ctlctl("verify", DEMO / "bad")
    print("\n--- 5. What a finding means")
    ctlctl("finding", "explain", "continuity-broken")
    print(
        "\nNow point it at your own: fetch a list from any TFTP node and verify it in one go,\n"
        "  .venv/bin/ctlctl verify tftp://YOUR-TFTP-NODE/CTLFile.tlv\n"
        "  .venv/bin/ctlctl verify http://YOUR-TFTP-NODE:6970/ITLFile.tlv --trust-anchor ITLRecovery.pem\n"
        "Nothing on the cluster is changed by that. The files of this demo are in the directory `demo-lists`."
    )
    if (good, alone, moved, bad) != (0, 0, 1, 1):
        sys.exit("the demo did not end as it should: please report this")


if __name__ == "__main__":
    main()
