"""envgen matrix refresh: what records prove comes back, in the place where it was, and everything else stays byte for byte."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPO, Workspace, clean_environment
from hypothesis import given, settings
from hypothesis import strategies as st
from system.channel import serve
from system.publishing import Entry, of_python, publish, whole, world
from unit.small import ALPHA, FILES, examples, real_matrix, write_matrix

from envgen.channels.channel import locate
from envgen.channels.index import FolderIndex, IndexOptions
from envgen.cli.console import Terminal
from envgen.curate.facts import facts
from envgen.curate.records.compare import compare
from envgen.curate.refresh.refresh import Refreshed, refresh_matrices
from envgen.curate.refresh.report import diff_text
from envgen.curate.request import CurateRequest
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.platforms import PLATFORMS
from envgen.yamlfile.document import parse


def claimed(folder: Path) -> set[tuple[object, ...]]:
    """Every cell of a matrix folder, but those of companions, for which a CUDA of their framework stands."""
    matrix = load_matrix(folder)
    found = facts(matrix, matrix.hosts, PLATFORMS)
    return {(f.framework, f.provider, *f.build, f.cudnn) for f in found}


def refresh(root: Path, index: Path, *frameworks: str, complete: bool = False, write: bool = True) -> Refreshed:
    return refresh_matrices(
        Layout(root), CurateRequest(index=IndexOptions(index), frameworks=frameworks, complete=complete), Terminal(), write=write
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of everything that the small matrix claims."""
    folder = tmp_path_factory.mktemp("small")
    return publish(folder / "index", world(load_matrix(write_matrix(folder / "matrices"))))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_matrix(tmp_path / "matrices")
    return tmp_path


def words(found: Refreshed) -> list[str]:
    return [edit.why for item in found.changed for edit in item.edits]


# --- the laws -------------------------------------------------------------------------------------------------------------


def test_a_matrix_that_says_what_the_records_hold_is_unchanged(root: Path, index: Path) -> None:
    for complete in (False, True):
        found = refresh(root, index, complete=complete)
        assert (found.changed, found.by_hand) == ((), ())
    assert {path.name: path.read_text() for path in (root / "matrices").iterdir()} == FILES


LAW = settings(examples(40), deadline=None, database=None, derandomize=True)  # the same examples in every run
STYLES = ("flow", "block", "crlf", "no newline", "one line")


def styled(data: Any, style: str) -> str:
    """A framework file in some style; each line of the usual one has a comment of its own."""
    if style == "one line":
        return "# all\n" + json.dumps(data) + "\n"
    if style == "block":
        return yaml.safe_dump(data, sort_keys=False, indent=2).replace("\nreleases:", "\n\n# newest first\nreleases:  # all")
    lines = [
        "# head",
        f"framework: {data['framework']}",
        f"because: {data['because']}",
        f"providers: {json.dumps(data['providers'])}",
    ]
    lines += ["", "releases:  # newest first"]
    for release in data["releases"]:
        lines += ["", f"  # about {release['version']}", f'  - version: "{release["version"]}"  # it']
        lines += [f"    with: {json.dumps(release['with'])}"] if "with" in release else []
        lines += ["    builds:"]
        for n, row in enumerate(release["builds"]):
            lines += [f"      # row {n} of {release['version']}", f"      - {json.dumps(row)}  # {n}"]
        lines += ["      # the end of it"]
    text = "\n".join(lines) + ("" if style == "no newline" else "\n")
    return text.replace("\n", "\r\n") if style == "crlf" else text


