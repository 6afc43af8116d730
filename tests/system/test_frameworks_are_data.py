"""A framework is nothing but a file in matrices/: two that no line of the program knows go the whole way, from lint to probe.

`lantern` is made up, and its build strings are of no dialect; `onnxruntime` is real, and its file is that of this repository. Their
packages are genuine, built here and installed from a server on loopback.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import Workspace, clean_environment, repository, some
from nvml.build import FakeNvml, absent_nvml, changes
from system import frameworks
from system.channel import serve
from system.stand_in import MINOR, SUBDIR, Package, channel, python_package

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux"),
    pytest.mark.skipif(SUBDIR not in ("linux-64", "linux-aarch64"), reason="the facts name these platforms"),
]

LANTERN = """\
# yaml-language-server: $schema=../schemas/framework.schema.json
framework: lantern
because: https://lantern.example
import: lantern_core
packages:
  - {conda: [lantern, liblantern], compiles: Wick}
  - {pip: [py-lantern], only: cpu}
  - {pip: [py-lantern-gpu], only: cuda, ask-for: py-lantern-gpu}
  - {conda: [no-lantern-gpu], role: selector}
providers:
  conda-forge:
    - releases: ">=1"
      channels: [CHANNEL]
      newer-minor: true
      cpu: ["lantern {version}.* plain_*"]
      cuda: ["lantern {version}.* *_lit{cu}", "cuda-version {cuda}.*"]
      because: https://lantern.example/feedstock
releases:
  - version: "1.2.0"
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, linux-aarch64], python: "3.11-3.13"}
      - {provider: conda-forge, variants: ["12.9"], platforms: [linux-64, linux-aarch64], python: "3.11-3.13", cudnn: 9}
"""
GLASS = """\
# yaml-language-server: $schema=../schemas/framework.schema.json
framework: lantern-glass
companion-of: lantern
because: https://lantern.example/glass
packages:
  - {conda: [lantern-glass], pip: [lantern-glass], linked: true}
providers:
  conda-forge:
    - releases: ">=0.1"
      channels: [CHANNEL]
      newer-minor: true
      cpu: ["lantern-glass {version}.* plain_*"]
      cuda: ["lantern-glass {version}.* *_lit{cu}"]
      because: https://lantern.example/glass/feedstock
releases:
  - version: "0.2"
    needs: {lantern: "1.2.*"}
    builds:
      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, linux-aarch64], python: "3.11-3.13"}
      - {provider: conda-forge, variants: ["12.9"], platforms: [linux-64, linux-aarch64], python: "3.11-3.13"}
