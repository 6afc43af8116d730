"""What a team puts into its repository: workflows, the action and hooks are linted, and what they run is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPO, Workspace, clean_environment, repository
from system import channel, forks
from system.git import Repository, made

from envgen import __version__

WORKFLOWS = sorted((REPO / ".github" / "workflows").glob("*.yml"))
LOCK = "environments/p/cpu/conda-lock.yml"
GH = '''\
#!{python}
"""The few calls of GitHub's program that the workflows make, on a file instead of a server."""
import json, os, re, sys
words, state = sys.argv[1:], os.environ["GH_STATE"]
known = json.load(open(state)) if os.path.exists(state) else {{"comments": [], "pulls": [], "calls": []}}
known["calls"].append(words)
def value(name):
    return words[words.index(name) + 1] if name in words else None
def body(name):
    text = value(name)
    return open(text.removeprefix("body=@"), encoding="utf-8").read()
if not os.environ.get("GH_TOKEN"):
    sys.exit("gh: no token")
if words[:1] == ["api"] and value("--method") == "POST":
    known["comments"].append({{"id": 100 + len(known["comments"]), "type": "Bot", "body": body("--field")}})
elif words[:1] == ["api"] and value("--method") == "PATCH":
    place = next(word for word in words if word.startswith("repos/"))
    next(row for row in known["comments"] if place.endswith("/comments/%d" % row["id"]))["body"] = body("--field")
elif words[:1] == ["api"]:
    kind, mark = re.fullmatch(
        r'\\.\\[\\] \\| select\\(\\.user\\.type == "(.*?)"\\) \\| select\\(\\.body \\| startswith\\("(.*?)"\\)\\) \\| \\.id', value("--jq")
    ).groups()
    for row in known["comments"]:
        if row["type"] == kind and row["body"].startswith(mark):
            print(row["id"])
elif words[:2] == ["pr", "list"]:
    for row in known["pulls"]:
        if row["head"] == value("--head"):
            print(row["number"])
elif words[:2] == ["pr", "create"]:
    known["pulls"].append({{"number": 7, "head": value("--head"), "base": value("--base"), "body": body("--body-file")}})
elif words[:2] == ["pr", "edit"]:
    next(row for row in known["pulls"] if str(row["number"]) == words[2])["body"] = body("--body-file")
elif words != ["auth", "setup-git"]:
    sys.exit("gh: what?")
