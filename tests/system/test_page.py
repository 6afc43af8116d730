"""The page in a real browser: it says what `envgen matrix show --json` says, asks nobody, and can be used and read by anyone."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import some
from system.browser import chromium, complaints, requested
from unit.odd import odd_matrix
from unit.small import real_matrix

from envgen.curate.show import table as show
from envgen.curate.show.grid import grid
from envgen.curate.show.page import Published, facts_date, html, shown_frameworks
from envgen.curate.show.query import Query, parse_query, platforms_of
from envgen.export.model import ExportedCell
from envgen.export.pixi_files import manifest_text
from envgen.lock.render import render
from envgen.matrix.gpu_names import gpu_named
from envgen.model.facts import Matrix
from envgen.model.packages import Lock
from envgen.model.project import Project
from envgen.project.load import load_project
from envgen.resolver.pip_specs import pip_requests
from envgen.resolver.resolve import resolve
from envgen.resolver.specs import requests

OWN = ("file://", "data:", "chrome://", "chrome-untrusted://")  # the page, and the browser's own first page


@pytest.fixture(scope="module")
def real() -> Matrix:
    return real_matrix()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(autouse=True)
def silent(browser: Any) -> Iterator[None]:
    """After every test: the page asked for nothing but itself, and nothing was complained of."""
    yield
    assert [url for url in requested(browser) if not url.startswith(OWN)] == []
    assert complaints(browser) == []


PAGES: dict[tuple[int, Query | None], str] = {}  # making a page takes longer than opening it


def page_of(matrix: Matrix, question: Query | None = None) -> str:
    """The page of a matrix, made once."""
    key = (id(matrix), question)
    if key not in PAGES:
        PAGES[key] = html(matrix, question or parse_query(matrix, (), None, (), None, None))
    return PAGES[key]


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Callable[..., Any]:
    """Open the page of a matrix, at an address and in a window of some width."""

    def open_page(
        matrix: Matrix, question: Query | None = None, words: str = "", width: int = 1440, theme: str = "light", height: int = 900
    ) -> Any:
        path = tmp_path / "page.html"
        path.write_text(page_of(matrix, question), encoding="utf-8")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get("about:blank")
        browser.get(f"{path.as_uri()}#{words}")
        return browser

    return open_page


def words_of(question: Query) -> str:
    """A question as the address of the page says it."""
    pairs = [("framework", question.frameworks[0]), ("platform", question.platform or "")]
    pairs += [("all", "1")]
    pairs += [("driver", str(question.driver))] if question.driver else []
    pairs += [("gpu", gpu.name.removeprefix("compute capability ")) for gpu in question.gpus]
    return urlencode([*pairs, *([("python", str(question.python))] if question.python else [])])


# Goes to an address, and reads of every cell what it looks like and every row of its panel.
READ = """
const [words, done] = arguments;
const answer = (cells) => setTimeout(() => done(cells), 200);  // until the address is written
window.addEventListener("hashchange", () => setTimeout(() => answer([...document.querySelectorAll("td button")].map((cell) => {
  cell.click();
  const rows = [...document.querySelectorAll("#panel .reasons li")].map(({ dataset: { status, text, given, at } }) => [status, text, given, at]);
  const sources = [...document.querySelectorAll("#panel .reasons span.source")].map((source) => source.textContent);
  return { key: cell.dataset.key, verdict: cell.dataset.verdict, pythons: cell.dataset.pythons, reasons: rows, sources,
           shown: cell.textContent, name: cell.getAttribute("aria-label") };
})), 0), { once: true });
location.hash = words;
"""
ORDER = ("out", "warn", "met", "open")


def said(matrix: Matrix, question: Query) -> dict[str, Any]:
    """What --json says of the cells that the page shows for a question, in the page's form."""
    found = json.loads(show.grid_json(grid(matrix.of_packages, question), question))["cells"]
    return {f"{cell['release']},{cell['provider']},{cell['cuda'] or 'cpu'}": cell for cell in found}


