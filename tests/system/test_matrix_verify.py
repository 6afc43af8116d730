"""envgen matrix verify: made-up channels with every verdict, the snapshot of real ones, and live channels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPO, Workspace, clean_environment
from packaging.version import Version
from system.channel import serve
from system.publishing import Entry, publish, world
from unit.small import FILES, write_matrix

from envgen.channels.index import IndexOptions
from envgen.cli.console import Terminal
from envgen.curate.model import CheckedFact, MatrixComparison
from envgen.curate.records.compare import compare
from envgen.curate.records.report import comparison_text
from envgen.curate.request import CurateRequest
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput
from envgen.model.layout import Layout

Change = Callable[[list[Entry]], list[Entry]]


HOSTS = {name: text for name, text in FILES.items() if name != "alphavision.yaml"}


class Site:
    """A repository with a small matrix, and an index folder with a record for each of its cells; both may be changed."""

    def __init__(self, root: Path, files: Mapping[str, str] = HOSTS) -> None:
        self.root, self.files = root, dict(files)
        self.entries = world(load_matrix(write_matrix(root / "matrices", files)))
        self.channels = ["conda-forge", "vendor"]

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a matrix file."""
        assert old in self.files[name], old
        self.files[name] = self.files[name].replace(old, new)

    def at(self, name: str, row: str) -> str:
        """Where the first row that begins so is written."""
        line = next(n for n, text in enumerate(self.files[name].splitlines(), 1) if text.strip().startswith(f"- {{{row}"))
        return f"matrices/{name}:{line}:9"

    def swap(
        self, change: Callable[[Entry], Iterable[Entry]], name: str, version: str, build: str, subdir: str = "linux-64"
    ) -> None:
        """Replace each record of a package whose build begins so."""
        hit = [e for e in self.entries if (e.name, e.version, e.subdir) == (name, version, subdir) and e.build.startswith(build)]
        assert hit, (name, version, build)
        self.entries = [new for entry in self.entries for new in (change(entry) if entry in hit else [entry])]

    def write(self) -> Path:
        write_matrix(self.root / "matrices", self.files)
        return publish(self.root / "index", self.entries, self.channels)

    def verify(self, *, complete: bool = False, solve: bool = True) -> MatrixComparison:
        request = CurateRequest(index=IndexOptions(self.write()), complete=complete)
        return compare(Layout(self.root), request, Terminal(), solve=solve, jobs=2)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def name(item: CheckedFact) -> str:
    fact = item.fact
    return f"{fact.framework} {fact.version} {fact.variant or 'cpu'} {fact.platform} {fact.python}"


def others(found: MatrixComparison) -> dict[str, tuple[str, str, str]]:
    """Every fact that is not confirmed: verdict, aspect and reason."""
    return {name(item): (item.verdict, item.decisive.name, item.decisive.text) for item in found.facts if item.decisive}


def unknown(found: MatrixComparison) -> list[str]:
    return [f"{build} {build.platform}" for item in found.unclaimed if item.reason == "unknown" for build in item.builds]


def test_what_records_prove_is_confirmed_in_a_part_of_a_channel_and_in_a_whole_one(site: Site) -> None:
    for complete in (False, True):
        found = site.verify(complete=complete)
        assert (others(found), unknown(found), found.failed) == ({}, [], False)
        assert len(found.facts) == 3 * 3 + 2 * 3 + 3 * 3 + 2 * 3 + 2 * 2 + 2 * 2 + 2 + 2 * 2
        assert [str(provider.oldest) for provider in found.providers] == ["2.0.0", "1.9.0", "3.0.0"]


def test_equal_questions_are_solved_once_and_nothing_is_solved_that_has_no_build(site: Site) -> None:
    found = site.verify()
    assert found.solves == len(found.facts)
    site.entries = [entry for entry in site.entries if entry.name != "alpha"]
    assert site.verify().solves == sum(item.fact.framework == "beta" for item in found.facts)


# --- companions, and builds for several CUDA versions in one ---------------------------------------------------------------


