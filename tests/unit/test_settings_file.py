"""The settings file: what is read, what is refused, and what the refusal says."""

import os
import stat
import string
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlctl_config import (
    Settings,
    SettingsError,
    load_settings,
    make_cluster,
    path_to_read,
    path_to_write,
    reference_text,
    write_cluster,
)
from ctlctl_config.loading import MAX_SETTINGS_BYTES, parse_settings
from ctlctl_config.writing import cluster_text

PIN = ":".join(["AB"] * 32)
PLAIN = f"""\
[clusters.hq]
timezone = "UTC"

[clusters.hq.axl]
host = "10.1.1.10"
username = "reader"
password_file = "secrets/hq"
tls_pin = "{PIN}"
"""
NODE = '\n[[clusters.hq.nodes]]\nname = "pub"\nhost = "10.1.1.10"\n'


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "ctld.toml"
    path.write_text(text, "utf-8")
    return load_settings(path)


def problems(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.isprintable() or "\n" in message
    assert all(line.startswith((str(tmp_path)[:20], "ctld.toml: ")) for line in message.splitlines())
    return message


class TestWhatIsRead:
    def test_the_defaults_are_cucms(self, tmp_path: Path) -> None:
        cluster = read(tmp_path, PLAIN + NODE).clusters["hq"]
        assert (cluster.lab, cluster.axl.port, cluster.axl.version, cluster.ris.calls_per_minute) == (
            False,
            8443,
            "auto",
            5,
        )
        assert (cluster.axl.timeout_seconds, cluster.axl.writes_per_second) == (30, 1)
        assert cluster.nodes[0].ports.model_dump() == {
            "tftp": 69,
            "http": 6970,
            "https": 6971,
            "https_fqdn": 6972,
            "tomcat": 8443,
            "sip": 5061,
            "sccp": 2443,
            "tvs": 2445,
            "capf": 3804,
            "ssh": 22,
        }
        assert cluster.phones.https_port == 443

    def test_paths_count_from_the_file(self, tmp_path: Path) -> None:
        axl = read(tmp_path, PLAIN).clusters["hq"].axl
        assert axl.password_file == tmp_path / "secrets" / "hq"
        assert axl.pin == b"\xab" * 32
        absolute = PLAIN.replace("secrets/hq", "/run/hq")
        assert read(tmp_path, absolute).clusters["hq"].axl.password_file == Path("/run/hq")

    @pytest.mark.parametrize("pin", ["ab" * 32, "AB " * 32, PIN.lower()])
    def test_a_pin_in_any_spelling_is_one(self, tmp_path: Path, pin: str) -> None:
        assert read(tmp_path, PLAIN.replace(PIN, pin)).clusters["hq"].axl.tls_pin == PIN

    def test_nothing_can_be_changed_afterwards(self, tmp_path: Path) -> None:
        settings = read(tmp_path, PLAIN)
        with pytest.raises(TypeError):
            settings.clusters["x"] = settings.clusters["hq"]  # type: ignore[index]  # that is the point
        with pytest.raises(ValueError, match="frozen"):
            settings.clusters["hq"].axl.host = "other"

    def test_an_empty_file_has_no_clusters(self, tmp_path: Path) -> None:
        assert not read(tmp_path, "").clusters

    def test_the_reference_is_read(self, tmp_path: Path) -> None:
        settings = read(tmp_path, reference_text())
        assert len(settings.clusters["hq"].nodes) == 2

    def test_what_the_reference_calls_a_default_is_one(self, tmp_path: Path) -> None:
        """Every `# key = value` of the reference may be switched on without changing anything."""
        lines = []
        for line in reference_text().splitlines():
            key = line.removeprefix("# ").split(" = ")[0]
            alternative = key in {"tls_ca", "password_credential", "tftp"}
            is_default = line.startswith("# ") and " = " in line and key.isidentifier() and not alternative
            lines.append(line.removeprefix("# ") if is_default and "ports" not in line else line)
        assert read(tmp_path, "\n".join(lines)) == read(tmp_path, reference_text())
        ports = next(line for line in reference_text().splitlines() if line.startswith("# ports = "))
        assert read(tmp_path, PLAIN + NODE + ports.removeprefix("# ")) == read(tmp_path, PLAIN + NODE)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("clusters = 3", ("[clusters]", "must be a table")),
            ("[clusters.hq]", ("[clusters.hq] timezone: is missing", "[clusters.hq.axl]: is missing")),
            (PLAIN + "tls_pinn = 1", ("[clusters.hq.axl] tls_pinn", "did you mean tls_pin?")),
            (PLAIN + "colour = 1", ("known here: host, page_size",)),
            (PLAIN + "port = 70000", ("[clusters.hq.axl] port: 70000", "write port = 8443")),
            (PLAIN + 'port = "8443"', ("port", "integer")),
            (PLAIN + "port = true", ("port", "integer")),
            (PLAIN + "timeout_seconds = nan", ("timeout_seconds", "finite")),
            (PLAIN + "timeout_seconds = 0", ("timeout_seconds", "greater than 0")),
            (PLAIN + "writes_per_second = 5.5", ("writes_per_second", "5 at most")),
            (PLAIN + 'version = "9.1"', ("version", "'14.0'")),
            (PLAIN + "[clusters.hq.ris]\ncalls_per_minute = 16", ("calls_per_minute", "15 at most")),
            (PLAIN.replace('"UTC"', '"Mars/Olympus"'), ("timezone", "no such time zone", "Europe/Berlin")),
            (PLAIN.replace('"UTC"', '"../../etc/passwd"'), ("timezone", "no such time zone")),
            (PLAIN.replace('"10.1.1.10"', '"a host"'), ("host", "no host name")),
            (PLAIN.replace('"10.1.1.10"', '"h\\r\\nX: y"'), ("host", "no host name")),
            (PLAIN.replace('"reader"', '"a:b"'), ("username", "a colon")),
            (PLAIN.replace('"secrets/hq"', '"a\\u0000b"'), ("password_file", "no path")),
            (PLAIN.replace(PIN, "AB:CD"), ("tls_pin", "has 32 bytes, this has 2")),
            (PLAIN.replace(PIN, "nonsense"), ("tls_pin", "no fingerprint")),
            (PLAIN + 'tls_ca = "x"', ("[clusters.hq.axl]: exactly one of tls_pin and tls_ca",)),
            (PLAIN.replace("tls_pin", "#"), ("exactly one of tls_pin and tls_ca",)),
            (PLAIN.replace("password_file", "#"), ("exactly one of password_file",)),
            (PLAIN + 'password_credential = "x"', ("exactly one of password_file",)),
            (
                PLAIN.replace('password_file = "secrets/hq"', 'password_credential = "../x"'),
                ("no name of a credential",),
            ),
            (PLAIN + NODE + NODE, ("[clusters.hq]: two nodes have the name pub",)),
            (PLAIN + NODE + 'tls_ca = "x"\ntls_pin = "' + PIN + '"', ("do not go together",)),
            (PLAIN + NODE + 'tftp = "yes"', ("[clusters.hq.nodes number 1] tftp",)),
            (PLAIN + NODE + "ports = { sip = -1 }", ("[clusters.hq.nodes number 1.ports] sip",)),
            (PLAIN + NODE + "ports = { telnet = 23 }", ("telnet: is not known",)),
            (PLAIN + '[clusters.hq.nodes]\nname = "x"', ("write [[clusters.hq.nodes]]",)),
            (PLAIN.replace("clusters.hq", 'clusters."h q"'), ("'h q' is no name for a cluster",)),
            (PLAIN.replace("clusters.hq", 'clusters."\\u001b[31m"'), ("is no name for a cluster",)),
            ("\nx = 1x", ("is no TOML", "line 2")),
            ("x = " + "[" * 100_000, ("nested too deep",)),
            ("x = " + "9" * 5000, ("a number in it is too long",)),
            ("\ufeff[clusters]", ("is no TOML",)),
        ],
    )
    def test_the_error_names_the_place_and_what_to_write(
        self, tmp_path: Path, text: str, expected: tuple[str, ...]
    ) -> None:
        message = problems(tmp_path, text)
        for words in expected:
            assert words in message

    def test_everything_that_is_wrong_is_listed(self, tmp_path: Path) -> None:
        lines = problems(tmp_path, PLAIN + "port = 0\nversion = 1\nfoo = 1\n").splitlines()
        assert len(lines) == 3

    def test_a_flood_of_problems_is_cut(self, tmp_path: Path) -> None:
        lines = problems(tmp_path, "\n".join(f"k{n} = 1" for n in range(500))).splitlines()
        assert len(lines) == 21
        assert "and 480 more" in lines[-1]

    @pytest.mark.parametrize("key", ["password", "Password", "secret", "token"])
    def test_a_secret_in_the_file_is_refused_and_not_repeated(self, tmp_path: Path, key: str) -> None:
        message = problems(tmp_path, PLAIN + f'{key} = "hunter2"')
        assert "hunter2" not in message
        assert "mode 0600" in message

    def test_what_a_value_holds_cannot_steer_a_terminal(self, tmp_path: Path) -> None:
        message = problems(tmp_path, PLAIN + 'version = "\\u001b]0;x\\u0007' + "y" * 500 + '"')
        assert "\x1b" not in message
        assert "y" * 100 not in message

    def test_an_error_keeps_no_value_that_it_does_not_show(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError) as caught:
            read(tmp_path, PLAIN + '[clusters.hq.password]\nvalue = "hunter2"')
        assert "hunter2" not in repr(caught.value)
        assert caught.value.__cause__ is None


