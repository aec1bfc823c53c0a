"""Backup history and the commands that answer with one sentence, read."""

import pytest

from ctlctl.console import (
    CommandRefusedError,
    ConsoleError,
    parse_backup_history,
    parse_client_auth,
    parse_pagination,
)
from support.vectors import ROOT


def sample(name: str) -> str:
    return (ROOT / "tests" / "data" / "console" / f"{name}.txt").read_text()


class TestBackups:
    def test_the_columns_of_15(self) -> None:
        history = parse_backup_history(sample("backup_15"))
        assert history.unread == ()
        assert [(run.tar, run.result, run.kind, run.succeeded) for run in history.runs] == [
            ("2025-12-11-13-44-12.tar", "SUCCESS", "SCHEDULED", True),
            ("2025-12-12-13-44-12.tar", "SUCCESS", "MANUAL", True),
            (None, "ERROR", "SCHEDULED", False),
        ]
        newest, good = history.newest, history.newest_good
        assert newest is not None
        assert good is not None
        assert (newest.line, newest.failed_features, newest.features) == (5, "UCM,CDR_CAR", "")
        assert (good.version, good.features, good.failed_features) == ("15.0.1.12900-234", "UCM", None)
        assert (good.device, good.completed.zone) == ("NETWORK", "PST")
        assert str(good.completed.local) == "2025-12-12 13:45:19"

    def test_the_columns_before(self) -> None:
        (run,) = parse_backup_history(sample("backup_8")).runs
        assert (run.tar, run.device, run.features) == ("2009-12-10-10-30-17.tar", "TAPE", "CDR_CAR,CCM")
        assert (run.version, run.failed_features, run.succeeded) == (None, None, True)

    def test_a_success_with_failed_features_is_none(self) -> None:
        text = sample("backup_15").replace("UCM                        ---", "UCM                        CDR_CAR")
        assert parse_backup_history(text).newest_good is None

    def test_the_newest_is_told_by_its_date_not_by_its_place(self) -> None:
        lines = sample("backup_15").splitlines()
        turned = parse_backup_history("\n".join(reversed(lines[2:5])))
        assert turned.newest is not None
        assert turned.newest.result == "ERROR"
        odd = parse_backup_history(sample("backup_8").replace("Dec 10", "Dec 42") + sample("backup_15"))
        assert odd.newest is not None
        assert odd.newest.line > 4

    @pytest.mark.parametrize("words", ["No backup history available", "No history data is available"])
    def test_no_history_is_an_answer(self, words: str) -> None:
        history = parse_backup_history(f"{words}\n")
        assert (history.none, history.runs, history.newest, history.newest_good) == (True, (), None, None)

    @pytest.mark.parametrize(
        "words",
        [
            "drfCliMsg: error occurred",
            "Local Agent: Network request timed out.",
            "Master Agent may be processing an operation or it is down",
        ],
    )
    def test_an_agent_in_trouble_is_not_no_history(self, words: str) -> None:
        history = parse_backup_history(words)
        assert (history.none, history.trouble) == (False, words)

    def test_anything_else_is_no_answer(self) -> None:
        with pytest.raises(ConsoleError, match="line 1"):
            parse_backup_history("2025-12-12-13-44-12.tar and then nothing")
        with pytest.raises(CommandRefusedError):
            parse_backup_history("Executed command unsuccessfully")
        assert len(parse_backup_history(sample("backup_8") + "a line of its own\n").unread) == 1


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "on"),
        [
            (sample("pagination_off"), False),
            ("Automatic pagination is turned on", True),
            ("show cli pagination\r\nAutomatic Pagination : Off.\r\n", False),
            ("Automatic Pagination : On.", True),
        ],
    )
    def test_pagination(self, text: str, *, on: bool) -> None:
        read = parse_pagination(text)
        assert (read.on, read.unread) == (on, ())

    def test_client_auth(self) -> None:
        read = parse_client_auth(sample("haproxy_auth"))
        assert (read.port, read.mode, read.unread) == (9443, "optional", ())
        assert parse_client_auth("Client authentication on the port 6971 is currently set to required.").mode == (
            "required"
        )

    @pytest.mark.parametrize("parse", [parse_pagination, parse_client_auth])
    def test_something_else(self, parse: object) -> None:
        assert callable(parse)
        with pytest.raises(ConsoleError, match="something else"):
            parse("something else")
        with pytest.raises(CommandRefusedError):
            parse("No valid command entered")