def assert_same(seen: list[dict[str, Any]], told: dict[str, Any]) -> None:
    assert {cell["key"] for cell in seen} == set(told)
    for cell in seen:
        wanted = told[cell["key"]]
        reasons = sorted(wanted["reasons"], key=lambda reason: ORDER.index(reason["status"]))
        assert (cell["verdict"], cell["pythons"].split()) == (wanted["verdict"], wanted["pythons"]), cell["key"]
        assert cell["reasons"] == [[r["status"], r["text"], r["given"] or "", r["at"]] for r in reasons], cell["key"]
        assert cell["sources"] == [r["because"] or "" for r in reasons]
        assert cell["shown"].startswith({"in": "✓", "warn": "!", "out": "✕"}[cell["verdict"]])  # without colour, too
        assert {"in": ": fits, python", "warn": "with a warning: ", "out": "does not fit: "}[cell["verdict"]] in cell["name"]


@pytest.mark.parametrize(("kind", "count"), [("real", 15), ("odd", 40)])
def test_the_page_says_what_json_says(kind: str, count: int, real: Matrix, opened: Callable[..., Any]) -> None:
    matrix, chance = {"real": real, "odd": odd_matrix()}[kind], random.Random(7)
    page = opened(matrix)
    drivers = [
        None,
        "390",
        "470.42.01",
        "470.42.1",
        "525",
        "525.60.12",
        "525.60.13",
        "535.104.05",
        "560.28.03",
        "580",
        "580.65.06",
        "999.1.2.3",
    ]
    gpus = [*matrix.gpus, "2.0", "7.0", "11.0", "99.0"]
    for _ in range(count):
        question = parse_query(
            matrix,
            [chance.choice(shown_frameworks(matrix))],
            chance.choice(drivers),
            chance.sample(gpus, chance.choice([0, 0, 1, 1, 2])),
            chance.choice([None, None, *sorted(map(str, matrix.pythons))]),
            chance.choice([*platforms_of(matrix), "linux-64", "linux-64"]),
        )
        seen = page.execute_async_script(READ, f"{words_of(question)}&n={_}")
        assert_same(seen, said(matrix, question))


def test_the_command_writes_the_page_and_says_the_same(workspace: Any, real: Matrix, browser: Any) -> None:
    options = ("--framework", "pytorch", "--driver", "535.104.05", "--gpu", "v100", "--python", "3.11", "--platform", "win-64")
    told = workspace.envgen("matrix", "show", "--json", *options)
    done = workspace.envgen("matrix", "show", "--html", "sub/page.html", *options)
    assert (told.status, done.status, done.out) == (0, 0, ""), told.err + done.err
    path = workspace.root / "sub" / "page.html"
    assert done.err == f"wrote sub/page.html ({len(path.read_bytes()) // 1000} kB): open it in a browser, or send it\n"
    browser.get(path.as_uri())
    assert browser.execute_script("return document.getElementById('driver').value") == "535.104.05"
    seen = browser.execute_async_script(READ, words_of(parse_query(real, ["pytorch"], "535.104.05", ["V100"], "3.11", "win-64")))
    cells = [cell for cell in json.loads(told.out)["cells"] if cell["provider"] != "pypi"]  # the page is about conda packages
    assert_same(seen, {f"{c['release']},{c['provider']},{c['cuda'] or 'cpu'}": c for c in cells})


def test_what_it_says_to_write_into_a_project_is_what_the_resolver_takes(
    real: Matrix, opened: Callable[..., Any], tmp_path: Path
) -> None:
    page, chance = opened(real), random.Random(3)
    for number in range(8):
        framework = chance.choice(shown_frameworks(real))
        question = parse_query(
            real, [framework], "575.51.03", chance.sample(["V100", "A100", "8.9"], 2), chance.choice([None, "3.11"]), "linux-64"
        )
        seen = page.execute_async_script(READ, f"{words_of(question)}&n={number}")
        cell = chance.choice([cell for cell in seen if cell["verdict"] != "out"])
        page.execute_script("document.querySelector(`[data-key='${arguments[0]}']`).click()", cell["key"])
        path = tmp_path / str(number) / "project.yaml"
        path.parent.mkdir()
        path.write_text(shown(page, "project.yaml"), encoding="utf-8")
        found = resolve(real, load_project(path, "project.yaml", real))[0]
        release, provider, variant = cell["key"].split(",")
        choice = found.choices[0]
        assert (str(choice.release.version), choice.provider, str(choice.variant or "cpu")) == (release, provider, variant)
        assert str(found.python) == cell["pythons"].split()[-1]


