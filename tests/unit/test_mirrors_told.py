"""Where a machine fetches channels, whole: each place with its login, and what a person is told, for settings of every kind."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard
from conftest import some

from envgen.channels import channel, conda_settings, mirrors
from envgen.channels import client as client_module
from envgen.channels.cache import unpacked
from envgen.channels.channel import locate
from envgen.channels.conda_settings import Setting
from envgen.channels.limits import Limits, limits
from envgen.channels.package_url import split_url
from envgen.channels.versions import admits, is_older
from envgen.model import safe_text
from envgen.model.errors import BadInput

OWN = "https://conda.anaconda.org"
VARIABLES = (
    *("ENVGEN_MIRROR", "XDG_CONFIG_HOME", "CONDA_ROOT", "MAMBA_ROOT_PREFIX", "CONDA_PREFIX", "CONDARC", "MAMBARC"),
    *("BINSTAR_CONFIG_DIR", "XDG_DATA_HOME"),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user without settings, on a machine without secrets."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(safe_text, "_SECRETS", {})
    return tmp_path


def write(home: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")


def lines(home: Path, channels: str) -> Iterator[str]:
    """Each place of each channel with its login, and the note; or the error. Of paths what is below the home."""
    for name in channels.split():
        try:
            found = mirrors.fetch_places(locate(name))
        except BadInput as error:
            yield str(error).replace(f"{home}/", "~")
            continue
        yield from (" ".join(filter(None, (place.url, ":".join(place.login or ())))) for place in found.places)
        yield from (text.replace(f"{home}/", "~") for text in (found.note, "elsewhere" * found.elsewhere) if text)


RATTLER, CONDA = ".envgen/config.toml", ".condarc"
TEAM, LOCAL = f"{OWN}/team", "https://h.example/x/c"


def rattler(**bases: str) -> str:
    return "[mirrors]\n" + "".join(f'"{OWN}{name}" = [{urls}]\n' for name, urls in bases.items())


@pytest.mark.parametrize(
    ("files", "channels", "told"),
    [
        pytest.param({}, f"team {LOCAL}", [TEAM, LOCAL], id="nothing"),
        pytest.param(
            {RATTLER: f'[mirrors]\n"{OWN}/" = ["https://m.example/all/", "https://n.example"]\n"{TEAM}" = ["https://t.example/own"]\n"{OWN}/none" = []\n'},
            f"team teams team/label/dev none {LOCAL}",
            [
                "https://t.example/own", "team is fetched from https://t.example/own (~.envgen/config.toml)", "elsewhere",
                "https://m.example/all/teams", "https://n.example/teams",
                "teams is fetched from https://m.example/all/teams, then https://n.example/teams (~.envgen/config.toml)", "elsewhere",
                "https://t.example/own/label/dev", "team/label/dev is fetched from https://t.example/own/label/dev (~.envgen/config.toml)", "elsewhere",
                "https://m.example/all/none", "https://n.example/none",
                "none is fetched from https://m.example/all/none, then https://n.example/none (~.envgen/config.toml)", "elsewhere",
                LOCAL,
            ],
            id="rattler",
        ),
        pytest.param(
            {RATTLER: f'[mirrors]\n"{TEAM}" = ["oci://r.example/t"]\n', CONDA: "channel_alias: https://m.example/\n"},
            "team other",
            [
                "oci://r.example/t", "team is fetched from oci://r.example/t (~.envgen/config.toml)", "elsewhere",
                "https://m.example/other", "other is fetched from https://m.example/other (~.condarc)", "elsewhere",
            ],
            id="rattler before conda",
        ),
        pytest.param(
            {CONDA: "custom_channels: {/team/: ['https://c.example/', x], 3: [], bad: {a: b}}\nmirrored_channels: {b: [https://a.example/b, https://b.example/b/]}\n"},
            "team b 3 bad",
            [
                "https://c.example/team", "team is fetched from https://c.example/team (~.condarc)", "elsewhere",
                "https://a.example/b", "https://b.example/b", "b is fetched from https://a.example/b, then https://b.example/b (~.condarc)", "elsewhere",
                f"{OWN}/3", f"{OWN}/bad",
            ],
            id="channels of conda",
        ),
        pytest.param({CONDA: f"channel_alias: {OWN}/\ncustom_channels: [x]\nmirrored_channels: 3\n"}, "team", [TEAM], id="the alias itself"),
        pytest.param({CONDA: "- a list\n"}, "team", [TEAM], id="a list"),
        pytest.param(
            {CONDA: f"mirrored_channels: {{team: ['{TEAM}', https://b.example/b]}}\n"},
            "team",
            [TEAM, "https://b.example/b", "elsewhere"],
            id="its own URL first",
        ),
        pytest.param(
            {CONDA: "channels: ['https://me:p%40ss@h.example/x', 'https://h.example/y/t/t0ken', 'https://i.example']\ndefault_channels: ['https://you:word@j.example']\n"},
            f"{LOCAL} https://h.example/y/c https://h.example/xy https://i.example/c https://j.example/c https://k:w@h.example/x/c",
            [
                f"{LOCAL} me:p@ss", "elsewhere", "https://h.example/y/t/t0ken/c", "elsewhere", "https://h.example/xy", "https://i.example/c",
                "https://j.example/c you:word", "elsewhere", f"{LOCAL} me:p@ss", "elsewhere",
            ],
            id="logins and tokens",
        ),
        pytest.param(
            {CONDA: "channel_alias: https://me:word@m.example\nchannels: ['https://m.example/t/t0ken']\n"},
            "team",
            ["https://m.example/team me:word", "team is fetched from https://***@m.example/team (~.condarc)".replace("***@", ""), "elsewhere"],
            id="a mirror with a login of its own",
        ),
        pytest.param(
            {CONDA: "custom_channels: {team: 'https://me:word@m.example'}\n", RATTLER: f'[mirrors]\n"{OWN}" = ["https://m.example"]\n'},
            "team",
            ["https://m.example/team me:word", "team is fetched from https://m.example/team (~.envgen/config.toml)", "elsewhere"],
            id="the login of a mirror of conda for one of rattler",
        ),
        pytest.param(
            {CONDA: "channels: ['https://h.example/x', 'https://me:word@h.example/x']\n"},
            LOCAL,
            [f"{LOCAL} me:word", "elsewhere"],
            id="a URL without a login before one with it",
        ),
        pytest.param({CONDA: "channel_alias: file:///mnt\n"}, "team", ["~.condarc: a mirror is not a URL that can be fetched: file:///mnt/team\n\nhint: give the URL of a server: https://, http:// or oci://"], id="a folder"),
        pytest.param({CONDA: "a: [\n"}, "team", ["~.condarc:2:1: conda's settings cannot be read: not YAML\n\nhint: `conda config --validate` checks it"], id="not YAML"),
        pytest.param({CONDA: "[" * 20_000}, "team", ["~.condarc:1:1001: conda's settings cannot be read: not YAML\n\nhint: `conda config --validate` checks it"], id="nested too deeply"),
        pytest.param({RATTLER: "mirrors = 3\n"}, "team", ["~.envgen/config.toml: not settings of rattler: "], id="not settings of rattler"),
    ],
)  # fmt: skip
def test_where_channels_are_fetched(home: Path, files: Mapping[str, str], channels: str, told: list[str]) -> None:
    write(home, files)
    found = list(lines(home, channels))
    if told[-1].endswith(": "):  # what follows is rattler's
        assert re.match(rf"{re.escape(told[0])}Error parsing configuration file: ", found[0])
        assert found[0].endswith("\n\nhint: `envgen help channels` shows an example")
        assert len(found[0].splitlines()) == 3
    else:
        assert found == told


def test_settings_that_are_no_text_are_named_without_a_line(home: Path) -> None:
    (home / CONDA).write_bytes(b"\xff")
    assert list(lines(home, "team")) == [
        "~.condarc: conda's settings cannot be read: not YAML\n\nhint: `conda config --validate` checks it"
    ]


def test_no_login_and_no_token_is_shown_afterwards(home: Path) -> None:
    write(home, {CONDA: "channels: ['https://me:word5@h.example/x', 'https://h.example/y/t/t0ken', 'https://anna@i.example']\n"})
    assert safe_text.without_secrets("word5 t0ken") == "word5 t0ken"
    assert [mirrors.fetch_places(locate(f"https://h.example/{name}/c")).note for name in "xy"] == ["", ""]
    assert mirrors.fetch_places(locate("https://i.example/c")).places[0].login == ("anna", "")
    assert safe_text.without_secrets("word5 t0ken me anna") == "$SECRET $SECRET me anna"
    mirrors.fetch_places(locate("https://nobody.example/t0"))
    assert set(safe_text._SECRETS) == {"word5", "t0ken"}


def test_a_mirror_of_all_channels_comes_first_and_is_no_news(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, {RATTLER: f'[mirrors]\n"{OWN}" = ["https://n.example"]\n', CONDA: "channels: ['https://me:word@m.example/all']\n"})
    monkeypatch.setenv("ENVGEN_MIRROR", "HTTPS://M.example:443/all/")
    assert list(lines(home, f"team {LOCAL}")) == [
        *("https://m.example/all/team me:word", "elsewhere"),
        *("https://m.example/all/h.example/x/c me:word", "elsewhere"),
    ]
    assert mirrors.notes([locate("team")]) == []
    monkeypatch.setenv("ENVGEN_MIRROR", "http://m.example/X/")
    assert mirrors.mirror_of_all() == "http://m.example/X"
    monkeypatch.setenv("ENVGEN_MIRROR", "")
    assert mirrors.notes([locate("team"), locate(LOCAL)]) == [f"team is fetched from https://n.example/team ({home / RATTLER})"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file:///mnt", "ENVGEN_MIRROR is not a URL: file:///mnt\n\nhint: give a URL; `python -m http.server --directory FOLDER` serves a folder"),
        ("https://[x", "ENVGEN_MIRROR is not a URL: invalid IPv6 address\n\nhint: for example https://mirror.example/conda"),
    ],
)  # fmt: skip
def test_a_mirror_of_all_channels_is_a_url(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.setenv("ENVGEN_MIRROR", text)
    with pytest.raises(BadInput) as raised:
        mirrors.mirror_of_all()
    assert str(raised.value) == said


@pytest.mark.parametrize(("platform", "system"), [("linux", ["/etc/conda", "/var/lib/conda"]), ("win32", ["C:/ProgramData/conda"])])
@pytest.mark.parametrize("set_all", [True, False])
def test_the_places_of_settings_in_the_order_of_conda(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, system: list[str], set_all: bool
) -> None:
    """A later one wins. What a variable names counts only where it is set."""
    looked: list[str] = []
    monkeypatch.setattr(conda_settings, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(Path, "is_file", lambda self: looked.append(str(self).replace(str(home), "~")) or False)
    if set_all:
        for name in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX", "XDG_CONFIG_HOME", "CONDA_PREFIX", "CONDARC", "MAMBARC"):
            monkeypatch.setenv(name, f"/{name}")
    roots, last = (
        ["/CONDA_ROOT", "/MAMBA_ROOT_PREFIX", "/XDG_CONFIG_HOME/conda"],
        ["/CONDA_PREFIX/.condarc", "/CONDARC", "/MAMBARC"],
    )
    folders = [*system, *(roots if set_all else ["~/.config/conda"]), "~/.conda"]
    assert list(conda_settings._files()) == []
    single = ["~/.condarc", "~/.mambarc", *(last if set_all else [])]
    assert looked == [*(f"{folder}/{name}" for folder in folders for name in (".condarc", "condarc")), *single]


def test_the_files_of_a_folder_of_settings_are_read_in_their_order(home: Path) -> None:
    folder = ".config/conda/"
    write(home, {f"{folder}{name}": "" for name in ("condarc", "condarc.d/b.yml", "condarc.d/a.yaml", "condarc.d/c.txt")})
    found = [path.relative_to(home / folder).as_posix() for path in conda_settings._files()]
    assert found == ["condarc", "condarc.d/a.yaml", "condarc.d/b.yml"]


def test_the_home_of_a_user_of_windows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, {".condarc": ""})
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.delenv("HOME")
    assert list(conda_settings._files()) == [home / ".condarc"]
    monkeypatch.delenv("USERPROFILE")
    assert list(conda_settings._files()) == []


def test_variables_in_settings_are_filled_in_where_they_are_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "w0rd")
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    write(home, {CONDA: "channels: ['https://a:$WORD@h/x/', 'https://b:${WORD}@h', 'https://c:${NOT_SET_HERE}@h', name, 3]\n"})
    found = [setting.url for setting in some(conda_settings.conda_settings().logins)]
    assert found == ["https://a:w0rd@h/x", "https://b:w0rd@h", "https://c:${NOT_SET_HERE}@h"]


@pytest.mark.parametrize("named", [True, False])
def test_the_tokens_of_anaconda(home: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    import platformdirs

    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *words: asked.append(words) or home / "binstar" / "data")
    if named:
        monkeypatch.setenv("BINSTAR_CONFIG_DIR", str(home / "binstar"))
    write(home, {f"binstar/data/{name}": text for name, text in {"https%3A%2F%2Fapi.anaconda.org%2F.token": " t0ken\n", "https%3A%2F%2Fh%2FX.token": "t1", "name.token": "t2", "https%3A%2F%2Fi.token": "", "x.txt": "t3"}.items()})  # fmt: skip
    urls = ["https://api.anaconda.org/t/t0ken", "https://conda.anaconda.org/t/t0ken", "https://h/X/t/t1"]
    assert list(conda_settings._tokens()) == [Setting(url, "anaconda-client's tokens") for url in urls]
    assert asked == ([] if named else [("binstar", "ContinuumIO")])
    (home / "binstar/data/x.token").write_bytes(b"\xff")
    assert list(conda_settings._tokens()) == []


# --- what of a channel is shown, and what is sent for it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:word@h/c", "https://***@h/c"),
        ("see https://h/t/t0ken/c and https://h/t/other", "see https://h/t/***/c and https://h/t/***"),
        ("/home/t/x file:///home/t/x", "/home/t/x file:///home/t/x"),
        ("(/home/t/x)", "(/home/t/x)"),
        ("file:///a=https://h/t/t0ken/c", "file:///a=https://h/t/***/c"),
        ("no secret", "no secret"),
    ],
)
def test_passwords_and_tokens_are_not_shown(text: str, shown: str) -> None:
    assert channel.redacted(text) == shown


def test_a_channel_with_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGIN", "me")
    monkeypatch.setenv("WORD", "p%40ss/w0rd".replace("/", "%2F"))
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    place = locate("https://$LOGIN:${WORD}@h.example:8000/t/$WORD/c")
    assert (place.canonical, place.url, place.folder) == ("https://${LOGIN}:${WORD}@h.example:8000/t/${WORD}/c", "https://h.example:8000/c", "h.example_8000/c")  # fmt: skip
    found = channel.access(place)
    assert found == channel.Access("https://h.example:8000/t/p%40ss%2Fw0rd/c", ("me", "p@ss/w0rd"))
    assert (found.host, found.path) == ("h.example", "/t/p%40ss%2Fw0rd/c")
    assert channel.Access("file:///x", None).host == ""
    assert channel.access_of("https://anna@h/c/") == channel.Access("https://h/c", ("anna", ""))
    assert channel.access(locate("https://h/c")) is None
    assert safe_text._SECRETS["p%40ss%2Fw0rd"] == "$WORD"
    assert channel.bare("https://${A}b/${C}") == "https://${A}b/$C"
    assert locate(f"{OWN}/label/dev").folder == "label/dev"
    for text, name in (("https://$LOGIN:$NOT_SET_HERE@h/c", "NOT_SET_HERE"), ("https://${NOT_SET_HERE}/c", "NOT_SET_HERE")):
        with pytest.raises(BadInput) as raised:
            channel.access(locate(text))
        assert str(raised.value) == f"channel `{text}` needs the environment variable {name}, which is not set\n\nhint: export {name}=..., or solve with --offline or --index DIR"  # fmt: skip


def test_what_is_sent_to_which_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login goes to the server and the folder that it is for, and mirrors are asked in their order."""
    stack: list[object] = []
    made = SimpleNamespace(client=lambda parts, headers: stack.append((parts, headers)) or "client")
    monkeypatch.setattr(client_module, "Client", made.client)
    for name in ("Retry", "Authentication", "Oci", "GCS", "S3"):
        monkeypatch.setattr(client_module, f"{name}Middleware", lambda name=name: name)
    for name in ("Mirror", "AddHeaders"):
        monkeypatch.setattr(client_module, f"{name}Middleware", lambda told, name=name: (name, told))
    write(home, {CONDA: "custom_channels: {team: 'https://m.example'}\nchannels: ['https://me:word@h.example/x']\n"})
    assert client_module.client([locate("team"), locate(LOCAL), locate("https://j.example/c")], {"A": "b"}) == "client"
    parts, headers = stack.pop()
    assert parts[:2] == ["Retry", ("Mirror", {f"{TEAM}/": ["https://m.example/team/"]})]
    assert parts[3:] == ["Authentication", "Oci", "GCS", "S3"]
    assert (parts[2][0], headers) == ("AddHeaders", {"A": "b"})
    login = parts[2][1]
    assert login("h.example", "/x/c/noarch/repodata.json") == {"Authorization": "Basic bWU6d29yZA=="}
    assert [login("h.example", "/x/cc"), login("h.example", "/x"), login("i.example", "/x/c")] == [None, None, None]
    client_module.client([locate("https://j.example/c")])
    assert stack.pop() == (["Retry", "Authentication", "Oci", "GCS", "S3"], {})
    assert client_module.host(locate("team")) == "m.example"
    write(home, {CONDA: f"mirrored_channels: {{team: ['{TEAM}', 'https://a.example/1', 'https://a.example/2']}}\n"})
    assert client_module.host(locate("team")) == "conda.anaconda.org or a.example"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({}, Limits(30, 2_000_000_000)),
        ({"ENVGEN_TIMEOUT": "0.5", "ENVGEN_MAX_SIZE": "3"}, Limits(0.5, 3_000_000)),
        ({"ENVGEN_TIMEOUT": "0"}, "ENVGEN_TIMEOUT is not a positive number: '0'\n\nhint: for example ENVGEN_TIMEOUT=30"),
        ({"ENVGEN_MAX_SIZE": "inf"}, "ENVGEN_MAX_SIZE is not a positive number: 'inf'\n\nhint: for example ENVGEN_MAX_SIZE=2000"),
        ({"ENVGEN_MAX_SIZE": "x"}, "ENVGEN_MAX_SIZE is not a positive number: 'x'\n\nhint: for example ENVGEN_MAX_SIZE=2000"),
    ],
)
def test_limits_of_time_and_size(monkeypatch: pytest.MonkeyPatch, texts: Mapping[str, str], found: Limits | str) -> None:
    for name in ("ENVGEN_TIMEOUT", "ENVGEN_MAX_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, text in texts.items():
        monkeypatch.setenv(name, text)
    if isinstance(found, Limits):
        assert limits() == found
    else:
        with pytest.raises(BadInput) as raised:
            limits()
        assert str(raised.value) == found


def test_a_packed_file_is_unpacked_once_and_again_where_its_copy_was_cut(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVGEN_CACHE", str(home / "cache"))
    monkeypatch.setenv("ENVGEN_MAX_SIZE", "1")
    packed, text = home / "x.zst", b"0123456789" * 100_000
    packed.write_bytes(zstandard.compress(text[:600_000]) + zstandard.compress(text[600_000:]))
    path = unpacked(packed)
    assert path == home / "cache" / "repodata" / f"{hashlib.sha256(packed.read_bytes()).hexdigest()}-1000000.json"
    assert path.read_bytes() == text
    begun = path.stat().st_ino
    assert unpacked(packed).stat().st_ino == begun
    path.write_bytes(b"cut")
    assert unpacked(packed).read_bytes() == text
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    whole = packed.read_bytes()
    for content, said in (
        (
            zstandard.compress(text + b"0"),
            "more than 1 MB when it is unpacked\n\nhint: ENVGEN_MAX_SIZE or --max-size raises the limit",
        ),
        (whole[:-9], "not a whole zstd file: its end is missing\n\nhint: download it again"),
        (b"plain text", "not a zstd file: zstd decompressor error: Unknown frame descriptor\n\nhint: download it again"),
    ):
        packed.write_bytes(content)
        with pytest.raises(BadInput) as raised:
            unpacked(packed)
        assert str(raised.value) == f"{packed}: {said}"
    monkeypatch.setenv("ENVGEN_CACHE", str(packed))
    packed.write_bytes(whole)
    with pytest.raises(BadInput, match="^the cache cannot be written: \\[Errno .*\n\nhint: set ENVGEN_CACHE to a writable folder$"):
        unpacked(packed)


@pytest.mark.parametrize(
    ("versions", "version", "found"),
    [("", "x y", True), ("*", "x y", True), (">=3.9,<3.10.0a0", "3.9.1", True), (">=3.9,<3.10.0a0", "3.10", False), (">=>", "1", None), (">=1", "x y", None)],
)  # fmt: skip
def test_ranges_of_conda(versions: str, version: str, found: object) -> None:
    assert admits(versions, version) is found


def test_order_of_versions_and_parts_of_a_url() -> None:
    assert [is_older("1.9", "1.10"), is_older("1.10", "1.9"), is_older("1", "1.0")] == [True, False, False]
    assert split_url("https://h/c/noarch/a-b-1%212.0-py_0.conda") == ("a-b", "1!2.0", "py_0")
    assert split_url("a-1-0.tar.bz2") == ("a", "1", "0")
