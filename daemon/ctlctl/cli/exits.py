"""How a command ends: the exit codes of the contract, and no traceback for what is not our bug."""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from ctlctl.terminal import say
from ctlctl.verify.settings import UsageError

_OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT})
USAGE = 2
UNDECIDED = 3
#: What a shell reports for a program that SIGINT or SIGPIPE ended.
INTERRUPTED = 130
PIPE_CLOSED = 141


def end_now(code: int) -> NoReturn:
    """End the process without taking the interpreter apart first, which costs 8 ms and gives nothing back.

    Everything is written, every pool is closed and every file is whole by now.
    """
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def guarded(command: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    A word that makes no sense is 2; a full disk or a closed terminal under our output is 3, because then nobody has
    seen the verdict.
    """
    try:
        code = command()
        sys.stdout.flush()
    except UsageError as error:
        say(str(error))
        return USAGE
    except KeyboardInterrupt:
        say("interrupted: nothing is decided")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has gone; without this the interpreter complains while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        what = "the output could not be written" if error.errno in _OUTPUT_ERRORS else "stopped before the end"
        say(f"{what}: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
        return UNDECIDED
    return code