def shown(page: Any, tab: str) -> str:
    """The text of a tab, whether or not it is the one in front; "" for one that is not there."""
    found = page.find_elements("css selector", f"[data-text='{tab}']")
    return str(found[0].get_attribute("textContent")) if found else ""


SOME = (  # words of the address, and the tabs beside the five that every build has
    ("framework=pytorch&platform=linux-64&cell=2.13.0,conda-forge,12.9&with=torchvision", ()),
    (
        "framework=pytorch&platform=linux-64&driver=575.51.03&gpu=V100&python=3.11&cell=2.7.1,conda-forge,12.6&with=torchvision&with=torchaudio",
        ("pip",),
    ),
    ("framework=pytorch&platform=linux-64&cell=2.5.1,pytorch,12.4&with=torchaudio&with=torchvision&gpu=A100", ("pip",)),
    ("framework=pytorch&platform=linux-aarch64&gpu=Jetson AGX Orin&cell=2.13.0,conda-forge,13.0", ()),
    ("framework=pytorch&platform=linux-aarch64&gpu=H100&gpu=V100&cell=2.12.1,conda-forge,12.9", ()),
    ("framework=pytorch&platform=win-64&cell=2.7.1,conda-forge,cpu", ("pip",)),
    ("framework=jax&platform=linux-64&gpu=V100&cell=0.4.14,conda-forge,11.2", ()),
    ("framework=tensorflow&platform=linux-64&gpu=V100&python=3.10&cell=2.17.0,conda-forge,12.0", ()),
)


def test_the_tabs_show_what_envgen_renders(real: Matrix, opened: Callable[..., Any], tmp_path: Path, repo: Path) -> None:
    """The text of environment.yml, pixi.toml and the conda command, for the project that the page shows."""
    page = opened(real)
    for number, (words, more) in enumerate(some(SOME)):
        path = tmp_path / str(number) / "demo" / "project.yaml"
        page.execute_async_script(READ_NOTHING, words)
        path.parent.mkdir(parents=True)
        path.write_text(shown(page, "project.yaml"), encoding="utf-8")
        found = resolve(real, load_project(path, "project.yaml", real))[0]
        files = render(found, repo / "templates", "templates", "project.yaml")
        lines = [line for line in files[0].text.splitlines() if not line.strip().startswith("#")]
        assert shown(page, "environment.yml").splitlines() == lines, words
        specs = next(request.specs for request in requests(found))
        assert [text for text in shlex.split(shown(page, "conda")) if " " in text] == [s for s in specs if " " in s], words
        cell = ExportedCell(
            project="demo",
            target=found.target.name,
            platform=found.platforms[0],
            lock=Lock(shown="", format="", environment="", packages=(), channels=found.project.channels),
            specs=specs,
            virtual=found.target.virtual[found.platforms[0]],
        )
        assert shown(page, "pixi").splitlines() == manifest_text("demo", [cell]).splitlines()[1:], words
        assert bool(shown(page, "pip")) == ("pip" in more), words
        assert shown(page, "envgen init").startswith("envgen init --project demo --framework ")


def test_the_pip_tab_asks_for_the_wheels_that_envgen_would(real: Matrix, opened: Callable[..., Any], tmp_path: Path) -> None:
    words = "framework=pytorch&platform=linux-64&python=3.12&cell=2.7.1,conda-forge,12.6&with=torchvision"
    page = opened(real, words=words)
    path = tmp_path / "project.yaml"
    text = shown(page, "project.yaml").replace("provider: conda-forge", "provider: pypi")
    path.write_text(text, encoding="utf-8")
    asked = pip_requests(resolve(real, load_project(path, "project.yaml", real))[0])["linux-64"]
    command = shlex.split(shown(page, "pip"))
    assert command[:4] == ["python3.12", "-m", "pip", "install"]
    assert command[4:] == [*asked.requirements, "--index-url", asked.indexes[0].url]


