"""What `envgen init --from` makes of the indexes of wheels that files name."""

from __future__ import annotations

from pathlib import Path

import pytest

from envgen.migrate.draft import ProjectDraft
from envgen.migrate.merge import merged
from envgen.migrate.read import read_contents
from envgen.model.facts import Matrix

TORCH = "https://download.pytorch.org/whl"
LINKS = "--find-links https://wheels.example.org/links/"
CONDA = "the target says which wheels, and the framework comes from a conda channel"
EXTRA = (
    "it does not say which packages come from it: write `pip-indexes: {NAME: {url: URL, packages: [PACKAGE]}}` with those that come"
    " from it and from no other index"
)
FOLDER = "a folder or a page on this machine: write `find-links: [/PATH]`, or `file://` with its path"
PART = "other files for pip do not name it, and `find-links:` is for all targets: write `find-links: [URL]` if it may be"
SECRET = "it has a password or a token: write its URL with $NAME in place of each"


def brought(matrix: Matrix, folder: Path, *texts: str) -> ProjectDraft:
    """The project of some files: environment files, or lines for pip."""
    paths = [folder / f"{number}.{'yml' if 'dependencies:' in text else 'txt'}" for number, text in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return merged(matrix, [read_contents(path, path.name) for path in paths], "p")


@pytest.mark.parametrize(
    ("texts", "frameworks", "targets"),
    [
        ([f"--extra-index-url {TORCH}/cu124/\ntorch==2.5.1\n"], {"pytorch": {"version": "2.5.1", "provider": "pypi"}}, ["cu124"]),
        ([f"-i {TORCH}/cpu\ntorch\n"], {"pytorch": {"version": "*", "provider": "pypi"}}, ["cpu"]),
        (
            [f"--index-url {TORCH}/cu121\n", "torch==2.3.1\ntorchaudio\n"],
            {"pytorch": {"version": "2.3.1", "provider": "pypi"}, "torchaudio": {"version": "*"}},
            ["cu121"],
        ),
        ([f"-f {TORCH}/cu118/torch_stable.html\ntorch\n"], {"pytorch": {"version": "*", "provider": "pypi"}}, ["cu118"]),
        ([f"-i {TORCH}/cu118\ntorchvision\n"], {"torchvision": {"version": "*", "provider": "pypi"}}, ["cu118"]),
    ],
)
def test_a_framework_with_the_index_of_its_wheels_comes_as_wheels(
    real: Matrix, tmp_path: Path, texts: list[str], frameworks: object, targets: list[str]
) -> None:
    draft = brought(real, tmp_path, *texts)
    assert (draft.frameworks, [row.key for row in draft.targets], draft.left) == (frameworks, targets, ())
    (note,) = [note for note in draft.notes if TORCH in note.text]
    assert note.meaning == f"{', '.join(frameworks)} as wheels: `provider: pypi`"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "texts",
    [
        [f"--extra-index-url {TORCH}/cu113\ntorch==1.12.1\n"],  # before the wheels that the matrices know
        [f"--extra-index-url {TORCH}/cu118\ntorch==2.1.0\n", "dependencies: [pytorch-cpu=2.1]\n"],  # conda is asked for it, too
        [f"--extra-index-url {TORCH}/nightly/cu126\ntorch\n"],  # other wheels
        [f"--extra-index-url {TORCH}/cu126\neinops\n"],
    ],
)
def test_a_framework_comes_from_a_channel_where_the_files_do_not_ask_for_wheels_alone(
    real: Matrix, tmp_path: Path, texts: list[str]
) -> None:
    draft = brought(real, tmp_path, *texts)
    assert all("provider" not in row for row in draft.frameworks.values())
    assert [one.why for one in draft.left if TORCH in one.text] == [CONDA]


@pytest.mark.parametrize(
    ("texts", "repositories", "links", "why"),
    [
        (["-i https://$NAME:$WORD@host.example/simple/\neinops\n"], ("https://$NAME:$WORD@host.example/simple/",), (), []),
        (["-i https://${NAME}:${WORD}@host.example/simple\neinops\n"], ("https://$NAME:$WORD@host.example/simple",), (), []),
        ([f"{LINKS}\neinops\n"], (), ("https://wheels.example.org/links/",), []),
        ([f"{LINKS}\neinops\n", "dependencies: [cuda-version=12.6]\n"], (), ("https://wheels.example.org/links/",), []),
        ([f"{LINKS}\neinops\n", "--extra-index-url https://h.example/whl/cpu\neinops\n"], (), (), [PART, CONDA]),
        (["--extra-index-url https://host.example/simple\neinops\n"], (), (), [EXTRA]),
        (["-i https://ana:s3cret@host.example/simple\neinops\n"], (), (), [SECRET]),
        (["--find-links wheels\neinops\n"], (), (), [FOLDER]),
    ],
)
def test_other_indexes_become_keys_or_are_listed_with_what_to_write(
    real: Matrix, tmp_path: Path, texts: list[str], repositories: object, links: object, why: list[str]
) -> None:
    draft = brought(real, tmp_path, *texts)
    assert (draft.pip_repositories, draft.find_links, [one.why for one in draft.left]) == (repositories, links, why)


def test_a_version_that_only_wheels_have_is_open_where_a_channel_is_asked(real: Matrix, tmp_path: Path) -> None:
    of_wheels = {row.version for row in real.frameworks["torchvision"].releases}
    only = max(of_wheels - {row.version for row in real.frameworks["torchvision"].of_packages.releases})
    draft = brought(real, tmp_path, f"torch\ntorchvision=={only}\n")
    assert draft.frameworks["torchvision"] == {"version": "*"}
    assert f"any version: the matrices have no build of {only} in a channel" in [note.meaning for note in draft.notes]
