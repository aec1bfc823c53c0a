"""`ctlctl trustlist`: look at lists, compare them, make them, fetch them."""

from datetime import UTC, datetime

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.verify import with_options
from ctlctl.verify.options import VERIFY_OPTIONS

_NETWORK_OPTIONS = tuple(option for option in VERIFY_OPTIONS if option.name in ("tls_ca", "tls_pin", "timeout"))
_OUTPUT_OPTION = tuple(option for option in VERIFY_OPTIONS if option.name == "output")


@click.group()
def trustlist() -> None:
    """Look at trust lists, compare them, make them, fetch them."""


@trustlist.command()
@click.argument("target")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "cucm"]),
    default="table",
    show_default=True,
    help="A table, or the layout that `show ctl` prints on a CUCM console.",
)
@with_options(*_OUTPUT_OPTION, *_NETWORK_OPTIONS)
@click.pass_context
def show(context: click.Context, /, target: str, layout: str, output: str, **network: str | None) -> None:
    """Print what a list holds, record by record.

    TARGET is a file, - or an address, as for `ctlctl verify`. A list is shown as far as it can be read; whether it is
    any good, `ctlctl verify` says. Exits with 1 when its structure has an error.
    """
    from ctlctl.trustlists.show import run_show  # noqa: PLC0415 - help and completion need no cryptography

    context.exit(guarded(lambda: run_show(target, layout, output, network)))


@trustlist.command()
@click.argument("old")
@click.argument("new")
@with_options(*_OUTPUT_OPTION, *_NETWORK_OPTIONS)
@click.pass_context
def diff(context: click.Context, /, old: str, new: str, output: str, **network: str | None) -> None:
    """Say which certificates, in which roles, NEW has and OLD has not, and the other way round.

    Order and spelling do not matter. Exits with 0 when both hold the same, 1 when they differ, 3 when one of them
    cannot be read.
    """
    from ctlctl.trustlists.diff import run_diff  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_diff(old, new, output, network)))


@trustlist.command()
@click.argument("address")
@click.option("--out", metavar="FILE", help="Where to save it; by default the name asked for, in this directory.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@with_options(*_NETWORK_OPTIONS)
@click.pass_context
def fetch(context: click.Context, /, address: str, out: str | None, *, force: bool, **network: str | None) -> None:
    """Fetch a list or signed file from a TFTP server and save it.

    ADDRESS is tftp://HOST/NAME, http://HOST:6970/NAME or https://HOST:6971/NAME. The file is saved as it came, whether
    or not it is any good; a transfer that breaks off saves nothing.
    """
    from ctlctl.trustlists.fetch import run_fetch  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_fetch(address, out, network, force=force)))


@trustlist.command()
@click.option("--kind", type=click.Choice(["ctl", "itl"]), required=True, help="Which list to make.")
@click.option(
    "--record",
    "records",
    multiple=True,
    required=True,
    metavar="role=ROLE,cert=FILE[,dns=NAME][,ip=ADDRESS]",
    help="One record, in order. ROLE is SAST, CCM, CCM+TFTP, TFTP, CAPF, APP-SERVER or TVS. Without cert= the record "
    "grants no trust, as CUCM keeps it in non-secure mode.",
)
@click.option("--sign-key", required=True, metavar="FILE", help="The signer's private RSA key (PEM).")
@click.option("--sign-password-file", metavar="FILE", help="A file that holds the password of the private key.")
@click.option("--digest", type=click.Choice(["sha1", "sha512"]), default="sha512", show_default=True)
@click.option(
    "--layout",
    type=click.Choice(["cucm", "certutils"]),
    default="cucm",
    show_default=True,
    help="Spelling of names and order of fields: CUCM's, or that of the independent certutils.",
)
@click.option(
    "--signer-version",
    type=click.Choice(["none", "1.0", "1.1"]),
    default="none",
    show_default=True,
    help="Header tag 28; phones need 1.1 for EC certificates.",
)
@click.option("--at", metavar="TIME", help="Signing time (ISO 8601, UTC) instead of now.")
@click.option("--out", required=True, metavar="FILE", help="Where to write the list.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_context
def build(context: click.Context, /, **words: object) -> None:
    """Make and sign a CTL or ITL, for labs, rehearsals and phones without a cluster.

    The signer is the first SAST record whose certificate has the key of --sign-key.
    """
    from ctlctl.trustlists.build import BuildArguments, run_build  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_build(BuildArguments(**words), datetime.now(UTC))))  # type: ignore[arg-type]