def test_the_command_of_envgen_init_makes_the_project(real: Matrix, opened: Callable[..., Any], tmp_path: Path) -> None:
    """The same choice as that of the project.yaml, with the same Python, driver and GPUs."""
    from click.testing import CliRunner

    from envgen.cli.main import main

    page, asked = opened(real), []
    made_by_it = tmp_path / "environments" / "demo" / "project.yaml"
    for words, _ in some(SOME[1:4], 3):
        made_by_it.unlink(missing_ok=True)
        page.execute_async_script(READ_NOTHING, words)
        command = shlex.split(shown(page, "envgen init").splitlines()[0])
        written = tmp_path / "project.yaml"
        written.write_text(shown(page, "project.yaml"), encoding="utf-8")
        done = CliRunner().invoke(main, [*command[1:], "--root", str(tmp_path)])
        assert done.exit_code == 0, done.output
        made, wanted = (load_project(path, "project.yaml", real) for path in (made_by_it, written))
        assert (made.python_text, made.driver, made.gpus) == (wanted.python_text, wanted.driver, wanted.gpus), words
        assert chosen(real, made) == chosen(real, wanted), words
        asked.append(wanted)
    assert any(one.driver and one.gpus for one in asked)


def chosen(matrix: Matrix, project: Project) -> list[tuple[str, ...]]:
    """Each framework of a project with its version, its provider and its variant."""
    choices = resolve(matrix, project)[0].choices
    return [(one.release.framework, str(one.release.version), one.provider, str(one.variant)) for one in choices]


# Goes to an address, and waits until the page has followed it.
READ_NOTHING = """
const [words, done] = arguments;
window.addEventListener("hashchange", () => setTimeout(done, 0), { once: true });
location.hash = words;
"""


def test_a_hostile_matrix_is_only_text(opened: Callable[..., Any]) -> None:
    page = opened(odd_matrix(), words="framework=alpha&platform=linux-64&gpu=A100&driver=525.60.13&cell=2.1.0,conda-forge,12.6")
    assert page.execute_script("return document.querySelectorAll('img, [onclick], [onerror]').length") == 0
    sources = page.execute_script("return [...document.querySelectorAll('#panel .source')].map((found) => found.textContent)")
    assert "</script><img src=x onerror=alert(1)><!-- {{ script }} \u2028" in sources
    assert 'https://odd.example/<b>?a=1&b=2"onclick=alert(1)' in sources
    links = page.execute_script(
        "return [...document.querySelectorAll('a')].map((found) => [found.protocol, found.rel, found.href])"
    )
    assert links and all(row[:2] == ["https:", "noopener noreferrer"] for row in links)
    assert "https://odd.example/" in {row[2] for row in links}


def address(page: Any, *parts: str) -> None:
    """The address holds these parts, a moment later."""
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(page, 10).until(lambda found: all(part in f"{found.current_url}\n" for part in parts))


def test_it_can_be_used_with_a_keyboard_alone(real: Matrix, opened: Callable[..., Any]) -> None:
    from selenium.webdriver.common.keys import Keys

    page = opened(real, words="framework=pytorch&platform=linux-64")
    driver, gpu = page.find_element("id", "driver"), page.find_element("id", "gpu")
    driver.send_keys("580")
    assert page.find_element("id", "driver-says").text == "580 is read as any driver 580.x of its branch."
    driver.send_keys(".65.06")
    assert page.find_element("id", "driver-says").text == ""
    gpu.send_keys("rtx 4090", Keys.ENTER)
    gpu.send_keys("8.0", Keys.ENTER)
    assert [chip.text for chip in page.find_elements("css selector", "#chips button")] == [
        "RTX 4090 (8.9) ×",
        "compute capability 8.0 ×",
    ]
    gpu.send_keys("RTX 9999", Keys.ENTER)
    assert "Unknown GPU “RTX 9999”" in page.find_element("id", "gpu-says").text
    address(page, "driver=580.65.06", "gpu=RTX+4090&gpu=8.0")

    stops = page.find_elements("css selector", "#grid [tabindex='0']")
    assert [stop.get_attribute("data-key") for stop in stops] == ["2.13.0,conda-forge,13.0"]  # one stop: the answer
    page.execute_script("arguments[0].focus()", stops[0])
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.HOME, Keys.END):
        page.switch_to.active_element.send_keys(key)
    assert page.switch_to.active_element.get_attribute("data-key") == "2.12.1,conda-forge,12.9"
    assert page.find_element("css selector", "#panel h2").text == "pytorch 2.12.1, CUDA 12.9"
    address(page, "cell=2.12.1%2Cconda-forge%2C12.9")