class TestTheFileItself:
    def test_a_missing_file_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="ctlctl cluster add"):
            load_settings(tmp_path / "none.toml")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="is no file"):
            load_settings(tmp_path)
        os.mkfifo(tmp_path / "fifo")
        with pytest.raises(SettingsError, match="is no file"):
            load_settings(tmp_path / "fifo")
        with pytest.raises(SettingsError, match="cannot be read"):
            load_settings(tmp_path / "a\0b")

    def test_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"a = '\xff'")
        with pytest.raises(SettingsError, match=r"not UTF-8 text \(byte 5\)"):
            load_settings(tmp_path / "x")

    def test_a_file_that_anybody_may_write_to(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text(PLAIN)
        (tmp_path / "x").chmod(0o666)
        with pytest.raises(SettingsError, match="anybody may write to it"):
            load_settings(tmp_path / "x")

    def test_a_file_that_anybody_may_replace(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        real = tmp_path / "open" / "ctld.toml"
        real.write_text(PLAIN)
        (tmp_path / "link").symlink_to(real)
        real.parent.chmod(0o777)
        for path in (real, tmp_path / "link"):
            with pytest.raises(SettingsError, match="anybody may replace it"):
                load_settings(path)
        real.parent.chmod(0o1777)  # as /tmp: only its owner may
        assert "hq" in load_settings(real).clusters

    def test_a_file_of_absurd_size(self, tmp_path: Path) -> None:
        with (tmp_path / "x").open("wb") as file:
            file.truncate(MAX_SETTINGS_BYTES + 1)
        with pytest.raises(SettingsError, match="more than 8 MiB"):
            load_settings(tmp_path / "x")

    def test_where_it_is_looked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        own = tmp_path / "ctlctl" / "ctld.toml"
        system = tmp_path / "etc.toml"
        monkeypatch.setattr("ctlctl_config.paths.SYSTEM_PATH", system)
        assert (path_to_read(), path_to_write()) == (system, own)
        own.parent.mkdir()
        own.touch()
        assert (path_to_read(), path_to_write()) == (own, own)
        own.unlink()
        system.touch()
        assert (path_to_read(), path_to_write()) == (system, system)
        monkeypatch.setattr("os.geteuid", lambda: 0)
        own.touch()
        assert path_to_read() == system


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["timezone", "lab", "axl", "ris", "nodes", "phones", "host", "port", "ports", "tls_pin", "name"])


@given(st.dictionaries(KEYS | TEXT, st.dictionaries(KEYS, JUNK, max_size=4) | st.lists(JUNK, max_size=2) | JUNK))
def test_any_values_are_settings_or_one_error(table: dict[str, object]) -> None:
    try:
        make_cluster(Path("/x/ctld.toml"), "hq", table)
    except SettingsError as error:
        found = error
    else:
        return
    assert found.problems
    assert all(problem.message.isprintable() for problem in found.problems)


@given(st.text(max_size=200))
def test_any_text_is_settings_or_one_error(text: str) -> None:
    try:
        parse_settings(Path("/x/ctld.toml"), text)
    except SettingsError as error:
        found = error
    else:
        return
    assert all(line.isprintable() for line in str(found).splitlines())


class TestAddingACluster:
    def cluster(self, path: Path, **more: object) -> object:
        return tomllib.loads(cluster_text("b", make_cluster(path, "b", self.table(**more)), path.parent))

    def table(self, **more: object) -> dict[str, object]:
        axl = {"host": "h", "username": "u", "password_file": "secrets/b", "tls_pin": PIN, **more}
        return {"timezone": "Europe/Berlin", "axl": axl, "nodes": [{"name": "n", "host": "h", "ports": {"sip": 0}}]}

    def test_the_rest_of_the_file_stays_byte_for_byte(self, tmp_path: Path) -> None:
        path = tmp_path / "ctld.toml"
        before = "# mine\r\n" + PLAIN.replace("\n", "\n\n") + "# no line end at the end"
        path.write_bytes(before.encode())
        path.chmod(0o640)
        write_cluster(path, "b", make_cluster(path, "b", self.table()))
        assert path.read_bytes().startswith(before.encode())
        assert set(load_settings(path).clusters) == {"hq", "b"}
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert [one.name for one in tmp_path.iterdir()] == ["ctld.toml"]

    @pytest.mark.parametrize("user", [0, 1000])
    def test_a_new_file_in_a_new_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int) -> None:
        monkeypatch.setattr("os.geteuid", lambda: user)
        monkeypatch.delenv("STATE_DIRECTORY", raising=False)
        path = tmp_path / "new" / "ctld.toml"
        cluster = make_cluster(path, "b", self.table())
        write_cluster(path, "b", cluster)
        assert load_settings(path).clusters["b"] == cluster
        assert path.read_text().startswith("#")
        assert load_settings(path).store.path == (
            path.parent / "ctld/ctld.db" if user else Path("/var/lib/ctld/ctld.db")
        )
        assert 'password_file = "secrets/b"' in path.read_text()
        assert "port = 8443" not in path.read_text()

    def test_a_taken_name_and_a_bad_file_change_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "ctld.toml"
        for before, words in (
            (PLAIN.replace("hq", "b"), r"\[clusters.b\]: is there already"),
            ("x = [", "is no TOML"),
            ("clusters = {}", "nothing can be added"),
        ):
            path.write_text(before)
            with pytest.raises(SettingsError, match=words):
                write_cluster(path, "b", make_cluster(path, "b", self.table()))
            assert path.read_text() == before

    def test_a_name_that_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "ctld.toml"
        with pytest.raises(SettingsError, match="no name for a cluster"):
            write_cluster(path, "b]\n[x", make_cluster(path, "b", self.table()))
        assert not path.exists()

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        real = tmp_path / "real"
        real.mkdir()
        (real / "ctld.toml").write_text(PLAIN)
        link = tmp_path / "ctld.toml"
        link.symlink_to(real / "ctld.toml")
        write_cluster(link, "b", make_cluster(link, "b", self.table()))
        assert link.is_symlink()
        assert "clusters.b" in (real / "ctld.toml").read_text()

    @given(
        st.text(string.printable + "äß\x7f\u2028\U0001f600", min_size=1, max_size=20).filter(lambda t: "\0" not in t)
    )
    def test_what_is_written_is_read_again(self, text: str) -> None:
        path = Path("/x/ctld.toml")
        try:
            cluster = make_cluster(path, "b", self.table(username=text, password_file=f"/s/{text}"))
        except SettingsError:
            return
        written = cluster_text("b", cluster, path.parent)
        assert parse_settings(path, written).clusters["b"] == cluster
