"""Lint: a clean matrix has no findings, each mistake is found at its place, and unusual but correct facts are not reported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from unit.small import FILES, write_matrix

from envgen.curate.lint.cached import Linted, linted
from envgen.curate.lint.finding import LintFinding
from envgen.curate.lint.json_schema import first_line, kind_of, schemas
from envgen.curate.lint.lint import RULES, lint_matrices
from envgen.curate.lint.report import lint_json, lint_summary, lint_text
from envgen.model.layout import Layout

REPO = Path(__file__).parents[2]
TODAY = date(2026, 11, 21)

Change = tuple[str, str, str]  # file, old, new


def _clean() -> dict[str, str]:
    """The small matrix, as lint would have it."""
    changes: tuple[Change, ...] = (
        ("alpha.yaml", 'variants: [cpu, "11.8"], platforms: [linux-64], python: "3.9, 3.10"}', 'variants: [cpu], platforms: [linux-64], python: "3.9-3.10"}\n      - {provider: vendor, variants: ["11.8"], platforms: [linux-64], python: "3.9-3.10", cudnn: 8}'),
        ("cudnn.yaml", '"9.10.2.21", cuda: [11, 12], capability: "5.0"}\n', '"9.10.2.21", cuda: [11, 12], capability: "5.0"}\n  - {version: "8.9.7.29", cuda: [11, 12], capability: "3.5"}\n'),
        ("gpus.yaml", '  - capability: "10.0"\n    models: [B200]\n', '  - capability: "9.0"\n    models: [H100, H200]\n'),
    )  # fmt: skip
    files = {
        **FILES,
        "advice.yaml": "advice:\n  - {id: A1, heard: it, when: {alpha: '>=2'}, but: it is not, because: https://x.example}\n",
        "words.yaml": "because: https://x.example\nwords:\n  - {word: al, framework: alpha, version: framework, because: https://x.example}\n",
    }
    for file, old, new in changes:
        assert old in files[file]
        files[file] = files[file].replace(old, new, 1)
    files["packages.yaml"] = "because: https://x.example\n"
    files["withdrawn.yaml"] = "because: https://x.example\nwithdrawn: []\n"
    return {name: f"{first_line('matrices', kind_of(name))}\n{text}" for name, text in files.items()}


CLEAN = _clean()
WITHDRAWN = """\
withdrawn:
  - date: 2026-01-31
    channel: conda-forge
    because: https://x.example/requests/1
    builds:
      - {packages: [alpha], versions: ["2.1.0"], builds: ["cuda*_9"]}
"""


def withdrawn(package: str, version: str, build: str) -> Change:
    """A withdrawal instead of none."""
    row = f'{{packages: [{package}], versions: ["{version}"], builds: ["{build}"]}}'
    return "withdrawn.yaml", "withdrawn: []\n", WITHDRAWN.partition("      - ")[0] + f"      - {row}\n"


def lint(folder: Path, files: Mapping[str, str], today: date = TODAY) -> tuple[LintFinding, ...]:
    """What lint finds in a repository with these matrix files."""
    layout = Layout(folder)
    write_matrix(layout.matrices, files)
    layout.schemas.mkdir(exist_ok=True)
    for schema in schemas():
        (layout.schemas / schema.name).write_text(schema.text, encoding="utf-8")
    findings, refused = lint_matrices(layout, today)
    assert refused == ()
    return findings


def changed(*changes: Change) -> dict[str, str]:
    """The clean matrix with some texts replaced; a new text at the end of a file where there is no old one."""
    files = dict(CLEAN)
    for file, old, new in changes:
        assert old in files[file], old
        files[file] = files[file].replace(old, new, 1) if old else files[file] + new
    return files


def needs(row: str, file: str = "beta.yaml") -> Change:
    """One more constraint, in the last line of a file."""
    return (file, "", f"  - {{{row}, because: https://x.example}}\n")


def bounds(*rows: str) -> Change:
    """Bounds at the end of a framework's file, the first in line 24."""
    return (
        "beta.yaml",
        "",
        "bounds:\n" + "".join(f"  - {{{row}, breaks: it fails, because: https://x.example}}\n" for row in rows),
    )


def packages(row: str, file: str = "", other: str = "") -> list[Change]:
    """Rows about packages at the end of a framework's file and, where named, a file with one more."""
    more = [(file, "", f"packages:\n  - {other}\n")] if file else []
    return [("alpha.yaml", "", f"packages:\n  - {row}\n"), *more]


