"""Where `ctlctl` starts: a plain `verify` goes straight to work, everything else through click."""

import sys
import warnings

from ctlctl.terminal import prepare_streams, say


def main() -> None:
    """Run the command line and exit with its code."""
    # Odd certificates are reported as findings; the library's own remarks on them would only litter stderr.
    warnings.filterwarnings("ignore", module="cryptography")
    warnings.filterwarnings("ignore", message="Parsed a serial number")
    prepare_streams()
    if sys.stdout is None:
        say("standard output is closed, so nobody could see a result")
        sys.exit(3)
    words = sys.argv[1:]
    if words[:1] == ["verify"]:
        from ctlctl.verify.options import parse_quickly  # noqa: PLC0415 - a cold verify pays for what it uses only

        arguments = parse_quickly(words[1:])
        if arguments is not None:
            from ctlctl.cli.exits import end_now, guarded  # noqa: PLC0415
            from ctlctl.verify.run import run_verify  # noqa: PLC0415

            end_now(guarded(lambda: run_verify(arguments)))
    from ctlctl.cli.app import cli  # noqa: PLC0415

    cli(prog_name="ctlctl")


if __name__ == "__main__":
    main()