def test_a_choice_can_be_sent(real: Matrix, opened: Callable[..., Any]) -> None:
    words = "framework=jax&platform=linux-64&driver=450.80.02&gpu=V100&python=3.10&fits=1&cell=0.4.14%2Cconda-forge%2C11.2"
    page = opened(real, words=words)
    assert page.find_element("css selector", "#panel h2").text == "jax 0.4.14, CUDA 11.2"
    assert page.find_elements("css selector", "td .out, td button.out") == []
    before = page.find_element("id", "panel").text
    page.find_element("css selector", "#panel").click()
    page.get(page.current_url)
    page.refresh()
    assert page.find_element("id", "panel").text == before
    assert page.current_url.endswith(f"#{words}")
    page.find_element("id", "reset").click()
    address(page, "#framework=jax&platform=linux-64\n")


def test_nonsense_in_the_address_means_nothing_was_picked(real: Matrix, opened: Callable[..., Any]) -> None:
    page = opened(real, words="framework=<b>&platform=plan9&driver=x&gpu=%00&python=4&cell=1,2,3&fits=maybe")
    assert page.find_element("id", "caption").text == "pytorch on linux-64: release by CUDA"
    assert page.find_element("id", "driver").get_attribute("value") == ""


def answer(page: Any) -> list[str]:
    return str(page.find_element("id", "answer").text).splitlines()


def test_no_platform_is_a_dead_end(real: Matrix, opened: Callable[..., Any]) -> None:
    page = opened(real, words="framework=tensorflow&platform=win-64")
    first, wsl, closest = answer(page)
    assert first == "tensorflow has no builds for win-64."
    assert wsl.startswith("WSL2 on Windows runs the environments of linux-64, with CUDA through the driver of Windows (https://")
    assert closest == "The closest: platform linux-64 for 2.19.1, CUDA 12.9"
    page.find_element("css selector", ".ways button").click()
    assert answer(page)[0].startswith("Newest that fits: tensorflow 2.19.1 for CUDA 12.9, python")
    mac = answer(opened(real, words="framework=tensorflow&platform=osx-arm64&driver=470"))
    assert mac[0] == "tensorflow has no CUDA builds for osx-arm64."
    assert "tensorflow-metal lets TensorFlow use the GPU of a Mac through Metal" in mac[2]
    assert mac[3].startswith("Newest that fits: tensorflow 2.19.1 for CPU, python")


def test_the_closest_is_the_smallest_change(real: Matrix, opened: Callable[..., Any]) -> None:
    page = opened(real, words="framework=pytorch&platform=linux-64&driver=470&python=3.14")
    assert answer(page)[:3] == [
        "No CUDA build of pytorch fits linux-64, driver 470, python 3.14.",
        "The closest: driver 525.60.13 or newer for 2.13.0, CUDA 12.9",
        "Or python 3.13 for 2.5.1, CUDA 11.8",
    ]
    page.find_element("css selector", ".ways button").click()
    assert page.find_element("id", "driver").get_attribute("value") == "525.60.13"
    assert " pytorch 2.13.0 for CUDA 12.9, python 3.14, " in answer(page)[0]
    old = answer(opened(real, words="framework=pytorch&platform=linux-64&driver=390&gpu=A100"))
    assert old[1].startswith("The closest: driver 450.80.02 or newer for ")