CODE = '  - {provider: conda-forge, releases: ">=2", cuda: ">=11", has: [sm_50, sm_80], because: https://alpha.example/build.sh}\n'
CODE_VENDOR = CODE.replace("conda-forge", "vendor").replace(">=2", ">=1")


BUILD = "      - {provider: conda-forge, variants: [cpu], platforms: [linux-64, osx-arm64], python: "
BETA31 = f'{BUILD}"3.11-3.12"}}\n'
GPU_ROW = '      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64], python: "3.11-3.12", cudnn: 9}\n'
SLIPS = [
    # --- constraints
    ("never-applies", needs('when: {cuda: ">=13"}, need: {glibc: ">=2.28"}'), "beta.yaml:23:13: nothing in the matrices can have cuda >=13"),
    ("never-applies", needs('when: {beta: ">=9"}, need: {alpha: ">=2"}'), "beta.yaml:23:13: nothing in the matrices can have beta >=9"),
    ("never-applies", needs('when: {python: "2.7"}, need: {beta: ">=3.1"}'), "beta.yaml:23:13: nothing in the matrices can have python ==2.7.*"),
    ("never-applies", needs('when: {cuda: "12.6", platform: osx-arm64}, need: {beta: ">=3.1"}'), "beta.yaml:23:6: nothing in the matrices can have cuda ==12.6.* and platform osx-arm64 together"),
    ("never-applies", needs('when: {beta: "3.0", python: "3.12"}, need: {glibc: ">=2.28"}'), "beta.yaml:23:6: nothing in the matrices can have beta ==3.0.* and python ==3.12.* together"),
    ("never-applies", needs('when: {provider: vendor, platform: win-64}, need: {glibc: ">=2.28"}'), "beta.yaml:23:6: nothing in the matrices can have provider vendor and platform win-64 together"),
    ("never-applies", needs('when: {driver: "<525", cuda: ">=12"}, need: {beta: ">=3.1"}'), "beta.yaml:23:6: nothing in the matrices can have driver <525 and cuda >=12 together"),
    ("never-applies", needs('when: {target: cpu, gpu: ">=8.0"}, need: {beta: ">=3.1"}'), "beta.yaml:23:6: nothing in the matrices can have target cpu and gpu >=8.0 together"),
    ("unknown-gpu", needs('when: {gpu: "8.8"}, need: {cuda: ">=12"}'), "beta.yaml:23:13: no GPU in gpus.yaml has gpu ==8.8.*"),
    ("unknown-gpu", needs('when: {beta: ">=3"}, need: {gpu: ">=12"}'), "beta.yaml:23:34: no GPU in gpus.yaml has gpu >=12"),
    ("says-nothing", needs('when: {beta: ">=3"}, need: {python: ">=3.10"}'), "beta.yaml:23:34: python >=3.10 is always met"),
    ("says-nothing", needs('when: {beta: "3.0"}, need: {alpha: ">=1"}'), "beta.yaml:23:34: alpha >=1 is always met"),
    ("says-nothing", needs("when: {platform: win-64}, need: {provider: conda-forge}"), "beta.yaml:23:39: provider conda-forge is always met"),
    ("driver-floor", needs('when: {cuda: "12.6"}, need: {driver: ">=450.80.02"}'), "beta.yaml:23:35: driver >=450.80.02 is below what CUDA needs: driver 525.60.13 or newer"),
    ("contradiction", needs('when: {beta: "3.1"}, need: {alpha: "<2.1"}'), "beta.yaml:23:34: it needs alpha <2.1, but matrices/beta.yaml:21:5 needs alpha >=2.1"),
    ("contradiction", needs('when: {beta: "3.1"}, need: {beta: "3.0"}'), "beta.yaml:23:34: it applies to beta ==3.1.* and needs beta ==3.0.*"),
    ("contradiction", needs('when: {cuda: "11.8", alpha: "2"}, need: {cuda: "12"}'), "beta.yaml:23:47: it applies to cuda ==11.8.* and needs cuda ==12.*"),
    ("shadowed-constraint", needs('when: {beta: ">=3.1"}, need: {alpha: ">=2.1"}'), "beta.yaml:23:5: the row at matrices/beta.yaml:21:5 needs all of this"),
    ("shadowed-constraint", needs('when: {beta: "3.1.0", python: "3.11"}, need: {alpha: ">=2.0.1"}'), "beta.yaml:23:5: the row at matrices/beta.yaml:21:5 needs all of this"),
    ("overlapping-constraints", needs('when: {beta: ">=3,<3.2"}, need: {alpha: ">=2.0,<9"}'), None),
    ("until-passed", needs('when: {beta: "3.0"}, need: {alpha: "2.0"}, until: 2026-11-21'), "beta.yaml:23:49: 2026-11-21 has passed"),
    # --- code
    ("unused-code", ("alpha.yaml", "releases:\n  - version", f'code:\n{CODE}{CODE_VENDOR}{CODE.replace(">=2", ">=9")}releases:\n  - version'), "alpha.yaml:22:5: no build is one of these"),
    ("code", ("alpha.yaml", "releases:\n  - version", f"code:\n{CODE}releases:\n  - version"), "alpha.yaml:32:5: no row of `code` is about alpha 1.9.0 from vendor for CUDA 11.8 on linux-64"),
    ("code", ("alpha.yaml", "releases:\n  - version", f'code:\n{CODE}{CODE_VENDOR}{CODE.replace(">=2", ">=2.1")}releases:\n  - version'), "alpha.yaml:22:5: alpha 2.1.0 from conda-forge for CUDA 12.6 on linux-64 is also in the row at matrices/alpha.yaml:20:5"),
    # --- bounds
    ("never-applies", bounds('when: {beta: ">=9"}, need: {gamma: "<2"}'), "beta.yaml:24:13: nothing in the matrices can have beta >=9"),
    ("never-applies", bounds('when: {alphavision: ">=0.22"}, need: {gamma: "<2"}'), "beta.yaml:24:13: nothing in the matrices can have alphavision >=0.22"),
    ("never-applies", bounds('when: {beta: ">=3", platform: win-64}, need: {gamma: "<2"}'), "beta.yaml:24:6: nothing in the matrices can have beta >=3 and platform win-64 together"),
    ("says-nothing", bounds('when: {beta: ">=3"}, need: {gamma: "*"}'), "beta.yaml:24:34: any version of gamma will do"),
    ("contradiction", bounds('when: {beta: ">=3"}, need: {gamma: "<2"}', 'when: {beta: "3.0"}, need: {gamma: ">=2"}'), "beta.yaml:25:34: it needs gamma >=2, but matrices/beta.yaml:24:5 needs gamma <2"),
    ("shadowed-constraint", bounds('when: {beta: ">=3"}, need: {gamma: "<2"}', 'when: {beta: "3.0"}, need: {gamma: "<3"}, partly: true'), "beta.yaml:25:5: the row at matrices/beta.yaml:24:5 needs all of this"),
    ("until-passed", bounds('when: {beta: "3.0"}, need: {gamma: "<2"}, until: 2026-11-21'), "beta.yaml:24:48: 2026-11-21 has passed"),
    ("spelling", bounds('when: {beta: ">=3"}, need: {gamma: "< 2"}'), 'beta.yaml:24:34: "< 2" is not in the usual spelling'),
    ("source", ("beta.yaml", "", 'bounds:\n  - {when: {beta: ">=3"}, need: {gamma: "<2"}, breaks: it fails, because: todo}\n'), "beta.yaml:24:66: `todo` is not a source"),
    # --- releases
    ("no-builds", ("beta.yaml", "releases:\n", 'releases:\n  - version: "3.2.0"\n    builds: []\n'), "beta.yaml:12:5: beta 3.2.0 has no builds"),
    ("shadowed-builds", ("beta.yaml", BETA31, BETA31 + BETA31), "beta.yaml:15:9: the row at matrices/beta.yaml:14:9 has all these builds"),
    ("shadowed-builds", ("beta.yaml", BETA31, f'{BETA31}      - {{provider: conda-forge, variants: [cpu], platforms: [linux-64], python: "3.12"}}\n'), "beta.yaml:15:9: the row at matrices/beta.yaml:14:9 has all these builds"),
    ("overlapping-builds", ("beta.yaml", BETA31, f'{BETA31}{BUILD}"3.12-3.13"}}\n'), "beta.yaml:15:9: CPU for linux-64 and Python 3.12 is also at matrices/beta.yaml:14:9"),
    ("contradicting-builds build-cudnn", ("beta.yaml", GPU_ROW, GPU_ROW + GPU_ROW.replace(", cudnn: 9", "")), None),
    ("build-cudnn", ("beta.yaml", ", cudnn: 9}", "}"), "beta.yaml:15:9: no cuDNN for the build for CUDA 12.6"),
    ("build-cudnn", ("beta.yaml", '"3.11-3.12"}', '"3.11-3.12", cudnn: 9}'), "beta.yaml:14:105: a CPU build links no cuDNN"),
    ("build-cudnn", ("beta.yaml", "cudnn: 9", "cudnn: 7"), "beta.yaml:15:97: cudnn.yaml has no cuDNN 7 for CUDA 12"),
    ("unreachable-builds", ("beta.yaml", 'variants: ["12.6"]', 'variants: ["12.6", "12.7"]'), "beta.yaml:15:33: CUDA 12.7 is not in cuda.yaml"),
    ("unreachable-builds", ("beta.yaml", "platforms: [linux-64, osx-arm64]", "platforms: [linux-64, osx-64, osx-arm64]"), "beta.yaml:14:50: no target is for CPU on osx-64"),
    ("unreachable-builds", ("alpha.yaml", 'variants: ["11.8", "12.6"], platforms: [linux-64]', 'variants: ["11.8", "12.6"], platforms: [linux-64, win-64]'), "alpha.yaml:29:61: no target is for CUDA 11.8 on win-64"),
    ("unspelled", ("beta.yaml", 'releases: ">=3"', 'releases: ">=3.1"'), "beta.yaml:18:10: no row of providers.conda-forge covers 3.0.0"),
    ("unused-spelling", ("alpha.yaml", "  vendor:\n", '    - {releases: "<1", channels: [conda-forge], cpu: [alpha], cuda: ["alpha * cuda{cu}*"], because: https://x.example}\n  vendor:\n'), "alpha.yaml:13:8: no release <1 has builds by conda-forge"),
    ("overlapping-ranges unused-spelling", ("alpha.yaml", "  vendor:\n", '    - {releases: ">=2.2", channels: [conda-forge], cpu: [alpha], cuda: ["alpha * cuda{cu}*"], because: https://x.example}\n  vendor:\n'), "alpha.yaml:13:8: >=2.2 overlaps >=2 at matrices/alpha.yaml:6:7"),
    ("needs", ("alphavision.yaml", '    needs: {alpha: "2.1.*"}\n', ""), "alphavision.yaml:16:9: no release of alpha is said to go with this build"),
    ("needs", ("alphavision.yaml", '"2.1.*"', '"3.*"'), "alphavision.yaml:17:9: no release of alpha is in ==3.*"),
    ("needs", [("alphavision.yaml", "  conda-forge:\n", "  team:\n"), ("alphavision.yaml", "{provider: conda-forge,", "{provider: team,")] + [("alphavision.yaml", "{provider: conda-forge,", "{provider: team,")] * 3 + [("alphavision.yaml", "", "packages: [{conda: [alphavision], linked: true}]\n")], "alphavision.yaml:7:7: these builds go with alpha from team, which has no builds of it"),
    ("spec", ("beta.yaml", '"betalib {version}.* cpu_*"', '"betalib >={version}.* cpu_* x"'), "beta.yaml:6:7: `betalib >=3.1.0.* cpu_* x` is not a spec: there is a space in the build `cpu_* x`"),
    ("spec", ("beta.yaml", '"betalib {version}.* cpu_*"', '"* {version}.*"'), None),
    ("spec-cuda", ("beta.yaml", '["beta {version}.*", "betalib {version}.* cuda{cu}*", "cuda-version {cuda}.*"]', '["beta {version}.*", "betalib {version}.* cuda*"]'), "beta.yaml:9:7: no spec pins the target's CUDA"),
    ("spec-cuda", [("beta.yaml", "      cpu: ", "      newer-minor: true\n      cpu: "), ("beta.yaml", "cuda{cu}*", "cuda*")], "beta.yaml:10:7: no spec names the build's CUDA"),
    ("unheard", ("advice.yaml", "{alpha:", "{alhpa:"), "advice.yaml:3:5: it names something that the matrices do not have"),
    ("unheard", ("advice.yaml", "{alpha:", "{provider: nobody, alpha:"), "advice.yaml:3:5: it names something that the matrices do not have"),
    ("unheard", ("words.yaml", "framework: alpha", "framework: gamma"), "words.yaml:4:5: it names something that the matrices do not have"),
    # --- packages
    ("unnamed-package", packages("{role: companion}"), "alpha.yaml:35:5: this row names no package"),
    ("shadowed-package", packages("{conda: [alpha]}\n  - {conda: [alphalib, alpha]}"), "alpha.yaml:36:24: the row at matrices/alpha.yaml:35:5 is about conda's alpha, too"),
    ("shadowed-package", packages("{pip: [nvidia-cublas], only: cuda}", "packages.yaml", "{pip: [nvidia-cublas]}"), "packages.yaml:4:12: the row at matrices/alpha.yaml:35:5 is about pip's nvidia-cublas, too"),
    ("package-role", packages("{conda: [alpha]}", "packages.yaml", "{conda: [alphalib], role: companion}"), "packages.yaml:4:25: role companion in a file that is of no framework"),
    ("unknown-package", packages("{pip: [alpha], runtime: alpha-runtime}"), "alpha.yaml:35:20: no row names alpha-runtime"),
    ("unknown-package", packages("{pip: [alpha], beside: {conda: [alpha], pip: [beta]}}"), "alpha.yaml:35:51: no row names beta"),
    ("unknown-package", packages("{conda: [alpha], overrules: [alphabet]}"), "alpha.yaml:35:34: no row names alphabet"),
    ("order", packages('{pip: [alpha], built-with: [{from: "1", cuda: "11"}, {from: "2", cuda: "12"}]}'), "alpha.yaml:35:58: 2 comes after 1"),
    # --- withdrawn builds
    ("withdrawn-builds", withdrawn("alpha", "2.1.0", "cuda*"), "alpha.yaml:24:33: the channel withdrew alpha 2.1.0 cuda126*, all builds for CUDA 12.6 on linux-64"),
    ("withdrawn-package", withdrawn("alhpa", "2.1.0", "cuda*"), "withdrawn.yaml:8:21: no row names alhpa"),
    ("order", ("withdrawn.yaml", "withdrawn: []\n", WITHDRAWN + WITHDRAWN.partition("\n")[2].replace("2026-01-31", "2026-02-01")), "withdrawn.yaml:9:5: 2026-02-01 comes after 2026-01-31"),
    # --- hardware
    ("target-unserved", [("targets.yaml", "  cu126:", '  cu125: {cuda: "12.5", platforms: [linux-64]}\n  cu126:'), ("cuda.yaml", '  - {version: "11.8"', '  - {version: "12.5", linux: "555.42.02", windows: "555.85", capabilities: ["5.0", "9.0"]}\n  - {version: "11.8"')], "targets.yaml:10:3: no release of any framework has CUDA 12.5 builds for it"),
    ("target-unserved", ("targets.yaml", '"11.8", platforms: [linux-64]', '"11.8", platforms: [linux-64, win-64]'), "targets.yaml:9:47: no release of any framework has CUDA 11.8 builds for win-64"),
    ("toolkit-order", ("cuda.yaml", '"560.28.03"', '"519.28.03"'), None),
    ("toolkit-order", ("cuda.yaml", '["5.0", "9.0"]', '["3.0", "9.0"]'), "cuda.yaml:6:62: CUDA 12.6 begins at 3.0, the older 11.8 at 3.5"),
    ("family-floor", [("cuda.yaml", '"525.60.13"', '"555"'), ("cuda.yaml", '  - {version: "11.8"', '  - {version: "12.0", linux: "525.60.13", windows: "527.41", capabilities: ["5.0", "9.0"]}\n  - {version: "11.8"'), ("cuda.yaml", '"560.28.03"', '"550.54.14"')], "cuda.yaml:4:17: 555 is above driver 550.54.14, which came with CUDA 12.6"),
    ("family-floor", ("cuda.yaml", "toolkits:\n", '  - {major: 10, linux: "410.48", windows: null, because: https://x.example}\ntoolkits:\n'), "cuda.yaml:5:5: there is no toolkit of CUDA 10"),
    ("cudnn", ("cudnn.yaml", '"9.12.0.1", cuda: [12]', '"9.12.0.1", cuda: [12, 13]'), "cudnn.yaml:4:27: cuda.yaml has no toolkit of CUDA 13"),
    ("cudnn", ("cudnn.yaml", '"9.12.0.1", cuda: [12], capability: "7.5"', '"9.12.0.1", cuda: [12], capability: "5.0"'), "cudnn.yaml:4:39: cuDNN 9.12.0.1 begins at 5.0, the older 9.11.0.98 at 7.5"),
    ("gpu-without-toolkit", ("gpus.yaml", '"3.5"', '"2.0"'), "gpus.yaml:10:5: no toolkit has code for 2.0"),
    ("virtual-packages says-nothing", ("targets.yaml", ' __glibc: "2.28",', ""), "targets.yaml:4:3: __glibc is missing"),
    ("virtual-packages", ("targets.yaml", '__win: "0"', '__win: "0", __glibc: "2.28"'), "targets.yaml:6:24: __glibc: win-64 never has it"),
    ("virtual-packages", ("targets.yaml", '__unix: "0", __linux', '__cuda: "12", __unix: "0", __linux'), "targets.yaml:4:14: __cuda: every CUDA target promises its own"),
    ("virtual-packages", ("targets.yaml", "targets:\n", '  osx-64: {__unix: "0", __osx: "13.0", __archspec: "1 x86_64"}\ntargets:\n'), "targets.yaml:7:3: no target is for osx-64"),
    # --- spelling
    ("spelling", ("cuda.yaml", '"12.6"', '"12.06"'), 'cuda.yaml:6:6: "12.06" is not in the usual spelling'),
    ("spelling", ("cuda.yaml", '"525.60.13"', '"525.60.3"'), 'cuda.yaml:4:17: "525.60.3" is not in the usual spelling'),
    ("spelling", ("beta.yaml", '"3.11-3.12"', '"3.11, 3.12"'), 'beta.yaml:14:84: "3.11, 3.12" is not in the usual spelling'),
    ("spelling", ("beta.yaml", '"3.1.0"', '"3.01.0"'), 'beta.yaml:12:5: "3.01.0" is not in the usual spelling'),
    ("spelling", ("gpus.yaml", "A100", '"A 100 "'), 'gpus.yaml:7:14: "A 100" is not in the usual spelling'),
    ("spelling", ("beta.yaml", '">=3"', '">= 3"'), 'beta.yaml:6:7: ">= 3" is not in the usual spelling'),
    ("spelling", ("beta.yaml", '">=560"', '">=560.8"'), 'beta.yaml:22:48: ">=560.8" is not in the usual spelling'),
    ("order", ("beta.yaml", "[linux-64, osx-arm64]", "[osx-arm64, linux-64]"), "beta.yaml:14:73: linux-64 comes after osx-arm64"),
    ("order", ("alpha.yaml", '["11.8", "12.6"]', '["12.6", "11.8"]'), "alpha.yaml:29:52: 11.8 comes after 12.6"),
    ("order", ("alpha.yaml", '["11.8", "12.6"]', '["12.*", "11.8"]'), "alpha.yaml:29:52: 11.8 comes after 12.*"),
    ("order", ("gpus.yaml", '"8.0"', '"6.0"'), "gpus.yaml:8:5: 7.0 comes after 6.0"),
    ("order", ("cudnn.yaml", "[11, 12]", "[12, 11]"), "cudnn.yaml:6:39: 11 comes after 12"),
    ("order", ("alpha.yaml", "[vendor, conda-forge]", "[vendor, conda-forge, vendor]"), "alpha.yaml:15:39: vendor is written twice"),
    ("order", [("targets.yaml", "  cpu: {platforms: [linux-64, osx-arm64, win-64]}\n", ""), ("targets.yaml", "", "  cpu: {platforms: [linux-64, osx-arm64, win-64]}\n")], "targets.yaml:10:3: cpu comes after cu126"),
    ("source", ("beta.yaml", "because: https://beta.example\n", "because: TODO\n"), "beta.yaml:3:1: `TODO` is not a source"),
    ("source", ("beta.yaml", "because: https://beta.example\n", "because: http://beta.example\n"), "beta.yaml:3:1: http:// is not encrypted"),
    ("schema", ("beta.yaml", "# yaml-language-server", "# yaml"), "beta.yaml:1:1: the first line names no schema"),
    ("schema", ("beta.yaml", "framework.schema", "beta.schema"), "beta.yaml:1:1: there is no schema schemas/beta.schema.json"),
]  # fmt: skip


