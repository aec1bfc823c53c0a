"""The options of `ctlctl verify` as data, so that the fast command line and click cannot disagree."""

from typing import Final, NamedTuple


class Option(NamedTuple):
    """One option.

    Attributes:
        flags: how it is written, the long form last.
        name: name of its value.
        metavar: what help calls the value.
        help: one sentence.
        choices: the values it may have, or () for any.
        multiple: whether it may be given more than once.
        default: value when it is not given.
    """

    flags: tuple[str, ...]
    name: str
    metavar: str
    help: str
    choices: tuple[str, ...] = ()
    multiple: bool = False
    default: str | None = None


VERIFY_OPTIONS: Final = (
    Option(
        ("--trust-anchor",),
        "trust_anchor",
        "FILE",
        "Whom you trust: the signer's certificate (PEM or DER), or a trust list whose SAST keys anchor. Repeatable.",
        multiple=True,
    ),
    Option(
        ("--previous",),
        "previous",
        "FILE",
        "The list that phones hold now: would they take this one?",
    ),
    Option(
        ("--ctl",),
        "ctl",
        "FILE",
        "The CTL that phones hold: does this ITL agree with it?",
    ),
    Option(
        ("--trust-list",),
        "trust_list",
        "FILE",
        "The CTL or ITL that says who may sign a .sgn or .enc.sgn file. Repeatable.",
        multiple=True,
    ),
    Option(
        ("--decrypt-key",),
        "decrypt_key",
        "FILE",
        "The phone's private RSA key (PEM): decrypt an .enc.sgn file and check its content.",
    ),
    Option(
        ("--at",),
        "at",
        "TIME",
        "Judge validity at this instant (ISO 8601; UTC unless it says otherwise) instead of now.",
    ),
    Option(
        ("--allow-digest",),
        "allow_digest",
        "DIGEST",
        "Accept a digest that no known cluster writes.",
        choices=("sha256",),
        multiple=True,
    ),
    Option(
        ("--tls-ca",),
        "tls_ca",
        "FILE",
        "For https targets: the CA or self-signed certificate (PEM) that the server must prove itself by.",
    ),
    Option(
        ("--tls-pin",),
        "tls_pin",
        "SHA256",
        "For https targets: the SHA-256 fingerprint that the server's certificate must have.",
    ),
    Option(
        ("--timeout",),
        "timeout",
        "SECONDS",
        "For network targets: the deadline of the whole transfer.",
        default="30",
    ),
    Option(
        ("-o", "--output"),
        "output",
        "FORMAT",
        "Text for a person, or JSON for a program.",
        choices=("text", "json"),
        default="text",
    ),
)


class VerifyArguments(NamedTuple):
    """The words of a `ctlctl verify` command line, not yet looked into."""

    targets: tuple[str, ...]
    trust_anchor: tuple[str, ...] = ()
    previous: str | None = None
    ctl: str | None = None
    trust_list: tuple[str, ...] = ()
    decrypt_key: str | None = None
    at: str | None = None
    allow_digest: tuple[str, ...] = ()
    tls_ca: str | None = None
    tls_pin: str | None = None
    timeout: str = "30"
    output: str = "text"


_BY_FLAG = {flag: option for option in VERIFY_OPTIONS for flag in option.flags}


def parse_quickly(words: list[str]) -> VerifyArguments | None:
    """Read a plain command line without click, whose import would double the time of a cold verify.

    Args:
        words: what follows `verify` on the command line.

    Returns:
        The arguments where they are beyond doubt, or None: then click must read them, and say what is wrong. Every
        result equals click's own reading of the same words.
    """
    targets: list[str] = []
    values: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    rest = iter(words)
    for word in rest:
        if word.startswith("cluster:"):
            # The settings file that knows it is an option before the command.
            return None
        if word == "-" or not word.startswith("-"):
            targets.append(word)
            continue
        flag, equals, value = word.partition("=")
        option = _BY_FLAG.get(flag)
        if option is None or (equals and not flag.startswith("--")):
            return None
        if not equals:
            following = next(rest, None)
            if following is None:
                return None
            value = following
        if option.choices and value not in option.choices:
            return None
        if option.multiple:
            several.setdefault(option.name, []).append(value)
        else:
            values[option.name] = value
    if not targets:
        return None
    return VerifyArguments(
        tuple(targets),
        trust_anchor=tuple(several.get("trust_anchor", ())),
        previous=values.get("previous"),
        ctl=values.get("ctl"),
        trust_list=tuple(several.get("trust_list", ())),
        decrypt_key=values.get("decrypt_key"),
        at=values.get("at"),
        allow_digest=tuple(several.get("allow_digest", ())),
        tls_ca=values.get("tls_ca"),
        tls_pin=values.get("tls_pin"),
        timeout=values.get("timeout", "30"),
        output=values.get("output", "text"),
    )
