"""Where a machine fetches channels, whole: each place with its login, and what a person is told, for settings of every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import some

from envgen.channels import conda_settings, mirrors
from envgen.channels.channel import locate
from envgen.channels.conda_settings import Setting
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
    for channel in channels.split():
        try:
            found = mirrors.fetch_places(locate(channel))
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
        assert found[0].startswith(told[0])
        assert found[0].endswith("\n\nhint: `envgen help channels` shows an example")
        assert len(found[0].splitlines()) == 3
    else:
        assert found == told


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
    monkeypatch.setenv("ENVGEN_MIRROR", "http://m.example")
    assert mirrors.mirror_of_all() == "http://m.example"
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
    write(home, {f"binstar/data/{name}": text for name, text in {"https%3A%2F%2Fapi.anaconda.org%2F.token": " t0ken\n", "https%3A%2F%2Fh.token": "t1", "name.token": "t2", "https%3A%2F%2Fi.token": "", "x.txt": "t3"}.items()})  # fmt: skip
    urls = ["https://api.anaconda.org/t/t0ken", "https://conda.anaconda.org/t/t0ken", "https://h/t/t1"]
    assert list(conda_settings._tokens()) == [Setting(url, "anaconda-client's tokens") for url in urls]
    assert asked == ([] if named else [("binstar", "ContinuumIO")])
    (home / "binstar/data/x.token").write_bytes(b"\xff")
    assert list(conda_settings._tokens()) == []