def test_a_clean_matrix_is_silent(tmp_path: Path) -> None:
    assert lint(tmp_path, CLEAN) == ()


@pytest.mark.parametrize(("rule", "change", "said"), SLIPS)
def test_a_slip_is_found_at_its_place_and_nothing_else_is(
    tmp_path: Path, rule: str, change: Change | list[Change], said: str | None
) -> None:
    findings = lint(tmp_path, changed(*(change if isinstance(change, list) else [change])))
    assert {found.rule for found in findings} == set(rule.split())
    assert said is None or f"matrices/{said}" in [f"{found.at}: {found.text}" for found in findings]
    assert all(found.hint for found in findings)


def test_every_rule_has_a_slip() -> None:
    assert {name for rules, _, _ in SLIPS for name in rules.split()} == {rule.name for rule in RULES}


TOOLKITS = '  - {version: "11.8"'
RIGHT = {
    "two builds of one release, each with its cuDNN": [("beta.yaml", GPU_ROW, GPU_ROW + GPU_ROW.replace("cudnn: 9", "cudnn: 8"))],
    "a framework none of whose builds links cuDNN": [("beta.yaml", ", cudnn: 9", ""), ("beta.yaml", ", cudnn: 8", "")],
    "builds for every CUDA of a range": [("beta.yaml", '["12.6"]', '[">=11,<12", "12.*"]')],
    "two frameworks that need two Pythons never share an environment": [
        needs('when: {beta: "3.1"}, need: {python: "3.11"}'),
        needs('when: {alpha: "2.1"}, need: {python: "3.12"}'),
    ],
    "two rows about the same, side by side": [
        needs('when: {beta: "3.0"}, need: {gpu: ">=8.0"}'),
        needs('when: {alpha: ">=2"}, need: {gpu: ">=8.0"}'),
    ],
    "a warning above what another row needs": [needs('when: {beta: ">=3.1"}, need: {alpha: ">=2.1.5"}, warn: true')],
    "a day that has not come": [needs('when: {beta: "3.0"}, need: {alpha: "2.0"}, until: "2026-11-22"')],
    "the first toolkit of a family, older than its floor": [
        ("cuda.yaml", TOOLKITS, f'  - {{version: "12.0", linux: "525.50", windows: null, capabilities: ["5.0", "9.0"]}}\n{TOOLKITS}')
    ],
    "builds older than every target": [
        ("cuda.yaml", "constraints:", '  - {version: "10.2", linux: "440.33", windows: null, capabilities: ["3.0", "7.5"]}\nconstraints:'),
        ("cudnn.yaml", '"8.9.7.29", cuda: [11, 12]', '"8.9.7.29", cuda: [10, 11, 12]'),
        ("alpha.yaml", 'variants: ["11.8"], platforms: [linux-64], python: "3.9-3.10"', 'variants: ["10.2", "11.8"], platforms: [linux-64], python: "3.9-3.10"'),
    ],
    "a target that builds for an older minor serve": [
        ("beta.yaml", "      cpu: ", "      newer-minor: true\n      cpu: "),
        ("cuda.yaml", "  - {version: \"12.6\"", '  - {version: "12.9", linux: "575.51.03", windows: "576.02", capabilities: ["5.0", "12.1"]}\n  - {version: "12.6"'),
        ("targets.yaml", "", '  cu129: {cuda: "12.9", platforms: [linux-64]}\n'),
    ],
    "a withdrawn build that a later one replaced": [withdrawn("alpha", "2.1.0", "cuda126*_9")],
    "a withdrawn build of another platform": [("withdrawn.yaml", "withdrawn: []\n", WITHDRAWN.replace('"cuda*_9"]', '"cuda*"], platforms: [osx-arm64]'))],
    "bounds that overlap: each says what else breaks": [
        bounds('when: {beta: ">=3"}, need: {gamma: "<3"}', 'when: {beta: "<3.1"}, need: {gamma: "<2"}')
    ],
    "a part that breaks earlier than the whole": [
        bounds('when: {beta: ">=3"}, need: {gamma: "<3"}', 'when: {beta: ">=3"}, need: {gamma: "<2"}, partly: true')
    ],
    "any version of a package that always comes": [bounds('when: {beta: "3.0"}, need: {gamma: "*"}, comes-with: [beta]')],
    "a bound on what goes with a companion": [bounds('when: {alphavision: "<0.21", platform: linux-64}, need: {gamma: "<2"}')],
    "a need that forbids": [needs('when: {beta: "3.0"}, need: {cuda: "<12"}')],
    "a schema somewhere else": [("beta.yaml", "$schema=../schemas/", "$schema=https://schemas.example/")],
    "Windows line ends": [("beta.yaml", "framework.schema.json\n", "framework.schema.json\r\n")],
    "a byte order mark": [("beta.yaml", "# yaml-language", "\ufeff# yaml-language")],
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_silent(tmp_path: Path, name: str) -> None:
    assert [(found.rule, str(found.at), found.text) for found in lint(tmp_path, changed(*RIGHT[name]))] == []


def test_the_matrices_of_this_repository_are_clean() -> None:
    findings, refused = lint_matrices(Layout(REPO), TODAY)
    assert (lint_text(findings), refused) == ("", ())


def test_every_file_is_read_and_everything_in_it_is_told_before_a_rule_is_asked(tmp_path: Path) -> None:
    files = changed(
        ("beta.yaml", "because: https://beta.example\n", 'because: "  "\n'),
        ("beta.yaml", '"3.1.0"', "3.1"),
        ("cuda.yaml", "major: 12", "major: twelve"),
        ("gpus.yaml", "gpus:", "gpus: ["),
    )
    write_matrix(tmp_path / "matrices", files)
    findings, refused = lint_matrices(Layout(tmp_path), TODAY)
    assert findings == ()
    assert [str(error).partition("\n")[0].partition("YAML: ")[0] for error in refused] == [
        "matrices/beta.yaml:3:1: because: expected the source of this fact",
        "matrices/beta.yaml:12:5: releases[0].version: expected a string, got the number 3.1",
        "matrices/cuda.yaml:4:6: families[0].major: expected a valid integer",
        "matrices/gpus.yaml:4:3: not ",
    ]


def test_what_is_found_is_told_line_by_line_and_to_a_machine(tmp_path: Path) -> None:
    findings = lint(
        tmp_path, changed(("beta.yaml", "# yaml-language-server", "# yaml"), needs('when: {beta: ">=9"}, need: {alpha: "2"}'))
    )
    assert lint_text(findings) == (
        "matrices/beta.yaml:1:1: schema (warning): the first line names no schema\n"
        "    begin the file with: # yaml-language-server: $schema=../schemas/framework.schema.json\n"
        "matrices/beta.yaml:23:13: never-applies: nothing in the matrices can have beta >=9\n"
        "    correct it, or remove the row"
    )
    assert lint_summary(findings, 39) == "1 error and 1 warning; 39 rules, see `envgen help matrices`"
    assert lint_summary((), 39) == "nothing found; 39 rules, see `envgen help matrices`"
    assert '"file": "matrices/beta.yaml",\n    "line": 23,\n    "column": 13,' in lint_json(findings)


def test_the_page_has_a_row_for_every_rule_and_for_no_other() -> None:
    page = (REPO / "docs" / "matrices.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (error|warning) \| (.*) \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted((rule.name, rule.severity, rule.because) for rule in RULES)


def test_what_was_found_is_remembered_until_a_file_or_the_day_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    layout, wrong = Layout(tmp_path), changed(("beta.yaml", "# yaml-language-server", "# yaml"))
    found = lint(tmp_path, wrong)
    assert len(found) == 1
    first = linted(layout, TODAY)
    monkeypatch.setattr("envgen.curate.lint.lint.lint_matrices", lambda *_: ((), ()))
    assert linted(layout, TODAY) == first == Linted(found, (), len(RULES))
    assert linted(layout, date(2026, 11, 22)).findings == ()
    schema = next(layout.schemas.iterdir())
    schema.write_text("{}", encoding="utf-8")
    assert linted(layout, TODAY).findings == ()


def test_files_that_cannot_be_read_are_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    layout = Layout(tmp_path)
    write_matrix(layout.matrices, changed(("cuda.yaml", "major: 12", "major: twelve")))
    (layout.matrices / "gpus.yaml").write_bytes(b"\xff\xfe\xff")
    assert [str(error).partition(" ")[0] for error in linted(layout, TODAY).errors] == [
        "matrices/cuda.yaml:4:6:",
        "matrices/gpus.yaml:1:1:",
    ]
    assert not list((tmp_path / "cache").rglob("*.json"))