json.dump(known, open(state, "w"))
'''


@dataclass
class Job:
    """The `run:` steps of a workflow or action, run in a clone as a runner would; `values` are those of its expressions."""

    root: Path
    steps: Mapping[str, Mapping[str, Any]]
    environment: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a step; its outputs become values."""
        step, temporary = self.steps[name], Path(self.environment["RUNNER_TEMP"])
        own = {key: self._value(str(text)) for key, text in step.get("env", {}).items()}
        output = temporary / "output"
        output.write_text("")
        environment = {**self.environment, **own, "GITHUB_OUTPUT": str(output)}
        argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(argv, cwd=self.root, env=environment, capture_output=True, text=True, timeout=300, check=False)
        for line in output.read_text().splitlines():
            key, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{key}"] = value
        return done

    def _value(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.values[found[1]], text)

    @property
    def host(self) -> dict[str, Any]:
        """What the code host has now."""
        return json.loads(Path(self.environment["GH_STATE"]).read_text())


def steps_of(path: Path) -> dict[str, Any]:
    """The steps of the one job of a workflow, or those of an action, by name."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = data["runs"]["steps"] if "runs" in data else next(iter(data["jobs"].values()))["steps"]
    return {row["name"]: row for row in rows if "run" in row}


def tool(*words: object, cwd: Path = REPO) -> subprocess.CompletedProcess[str]:
    """Run a linter of this environment."""
    program, *rest = map(str, words)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run([program, *rest], cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A git repository with one locked project, and the index that it is locked from."""
    top = tmp_path_factory.mktemp("team")
    index = channel.build(top / "index" / "conda-forge").parent
    site = repository(top / "site", clean_environment(top))
    site.project("p", channel.PROJECT)
    assert site.envgen("lock", "--index", index).status == 0
    made(site.root)
    (site.root / ".gitignore").write_text(".*.envgen-lock\n", encoding="utf-8")
    Repository(site.root).commit("locked")
    return site, index


@pytest.fixture
def site(started: tuple[Workspace, Path], tmp_path: Path) -> Workspace:
    """A clone of it that may be changed."""
    Repository(tmp_path).git("clone", "--quiet", started[0].root, tmp_path / "site")
    return Workspace(tmp_path / "site", clean_environment(tmp_path))


@pytest.fixture
def environment(site: Workspace, tmp_path: Path) -> dict[str, str]:
    """What a runner has: the programs `envgen` and `gh`, and its own variables."""
    programs = tmp_path / "bin"
    programs.mkdir()
    forks.program(programs / "envgen")
    (programs / "gh").write_text(GH.format(python=sys.executable), encoding="utf-8")
    (programs / "gh").chmod(0o755)
    (tmp_path / "temp").mkdir()
    return {
        **site.environment,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "temp" / "summary.md"),
        "GITHUB_REPOSITORY": "team/site",
        "GITHUB_REF_NAME": "main",
        "GH_STATE": str(tmp_path / "gh.json"),
    }


def merged(site: Workspace, tmp_path: Path) -> Path:
    """A clone of the merge of the branch that is checked out into main, as actions/checkout makes it of a pull request."""
    git = Repository(site.root)
    git.git("switch", "--quiet", "-C", "pull")
    git.git("switch", "--quiet", "--detach", "origin/HEAD")
    git.git("merge", "--quiet", "--no-ff", "--message", "merge", "pull")
    git.git("update-ref", "refs/heads/merge", "HEAD")
    git.git("switch", "--quiet", "pull")
    shutil.rmtree(tmp_path / "checkout", ignore_errors=True)
    git.git("clone", "--quiet", "--depth", "2", "--branch", "merge", f"file://{site.root}", tmp_path / "checkout")
    return tmp_path / "checkout"


# --- linted ---------------------------------------------------------------------------------------------------------------


def test_workflows_the_action_and_the_pipeline_of_gitlab_follow_their_schemas() -> None:
    schemas = {
        "github-workflows": WORKFLOWS,
        "github-actions": [REPO / "action.yml"],
        "gitlab-ci": [REPO / "docs/ci/gitlab-ci.yml"],
        "github-issue-forms": sorted((REPO / ".github" / "ISSUE_TEMPLATE").glob("[0-9]*.yml")),
        "github-issue-config": [REPO / ".github" / "ISSUE_TEMPLATE" / "config.yml"],
    }
    for schema, paths in schemas.items():
        done = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *paths)
        assert done.returncode == 0, done.stdout + done.stderr
    assert tool("pre-commit", "validate-manifest", REPO / ".pre-commit-hooks.yaml").returncode == 0


def test_the_examples_of_the_page_follow_their_schemas(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (REPO / "docs" / "team.md").read_text(encoding="utf-8"), re.DOTALL)
    workflows = [text for text in blocks if "\njobs:" in text]
    assert len(workflows) == 3
    for number, text in enumerate(workflows):
        (tmp_path / f"{number}.yml").write_text(text, encoding="utf-8")
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *sorted(tmp_path.glob("*.yml")))
    assert done.returncode == 0, done.stdout + done.stderr
    (config,) = (text for text in blocks if text.startswith("repos:"))
    (tmp_path / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    assert tool("pre-commit", "validate-config", tmp_path / ".pre-commit-config.yaml").returncode == 0
    known = {row["id"] for row in yaml.safe_load((REPO / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    assert {row["id"] for row in yaml.safe_load(config)["repos"][0]["hooks"]} == known


def test_the_dockerfile_has_a_stage_for_each_target_that_it_installs(tmp_path: Path) -> None:
    """Its commands are ones of envgen, about an example and targets of it; its stages copy what they install."""
    text = (REPO / "docs" / "ci" / "Dockerfile").read_text(encoding="utf-8")
    stages = re.findall(r" AS (\S+)$", text, re.MULTILINE)
    copied = re.findall(r"^COPY --from=(\S+) (\S+) (\S+)$", text, re.MULTILINE)
    installed = re.findall(r"^RUN (envgen install (\S+) --target (\S+) --prefix (\S+))$", text, re.MULTILINE)
    assert {f"install-{target}" for _, _, target, _ in installed} == {stage for stage, _, _ in copied} <= set(stages)
    assert {target for _, _, target, _ in installed} <= set(stages)
    examples = Workspace(REPO, clean_environment(tmp_path))
    for command, project, target, prefix in installed:
        assert all((source, place) == (prefix, prefix) for _, source, place in copied), "an environment runs where it was installed"
        done = examples.envgen(*command.split()[1:], "--print-commands")
        assert done.status == 0, done.err
        assert f"environments/{project}/{target}/conda-lock.yml" in done.out


def test_workflows_are_safe(site: Workspace) -> None:
    """Actions pinned by commit, no permission that is not needed, no expression in a script; also in what `init --ci` writes."""
    for host in ("github", "gitlab"):
        assert site.envgen("init", f"--ci={host}").status == 0
    own = site.root / ".github" / "workflows"
    done = tool("zizmor", "--offline", "--no-progress", "--persona", "pedantic", *WORKFLOWS, REPO / "action.yml", own)
    assert done.returncode == 0, done.stdout + done.stderr
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *own.glob("*.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    text = "".join(path.read_text(encoding="utf-8") for path in own.glob("*.yml"))
    assert text.count(f"conda-envgen=={__version__}") == 2
    assert not re.search(r"inputs\.|secrets\.|workflow_call", text)
    assert f"REQUIREMENT: conda-envgen=={__version__}" in (site.root / ".gitlab-ci.yml").read_text(encoding="utf-8")


def test_the_linter_would_find_an_injection(tmp_path: Path) -> None:
    text = WORKFLOWS[-1].read_text(encoding="utf-8")
    (tmp_path / "action.yml").write_text("")
    bad = text.replace("envgen check --github\n", 'echo "${{ github.event.pull_request.title }}"\n')
    assert bad != text
    (tmp_path / "bad.yml").write_text(bad, encoding="utf-8")
    done = tool("zizmor", "--offline", "--no-progress", tmp_path / "bad.yml")
    assert done.returncode != 0 and "template-injection" in done.stdout


def test_the_action_runs_what_the_workflow_runs() -> None:
    """But for where its inputs come from."""
    workflow, action = steps_of(REPO / ".github/workflows/review.yml"), steps_of(REPO / "action.yml")
    assert {name: row["run"] for name, row in action.items()} == {name: row["run"] for name, row in workflow.items()}
    uses = [re.findall(r"uses: (actions/setup-python@\S+)", path.read_text()) for path in (REPO / "action.yml", *WORKFLOWS)]
    assert len({tuple(found) for found in uses}) == 1


def test_init_writes_what_is_missing_and_keeps_what_is_there(site: Workspace) -> None:
    first = site.envgen("init", "--git", "--ci", "--hooks")
    assert first.status == 0, first.err
    wrote = {line.removeprefix("wrote ") for line in first.out.splitlines() if line.startswith("wrote ")}
    assert {".github/workflows/envgen-review.yml", ".github/workflows/envgen-relock.yml", ".pre-commit-config.yaml"} <= wrote
    again = site.envgen("init", "--git", "--ci", "--hooks").out.splitlines()
    assert [line for line in again if line.startswith("wrote")] == []
    (site.root / ".pre-commit-config.yaml").write_text("repos: []\n")
    assert site.envgen("init", "--hooks").out == "kept .pre-commit-config.yaml: add the hooks to it that `envgen help team` shows\n"
    assert site.envgen("init", "--ci=bitbucket").status == 2


# --- what they run --------------------------------------------------------------------------------------------------------


@pytest.fixture
def review(environment: dict[str, str], tmp_path: Path) -> Job:
    """The review of a pull request, whose merge is checked out when `root` is set."""
    values = {
        "inputs.locks || ''": "",
        "github.token": "a token",
        "github.event.pull_request.number": "12",
        "runner.temp": environment["RUNNER_TEMP"],
    }
    return Job(tmp_path / "checkout", steps_of(REPO / ".github/workflows/review.yml"), environment, values)


@pytest.mark.thorough
def test_one_comment_says_what_a_pull_request_changes_and_is_updated(
    site: Workspace, started: tuple[Workspace, Path], review: Job, tmp_path: Path
) -> None:
    project, git = site.root / "environments/p/project.yaml", Repository(site.root)
    project.write_text(channel.PROJECT.replace("einops]", '"einops <0.8"]'), encoding="utf-8")
    assert site.envgen("lock", "--index", started[1]).status == 0
    git.commit("an older einops")
    merged(site, tmp_path)
    assert review.run("Check").returncode == 0
    assert review.run("Compare").returncode == 0
    assert review.values["steps.compare.outputs.status"] == "1"
    assert review.run("Comment").returncode == 0
    (comment,) = review.host["comments"]
    assert comment["body"].startswith("<!-- envgen diff -->\n")
    assert "`einops` 0.8.1 → 0.7.0" in comment["body"] or "einops" in comment["body"]
    assert "**envgen impact**" in comment["body"]
    assert Path(review.environment["GITHUB_STEP_SUMMARY"]).read_text().startswith("<!-- envgen diff -->")

    project.write_text(channel.PROJECT, encoding="utf-8")
    shutil.copytree(started[0].root / "environments", site.root / "environments", dirs_exist_ok=True)
    git.commit("as it was")
    merged(site, tmp_path)
    assert review.run("Compare").returncode == 0
    assert review.run("Comment").returncode == 0
    (updated,) = review.host["comments"]
    assert updated["id"] == comment["id"] and "einops" not in updated["body"]


def test_no_comment_where_nothing_changes_and_a_person_s_comment_is_left_alone(
    site: Workspace, review: Job, tmp_path: Path
) -> None:
    Repository(site.root).commit("nothing")
    merged(site, tmp_path)
    forged = {"id": 1, "type": "User", "body": "<!-- envgen diff -->\nmine"}
    Path(review.environment["GH_STATE"]).write_text(json.dumps({"comments": [forged], "pulls": [], "calls": []}))
    review.run("Compare")
    assert review.values["steps.compare.outputs.status"] == "0"
    assert review.run("Comment").returncode == 0
    assert review.host["comments"] == [forged]


def test_a_lock_that_does_not_follow_fails_the_check_at_its_line(site: Workspace, review: Job, tmp_path: Path) -> None:
    (site.root / "environments/p/project.yaml").write_text(channel.PROJECT.replace("einops", '"einops <0.8"'), encoding="utf-8")
    Repository(site.root).commit("not locked")
    merged(site, tmp_path)
    done = review.run("Check")
    assert done.returncode == 1
    assert "::error file=environments/p/project.yaml,line=6,title=envgen spec-not-locked::" in done.stdout


def test_what_the_runner_keeps_is_what_check_finds_again_in_a_new_clone(site: Workspace, review: Job, tmp_path: Path) -> None:
    """Another runner, with nothing but the folder that is kept, adds nothing to it: no project is checked again."""
    kept = tmp_path / "temp" / "envgen" / "values"
    assert kept_folders() == [f"{'${{ runner.temp }}'}/envgen/values"] * 2
    Repository(site.root).commit("nothing")
    found = []
    for _ in range(2):
        merged(site, tmp_path)
        assert review.run("Check").returncode == 0
        found.append(sorted(path.name for path in kept.iterdir()))
        for folder in (path for path in kept.parent.iterdir() if path != kept):
            shutil.rmtree(folder)
    assert found[0] == found[1]
    assert any(name.startswith("tuple-") for name in found[0])


def kept_folders() -> list[str]:
    """The folders that the action and the workflow of a review keep for the next run, each with where envgen has its cache."""
    found = []
    for path in (REPO / ".github/workflows/review.yml", REPO / "action.yml"):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = data["runs"]["steps"] if "runs" in data else data["jobs"]["review"]["steps"]
        (kept,) = (row["with"] for row in rows if row.get("uses", "").startswith("actions/cache@"))
        assert kept["key"] == f"{kept['restore-keys']}${{{{ github.run_id }}}}", "each run keeps its own, and begins with the last"
        found.append(kept["path"])
        caches = {row["env"]["ENVGEN_CACHE"] for row in rows if row.get("name") in ("Check", "Compare")}
        assert {f"{cache}/values" for cache in caches} == {found[-1]}
    return found


def test_gitlab_keeps_what_check_finds() -> None:
    data = yaml.safe_load((REPO / "docs/ci/gitlab-ci.yml").read_text(encoding="utf-8"))[".envgen"]
    assert data["cache"]["paths"] == [f"{data['variables']['ENVGEN_CACHE'].removeprefix('$CI_PROJECT_DIR/')}/values"]


def test_locks_of_other_tools_are_verified_by_their_pathspecs(site: Workspace, review: Job, tmp_path: Path) -> None:
    git = Repository(site.root)
    for folder in ("environments", "matrices", "templates"):
        shutil.rmtree(site.root / folder)
    shutil.copy(REPO / "tests/verify/locks/seen-rich-platform.lock", git.write("apps/one two/pixi.lock", ""))
    git.commit("another tool")
    merged(site, tmp_path)
    review.values["inputs.locks || ''"] = "*pixi.lock $(touch${IFS}owned) conda-lock.yml"
    done = review.run("Check")
    assert done.returncode != 0
    assert "title=envgen silent-cpu::" in done.stdout and "apps/one two/pixi.lock" in done.stdout
    assert not (tmp_path / "checkout/owned").exists()
    assert review.run("Compare").returncode == 0


@pytest.mark.thorough
def test_what_is_new_is_locked_in_one_pull_request(
    site: Workspace, started: tuple[Workspace, Path], environment: dict[str, str], tmp_path: Path
) -> None:
    index = shutil.copytree(started[1], tmp_path / "index")
    channel.build(index / "conda-forge", [channel.pure("einops", "0.9.0")])
    origin = Repository(tmp_path / "origin")
    Repository(tmp_path).git("clone", "--quiet", "--bare", started[0].root, origin.root)
    Repository(tmp_path).git("clone", "--quiet", f"file://{origin.root}", tmp_path / "checkout")
    values = {"secrets.token || github.token": "a token"}
    variables = {**environment, "ENVGEN_INDEX": str(index), "GITHUB_REF_NAME": "main"}
    job = Job(tmp_path / "checkout", steps_of(REPO / ".github/workflows/relock.yml"), variables, values)
    for _ in range(2):
        job.root = (
            shutil.copytree(tmp_path / "checkout", tmp_path / "again", dirs_exist_ok=True) if job.root.name == "again" else job.root
        )
        done = job.run("Lock")
        assert job.values["steps.lock.outputs.status"] == "0", done.stdout + done.stderr
        done = job.run("Open a pull request")
        assert done.returncode == 0, done.stderr
        (pull,) = job.host["pulls"]
        assert (pull["head"], pull["base"]) == ("envgen/relock", "main")
        assert "einops" in pull["body"] and pull["body"].startswith("<!-- envgen diff -->")
        Repository(job.root).git("switch", "--quiet", "main")
    assert "einops-0.9.0" in origin.git("show", f"envgen/relock:{LOCK}")
    assert origin.git("diff", "--name-only", "main", "envgen/relock", "--", "environments/p") != ""
    assert [words[:2] for words in job.host["calls"] if words[0] == "pr"] == [
        ["pr", "list"], ["pr", "create"], ["pr", "list"], ["pr", "edit"]
    ]  # fmt: skip
    assert job.run("Fail where something could not be locked").returncode == 0


@pytest.mark.thorough
def test_gitlab_opens_a_merge_request_with_what_is_new(
    started: tuple[Workspace, Path], environment: dict[str, str], tmp_path: Path
) -> None:
    """The script of the scheduled job, in a clone of a repository that takes push options."""
    index = shutil.copytree(started[1], tmp_path / "index")
    channel.build(index / "conda-forge", [channel.pure("einops", "0.9.0")])
    origin = Repository(tmp_path / "origin")
    Repository(tmp_path).git("clone", "--quiet", "--bare", started[0].root, origin.root)
    origin.git("config", "receive.advertisePushOptions", "true")
    hook = origin.root / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nenv | grep ^GIT_PUSH_OPTION_ | sort > '{tmp_path}/options'\n")
    hook.chmod(0o755)
    Repository(tmp_path).git("clone", "--quiet", f"file://{origin.root}", tmp_path / "checkout")
    variables = {
        **environment,
        "ENVGEN_INDEX": str(index),
        "CI_DEFAULT_BRANCH": "main",
        "CI_SERVER_HOST": "git.example",
        "CI_PROJECT_PATH": "team/site",
        "ENVGEN_TOKEN": "secret",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{origin.root}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://envgen:secret@git.example/team/site.git",
    }
    (script,) = yaml.safe_load((REPO / "docs/ci/gitlab-ci.yml").read_text(encoding="utf-8"))["envgen relock"]["script"]
    argv = ["bash", "-eo", "pipefail", "-c", script]
    done = subprocess.run(argv, cwd=tmp_path / "checkout", env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr
    assert "einops-0.9.0" in origin.git("show", f"envgen/relock:{LOCK}")
    options = (tmp_path / "options").read_text()
    assert "=merge_request.create\n" in options and "=merge_request.target=main\n" in options


# --- pre-commit -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a repository of hooks; its commit is what is in the work tree."""
    folder = tmp_path_factory.mktemp("hooks") / "envgen"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("envgen", "matrices", "templates", ".github", "docs"):
        shutil.copytree(REPO / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md", ".pre-commit-hooks.yaml"):
        shutil.copy(REPO / name, folder / name)
    made(folder).commit("hooks")
    return folder


@pytest.mark.thorough
def test_pre_commit_installs_and_runs_the_hooks(site: Workspace, hooks: Path, tmp_path: Path) -> None:
    """pre-commit clones the hooks and installs them with pip; their dependencies are those of this environment, by path."""
    git = Repository(site.root)
    revision = Repository(hooks).git("rev-parse", "HEAD")
    config = {"repos": [{"repo": str(hooks), "rev": revision, "hooks": [{"id": "envgen-check"}, {"id": "envgen-verify"}]}]}
    git.write(".pre-commit-config.yaml", yaml.safe_dump(config))
    variables = {
        **clean_environment(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(yaml.__file__).parents[1]),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PYTHONWARNINGS": "",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }

    def commit() -> subprocess.CompletedProcess[str]:
        git.git("add", "--all")
        argv = [sys.executable, "-m", "pre_commit", "run"]
        return subprocess.run(argv, cwd=site.root, env=variables, capture_output=True, text=True, timeout=300, check=False)

    shutil.copy(REPO / "tests/verify/locks/right-three-platforms.yml", site.root / "conda-lock.yml")
    git.write("environments/p/project.yaml", channel.PROJECT + "# a comment\n")
    done = commit()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^envgen (?:check|verify)\.+Passed$", done.stdout, re.MULTILINE)) == 2

    git.write("environments/p/project.yaml", channel.PROJECT.replace("einops", '"einops <0.8"'))
    for name in ("pixi.lock", "uv.lock"):
        found = next(path for path in sorted((REPO / "tests/verify/locks").glob("seen-*.lock")) if is_of(path, name))
        shutil.copy(found, git.write(f"apps/{name}", ""))
    done = commit()
    assert done.returncode == 1
    assert "error: spec-not-locked (p-cpu)" in done.stdout
    assert {"apps/pixi.lock", "apps/uv.lock"} <= set(re.findall(r"apps/\w+\.lock", done.stdout))


def is_of(path: Path, name: str) -> bool:
    return ("[[package]]" in path.read_text(encoding="utf-8")) == (name == "uv.lock")


# --- ci-matrix ------------------------------------------------------------------------------------------------------------


def test_each_locked_cell_is_a_job_with_its_runner(started: tuple[Workspace, Path]) -> None:
    site = started[0]
    done = site.envgen("ci-matrix", "--json")
    assert done.out.count("\n") == 1
    assert json.loads(done.out) == {
        "include": [
            {"project": "p", "target": "cpu", "platform": "linux-64", "runner": "ubuntu-latest", "gpu": False},
            {"project": "p", "target": "cu126", "platform": "linux-64", "runner": "ubuntu-latest", "gpu": True},
        ]
    }
    words = ("--runner", "gpu=t4", "--runner", "linux-64=small")
    assert site.envgen("ci-matrix", *words).out == "p cpu linux-64 small\np cu126 linux-64 t4 gpu\n"
    assert site.envgen("ci-matrix", *words, "--runner", "linux-64/gpu=a100").out.endswith("cu126 linux-64 a100 gpu\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--runner", "linux=x"), "no platform `linux`"),
        (("--runner", "gpu"), "`gpu` names no runner"),
        (("q",), "there is no project `q`"),
        (("--changed", "nowhere"), "there is no revision `nowhere`"),
    ],
)
def test_words_that_ci_matrix_does_not_know(started: tuple[Workspace, Path], words: tuple[str, ...], said: str) -> None:
    done = started[0].envgen("ci-matrix", *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_cells_that_changed_are_those_with_other_packages(site: Workspace, started: tuple[Workspace, Path]) -> None:
    assert site.envgen("ci-matrix", "--json", "--changed", "HEAD").out == '{"include":[]}\n'
    text = channel.PROJECT.replace("[cpu, cu126]", '{cpu: , cu126: {dependencies: ["needs-new-numpy"]}}')
    site.project("p", text)
    assert site.envgen("lock", "--index", started[1]).status == 0
    assert site.envgen("ci-matrix", "--changed", "HEAD").out == "p cu126 linux-64 ubuntu-latest gpu\n"
    site.project("q", channel.PROJECT.replace("[cpu, cu126]", "[cpu]"))
    assert site.envgen("lock", "--index", started[1]).status == 0
    assert site.envgen("ci-matrix", "--changed", "HEAD", "q").out == "q cpu linux-64 ubuntu-latest\n"