def test_a_driver_older_than_that_of_the_cuda_is_not_headlined_as_fitting(real: Matrix, opened: Callable[..., Any]) -> None:
    found = answer(opened(real, words="framework=pytorch&platform=linux-64&driver=535.104.05&gpu=A100"))
    assert found[0].startswith("Runs, with a limit: pytorch 2.13.0 for CUDA 12.9, python 3.10–3.14, from conda-forge.")
    assert found[1].startswith("! code compiled at run time needs driver 575.51.03 or newer. Without a limit: 2.5.1 for CUDA 12.0")


SMI = """\
+---------------------------------------------------------------------------------------+
| NVIDIA-SMI 535.104.05             Driver Version: 535.104.05   CUDA Version: 12.2     |
|-----------------------------------------+----------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id        Disp.A | Volatile Uncorr. ECC |
|=========================================+======================+======================|
|   0  NVIDIA A100-SXM4-80GB          On  | 00000000:07:00.0 Off |                    0 |
| N/A   31C    P0              61W / 400W |      4MiB / 81920MiB |      0%      Default |
|   1  Tesla V100-SXM2-32GB           Off | 00000000:0F:00.0 Off |                    0 |
|   2  NVIDIA Unheard-of 7            Off | 00000000:0F:00.0 Off |                    0 |
+-----------------------------------------+----------------------+----------------------+
"""
OUTPUTS = (  # other forms of the same
    ("GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-5d5ba0d6)\nGPU 1: Tesla V100-SXM2-32GB (UUID: GPU-1)\n", ""),
    ("name, driver_version\nNVIDIA A100-SXM4-80GB, 535.104.05\nTesla V100-SXM2-32GB, 535.104.05\n", "535.104.05"),
    (
        "Driver Version      : 535.104.05\n    Product Name      : NVIDIA A100-SXM4-80GB\n    Product Name   : Tesla V100-SXM2-32GB\n",
        "535.104.05",
    ),
)
PASTE = """
const [text, field] = arguments;
const clipboardData = new DataTransfer();
clipboardData.setData("text", text);
document.getElementById(field).dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
return [document.getElementById("driver").value, [...document.querySelectorAll("#chips button")].map((chip) => chip.textContent)];
"""


def test_the_output_of_nvidia_smi_can_be_pasted(real: Matrix, opened: Callable[..., Any]) -> None:
    page = opened(real, words="framework=pytorch&platform=linux-64")
    both = ["A100 (8.0) ×", "V100 (7.0) ×"]
    assert page.execute_script(PASTE, SMI, "driver") == ["535.104.05", both]
    said = page.find_element("id", "gpu-says").text
    assert said == "Not known: NVIDIA Unheard-of 7. Enter its compute capability, such as 8.9."
    for text, driver in OUTPUTS:
        page.find_element("id", "reset").click()
        assert page.execute_script(PASTE, text, "gpu") == [driver, both], text


def test_a_cuda_version_is_not_taken_for_a_driver(real: Matrix, opened: Callable[..., Any]) -> None:
    from selenium.webdriver.common.keys import Keys

    page = opened(real, words="framework=pytorch&platform=linux-64&driver=12.2")
    driver = page.find_element("id", "driver")
    assert driver.get_attribute("value") == ""
    driver.send_keys("12.2", Keys.TAB)
    wanted = (
        "12.2 is a CUDA version. Write what nvidia-smi prints as “Driver Version”, or 535, the branch that CUDA 12.2 came with."
    )
    assert page.find_element("id", "driver-says").text == wanted