def test_a_build_of_a_companion_is_solved_beside_what_it_goes_with(tmp_path: Path) -> None:
    site = Site(tmp_path, FILES)
    assert (others(site.verify()), site.verify().failed) == ({}, False)
    site.swap(lambda e: [replace(e, depends=(*e.depends, "alpha 2.0.*"))], "alphavision", "0.21", "cpu_py311")
    found = site.verify(complete=True)
    broken = [(name(item), item.verdict, item.decisive.name) for item in found.facts if item.decisive]
    assert broken == [("alphavision 0.21 cpu linux-64 3.11", "refuted", "solves")]
    assert unknown(found) == ["alphavision 0.21 cpu_py311_0 linux-64"]


def test_a_build_of_a_companion_that_nothing_goes_with_is_undecidable(tmp_path: Path) -> None:
    site = Site(tmp_path, FILES)
    site.files["alpha.yaml"] = site.files["alpha.yaml"].replace('python: "3.10-3.12"', 'python: "3.10-3.11"')
    alone = {said for key, said in others(site.verify()).items() if key.startswith("alphavision") and key.endswith("3.12")}
    assert {(verdict, aspect) for verdict, aspect, _ in alone} == {("undecidable", "solves")}


def test_builds_that_stand_for_several_cuda_versions_are_compared_with_one_row(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.edit("beta.yaml", 'variants: ["12.6"]', 'variants: ["12.*"]')
    assert (others(site.verify(complete=True)), unknown(site.verify())) == ({}, [])
    site.edit("beta.yaml", 'variants: ["12.*"]', 'variants: ["11.*"]')
    assert site.verify(complete=True).failed


DELTA = """
framework: delta
because: https://delta.example
providers:
  conda-forge:
    - releases: ">=1"
      channels: [conda-forge]
      cpu: []
      cuda: ["delta {version}.*", "cuda-version {cuda}.*"]
      because: https://delta.example/feedstock
releases:
  - version: "26.02.01"
    builds:
      - {provider: conda-forge, variants: ["11.8", "12.6"], platforms: [linux-64], python: "3.10-3.12"}
"""


def test_builds_that_a_pin_of_cuda_alone_tells_apart(tmp_path: Path) -> None:
    """No build string says CUDA, and the records write the version with zeros."""
    site = Site(tmp_path, {**HOSTS, "delta.yaml": DELTA})
    plain = (replace(e, version="26.02.01", build=e.build.replace("cuda118_", "a").replace("cuda126_", "b")) for e in site.entries)
    site.entries = [new if new.name == "delta" else old for old, new in zip(site.entries, plain, strict=True)]
    found = site.verify(complete=True)
    assert (others(found), unknown(found)) == ({}, [])
    assert len([item for item in found.facts if item.fact.framework == "delta"]) == 2 * 3
    site.edit("delta.yaml", ', "cuda-version {cuda}.*"', "")
    assert {said[:2] for said in others(site.verify(complete=True)).values()} == {("refuted", "spelling")}


def test_a_build_for_every_python_from_one_on_is_known_by_cpython(tmp_path: Path) -> None:
    site = Site(tmp_path, {**HOSTS, "delta.yaml": DELTA.replace('["11.8", "12.6"]', '["12.6"]')})
    (one, *_) = (entry for entry in site.entries if entry.name == "delta")
    others_ = [entry for entry in site.entries if entry.name != "delta"]
    needs = tuple(need for need in one.depends if not need.startswith("python"))
    site.entries = [*others_, replace(one, version="26.02.01", build="cp310_abi3_0", depends=(*needs, "python", "cpython >=3.10"))]
    assert unknown(site.verify(solve=False)) == []
    site.edit("delta.yaml", '"3.10-3.12"', '"3.11-3.12"')
    assert unknown(site.verify(solve=False)) == ["delta 26.2.1 cp310_abi3_0 linux-64"]
    site.entries = [*others_, replace(one, version="26.02.01", build="pyh_0", depends=(*needs, "python"))]
    assert unknown(site.verify(solve=False)) == [], "it names no Python at all"


# --- what a channel withdrew ----------------------------------------------------------------------------------------------

WITHDRAWN = """\
because: https://x.example
withdrawn:
  - date: 2026-01-31
    channel: conda-forge
    because: https://x.example/requests/1
    builds:
      - {packages: [alpha], versions: ["2.1.0"], builds: ["cuda126_py310_*"], platforms: [linux-64]}
"""


def test_a_fact_whose_only_record_was_withdrawn_is_not_confirmed_and_the_record_is_counted(site: Site) -> None:
    site.files["withdrawn.yaml"] = WITHDRAWN
    for complete, verdict in ((False, "undecidable"), (True, "refuted")):
        found = site.verify(complete=complete)
        text = "its channel withdrew alpha 2.1.0 cuda126_py310_9"
        assert others(found) == {"alpha 2.1.0 12.6 linux-64 3.10": (verdict, "exists", text)}
        assert unknown(found) == []
        assert [(item.provider.name, list(map(str, item.builds))) for item in found.withdrawn] == [
            ("conda-forge", ["alpha 2.1.0 cuda126_py310_9"])
        ]
        assert "Withdrawn by the channel, and ignored here: 1 build of alpha (conda-forge)" in comparison_text(
            found, 500, everything=False
        )


def test_a_later_build_in_place_of_the_withdrawn_one_confirms_the_fact(site: Site) -> None:
    site.files["withdrawn.yaml"] = WITHDRAWN.replace("cuda126_py310_*", "cuda126_py310_9")
    site.swap(lambda e: [e, replace(e, build="cuda126_py310_10")], "alpha", "2.1.0", "cuda126_py310")
    found = site.verify(complete=True)
    assert (others(found), unknown(found), len(found.withdrawn)) == ({}, [], 1)


# --- what a record refutes ------------------------------------------------------------------------------------------------


def test_a_spelling_that_also_selects_a_build_of_another_variant_is_refuted(site: Site) -> None:
    site.edit("alpha.yaml", '"alpha {version}.* cuda{cu}*", "cuda-version {cuda}.*"', '"alpha {version}.* cuda*"')
    found = others(site.verify())
    assert set(found) == {
        f"alpha 2.0.0 {cuda} linux-64 {python}" for cuda in ("11.8", "12.6") for python in ("3.9", "3.10", "3.11")
    }
    text = "`alpha 2.0.0.* cuda*` also selects alpha 2.0.0 cuda126_py310_8, a build for CUDA 12.6 and 2 more"
    assert found["alpha 2.0.0 11.8 linux-64 3.9"] == ("refuted", "spelling", text)


def test_a_spelling_that_selects_the_builds_for_cuda_with_those_for_the_cpu_is_refuted(site: Site) -> None:
    site.edit("alpha.yaml", 'cpu: ["alpha {version}.* cpu_*"]', 'cpu: ["alpha {version}.*"]')
    found = others(site.verify())
    assert all(verdict == ("refuted", "spelling") for *verdict, _ in map(list, found.values()) for verdict in [tuple(verdict)])
    assert "alpha 2.1.0 cpu linux-64 3.10" in found
    assert "alpha 2.1.0 cpu osx-arm64 3.10" not in found  # no CUDA build there that it could select


def test_a_build_that_calls_itself_cpu_and_needs_cuda_is_no_cpu_build(site: Site) -> None:
    site.swap(lambda e: [replace(e, depends=(*e.depends, "cudatoolkit >=11.8,<12"))], "alpha", "2.1.0", "cpu_py310", "win-64")
    found = others(site.verify())
    assert {verdict[:2] for verdict in found.values()} == {("refuted", "spelling")}
    assert (
        found["alpha 2.1.0 cpu win-64 3.11"][2]
        == "`alpha 2.1.0.* cpu_*` also selects alpha 2.1.0 cpu_py310_0, a build for CUDA 11.8"
    )


def test_a_spelling_that_misses_a_build_is_refuted(site: Site) -> None:
    site.swap(lambda e: [replace(e, build=f"new_{e.build}")], "alpha", "2.1.0", "cuda126_py311")
    found = others(site.verify())
    assert set(found) == {f"alpha 2.1.0 12.6 linux-64 {python}" for python in ("3.10", "3.11", "3.12")}
    assert found["alpha 2.1.0 12.6 linux-64 3.10"][2] == "`alpha 2.1.0.* cuda126*` does not select alpha 2.1.0 new_cuda126_py311_9"


def test_a_release_that_no_row_spells_is_refuted(site: Site) -> None:
    site.edit("alpha.yaml", 'releases: ">=2"', 'releases: ">=2.1"')
    assert {verdict[:2] for verdict in others(site.verify()).values()} == {("refuted", "spelling")}


def test_a_variant_that_its_row_has_no_specs_for_is_refuted(site: Site) -> None:
    site.edit("beta.yaml", 'cpu: ["beta {version}.*", "betalib {version}.* cpu_*"]', "cpu: []")
    found = others(site.verify())
    assert set(found.values()) == {("refuted", "spelling", "no row of `providers` has specs for such a build of this release")}
    assert all("cpu" in fact for fact in found)


def test_a_spelling_that_is_no_conda_spec_is_an_error_with_its_address(site: Site) -> None:
    site.edit("beta.yaml", '"betalib {version}.* cpu_*"', '"betalib >>{version}"')
    with pytest.raises(BadInput, match=r"^matrices/beta\.yaml:5:7: not a conda spec: "):
        site.verify()


def test_another_cudnn_is_refuted_and_an_untold_one_is_not_decidable(site: Site) -> None:
    site.swap(lambda e: [e.needing("cudnn", "cudnn >=8.9,<9.0a0")], "alpha", "2.1.0", "cuda126_py310")
    site.swap(lambda e: [e.needing("cudnn", "")], "alpha", "2.1.0", "cuda126_py311")
    assert others(site.verify()) == {
        "alpha 2.1.0 12.6 linux-64 3.10": ("refuted", "cudnn", "alpha 2.1.0 cuda126_py310_9 links cuDNN 8, not 9"),
        "alpha 2.1.0 12.6 linux-64 3.11": ("undecidable", "cudnn", "alpha 2.1.0 cuda126_py311_9 names no cuDNN"),
    }


def test_two_rows_may_claim_one_build_with_a_cudnn_each(site: Site) -> None:
    row = '      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64], python: "3.11-3.12", cudnn: 9}\n'
    site.edit("beta.yaml", row, row + row.replace("cudnn: 9", "cudnn: 8"))
    told = {verdict[:2] for verdict in others(site.verify()).values()}
    assert told == {("undecidable", "cudnn")}
    assert {verdict[:2] for verdict in others(site.verify(complete=True)).values()} == {("refuted", "cudnn")}


def test_the_cudnn_of_a_package_that_is_pinned_to_one_build_counts(site: Site) -> None:
    def split(entry: Entry) -> list[Entry]:
        inner = replace(entry, name="alpha-base", build=f"x_{entry.build}")
        return [inner, replace(entry, depends=(*entry.depends[:3], f"alpha-base {entry.version} {inner.build}"))]

    site.swap(split, "alpha", "2.1.0", "cuda126", "win-64")
    assert others(site.verify()) == {}
    site.entries = [e.needing("cudnn", "cudnn >=8.9,<9.0a0") if e.name == "alpha-base" else e for e in site.entries]
    assert {verdict[:2] for verdict in others(site.verify()).values()} == {("refuted", "cudnn")}


def test_a_build_for_several_pythons_that_refuses_one_is_believed(site: Site) -> None:
    several = Entry("alpha", "2.1.0", "cpu_0", ("python >=3.10,<3.12",), subdir="osx-arm64")
    site.swap(lambda e: [several] if e.build == "cpu_py310_0" else [], "alpha", "2.1.0", "cpu", "osx-arm64")
    text = "alpha 2.1.0 cpu_0 needs `python >=3.10,<3.12`"
    assert others(site.verify()) == {"alpha 2.1.0 cpu osx-arm64 3.12": ("refuted", "exists", text)}


def test_a_build_that_needs_another_cuda_than_its_name_says_is_refuted(site: Site) -> None:
    site.swap(lambda e: [e.needing("cuda-version", "cuda-version >=12.8,<13")], "alpha", "2.1.0", "cuda126_py310", "win-64")
    text = "needs `cuda-version >=12.8,<13`, and the spelling requests cuda-version 12.6"
    assert others(site.verify()) == {"alpha 2.1.0 12.6 win-64 3.10": ("refuted", "solves", text)}


def test_another_cuda_that_comes_out_of_the_solve_is_refuted(site: Site) -> None:
    site.edit("beta.yaml", ', "cuda-version {cuda}.*"]', "]")
    site.entries.append(Entry("cuda-version", "12.9", "0"))
    found = others(site.verify())
    assert {key for key in found if "12.6" not in key} == set()
    assert found["beta 3.1.0 12.6 linux-64 3.11"][0:2] == ("refuted", "cuda")
    assert found["beta 3.1.0 12.6 linux-64 3.11"][2].startswith(
        "other-cuda: cuda-version 12.9 0, CUDA 12.9 in a target for CUDA 12.6"
    )


def test_what_else_comes_along_refutes_only_in_a_whole_channel(site: Site) -> None:
    site.entries.append(Entry("libcublas", "11.5.0", "0", subdir="linux-64"))
    site.swap(lambda e: [replace(e, depends=(*e.depends, "libcublas"))], "betalib", "3.1.0", "cuda126_py311")
    for complete, verdict in ((False, "undecidable"), (True, "refuted")):
        ((fact, (told, aspect, text)),) = others(site.verify(complete=complete)).items()
        assert (fact, told, aspect) == ("beta 3.1.0 12.6 linux-64 3.11", verdict, "cuda")
        assert text.startswith("two-cuda-majors: libcublas 11.5.0")


# --- what a target promises -----------------------------------------------------------------------------------------------


def test_a_promise_that_is_too_small_refutes_and_one_that_a_constraint_raises_does_not(site: Site) -> None:
    site.swap(lambda e: [replace(e, depends=(*e.depends, "__glibc >=2.35"))], "alpha", "2.1.0", "cuda126_py310")
    site.swap(lambda e: [replace(e, depends=(*e.depends, "__archspec 1 x86_64_v3"))], "alpha", "2.1.0", "cpu_py310")
    assert others(site.verify()) == {
        "alpha 2.1.0 12.6 linux-64 3.10": ("refuted", "solves", "needs `__glibc >=2.35`, and the target promises __glibc 2.28"),
        "alpha 2.1.0 cpu linux-64 3.10": (
            "refuted",
            "solves",
            "needs `__archspec 1 x86_64_v3`, and the target promises __archspec 1 x86_64",
        ),
    }
    site.files["alpha.yaml"] += (
        "constraints:\n"
        '  - {when: {alpha: "2.1", cuda: ">=12"}, need: {glibc: ">=2.34,!=2.34"}, because: a test}\n'
        '  - {when: {alpha: "2.1"}, need: {archspec: [x86_64_v4, x86_64_v3]}, because: a test}\n'
    )
    site.files["alpha.yaml"] = site.files["alpha.yaml"].replace(">=2.34,!=2.34", ">=2.35")
    assert others(site.verify()) == {}


def test_a_cuda_without_a_target_is_solved_with_what_such_a_target_would_promise(site: Site) -> None:
    site.edit("targets.yaml", '  cu118: {cuda: "11.8", platforms: [linux-64]}\n', "")
    found = site.verify()
    assert others(found) == {}
    assert found.without_target == (Version("11.8"),)


# --- what is absent -------------------------------------------------------------------------------------------------------

ABSENT: Mapping[str, tuple[Callable[[Entry], bool], str, str]] = {
    "release": (
        lambda e: (e.name, e.version, e.subdir) == ("alpha", "2.1.0", "win-64"),
        "alpha 2.1.0 cpu win-64 3.10",
        "no record of alpha 2.1.0 for win-64",
    ),
    "variant": (
        lambda e: (e.name, e.version, e.subdir) == ("alpha", "2.1.0", "win-64") and e.build.startswith("cuda"),
        "alpha 2.1.0 12.6 win-64 3.10",
        "records of alpha 2.1.0 for win-64 are for CPU",
    ),
    "python": (
        lambda e: (e.name, e.version, e.subdir) == ("alpha", "2.1.0", "win-64") and "py310" in e.build,
        "alpha 2.1.0 cpu win-64 3.10",
        "records of alpha 2.1.0 for CPU on win-64 are for Python 3.11, 3.12",
    ),
}


@pytest.mark.parametrize("what", ABSENT)
def test_what_is_absent_is_not_decidable_in_a_part_of_a_channel_and_refuted_in_a_whole_one(site: Site, what: str) -> None:
    gone, fact, text = ABSENT[what]
    site.entries = [entry for entry in site.entries if not gone(entry)]
    assert others(site.verify())[fact] == ("undecidable", "exists", text)
    assert others(site.verify(complete=True))[fact] == ("refuted", "exists", text)


def test_a_channel_that_the_folder_does_not_have_is_named(site: Site) -> None:
    site.channels = ["conda-forge"]
    found = others(site.verify())
    assert set(found.values()) == {("undecidable", "exists", "no channel vendor in these records")}
    assert len(found) == 4


def test_a_dependency_without_a_record_is_named_and_refutes_in_a_whole_channel(site: Site) -> None:
    site.swap(lambda e: [replace(e, depends=(*e.depends, "libmissing >=1"))], "betalib", "3.1.0", "cpu_py311", "osx-arm64")
    ((fact, (verdict, aspect, text)),) = others(site.verify()).items()
    (item,) = (item for item in site.verify().facts if name(item) == fact)
    assert (fact, verdict, aspect) == ("beta 3.1.0 cpu osx-arm64 3.11", "undecidable", "solves")
    assert item.decisive
    assert item.decisive.reason == "no record of libmissing that fits the rest"
    assert "libmissing >=1" in text
    assert others(site.verify(complete=True))[fact][:2] == ("refuted", "solves")


def test_something_that_the_spelling_asks_for_without_a_record_is_named(site: Site) -> None:
    site.entries = [e for e in site.entries if (e.name, e.version) != ("beta", "3.1.0")]
    assert {v for k, v in others(site.verify()).items()} == {("undecidable", "solves", "no record of beta 3.1.0.*")}


def test_without_a_solve_records_alone_decide(site: Site) -> None:
    site.swap(lambda e: [e.needing("cuda-version", "cuda-version >=12.8,<13")], "alpha", "2.1.0", "cuda126_py310", "win-64")
    found = site.verify(solve=False)
    assert (others(found), found.solves) == ({}, None)


# --- what the matrix does not know ----------------------------------------------------------------------------------------


def test_a_build_that_no_fact_claims_is_unknown(site: Site) -> None:
    like = {e.build: e for e in site.entries if (e.name, e.version, e.subdir) == ("alpha", "2.1.0", "linux-64")}
    cpu, cuda = like["cpu_py310_0"], like["cuda126_py310_9"]
    site.entries += [
        replace(cpu, version="2.2.0"),
        replace(cpu, build="cpu_py315_0", depends=("python >=3.15,<3.16.0a0",)),
        replace(cpu, build="cpu_py27_0", depends=("python >=2.7,<2.8.0a0",)),
        replace(cuda, build="cuda129_py310_9").needing("cuda-version", "cuda-version >=12.9,<13"),
        replace(cpu, build="py310_0", subdir="linux-aarch64"),
        replace(cpu, version="1.8", channel="vendor"),
    ]
    found = site.verify()
    assert unknown(found) == [
        "alpha 2.1.0 cpu_py27_0 linux-64",
        "alpha 2.1.0 cpu_py315_0 linux-64",
        "alpha 2.1.0 cuda129_py310_9 linux-64",
        "alpha 2.2.0 cpu_py310_0 linux-64",
        "alpha 2.1.0 py310_0 linux-aarch64",
    ]
    assert found.failed
    assert [(item.provider.name, item.reason, len(item.builds)) for item in found.unclaimed][1:] == [("vendor", "older", 1)]
    site.files["alpha.yaml"] += (
        "left-out:\n"
        "  - {provider: conda-forge, platforms: [linux-aarch64], because: a test}\n"
        '  - {provider: conda-forge, releases: ">=2.2", because: a test}\n'
    )
    assert unknown(site.verify()) == [
        "alpha 2.1.0 cpu_py27_0 linux-64",
        "alpha 2.1.0 cpu_py315_0 linux-64",
        "alpha 2.1.0 cuda129_py310_9 linux-64",
    ]


def test_a_framework_of_any_name_is_verified(site: Site) -> None:
    site.files["gamma.yaml"] = site.files.pop("beta.yaml").replace("beta", "gamma")
    site.entries = [replace(e, name=e.name.replace("beta", "gamma")) for e in site.entries]
    (site.root / "matrices" / "beta.yaml").unlink()
    found = site.verify(complete=True)
    assert others(found) == {}
    assert any(item.fact.framework == "gamma" for item in found.facts)


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(site: Site, tmp_path: Path) -> Workspace:
    return Workspace(site.root, clean_environment(tmp_path))


def test_the_command_prints_a_table_and_ends_in_1_when_something_is_refuted_or_unknown(site: Site, workspace: Workspace) -> None:
    good = workspace.envgen("matrix", "verify", "--index", site.write())
    assert (good.status, good.err) == (0, "")
    assert [line.split() for line in good.out.splitlines()[:6] if "─" not in line] == [
        ["framework", "provider", "claimed", "confirmed", "refuted", "undecidable", "unknown", "withdrawn"],
        ["alpha", "conda-forge", "30", "30", "0", "0", "0", "0"],
        ["alpha", "vendor", "4", "4", "0", "0", "0", "0"],
        ["beta", "conda-forge", "10", "10", "0", "0", "0", "0"],
        ["all", "44", "44", "0", "0", "0", "0"],
    ]
    site.swap(lambda e: [replace(e, build=f"new_{e.build}")], "alpha", "2.1.0", "cuda126_py311")
    site.swap(lambda e: [e, replace(e, version="3.2.0")], "betalib", "3.1.0", "cpu_py311")
    bad = workspace.envgen("matrix", "verify", "--index", site.write(), "--no-solve")
    assert bad.status == 1
    at = site.at("alpha.yaml", 'provider: conda-forge, variants: ["12.6"]')
    assert f"refuted: {at}: alpha 2.1.0, CUDA 12.6, linux-64, Python 3.10-3.12\n    spelling: `alpha" in bad.out
    assert "unknown: beta, conda-forge: betalib 3.2.0, CPU, linux-64, Python 3.11 (cpu_py311_0)\n" in bad.out
    assert all(len(line) <= 120 for line in bad.out.splitlines())
    data = json.loads(workspace.envgen("matrix", "verify", "--index", site.write(), "--no-solve", "--json").out)
    assert [row["refuted"] for row in data["summary"]] == [3, 0, 0]
    assert {fact["at"] for fact in data["facts"] if fact["verdict"] == "refuted"} == {at}


def test_options_narrow_it_and_wrong_ones_are_refused(site: Site, workspace: Workspace) -> None:
    index = site.write()
    narrow = workspace.envgen("matrix", "verify", "--index", index, "--framework", "alpha", "--platform", "win-64", "--json")
    found = {(fact["framework"], fact["platform"]) for fact in json.loads(narrow.out)["facts"]}
    assert found == {("alpha", "win-64")}
    for words, said in (
        (("--framework", "alfa"), "error: there is no framework `alfa`\n\nhint: did you mean `alpha`?"),
        (("--platform", "win"), "error: there is no platform `win`"),
    ):
        done = workspace.envgen("matrix", "verify", "--index", index, *words)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith(said)


def test_undecidable_facts_are_counted_by_reason_and_listed_when_asked(site: Site, workspace: Workspace) -> None:
    site.entries = [e for e in site.entries if e.subdir != "win-64" or e.name != "alpha"]
    short = workspace.envgen("matrix", "verify", "--index", site.write(), "--no-solve")
    assert short.status == 0
    assert "undecidable, by reason:\n  9  exists: no record of the release on the platform\n" in short.out
    long = workspace.envgen("matrix", "verify", "--index", site.write(), "--no-solve", "--all")
    at = site.at("alpha.yaml", "provider: conda-forge, variants: [cpu]")
    assert f"{at}: alpha 2.1.0, CPU, win-64, Python 3.10-3.12\n" in long.out
    assert "no record of alpha 2.1.0 for win-64" in long.out


# --- live channels --------------------------------------------------------------------------------------------------------


def test_a_live_channel_is_whole_and_one_that_cannot_be_reached_is_an_error(site: Site, workspace: Workspace) -> None:
    site.entries = [e for e in site.entries if (e.name, e.version, e.build) != ("betalib", "3.1.0", "cpu_py311_0")]
    with serve(site.write()) as server:
        for file in ("alpha.yaml", "beta.yaml"):
            site.files[file] = site.files[file].replace("[conda-forge]", f'["{server.url("conda-forge")}"]')
            site.files[file] = site.files[file].replace(
                "[vendor, conda-forge]", f'["{server.url("vendor")}", "{server.url("conda-forge")}"]'
            )
            site.files[file] = site.files[file].replace('"vendor::', f'"{server.url("vendor")}::')
        site.write()
        done = workspace.envgen("matrix", "verify", "--json")
    refuted = [fact for fact in json.loads(done.out)["facts"] if fact["verdict"] != "confirmed"]
    assert (done.status, json.loads(done.out)["complete"]) == (1, True)
    assert {(f["framework"], f["version"], f["platform"], f["python"], f["verdict"]) for f in refuted} == {
        ("beta", "3.1.0", platform, "3.11", "refuted") for platform in ("linux-64", "osx-arm64")
    }
    (workspace.root / "environments" / "index").mkdir(parents=True)  # no answer, even where there are recorded records
    gone = workspace.envgen("matrix", "verify")
    assert (gone.status, gone.out) == (4, "")
    assert "cannot be reached" in gone.err
    assert "\n\nhint: give --index DIR, or run where the channel can be reached" in gone.err


# --- the facts of this repository -----------------------------------------------------------------------------------------


def compared(index: Path) -> MatrixComparison:
    """The facts of this repository against an index: none is refuted, and no build in it is unknown to them."""
    found = compare(Layout(REPO), CurateRequest(index=IndexOptions(index)), Terminal(), solve=True, jobs=2)
    assert {name(item): item.decisive for item in found.facts if item.verdict == "refuted"} == {}
    assert (unknown(found), found.failed) == ([], False)
    return found


def test_no_fact_of_this_repository_is_refuted_by_genuine_records_and_no_build_among_them_is_unknown(sample: Path) -> None:
    confirmed = [item for item in compared(sample).facts if item.verdict == "confirmed"]
    assert {(item.fact.framework, item.fact.provider) for item in confirmed} >= {
        *((framework, "conda-forge") for framework in ("pytorch", "tensorflow", "jax")),
        ("pytorch", "pytorch"),
    }
    assert len(confirmed) >= 40


def test_no_fact_of_this_repository_is_refuted_and_no_build_in_the_snapshot_is_unknown(
    snapshot: Path, unpacked_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVGEN_CACHE", str(unpacked_cache))
    found = compared(snapshot)
    oldest = {(provider.framework, provider.name): provider.oldest for provider in found.providers}
    assert oldest["pytorch", "conda-forge"] <= Version("1.10")
    assert oldest["pytorch", "pytorch"] <= Version("1.10")
    assert oldest["tensorflow", "conda-forge"] <= Version("2.10")
    assert oldest["jax", "conda-forge"] <= Version("0.4.14")
    for framework, provider in (pair for pair in oldest if pair[0] in ("pytorch", "tensorflow", "jax", "torchvision")):
        mine = [item for item in found.facts if (item.fact.framework, item.fact.provider) == (framework, provider)]
        assert sum(item.verdict == "confirmed" for item in mine) >= 15, (framework, provider)
    assert all(item.decisive and item.decisive.reason for item in found.facts if item.verdict == "undecidable")
