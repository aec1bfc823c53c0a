"""What a shell prints means the same in whatever pieces it comes, and is never taken for more than it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ctlctl.connectors.platform_cli_screen import Screen, Waits
from ctlctl.connectors.secret import Secret

relaxed = settings(deadline=None, max_examples=200)
texts = st.lists(
    st.one_of(
        st.text("abc :?é\u202e", max_size=30),
        st.sampled_from(
            ["admin:", "admin: ", "show ctl", "Continue (y/n)?", "\x1b[K", "\x1b[1m", "\x07", "\b", "\x00"]
        ),
    ),
    max_size=4,
).map("".join)
ends = st.sampled_from(["\r\n", "\n", "\r", "\r\n\r\n"])
outputs = st.lists(st.tuples(texts, ends).map("".join), max_size=12).map("".join)
widths = st.integers(1, 9)


@given(output=outputs, width=widths)
@relaxed
def test_pieces_do_not_matter(output: str, width: int) -> None:
    data = b"\r\n\radmin:show ctl\r\n" + output.encode() + b"admin:"
    whole, pieces = Screen("show ctl"), Screen("show ctl")
    whole.feed(data)
    for start in range(0, len(data), width):
        pieces.feed(data[start : start + width])
    assert (whole.waits, whole.echoed, whole.output()) == (pieces.waits, pieces.echoed, pieces.output())
    assert whole.echoed
    assert all(line.replace("\t", "").isprintable() for line in whole.output().split("\n"))
    assert whole.last_words.isprintable()
    assert len(whole.last_words) <= 200


@given(lines=st.lists(st.text("abc 019=/+-", min_size=1, max_size=60).map(str.strip).filter(bool), max_size=15))
@relaxed
def test_plain_lines_come_back_as_they_are(lines: list[str]) -> None:
    screen = Screen("show cert own tomcat")
    screen.feed(("show cert own tomcat\r\n" + "".join(f"{line}\r\n" for line in lines) + "admin:").encode())
    assert screen.waits is Waits.COMMAND
    assert screen.output() == "\n".join(lines)


@given(line=st.text(max_size=40))
@relaxed
def test_a_line_that_only_ends_like_the_prompt_is_none(line: str) -> None:
    screen = Screen(None)
    screen.feed(f"Enter the name of the admin:{line}\r\nthe administrator's name: admin:".encode("utf-8", "replace"))
    assert screen.waits is not Waits.COMMAND


@given(output=outputs, width=st.integers(20, 90))
@relaxed
def test_an_echo_that_a_terminal_broke_is_found(output: str, width: int) -> None:
    line = "run sql select paramname, paramvalue from processconfig where paramname = 'ClusterSecurityMode'"
    broken = " \r\n".join(line[start : start + width] for start in range(0, len(line), width))
    screen = Screen(line)
    screen.feed(f"admin:{broken}\r\nthe answer\r\n{output}admin:".encode())
    assert screen.echoed
    assert screen.output().startswith("the answer")


def test_a_prompt_before_the_echo_is_that_of_before() -> None:
    screen = Screen("show ctl")
    screen.feed(b"\r\n\radmin:")
    assert screen.waits is Waits.COMMAND
    assert not screen.echoed
    screen.feed(b"show ctl\r\n")
    assert (screen.waits, screen.echoed) == (Waits.NOTHING, True)


@given(behind=st.integers(0, 400), filler=st.sampled_from(["x", "x\r\n", "\x1b[2", "\a"]))
@relaxed
def test_no_part_of_a_secret_is_left_where_words_are_cut(behind: int, filler: str) -> None:
    screen = Screen("show ctl", (Secret("correct-horse"),))
    screen.feed(f"who is {filler}correct-horse{'y' * behind}".encode())
    assert not any(part in screen.last_words for part in ("orse", "corre", "ect-h"))


def test_an_echo_that_did_not_come_in_time_is_not_looked_for_any_more() -> None:
    screen = Screen("show ctl")
    for _ in range(17):
        screen.feed(b"x" * 1000 + b"\r\n")
    screen.feed(b"show ctl\r\n")
    assert not screen.echoed