def test_a_gpu_is_read_as_envgen_reads_it(real: Matrix, opened: Callable[..., Any]) -> None:
    """Every model as the driver names it, with other words beside it, and names that are not known."""
    shapes = ("{}", "NVIDIA {}", "nvidia {} 80GB PCIe", "Tesla {}-SXM2-32GB", "{} MIG 1g.5gb", "{}D-8Q", "GRID {}-4-24C", "x{}")
    texts = [shape.format(gpu.name) for gpu in real.gpus.values() for shape in shapes]
    texts += ["sm_70", "compute_90a", "cc 8.9", "8.9", "89", "", "RTX", "nonsense", "a2-highgpu-1g", "RTX 9999"]
    page = opened(real)
    script = """const { facts } = JSON.parse(document.getElementById("facts").textContent);
    const { named } = namesOf(unpacked(facts));
    return arguments[0].map((text) => { const found = named(text); return found ? [found.name, found.capability] : null; });"""
    seen = page.execute_script(script, texts)
    told = [gpu_named(real, text) for text in texts]
    wanted = [gpu and ["" if gpu.name.startswith("compute ") else gpu.name, str(gpu.capability)] for gpu in told]
    assert [row for row in zip(texts, seen, wanted, strict=True) if row[1] != row[2]] == []
    assert sum(row is not None for row in wanted) > len(real.gpus)


METAS = """return [...document.querySelectorAll("meta")].map((meta) =>
  [meta.getAttribute("property") || meta.name, meta.content]);"""


