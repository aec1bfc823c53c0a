"""`ctlctl capf enroll`: a certificate from CAPF for an application."""

from pathlib import Path
from typing import Any

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file

_FILE = click.Path(path_type=Path)
_KEYS = ["rsa:1024", "rsa:2048", "rsa:3072", "rsa:4096", "ec:256", "ec:384", "ec:521"]


@click.command()
@click.option("--out", metavar="DIR", type=_FILE, required=True, help="Directory of the credential; made if missing.")
@click.option("--server", metavar="HOST[:PORT]", help="Where CAPF is: the publisher, port 3804.")
@click.option("--cluster", metavar="NAME", help="Server, and whom to believe, by a cluster of the settings.")
@click.option("--name", metavar="NAME", help="The name that CAPF is told.")
@click.option("--user", metavar="NAME", help="Application user, in place of --name.")
@click.option("--end-user", metavar="NAME", help="End user, in place of --name.")
@click.option("--instance", metavar="ID", help="Instance ID of the user's CAPF profile.")
@click.option("--name-format", metavar="TEXT", help="How the name is made of {user} and {instance}. Unproven.")
@click.option("--subject", metavar="CN", help="CN that the certificate must have, where CAPF gives another.")
@click.option("--auth-string-file", metavar="FILE", type=_FILE, help="One-time string; the file has mode 0600.")
@click.option("--certificate", metavar="PEM", type=_FILE, help="Certificate to authenticate by, with --key.")
@click.option("--key", metavar="PEM", type=_FILE, help="Its private key; the file has mode 0600.")
@click.option("--trust-anchor", metavar="PEM", type=_FILE, help="CAPF's certificate; with --trust-list its signer's.")
@click.option("--trust-list", metavar="TLV", type=_FILE, help="CTL or ITL whose CAPF record is believed.")
@click.option("--trust-on-first-use", is_flag=True, help="Believe who answers now, and nobody else later.")
@click.option("--issuer", metavar="PEM", type=_FILE, help="CA that signs for CAPF (Online CA mode).")
@click.option("--require-key", type=click.Choice(_KEYS), help="Make this key only; else RSA from 2048 bits, any EC.")
@click.option("--p12-password-file", metavar="FILE", type=_FILE, help="Password of client.p12; else one is made.")
@click.option("--renew", is_flag=True, help="Renew what is in DIR, by its own certificate, if that is due.")
@click.option("--force", is_flag=True, help="With --renew: also if it is not due.")
@click.option(
    "--renew-before",
    "renew_before_days",
    metavar="DAYS",
    type=click.IntRange(1, 1825),
    default=90,
    show_default=True,
    help="It is due so long before its end.",
)
@click.option(
    "--capf-rest",
    "capf_rest_days",
    metavar="DAYS",
    type=click.IntRange(0, 7300),
    default=365,
    show_default=True,
    help="Not renewed if CAPF's certificate ends sooner.",
)
@click.option("--delete", is_flag=True, help="Delete what is in DIR, as the CAPF profile orders.")
@click.option(
    "--timeout",
    "timeout_seconds",
    metavar="SECONDS",
    type=click.FloatRange(1, 3600),
    default=300.0,
    show_default=True,
    help="For the whole session.",
)
@click.option("--legacy-tls", is_flag=True, help="Speak TLS 1.0, for CAPF before 11.5.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output.")
@pass_settings_file
@click.pass_context
def enroll(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """Get a certificate from CAPF into DIR, renew it, or delete it.

    CAPF must prove itself by a certificate that you name; nobody is believed by a name. What goes wrong leaves the
    credential in DIR as it was.
    """
    if given["renew"] and given["delete"]:
        raise click.UsageError("--renew and --delete do not go together")
    if given["force"] and not given["renew"]:
        raise click.UsageError("--force goes with --renew")
    from ctlctl.enroll.resolve import Asked  # noqa: PLC0415 - only who runs the command pays
    from ctlctl.enroll.run import run_enroll  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_enroll(settings.to_read, Asked(**given), output)))
