"""What uv answers is checked like a file of a stranger: another shape than a pylock.toml's is an error that says where."""

from __future__ import annotations

import pytest

from envgen.model.errors import NoSolution
from envgen.model.pip import PipRequest
from envgen.pip.answer import locked

REQUEST = PipRequest(environment="p-cpu", platform="linux-64", requirements=("demo",), virtual={"__glibc": "2.28"})
SHA = "ab" * 32
HASHES = f"hashes = {{sha256 = '{SHA}'}}"
WHEEL = "https://files.example/demo-1.0-py3-none-any.whl"


def row(more: str, version: str = "version = '1.0'") -> str:
    return f"lock-version = '1.0'\n[[packages]]\nname = 'demo'\n{version}\n{more}\n"


ODD = {
    "packages = 3": "pylock.toml:1:1: expected `packages` to be a list, not a number",
    "packages = [3]": "pylock.toml:1:1: expected a table, not a number",
    "packages = [": "pylock.toml:1:1: not TOML: Invalid value",
    "[[packages]]\nversion = '1.0'": "pylock.toml:1:1: expected the name of a package, not ''",
    "[[packages]]\nname = 3": "pylock.toml:1:1: expected `name` to be a text, not a number",
    "\n[[packages]]\nname = \"demo\\n-r x\"": "pylock.toml:2:1: expected the name of a package, not 'demo\\n-r x'",
    row("", "version = 1.0"): "pylock.toml:2:1: expected `version` to be a text, not a number",
    row("wheels = 3"): "pylock.toml:2:1: expected `wheels` to be a list, not a number",
    row("wheels = [3]"): "pylock.toml:2:1: expected a table, not a number",
    row(f"wheels = [{{{HASHES}}}]"): "pylock.toml:2:1: expected a file with `url` or `path`",
    row("wheels = [{url = 3}]"): "pylock.toml:2:1: expected `url` to be a text, not a number",
    row(f"wheels = [{{url = '{WHEEL}', hashes = []}}]"): "pylock.toml:2:1: expected a table, not a list",
    row(f"wheels = [{{url = '{WHEEL}', hashes = {{sha256 = 1}}}}]"): "pylock.toml:2:1: expected `sha256` to be a text, not a number",
    row(f"wheels = [{{url = '{WHEEL}', hashes = {{sha256 = 'x'}}}}]"): "pylock.toml:2:1: expected a sha256, not 'x'",
    row(f'wheels = [{{url = "https://h/a\\n--pre", {HASHES}}}]'): "pylock.toml:2:1: expected a URL on one line, without blanks",
    row(f"wheels = [{{url = 'http://[x/demo.whl', {HASHES}}}]"): "pylock.toml:2:1: expected a URL on one line, without blanks",
    row("sdist = 3"): "pylock.toml:2:1: expected a table, not a number",
    row("archive = {}"): "pylock.toml:2:1: expected a file with `url` or `path`",
    row("vcs = 'x'"): "pylock.toml:2:1: expected a table, not a text",
    row("vcs = {url = 'https://h/r', commit-id = 1}"): "pylock.toml:2:1: expected `commit-id` to be a text, not a number",
    row('vcs = {url = "https://h/r\\nx", commit-id = "a"}'): "pylock.toml:2:1: expected a URL on one line, without blanks",
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), ODD.items())
def test_an_answer_of_another_shape_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(NoSolution) as found:
        locked(text, "", REQUEST, "3.12", ())
    error = found.value
    assert error.what.startswith(f"pip section of p-cpu, linux-64: the answer of uv cannot be read: {said}")
    assert error.hint == "please report this, with the version of uv (`uv --version`) and the index that you use"
    assert error.exit_code == 4


@pytest.mark.parametrize(
    ("more", "url", "digest"),
    [
        (f"wheels = [{{url = '{WHEEL}', {HASHES}}}]", WHEEL, SHA),
        (f"sdist = {{path = '/my src/demo-1.0.tar.gz', {HASHES}}}", "file:///my src/demo-1.0.tar.gz", SHA),
        (f"archive = {{url = 'https://h/demo.zip', {HASHES}}}", "https://h/demo.zip", SHA),
        (f"vcs = {{url = 'https://h/r', commit-id = '{'c' * 40}', subdirectory = 'x'}}", f"git+https://h/r@{'c' * 40}#subdirectory=x", "c" * 40),
        (f"sdist = {{url = 'https://h/demo.tar.gz', {HASHES}}}\nwheels = [{{url = '{WHEEL}', {HASHES}}}]", WHEEL, SHA),
    ],
)  # fmt: skip
def test_each_kind_of_file_is_locked_with_its_url_and_hash(more: str, url: str, digest: str) -> None:
    (package,) = locked(row(more), "demo==1.0\n    # via other\n", REQUEST, "3.12", ())
    assert (package.name, package.version, package.url, package.sha256) == ("demo", "1.0", url, digest)


def test_what_has_no_hash_or_no_file_for_the_platform_is_refused() -> None:
    for more, said in (
        (f"wheels = [{{url = '{WHEEL}'}}]", "the index gives no sha256 for demo, and its file has none"),
        ("", "no file of demo 1.0 is for this Python and platform"),
        (f"wheels = [{{url = 'https://h/demo-1.0-cp312-cp312-win_amd64.whl', {HASHES}}}]", "no file of demo 1.0 is for this Python and platform"),
    ):  # fmt: skip
        with pytest.raises(NoSolution) as found:
            locked(row(more), "", REQUEST, "3.12", ())
        assert found.value.what == f"pip section of p-cpu, linux-64: {said}"
    assert locked(row("wheels = 3"), "", REQUEST, "3.12", ("demo",)) == ()  # conda provides it: nothing of the row is read