def test_a_link_leads_to_where_the_page_is_published(real: Matrix, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    question = parse_query(real, ["jax"], "535.104.05", ["V100"], None, None)
    path.write_text(
        html(real, question, Published("https://example.org/gpu.html", "https://example.org/gpu.png")), encoding="utf-8"
    )
    browser.get(path.as_uri())
    copied = """const done = arguments[0];
    navigator.clipboard.writeText = async (text) => done(text);
    document.getElementById("link").click();"""
    link = "https://example.org/gpu.html#framework=jax&platform=linux-64&driver=535.104.05&gpu=V100"
    assert browser.execute_async_script(copied) == link
    assert (
        browser.find_element("css selector", "meta[property='og:url']").get_attribute("content") == "https://example.org/gpu.html"
    )
    told = {name: content for name, content in browser.execute_script(METAS) if name and name.split(":")[0] in ("og", "twitter")}
    assert (told["og:image"], told["twitter:card"]) == ("https://example.org/gpu.png", "summary_large_image")
    path.write_text(page_of(real), encoding="utf-8")
    browser.get("about:blank")
    browser.get(f"{path.as_uri()}#{link.partition('#')[2]}")
    assert browser.execute_async_script(copied) == browser.current_url
    assert browser.execute_script("return document.getElementById('date').textContent") == f"Facts as of {facts_date(real)}"
    assert (
        browser.find_element("css selector", "meta[property='og:description']")
        .get_attribute("content")
        .startswith("Every conda build of")
    )


def test_a_grid_that_is_wider_than_the_window_says_so_and_keeps_its_releases_in_view(
    real: Matrix, opened: Callable[..., Any]
) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    page = opened(real, words="framework=pytorch&platform=linux-64&all=1", width=390, height=844)
    button = page.find_element("id", "sideways")
    more = int(button.text.removesuffix(" more columns →"))
    columns = len(page.find_elements("css selector", "#grid thead th")) - 1
    assert 0 < more < columns
    where = "return document.querySelector('tbody th').getBoundingClientRect().left"
    left = page.execute_script(where)
    wait = WebDriverWait(page, 10)
    button.click()
    wait.until(lambda _: button.text != f"{more} more columns →")
    assert int(button.text.split()[0]) < more and page.execute_script(where) == left
    page.execute_script("document.querySelector('.scroll').scrollTo({ left: 99999 })")
    wait.until(lambda _: button.text == "← first columns")
    assert not page.find_elements("css selector", ".frame.more")
    button.click()
    wait.until(lambda _: button.text == f"{more} more columns →")
    assert not opened(real, words="framework=jax&platform=osx-64").find_element("id", "sideways").is_displayed()


def test_columns_in_which_nothing_fits_are_folded(real: Matrix, opened: Callable[..., Any]) -> None:
    page = opened(real, words="framework=pytorch&platform=linux-64&driver=535.104.05&gpu=A100")
    before = len(page.find_elements("css selector", "#grid thead th"))
    fold = page.find_element("id", "fold")
    assert fold.text.startswith("Show ") and "CUDA 13.0" in fold.text
    fold.click()
    assert len(page.find_elements("css selector", "#grid thead th")) > before
    address(page, "all=1")
    names = page.find_element("css selector", "#panel .gpus").get_attribute("textContent")
    assert "A100" in names and "RTX 4090" in names and "K80" not in names


# What of the answer is not in the window, and what has a vertical scroll bar of its own.
FOLD = """
const below = [...document.querySelectorAll("#answer .result, #tabs button, .snippet:not([hidden]) .copy")].filter((element) => {
  const { top, bottom, left, right, height } = element.getBoundingClientRect();
  return height === 0 || top < 0 || bottom > innerHeight || left < 0 || right > innerWidth;
});
const pre = document.querySelector(".snippet:not([hidden]) pre").getBoundingClientRect();
const bars = [...document.querySelectorAll("body *")].filter((element) => element.scrollHeight > element.clientHeight + 1
  && /auto|scroll/.test(getComputedStyle(element).overflowY) && element.clientHeight && element.tagName !== "SELECT");
return [below.map((element) => element.outerHTML.slice(0, 90)), innerHeight - pre.top > 60, bars.map((element) => element.outerHTML.slice(0, 90))];
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1024, 768), (1440, 900)])
def test_the_answer_is_above_the_fold(real: Matrix, opened: Callable[..., Any], size: tuple[int, int], theme: str) -> None:
    words = "framework=pytorch&platform=linux-64&driver=535.104.05&gpu=A100"
    page = opened(real, words=words, width=size[0], height=size[1], theme=theme)
    assert page.execute_script(FOLD) == [[], True, []]
    ratio, where = page.execute_script(CONTRAST)
    assert ratio >= 4.5, where


@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1440])
def test_nothing_sticks_out_of_the_window(real: Matrix, opened: Callable[..., Any], width: int) -> None:
    page = opened(
        real, words="framework=pytorch&platform=linux-64&driver=580&gpu=V100&gpu=B200&cell=2.13.0,conda-forge,13.0", width=width
    )
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.find_element("id", "panel").is_displayed()


# WCAG 2: the ratio of luminances of a text and of what lies behind it, the lowest of all texts that are shown.
CONTRAST = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return rgb(getComputedStyle(document.body).backgroundColor);
}
const texts = [...document.querySelectorAll("body *")].filter((element) =>
  element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
return texts.map((element) => {
  const [high, low] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((left, right) => right - left);
  return [(high + 0.05) / (low + 0.05), element.outerHTML.slice(0, 120)];
}).sort((left, right) => left[0] - right[0])[0];
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(real: Matrix, opened: Callable[..., Any], theme: str) -> None:
    words = "framework=pytorch&platform=linux-64&driver=535&gpu=V100&cell="
    other = "light" if theme == "dark" else "dark"
    for cell in ("2.13.0,conda-forge,13.0", "2.13.0,conda-forge,12.9", "2.5.1,conda-forge,12.0"):
        ratio, where = opened(real, words=words + cell, theme=theme).execute_script(CONTRAST)
        assert ratio >= 4.5, where
    page = opened(real, words=words, theme=other)
    button = page.find_element("id", "theme")
    while button.accessible_name != f"Theme: {theme}":
        button.click()
    ratio, where = page.execute_script(CONTRAST)
    assert ratio >= 4.5, where
    paper = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(247, 247, 245)", "dark": "rgb(19, 22, 25)"}[theme]


def test_every_control_has_a_name_and_a_role(real: Matrix, opened: Callable[..., Any]) -> None:
    page = opened(real, words="framework=jax&platform=linux-64&gpu=V100")
    controls = page.find_elements("css selector", "header button, form input, form select, form button, #answer button, #fits")
    assert [control.get_attribute("outerHTML") for control in controls if not control.accessible_name] == []
    table = page.find_element("id", "grid")
    assert (table.aria_role, table.accessible_name) == ("grid", "jax on linux-64: release by CUDA")
    assert page.find_element("css selector", "tbody th").aria_role == "rowheader"