@st.composite
def losses(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The data of alpha.yaml, the same with some facts lost or changed, and a style."""
    whole = yaml.safe_load(ALPHA)
    lost = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        release = draw(st.sampled_from(lost["releases"]))
        row = draw(st.sampled_from(release["builds"])) if release["builds"] else None
        kind = draw(st.sampled_from(("release", "row", "variants", "platforms", "python", "cudnn", "with")))
        if kind == "release" and release["version"] == "2.1.0" and release in lost["releases"]:
            lost["releases"].remove(release)
        elif kind == "row" and row and len(release["builds"]) > 1:
            release["builds"].remove(row)
        elif kind in ("variants", "platforms") and row and len(row[kind]) > 1:
            row[kind].remove(draw(st.sampled_from(row[kind])))
        elif kind == "python" and row:
            row["python"] = draw(st.sampled_from(("3.10", "3.10" if row["provider"] == "vendor" else "3.10-3.11")))
        elif kind == "cudnn" and row and "cudnn" in row:
            row["cudnn"] = draw(st.sampled_from((8, 9)))
        elif kind == "with":
            release.pop("with", None)
    return whole, lost, draw(st.sampled_from(STYLES))


@LAW
@given(losses())
def test_what_was_lost_comes_back_and_the_second_run_changes_nothing(
    index: Path, tmp_path_factory: pytest.TempPathFactory, case: tuple[Any, Any, str]
) -> None:
    whole, lost, style = case
    folder = tmp_path_factory.mktemp("case")
    expected = claimed(write_matrix(folder / "whole" / "matrices"))
    root, text = folder / "lost", styled(lost, style)
    (write_matrix(root / "matrices", FILES) / "alpha.yaml").write_bytes(text.encode())
    expected_here = {cell for cell in expected if cell[:2] != ("alpha", "vendor") or "1.9.0" in str(whole)}
    refresh(root, index)
    new = (root / "matrices" / "alpha.yaml").read_bytes().decode()
    assert claimed(root / "matrices") == expected_here
    assert refresh(root, index).changed == ()
    assert (root / "matrices" / "alpha.yaml").read_bytes().decode() == new
    assert {path.name: path.read_text() for path in (root / "matrices").iterdir() if path.name != "alpha.yaml"} == {
        name: text for name, text in FILES.items() if name != "alpha.yaml"
    }
    if style not in ("one line", "block"):
        kept_bytes(text, new)


def kept_bytes(old: str, new: str) -> None:
    """Every comment survives in its order, lines end as they did, and a line is only missing where a row was changed."""
    comments = re.compile(r"#[^\r\n]*")
    assert [c for c in comments.findall(new) if c in set(comments.findall(old))] == comments.findall(old)
    assert ("\r\n" in old) == ("\r\n" in new)
    assert "\r\n" not in old or "\n" not in new.replace("\r\n", "")
    assert old.endswith("\n") == new.endswith("\n")
    gone = Counter(old.splitlines()) - Counter(new.splitlines())
    assert all("provider" in line or "with: " in line for line in gone), gone


@st.composite
def inventions(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """alpha.yaml with builds that were never published, and a style."""
    data = yaml.safe_load(ALPHA)
    for _ in range(draw(st.integers(1, 3))):
        release = draw(st.sampled_from(data["releases"]))
        row = draw(st.sampled_from(release["builds"]))
        kind = draw(st.sampled_from(("release", "row", "variants", "platforms", "python")))
        vendor = release["version"] == "1.9.0"
        if kind == "release" and data["releases"][0]["version"] != "3.0.0":
            data["releases"].insert(0, {"version": "3.0.0", "builds": [copy.deepcopy(data["releases"][0]["builds"][0])]})
        elif kind == "row" and not vendor and not any(row["platforms"] == ["linux-aarch64"] for row in release["builds"]):
            release["builds"].append({**copy.deepcopy(release["builds"][0]), "platforms": ["linux-aarch64"]})
        elif kind == "variants" and row["variants"] == ["12.6"]:
            row["variants"] = ["11.8", "12.6"]
        elif kind == "platforms" and "linux-aarch64" not in row["platforms"]:
            row["platforms"].append("linux-aarch64")
        elif kind == "python" and not vendor:
            row["python"] = "3.7, 3.9-3.12"
    return data, draw(st.sampled_from(STYLES))


@LAW
@given(inventions())
def test_what_a_whole_channel_does_not_hold_goes_and_in_a_part_of_one_it_stays(
    index: Path, tmp_path_factory: pytest.TempPathFactory, case: tuple[Any, str]
) -> None:
    data, style = case
    folder = tmp_path_factory.mktemp("case")
    expected = claimed(write_matrix(folder / "whole" / "matrices"))
    root, text = folder / "more", styled(data, style)
    (write_matrix(root / "matrices", FILES) / "alpha.yaml").write_bytes(text.encode())
    assert refresh(root, index).changed == ()
    assert (root / "matrices" / "alpha.yaml").read_bytes().decode() == text
    refresh(root, index, complete=True)
    assert claimed(root / "matrices") == expected
    assert refresh(root, index, complete=True).changed == ()


# --- what is proposed, and what is left to a person ---------------------------------------------------------------------------


def new_build(entries: Iterable[Entry], **change: Any) -> Entry:
    (like,) = (e for e in entries if (e.name, e.version, e.build, e.subdir) == ("alpha", "2.1.0", "cuda126_py312_9", "linux-64"))
    return replace(like, **change)


def entries_of(root: Path) -> list[Entry]:
    return world(load_matrix(root / "matrices"))


def test_a_new_release_comes_in_its_place_and_is_written_as_the_others_are(root: Path, tmp_path: Path) -> None:
    entries = entries_of(root)
    entries += [new_build(entries, version="2.0.5"), new_build(entries, version="2.2.0rc1")]
    found = refresh(root, publish(tmp_path / "index", entries))
    row = '{provider: conda-forge, variants: ["12.6"], platforms: [linux-64], python: "3.12", cudnn: 9}'
    block = f'  - version: "2.0.5"\n    builds:\n      - {row}\n'
    text = (root / "matrices" / "alpha.yaml").read_text()
    assert text == ALPHA.replace('  - version: "2.0.0"\n', f'{block}  - version: "2.0.0"\n')
    assert (words(found), found.by_hand) == (["alpha 2.0.5: a new release"], ())


def test_a_new_python_a_new_platform_and_a_new_cuda_go_into_the_row_where_they_fit_and_into_one_of_their_own_elsewhere(
    root: Path, tmp_path: Path
) -> None:
    entries = entries_of(root)
    rows = [e for e in entries if (e.name, e.version) == ("alpha", "2.1.0")]
    entries += [
        replace(e, build=e.build.replace("py312", "py313"), depends=(*of_python("3.13"), *e.depends[2:]))
        for e in rows
        if "cpu_py312" in e.build
    ]
    entries += [replace(e, subdir="linux-aarch64") for e in rows if "cuda126_py310" in e.build and e.subdir == "linux-64"]
    found = refresh(root, publish(tmp_path / "index", entries))
    text = (root / "matrices" / "alpha.yaml").read_text()
    old = '      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64, win-64], python: "3.10-3.12"}\n'
    cuda = '      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64, win-64], python: "3.10-3.12", cudnn: 9}\n'
    more = '      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-aarch64], python: "3.10", cudnn: 9}\n'
    assert text == ALPHA.replace(old, old.replace("3.12", "3.13"), 1).replace(cuda, cuda + more, 1)
    assert words(found) == [
        "alpha 2.1.0, conda-forge: cpu for linux-64, osx-arm64, win-64, Python 3.10-3.12: now Python 3.10-3.13",
        "alpha 2.1.0, conda-forge: 12.6 for linux-aarch64, Python 3.10",
    ]


def test_what_no_record_tells_is_named_and_not_proposed(root: Path, tmp_path: Path) -> None:
    entries = entries_of(root)
    entries += [
        new_build(entries, channel="vendor", version="2.5", build="py3.12_cpu_0", depends=of_python("3.12")),
        new_build(entries, build="new_cuda126_py312_9"),
        Entry("cuda-version", "13.9", "0"),
        Entry("cudnn", "10.1.0.5", "0", ("cuda-version >=13,<14.0a0",), subdir="linux-64"),
    ]
    found = refresh(root, publish(tmp_path / "index", entries))
    assert found.changed == ()
    assert [text.partition(": ")[0] for text in found.by_hand] == [
        "the spelling at matrices/alpha.yaml:5:7 does not select alpha 2.1.0 new_cuda126_py312_9",
        "no row of `providers` has specs for CPU of alpha 2.5 from vendor",
        "CUDA 13.9 is published, and cuda.yaml has no such toolkit",
        "cuDNN 10.1.0.5 for CUDA 13 is published, and cudnn.yaml has no row for it",
    ]


def test_a_new_cuda_without_a_target_is_proposed_and_said(root: Path, tmp_path: Path) -> None:
    entries = entries_of(root)
    cuda = new_build(entries, build="cuda128_py312_9").needing("cuda-version", "cuda-version >=12.8,<13")
    found = refresh(root, publish(tmp_path / "index", [*entries, cuda]))
    assert words(found) == ["alpha 2.1.0, conda-forge: 12.8 for linux-64, Python 3.12"]
    assert found.by_hand == ("alpha has builds for CUDA 12.8, and targets.yaml has no target for it",)


def test_what_is_left_out_is_not_proposed(root: Path, tmp_path: Path) -> None:
    path = root / "matrices" / "alpha.yaml"
    path.write_text(ALPHA + "left-out:\n  - {provider: conda-forge, platforms: [linux-aarch64], because: a test}\n")
    entries = entries_of(root)
    found = refresh(root, publish(tmp_path / "index", [*entries, new_build(entries, subdir="linux-aarch64")]))
    assert (found.changed, found.by_hand) == ((), ())


def test_what_is_left_out_and_claimed_all_the_same_stays(root: Path, index: Path) -> None:
    path = root / "matrices" / "alpha.yaml"
    path.write_text(ALPHA + "left-out:\n  - {provider: conda-forge, platforms: [linux-64], because: a test}\n")
    assert refresh(root, index, complete=True).changed == ()


def test_a_claimed_build_that_its_spelling_misses_stays_and_is_named(root: Path, tmp_path: Path) -> None:
    entries = [
        replace(e, build=f"new_{e.build}") if e.build == "cuda126_py312_9" and e.name == "alpha" else e for e in entries_of(root)
    ]
    found = refresh(root, publish(tmp_path / "index", entries), complete=True)
    assert found.changed == ()
    assert [text.partition(": ")[0] for text in found.by_hand] == [
        "the spelling at matrices/alpha.yaml:5:7 does not select alpha 2.1.0 new_cuda126_py312_9"
    ]


def test_a_channel_without_any_build_of_a_framework_is_no_evidence_against_it(root: Path, tmp_path: Path) -> None:
    entries = [e for e in entries_of(root) if e.name != "betalib"]
    assert refresh(root, publish(tmp_path / "index", entries), complete=True).changed == ()


def test_a_file_that_cannot_be_spliced_is_refused_and_nothing_is_written(root: Path, index: Path) -> None:
    path = root / "matrices" / "alpha.yaml"
    lines = ALPHA.replace('  - version: "2.0.0"\n', '  -\n    version: "2.0.0"\n')
    row = '      - {provider: conda-forge, variants: ["11.8", "12.6"], platforms: [linux-64], python: "3.9-3.11", cudnn: 8}\n'
    gone = lines.replace('version: "2.0.0"', 'version: "2.0.9"').replace(row, "")
    path.write_text(gone)
    with pytest.raises(BadInput, match="cannot edit this file in the way it is written"):
        refresh(root, index, complete=True)
    assert path.read_text() == gone


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(root: Path, tmp_path: Path) -> Workspace:
    """The small matrix without the newest release of alpha."""
    text = ALPHA.replace(ALPHA[ALPHA.index('  - version: "2.1.0"') : ALPHA.index('  - version: "2.0.0"')], "")
    (root / "matrices" / "alpha.yaml").write_text(text)
    return Workspace(root, clean_environment(tmp_path))


def test_a_dry_run_prints_a_diff_that_git_takes_and_writes_nothing(workspace: Workspace, index: Path) -> None:
    path = workspace.root / "matrices" / "alpha.yaml"
    before = path.read_bytes()
    dry = workspace.envgen("matrix", "refresh", "--index", index)
    assert (dry.status, path.read_bytes()) == (0, before)
    assert dry.out.startswith("--- a/matrices/alpha.yaml\n+++ b/matrices/alpha.yaml\n@@ ")
    assert dry.err == (
        "matrices/alpha.yaml: alpha 2.1.0: a new release\nnot written: matrices/alpha.yaml; use --write to apply the changes\n"
    )  # fmt: skip
    assert workspace.envgen("matrix", "refresh", "--index", index, "--exit-code").status == 1
    written = workspace.envgen("matrix", "refresh", "--index", index, "--write")
    after = path.read_bytes()
    assert (written.status, written.out, after.decode()) == (0, dry.out, ALPHA.replace("    # the newest\n", ""))
    assert written.err.splitlines()[-1].startswith("wrote matrices/alpha.yaml; ")
    path.write_bytes(before)
    subprocess.run(["git", "apply", "-p1", "-"], cwd=workspace.root, input=dry.out.encode(), check=True)
    assert path.read_bytes() == after
    again = workspace.envgen("matrix", "refresh", "--index", index, "--write", "--exit-code")
    assert (again.status, again.out, path.read_bytes()) == (0, "", after)
    assert again.err.startswith("unchanged: ")


@pytest.mark.parametrize("style", ["crlf", "no newline"])
def test_the_diff_of_a_file_with_other_ends_of_lines_is_taken_too(workspace: Workspace, index: Path, style: str) -> None:
    path = workspace.root / "matrices" / "alpha.yaml"
    data = parse(ALPHA, "alpha.yaml").data
    del data["releases"][-1]["builds"][0]["variants"][1]
    path.write_bytes(styled(data, style).encode())
    before = path.read_bytes()
    refresh(workspace.root, index, write=False)
    diff = diff_text(refresh(workspace.root, index))
    after = path.read_bytes()
    assert after != before
    path.write_bytes(before)
    subprocess.run(["git", "apply", "-p1", "-"], cwd=workspace.root, input=diff.encode(), check=True)
    assert path.read_bytes() == after


def test_json_says_it_all(workspace: Workspace, index: Path) -> None:
    data = json.loads(workspace.envgen("matrix", "refresh", "--index", index, "--json").out)
    assert data["changed"][0]["changes"] == ["alpha 2.1.0: a new release"]
    assert data["changed"][0]["diff"].count("\n+") == 5
    assert (data["written"], data["complete"], data["by_hand"]) == (False, False, [])


def test_live_channels_are_whole_and_what_they_lack_goes(workspace: Workspace, index: Path) -> None:
    path = workspace.root / "matrices" / "alpha.yaml"
    with serve(index) as server:
        url = server.url("conda-forge")
        text = path.read_text().replace("[conda-forge]", f'["{url}"]').replace("[vendor,", f'["{server.url("vendor")}",')
        text = text.replace(", conda-forge]", f', "{url}"]').replace('"vendor::', f'"{server.url("vendor")}::')
        text = text.replace('"3.9-3.11"', '"3.8-3.11"')
        path.write_text(text)
        for other in ("alphavision", "beta"):
            (workspace.root / "matrices" / f"{other}.yaml").unlink()
        done = workspace.envgen("matrix", "refresh", "--write")
        assert done.status == 0, done.err
        new = path.read_text()
    assert '"3.8-3.11"' not in new
    assert '"2.1.0"' in new
    gone = workspace.envgen("matrix", "refresh")
    assert (gone.status, gone.out, path.read_text()) == (4, "", new)
    assert "cannot be reached" in gone.err


# --- the matrices of this repository ---------------------------------------------------------------------------------------


@pytest.fixture
def real(tmp_path: Path, unpacked_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this repository's matrices."""
    monkeypatch.setenv("ENVGEN_CACHE", str(unpacked_cache))
    shutil.copytree(REPO / "matrices", tmp_path / "matrices")
    return tmp_path


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Channels made of all that this repository claims."""
    return publish(tmp_path_factory.mktemp("claims"), whole(real_matrix()), ("conda-forge", "pytorch", "nvidia", "rapidsai"))


def test_the_matrices_of_this_repository_say_what_genuine_records_hold(real: Path, sample: Path, records: Path) -> None:
    for index in (sample, records):
        found = refresh(real, index)
        assert (found.changed, found.by_hand) == ((), ())


def test_channels_made_of_all_that_this_repository_claims_confirm_it_and_change_nothing(real: Path, claims: Path) -> None:
    found = compare(Layout(real), CurateRequest(index=IndexOptions(claims), complete=True), Terminal(), solve=False, jobs=1)
    assert {(item.decisive.text, str(item.fact.at)) for item in found.facts if item.decisive} == set()
    assert (found.failed, len(found.facts) > 2800) == (False, True)
    assert refresh(real, claims, complete=True).changed == ()


@pytest.mark.parametrize("name", ["pytorch", "tensorflow", "jax"])
def test_a_release_that_is_taken_out_comes_back(real: Path, claims: Path, name: str) -> None:
    taken_out_and_back(real, claims, name, proves_all=True)
    assert refresh(real, claims).changed == ()


def test_what_is_taken_out_comes_back_as_far_as_genuine_records_prove_it(real: Path, snapshot: Path) -> None:
    """Releases, then rows and values."""
    for name in ("pytorch", "tensorflow", "jax"):
        taken_out_and_back(real, snapshot, name)
    assert refresh(real, snapshot).changed == ()
    rows_out_and_back(real, snapshot)


def taken_out_and_back(real: Path, index: Path, name: str, *, proves_all: bool = False) -> None:
    """Take half of the releases out of a framework's file: what comes back claims no more, and nothing else changes."""
    path = real / "matrices" / f"{name}.yaml"
    text = path.read_text()
    package, records = "jaxlib" if name == "jax" else name, FolderIndex(index, "index")
    places = [locate(channel) for channel in ("conda-forge", "pytorch")]
    proven = {str(record.version) for p in PLATFORMS for c in places for record in records.records(package, c, p)}
    blocks = re.findall(r'^  - version: "[^"]+"\n(?:    .*\n)+', text, re.MULTILINE)
    before = claimed(real / "matrices")
    blocks = [block for block in blocks if block.split('"')[1] in proven]
    assert len(blocks) >= 8
    taken = blocks[:-2:2]  # nothing is claimed before the last one
    damaged = text
    for block in taken:
        damaged = damaged.replace(block, "")
    path.write_text(damaged)
    refresh(real, index, name)
    rest = new = path.read_text()
    for block in taken:
        version = re.escape(block.split('"')[1])
        back = re.search(rf'^  - version: "{version}"\n(?:    .*\n)+', new, re.MULTILINE)
        assert back, version
        rest = rest.replace(back[0], "")
    assert rest == damaged  # each in a block of its own, and nothing else
    assert re.findall(r'^  - version: "([^"]+)"', new, re.MULTILINE) == re.findall(r'^  - version: "([^"]+)"', text, re.MULTILINE)
    after = claimed(real / "matrices")
    assert after == before if proves_all else after <= before
    assert refresh(real, index, name).changed == ()
    path.write_text(text)


def test_rows_and_values_that_are_taken_out_come_back(real: Path, claims: Path) -> None:
    rows_out_and_back(real, claims, proves_all=True)


def rows_out_and_back(real: Path, index: Path, *, proves_all: bool = False) -> None:
    """Take rows and values out of pytorch.yaml: what comes back was claimed before, and nothing else changes."""
    path = real / "matrices" / "pytorch.yaml"
    text = path.read_text()
    before = claimed(real / "matrices")
    rows = [
        line for line in text.splitlines(keepends=True) if line.startswith("      - {provider: ") and "provider: pypi" not in line
    ]
    damaged = text
    for row in rows[3:40:6]:
        damaged = damaged.replace(row, "      # a row was here\n", 1)
    damaged = damaged.replace('variants: ["11.1", "11.3", "11.5"]', 'variants: ["11.3"]').replace('"3.6-3.9"', '"3.7-3.9"', 3)
    path.write_text(damaged)
    lost = before - claimed(real / "matrices")
    refresh(real, index)
    new, after = path.read_text(), claimed(real / "matrices")
    assert new.count("# a row was here") == len(rows[3:40:6])
    assert before - lost <= after <= before
    assert after == before or not proves_all
    assert len(after - (before - lost)) > 40
    untouched = [line for line in damaged.splitlines() if "provider:" not in line]
    assert [line for line in new.splitlines() if "provider:" not in line] == untouched
    assert refresh(real, index).changed == ()
