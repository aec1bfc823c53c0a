"""`ctlctl trustlist fetch`."""

from collections.abc import Mapping

from ctlctl.files import write_whole
from ctlctl.terminal import printable, say
from ctlctl.trustlists.reading import NetworkWords
from ctlctl.verify.result import checksums
from ctlctl.verify.settings import UsageError, make_network
from ctlctl.verify.sources import is_address, read_target


def run_fetch(address: str, out: str | None, network: Mapping[str, str | None], *, force: bool) -> int:
    """Fetch one file and save it; return 0, or 3 when it could not be had or saved.

    Raises:
        UsageError: the address is none.
    """
    if not is_address(address):
        raise UsageError(
            f"{address}: no address; write tftp://HOST/NAME, http://HOST:6970/NAME or https://HOST:6971/NAME"
        )
    words = NetworkWords.from_click(network)
    content = read_target(address, make_network(words.timeout, words.tls_ca, words.tls_pin, (address,)))
    if content.data is None:
        say(content.problem.message if content.problem is not None else f"{address}: nothing was read")
        return 3
    # The name is the one asked for, never one that a server sent.
    path = out or content.name or "list.tlv"
    try:
        write_whole(path, content.data, replace=force)
    except FileExistsError:
        say(f"{path}: is there already and was left alone; --force replaces it, --out FILE saves elsewhere")
        return 3
    except OSError as error:
        say(f"{path}: not saved: {error.strerror or error}")
        return 3
    print(f"{printable(path)}   {len(content.data):,} B   md5 {checksums(content.data)['md5']}")
    if not content.data:
        say("the server's file is empty: phones take that as no list")
    say(f"saved as it came, not verified: ctlctl verify {path}")
    return 0