"""
CUDA, ONNX = "12.9", "1.26.0"
BUILDS = {
    "lantern": {"cpu": "plain_py312_0", "cu129": "py312_0_lit129"},
    "lantern-glass": {"cpu": "plain_0", "cu129": "0_lit129"},
    "onnxruntime": {"cpu": "py312h0123456_1_cpu", "cu129": "py312h0123456_201_cuda129"},
}


def published() -> Iterator[Package]:
    """What is on the server: the CPU and the CUDA build of each."""
    yield python_package()
    for name, module, version in (("lantern", "lantern_core", "1.2.0"), ("onnxruntime", "onnxruntime", ONNX)):
        for target, cuda in (("cpu", None), ("cu129", CUDA)):
            package, *of_cuda = frameworks.unscripted(module, version, cuda)
            yield replace(package, name=name, build=BUILDS[name][target])
            yield from of_cuda if name == "lantern" else ()
    for build in BUILDS["lantern-glass"].values():
        yield Package("lantern-glass", "0.2.1", build, ("lantern 1.2.*",), subdir=SUBDIR)


@dataclass(frozen=True)
class World:
    """A repository that knows both frameworks, with a locked project that asks for them."""

    site: Workspace
    lock: Mapping[str, str]  # target -> the text of its lock

    def verified(self, *words: object) -> tuple[int, set[tuple[str, str]]]:
        """The status of a verification, and the rules that fired with the package of each."""
        done = self.site.envgen("verify", "--json", *words)
        rows = json.loads(done.out)
        return done.status, {(found["rule"], found["package"].split(" ")[0]) for row in rows for found in row["findings"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    top = tmp_path_factory.mktemp("data")
    channel(top / "www" / "c", published())
    site = repository(top / "site", clean_environment(top))
    with serve(top / "www") as server:
        matrices = site.root / "matrices"
        real = (matrices / "onnxruntime.yaml").read_text(encoding="utf-8")
        (matrices / "onnxruntime.yaml").write_text(real.replace("channels: [conda-forge]", f'channels: ["{server.url("c")}"]'))
        for name, text in (("lantern", LANTERN), ("lantern-glass", GLASS)):
            (matrices / f"{name}.yaml").write_text(text.replace("CHANNEL", f'"{server.url("c")}"'))
        site.project(
            "p",
            f'python: "{MINOR}.*"\nframeworks: {{lantern: {{version: "*", with: [lantern-glass]}}, onnxruntime: "*"}}\n'
            f'targets: [cpu, cu129]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}"]\n',
        )
        done = site.envgen("lock", "p")
        assert done.status == 0, done.err
        files = site.files()
        yield World(site, {target: files[f"p/{target}/conda-lock.yml"].decode() for target in ("cpu", "cu129")})


def test_both_files_pass_lint(world: World) -> None:
    assert world.site.envgen("matrix", "schemas").status == 0
    done = world.site.envgen("matrix", "lint", "--strict")
    assert (done.status, done.out) == (0, "")


def test_both_are_resolved_and_shown(world: World) -> None:
    done = world.site.envgen("resolve", "p", "--target", "cu129", "--json")
    assert (done.status, '"lantern": "1.2.0"' in done.out, f'"onnxruntime": "{ONNX}"' in done.out) == (0, True, True), done.out
    for name, version in (("lantern", "1.2.0"), ("onnxruntime", ONNX)):
        shown = world.site.envgen("matrix", "show", "--framework", name)
        assert (shown.status, version in shown.out) == (0, True), shown.out


@pytest.mark.parametrize("target", ["cpu", "cu129"])
def test_each_target_is_locked_with_its_own_builds(world: World, target: str) -> None:
    for name, builds in some(BUILDS.items()):
        assert f"-{builds[target]}.conda" in world.lock[target], name
        other = next(build for of, build in builds.items() if of != target)
        assert f"-{other}.conda" not in world.lock[target]


def test_what_was_locked_passes_verify_and_is_kept(world: World) -> None:
    assert world.verified() == (0, set())
    again = world.site.envgen("lock", "p")
    assert (again.status, "unchanged" in again.out) == (0, True)
    assert world.site.files()["p/cu129/conda-lock.yml"].decode() == world.lock["cu129"]


def explicit(lock: str) -> str:
    """A lock as `conda list --explicit` would write it."""
    urls = [line.partition("url: ")[2] for line in lock.splitlines() if line.startswith("  url: ")]
    return "\n".join([f"# platform: {SUBDIR}", "@EXPLICIT", *urls]) + "\n"


@pytest.mark.parametrize(
    ("name", "rules"),
    [("lantern", ("cpu-build", "silent-cpu")), ("onnxruntime", ("cpu-sibling", "cpu-sibling"))],  # many use that one on purpose
)
def test_a_cpu_build_in_a_cuda_target_is_found_also_in_a_list_of_another_tool(
    world: World, name: str, rules: tuple[str, str], tmp_path: Path
) -> None:
    right, wrong = tmp_path / "right.txt", tmp_path / "wrong.txt"
    right.write_text(explicit(world.lock["cu129"]))
    wrong.write_text(explicit(world.lock["cu129"]).replace(BUILDS[name]["cu129"], BUILDS[name]["cpu"]))
    hashes = {("no-hash", "")}  # once for the whole list
    assert world.verified("--target", "cu129", right)[1] <= hashes
    status, found = world.verified("--target", "cu129", wrong)
    assert (status, found - hashes) == (1, {(rules[0], name)})
    status, found = world.verified(wrong)  # nobody says what it is
    assert (status, found - hashes) == (1, {(rules[1], name)})


@pytest.mark.parametrize("name", ["lantern", "onnxruntime"])
def test_a_cuda_build_in_a_cpu_target_is_found(world: World, name: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(explicit(world.lock["cpu"]).replace(BUILDS[name]["cpu"], BUILDS[name]["cu129"]))
    assert ("cuda-in-cpu", name) in world.verified("--target", "cpu", path)[1]


def test_wheels_are_known_by_their_names(world: World, tmp_path: Path) -> None:
    names = {"py-lantern": "1.2.0", "onnxruntime": "1.22.0"}
    path = tmp_path / "list.json"
    listed = [{"name": name, "version": version, "channel": "pypi", "platform": "pypi"} for name, version in names.items()]
    path.write_text(json.dumps(listed))
    assert world.verified("--target", "cu129", path) == (1, {("cpu-build", "py-lantern"), ("cpu-sibling", "onnxruntime")})
    path.write_text(json.dumps([{**row, "name": f"{row['name']}-gpu"} for row in listed]))
    assert world.verified("--target", "cu129", path) == (0, set())


def test_what_compiles_at_run_time_counts(world: World) -> None:
    done = world.site.envgen("verify", "--json", world.site.root / "environments" / "p" / "cu129" / "conda-lock.yml")
    (row,) = json.loads(done.out)
    assert (row["driver"], row["driver_for_compilation"]) == ("525.60.13", "575.51.03")


@pytest.mark.parametrize("target", ["cpu", "cu129"])
def test_both_are_installed_and_probed(world: World, nvml: FakeNvml, target: str) -> None:
    gpu = changes(nvml(driver="580.65.06", cuda=13000, gpus="Tesla T4:7.5") if target == "cu129" else absent_nvml())
    installed = world.site.envgen("install", "p", "--target", target, **gpu)
    assert installed.status == 0, installed.err
    done = world.site.envgen("probe", "p", "--target", target, "--json", **gpu)
    assert done.status == 0, done.out + done.err
    rows = {row["framework"]: row for row in json.loads(done.out)["frameworks"]}
    assert {name: row["version"] for name, row in rows.items()} == {"lantern": "1.2.0", "onnxruntime": ONNX}
    runtime = [("libcudart.so.12.9.77", "environment")] if target == "cu129" and frameworks.compiler() else []
    for row in rows.values():
        assert [
            (Path(library["path"]).name, library["origin"]) for library in row["libraries"] if library["origin"] != "driver"
        ] == runtime
        assert row["package"].endswith(BUILDS[row["framework"]][target])


def test_one_without_releases_is_for_verify_and_probe_alone(world: World) -> None:
    file = world.site.root / "matrices" / "quartz.yaml"
    file.write_text(
        "framework: quartz\nbecause: https://quartz.example\npackages:\n  - {conda: [quartz], only: cuda}\n", encoding="utf-8"
    )
    path = world.site.project(
        "q", f'python: "{MINOR}.*"\nframeworks: {{quartz: "*"}}\ntargets: [cu129]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    )
    done = world.site.envgen("lock", "q")
    path.unlink()
    file.unlink()
    assert done.status == 2
    assert (
        "project.yaml:2:14: matrices/ has no releases of quartz to choose from\n\nhint: put `quartz` under dependencies: instead"
        in done.err
    )
