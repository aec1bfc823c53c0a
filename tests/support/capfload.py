"""Many enrolments from a process of their own: `python -m support.capfload HOST THREADS`, names on stdin.

Prints how many ended with a certificate.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from ctlctl_capf import Result
from support.capfclient import Client


def _enrol(host: str, name: str) -> bool:
    return Client(host, name, fast=True).go().result is Result.INSTALLED


def main() -> None:
    """Enrol every name."""
    host, threads = sys.argv[1], int(sys.argv[2])
    with ThreadPoolExecutor(threads) as pool:
        good = sum(pool.map(lambda name: _enrol(host, name), sys.stdin.read().split()))
    sys.stdout.write(f"{good}\n")


if __name__ == "__main__":
    main()
