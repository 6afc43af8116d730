"use strict";
// What each build asks for was decided in Python (envgen/facts/page.py). Here versions are compared, places looked up, words shown.
(() => {
  const { facts, digest, start } = JSON.parse(document.getElementById("facts").textContent);
  const byId = (id) => document.getElementById(id);
  const MARKS = { in: "✓", warn: "!", out: "✕" };
  const NAMES = { gpu: "GPU", archspec: "processor", cuda: "CUDA", driver: "driver", python: "python" };

  // --- versions ---------------------------------------------------------------------------------------------------------

  const parts = (text) => text.split(".").map(Number);

  function compare(left, right) {
    for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
      const difference = (left[at] || 0) - (right[at] || 0);
      if (difference) return difference;
    }
    return 0;
  }

  const cuts = Object.fromEntries(Object.entries(facts.cuts).map(([axis, texts]) => [axis, texts.map(parts)]));

  /** The place of a version on its axis: odd at a cut, even between two (envgen/facts/axes.py). */
  function place(axis, text) {
    const version = parts(text);
    const below = cuts[axis].filter((cut) => compare(cut, version) < 0).length;
    const at = below < cuts[axis].length && compare(cuts[axis][below], version) === 0;
    return 2 * below + (at ? 1 : 0);
  }

  const pythonPlaces = Object.fromEntries(facts.pythons.map((text) => [text, place("python", text)]));

  let lastDriver = ["", 0];
  function driverPlace(text) {
    if (lastDriver[0] !== text) lastDriver = [text, place("driver", text)];
    return lastDriver[1];
  }

  const driverText = (text) => parts(text).map((part, at) => (at ? String(part).padStart(2, "0") : part)).join(".");

  /** 3.9–3.11, 3.13 */
  function span(pythons) {
    const runs = [];
    for (const text of pythons) {
      const [major, minor] = parts(text);
      const last = runs.at(-1);
      if (last && last.major === major && last.to + 1 === minor) last.to = minor;
      else runs.push({ major, from: minor, to: minor });
    }
    const one = ({ major, from, to }) => (from === to ? `${major}.${from}` : `${major}.${from}–${major}.${to}`);
    return runs.map(one).join(", ");
  }

  // --- judging ----------------------------------------------------------------------------------------------------------

  const value = (number) => facts.table[number];

  const demands = new Map();
  function demandOf(number) {
    if (!demands.has(number)) {
      const row = value(number);
      demands.set(number, { when: [], need: [], unlock: "", warn: false, never: false, ...row, because: value(row.because) });
    }
    return demands.get(number);
  }

  const cells = facts.cells.map((cell) => ({
    ...cell,
    built: value(cell.pythons),
    figures: value(cell.figures),
    demands: cell.demands.map(demandOf),
    key: [cell.release, cell.provider, cell.cuda || "cpu"].join(","),
  }));

  const inside = (spans, at) => spans.some(([first, last]) => first <= at && at <= last);
  const holdsAt = (known) => ([axis, spans]) => known[axis] === undefined || inside(spans, known[axis]);
  const appliesAt = (known) => ([axis, spans]) => known[axis] !== undefined && inside(spans, known[axis]);

  /** true, false, or null where a demand does not apply; GPUs are judged one by one. */
  function holds(demand, known, gpus) {
    const one = (at) => (demand.when.every(appliesAt(at)) ? !demand.never && demand.need.every(holdsAt(at)) : null);
    if (!gpus.length) return one(known);
    const said = gpus.map((gpu) => one({ ...known, gpu: gpu.place })).filter((verdict) => verdict !== null);
    return said.length ? said.every(Boolean) : null;
  }

  function judge(cell, pick) {
    const gpus = cell.cuda ? pick.gpus : [];
    const known = cell.cuda && pick.driver ? { driver: driverPlace(pick.driver) } : {};
    const hard = cell.demands.filter((demand) => !demand.warn);
    const fine = (python) => hard.every((demand) => holds(demand, { ...known, python: pythonPlaces[python] }, gpus) !== false);
    const left = cell.built.filter((python) => (!pick.python || pick.python === python) && fine(python));
    const python = pick.python || (left.length ? left : cell.built).at(-1);
    const at = { ...known, python: pythonPlaces[python] };
    const told = cell.demands.map((demand) => tell(demand, at, gpus, pick, python)).filter(Boolean);
    const found = told.map((row) => row.status);
    return { cell, left, told, verdict: found.includes("out") ? "out" : found.includes("warn") ? "warn" : "in" };
  }

  function tell(demand, known, gpus, pick, python) {
    const verdict = holds(demand, known, gpus);
    if (verdict === null) return null;
    const all = gpus.length ? { ...known, gpu: 0 } : known;
    if (verdict) return { demand, given: "", status: demand.need.every(([axis]) => all[axis] !== undefined) ? "met" : "open" };
    return { demand, given: given(demand, known, gpus, pick, python), status: demand.warn ? "warn" : "out" };
  }

  function given(demand, known, gpus, pick, python) {
    const axes = [...demand.when, ...demand.need].map(([axis]) => axis);
    const said = [];
    if (axes.includes("driver") && known.driver !== undefined) said.push(`driver ${driverText(pick.driver)}`);
    if (axes.includes("gpu")) said.push(...gpus.filter((gpu) => holds(demand, known, [gpu]) === false).map((gpu) => gpu.label));
    if (axes.includes("python")) said.push(`python ${python}`);
    return said.join(", ");
  }

  // --- what is picked, and its address ----------------------------------------------------------------------------------

  const models = new Map(facts.gpus.map(([name, capability]) => [name.toLowerCase(), { name, capability }]));
  const isDriver = (text) => /^\d+(\.\d+){0,3}$/.test(text);

  function gpuOf(text) {
    const model = models.get(text.trim().toLowerCase());
    const capability = model ? model.capability : text.trim();
    if (!/^\d+\.\d$/.test(capability)) return null;
    const label = model ? `${model.name} (${capability})` : `compute capability ${capability}`;
    return { name: model ? model.name : capability, label, capability, place: place("gpu", capability) };
  }

  let pick = {};
  let judged = [];
  let open = "";

  function picked(words) {
    const one = (name, allowed, otherwise) => (allowed.includes(words.get(name)) ? words.get(name) : otherwise);
    const driver = words.get("driver") || "";
    const gpus = words.getAll("gpu").map(gpuOf).filter(Boolean);
    return {
      framework: one("framework", facts.frameworks, start.framework),
      platform: one("platform", Object.keys(facts.platforms), start.platform),
      driver: isDriver(driver) ? driver : "",
      gpus: gpus.filter((gpu, at) => gpus.findIndex((other) => other.name === gpu.name) === at),
      python: one("python", facts.pythons, ""),
      fits: words.get("fits") === "1",
    };
  }

  function words() {
    const found = new URLSearchParams({ framework: pick.framework, platform: pick.platform });
    if (pick.driver) found.set("driver", pick.driver);
    for (const gpu of pick.gpus) found.append("gpu", gpu.name);
    if (pick.python) found.set("python", pick.python);
    if (pick.fits) found.set("fits", "1");
    if (open) found.set("cell", open);
    return found;
  }

  function startWords() {
    const found = new URLSearchParams({ framework: start.framework, platform: start.platform });
    for (const name of ["driver", "python"]) if (start[name]) found.set(name, start[name]);
    for (const name of start.gpus) found.append("gpu", name);
    return found;
  }

  /** Not at once: browsers refuse to change an address as often as an arrow key that is held down would. */
  let writing = 0;
  function remember() {
    writing ||= setTimeout(() => {
      writing = 0;
      history.replaceState(null, "", `#${words()}`);
    }, 150);
  }

  // --- elements ---------------------------------------------------------------------------------------------------------

  /** An element; every text goes in as text, never as markup. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, content] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), content);
      else if (content !== undefined && content !== false) element.setAttribute(name, content);
    }
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  /** A source, with links where it holds urls; a trailing full stop or bracket is not part of one. */
  function linked(text) {
    return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:)])/).map((part) =>
      /^https?:\/\//.test(part) ? make("a", { href: part, rel: "noopener noreferrer", target: "_blank" }, part) : part);
  }

  async function copy(text, button, done) {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", { "aria-hidden": "true" }, text);
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = done;
    setTimeout(() => { button.textContent = before; }, 1600);
  }

  const variant = (cell) => (cell.cuda ? `CUDA ${cell.cuda}` : "CPU");
  const axisName = (axis) => NAMES[axis] || axis;
  const against = (row) => row.told.filter((told) => told.status === "out");

  // --- the form ---------------------------------------------------------------------------------------------------------

  function fillForm() {
    byId("names").textContent = facts.frameworks.join(", ").replace(/, ([^,]*)$/, " and $1");
    byId("digest").textContent = digest;
    byId("frameworks").replaceChildren(...facts.frameworks.map((name) => make("label", { class: "pill" },
      make("input", { type: "radio", name: "framework", value: name }), make("span", {}, name))));
    byId("platform").replaceChildren(...Object.keys(facts.platforms).map((name) => make("option", { value: name }, name)));
    byId("python").replaceChildren(make("option", { value: "" }, "any"),
      ...[...facts.pythons].reverse().map((text) => make("option", { value: text }, text)));
    byId("gpus").replaceChildren(...facts.gpus.map(([name, capability]) =>
      make("option", { value: name, label: `${name}, compute capability ${capability}` })));
  }

  function showForm() {
    document.querySelector(`input[name=framework][value="${CSS.escape(pick.framework)}"]`).checked = true;
    byId("platform").value = pick.platform;
    byId("python").value = pick.python;
    byId("fits").checked = pick.fits;
    if (byId("driver").value.trim() !== pick.driver) byId("driver").value = pick.driver;
    const drivers = facts.drivers[facts.platforms[pick.platform]];
    byId("drivers").replaceChildren(...drivers.map(([driver, cuda]) =>
      make("option", { value: driver, label: `${driver}, branch ${parts(driver)[0]}, came with CUDA ${cuda}` })));
    byId("chips").replaceChildren(...pick.gpus.map((gpu) => make("li", {},
      make("button", { type: "button", "aria-label": `Remove ${gpu.label}`, onclick: () => change({ gpus: pick.gpus.filter((other) => other !== gpu) }) },
        `${gpu.label} ×`))));
    sayBranch(drivers);
  }

  /** A bare branch is the oldest driver of that name, which no toolkit came with: say so, and offer the first that one did. */
  function sayBranch(drivers) {
    byId("driver").removeAttribute("aria-invalid");
    const first = drivers.map(([driver]) => driver).filter((driver) => parts(driver)[0] === Number(pick.driver)).at(-1);
    const bare = /^\d+$/.test(pick.driver) && first;
    byId("driver-says").replaceChildren(...(bare ? [
      `${pick.driver} alone is read as ${pick.driver}.0; the first ${pick.driver} driver that came with a CUDA is ${first}.`,
      make("button", { type: "button", onclick: () => change({ driver: first }) }, `Use ${first}`)] : []));
  }

  function readDriver() {
    const text = byId("driver").value.trim();
    if (!text || isDriver(text)) return change({ driver: text });
    byId("driver").setAttribute("aria-invalid", "true");
    byId("driver-says").textContent = `“${text}” is no driver version: write 535 or 535.104.05, as nvidia-smi prints it.`;
    return undefined;
  }

  function readGpu(event) {
    const text = byId("gpu").value.trim();
    const gpu = text ? gpuOf(text) : null;
    const chosen = event.type === "change" || event.key === "Enter" || event.inputType === "insertReplacementText";
    const wrong = Boolean(text) && !gpu && chosen;
    byId("gpu").toggleAttribute("aria-invalid", wrong);
    if (wrong) byId("gpu").setAttribute("aria-invalid", "true");
    byId("gpu-says").textContent = wrong ? `No GPU “${text}” is known here. A compute capability such as 8.9 will do as well.` : "";
    if (!gpu || !chosen) return;
    byId("gpu").value = "";
    change({ gpus: [...pick.gpus.filter((other) => other.name !== gpu.name), gpu] });
  }

  // --- the answer -------------------------------------------------------------------------------------------------------

  function machine() {
    const said = [pick.driver && `driver ${driverText(pick.driver)}`, pick.gpus.map((gpu) => gpu.label).join(" and "), pick.python && `python ${pick.python}`];
    return [pick.platform, ...said.filter(Boolean)].join(", ");
  }

  /** The newest release that fits; of it the newest CUDA, one without a warning first. */
  function best(rows, verdicts = ["in", "warn"]) {
    const fitting = rows.filter((row) => verdicts.includes(row.verdict));
    const first = fitting.filter((row) => row.cell.release === fitting[0].cell.release);
    return first.find((row) => row.verdict === "in") || first[0];
  }

  const answer = () => best(judged.filter((row) => row.cell.cuda)) || best(judged);

  function showAnswer() {
    if (!judged.length) {
      byId("answer").replaceChildren(make("p", { class: "result" }, `No build of ${pick.framework} was made for ${pick.platform}.`));
      return;
    }
    const cuda = judged.filter((row) => row.cell.cuda);
    const found = best(cuda);
    const cpu = best(judged.filter((row) => !row.cell.cuda));
    const left = judged.filter((row) => row.verdict !== "out").length;
    const count = `${left} of ${judged.length} builds of ${pick.framework} fit ${machine()}.`;
    const beside = found ? calmer(found) : cuda.length ? closest(cuda) : "";
    byId("answer").replaceChildren(
      make("p", { class: "result" }, found ? sentence(found) : [`No CUDA build of ${pick.framework} `, cuda.length ? "is left. " : `was made for ${pick.platform}. `, cpu ? sentence(cpu) : ""]),
      beside ? make("p", { class: "more" }, beside) : "",
      make("p", { class: "more" }, count));
  }

  function sentence(row) {
    const warned = row.verdict === "warn" ? ", with a warning" : "";
    const what = `${row.cell.framework} ${row.cell.release} for ${variant(row.cell)}`;
    return ["Newest that fits: ", make("b", {}, what), `, python ${span(row.left)}, from ${row.cell.provider}${warned}. `, whyButton(row.cell)];
  }

  /** Beside an answer with a warning the newest one without. */
  function calmer(row) {
    const other = row.verdict === "warn" && best(judged.filter((found) => found.cell.cuda), ["in"]);
    return other ? [`Without a warning: ${other.cell.release} for ${variant(other.cell)}, from ${other.cell.provider}. `, whyButton(other.cell)] : "";
  }

  function closest(rows) {
    const near = rows.reduce((least, row) => (against(row).length < against(least).length ? row : least));
    const unlock = against(near).map((told) => told.demand.unlock).join(" and ");
    return [`Closest is ${near.cell.release} for ${variant(near.cell)}: it takes ${unlock}. `, whyButton(near.cell)];
  }

  const whyButton = (cell) => make("button", {
    type: "button", "aria-label": `Why ${cell.release} for ${variant(cell)}`, onclick: () => show(cell.key, true) }, "Why");

  // --- the grid ---------------------------------------------------------------------------------------------------------

  function showGrid() {
    const shown = pick.fits ? judged.filter((row) => row.verdict !== "out") : judged;
    const columns = [...new Set(shown.map((row) => row.cell.cuda))].sort((left, right) =>
      left === "" ? -1 : right === "" ? 1 : compare(parts(right), parts(left)));
    const rows = new Map();
    for (const row of shown) {
      const name = `${row.cell.release},${row.cell.provider}`;
      rows.set(name, [...(rows.get(name) || []), row]);
    }
    byId("caption").textContent = `${pick.framework} on ${pick.platform}: release by CUDA`;
    const head = make("tr", { role: "row" }, make("th", { scope: "col", role: "columnheader" }, "Release"),
      columns.map((cuda) => make("th", { scope: "col", role: "columnheader" }, make("small", {}, cuda ? "CUDA" : " "), cuda || "CPU")));
    const body = [...rows.values()].map((found) => line(found, columns));
    byId("grid").replaceChildren(...(shown.length ? [make("thead", { role: "rowgroup" }, head), make("tbody", { role: "rowgroup" }, body)]
      : [make("tbody", {}, make("tr", {}, make("td", { class: "nothing" }, judged.length ? "Nothing is left." : "There is none.")))]));
    const all = [...byId("grid").querySelectorAll("td button")];
    (all.find((button) => button.dataset.key === current()) || all[0])?.setAttribute("tabindex", "0");
  }

  function line(found, columns) {
    const { release, provider } = found[0].cell;
    const places = new Map(found.map((row) => [row.cell.cuda, row]));
    return make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader" }, release, make("small", {}, provider)),
      columns.map((cuda) => make("td", { role: "gridcell" }, places.has(cuda) ? button(places.get(cuda)) : "")));
  }

  function button(row) {
    const { cell, verdict } = row;
    const outs = against(row);
    const short = verdict === "out" ? axisName(outs[0].demand.axis) : span(row.left);
    const said = row.told.filter((told) => told.status === "out" || told.status === "warn").map((told) => told.demand.text).join("; ");
    const state = { in: `fits, python ${span(row.left)}`, warn: `fits, python ${span(row.left)}, with a warning: ${said}`, out: `does not fit: ${said}` }[verdict];
    return make("button", {
      type: "button", class: verdict, tabindex: "-1", "data-key": cell.key, "data-verdict": verdict, "data-pythons": row.left.join(" "),
      "aria-label": `${cell.framework} ${cell.release} from ${cell.provider}, ${variant(cell)}: ${state}`,
      "aria-current": cell.key === current() ? "true" : undefined, title: said || undefined,
    }, make("span", { "aria-hidden": "true" }, `${MARKS[verdict]} ${short}`));
  }

  /** Arrow keys go to the next cell that is there; Home and End to the ends of a row. */
  function move(event) {
    const from = event.target.closest("td");
    if (!from || !event.key.match(/^(Arrow(Up|Down|Left|Right)|Home|End)$/)) return;
    event.preventDefault();
    const row = [...from.parentElement.cells].filter((cell) => cell.querySelector("button"));
    const column = [...byId("grid").tBodies[0].rows].map((line) => line.cells[from.cellIndex]).filter((cell) => cell.querySelector("button"));
    const path = /Up|Down/.test(event.key) ? column : row;
    const next = { Home: 0, End: path.length - 1 }[event.key] ?? path.indexOf(from) + (/Up|Left/.test(event.key) ? -1 : 1);
    path[next]?.querySelector("button").focus();
  }

  // --- the panel --------------------------------------------------------------------------------------------------------

  /** The cell that the panel is about: the one that was chosen, or else the answer. */
  const current = () => (judged.some((row) => row.cell.key === open) ? open : answer()?.cell.key);

  function show(key, focus) {
    open = key;
    for (const element of byId("grid").querySelectorAll("td button")) {
      const chosen = element.dataset.key === current();
      element.removeAttribute("aria-current");
      if (chosen) element.setAttribute("aria-current", "true");
      element.setAttribute("tabindex", chosen ? "0" : "-1");
    }
    showPanel();
    remember();
    if (focus) byId("panel").focus({ preventScroll: true });
  }

  function showPanel() {
    const row = judged.find((found) => found.cell.key === current());
    byId("panel").toggleAttribute("data-open", row?.cell.key === open);
    byId("panel").replaceChildren(...(row ? details(row) : [make("h2", {}, "Why?"),
      make("p", { class: "where" }, "Choose a cell to see every reason against it, where each is written, and what would unlock it.")]));
    byId("panel").scrollTop = 0;
  }

  function details(row) {
    const { cell } = row;
    const outs = against(row);
    const verdict = { in: "✓ fits", warn: "! fits, with a warning", out: "✕ does not fit" }[row.verdict];
    return [
      make("div", { class: "top" }, make("h2", {}, `${cell.framework} ${cell.release}, ${variant(cell)}`),
        make("button", { type: "button", class: "close", onclick: () => show("", false) }, "Close")),
      make("p", { class: "where" }, `from ${cell.provider}, for ${cell.platform}`),
      make("p", { class: `verdict ${row.verdict}` }, verdict),
      figures(row),
      row.verdict === "out" ? "" : section("To have it", snippet(row)),
      outs.length ? section("What would unlock it", make("ul", { class: "plain" }, [...new Set(outs.map((told) => told.demand.unlock).filter(Boolean))].map((text) => make("li", {}, text)))) : "",
      section("Why", make("ul", { class: "reasons" }, ["out", "warn", "met", "open"].flatMap((status) => row.told.filter((told) => told.status === status).map(reason)))),
      cell.figures.note ? section("Note", make("p", {}, linked(cell.figures.note))) : "",
      elsewhere(row),
    ].flat().filter(Boolean);
  }

  const section = (title, content) => [make("h3", {}, title), content];

  function figures({ cell, left }) {
    const { driver: [least, native, compiling], capabilities, cudnn, serves, target } = cell.figures;
    const came = native && native !== least ? `; CUDA ${cell.cuda} came with ${native}` : "";
    const rows = [
      ["Python", span(left.length ? left : cell.built)],
      cell.cuda && ["Driver", least ? `${least} or newer${came}` : "no figure for this platform"],
      compiling && compiling !== least && ["Compiling", `what is compiled at run time: ${compiling} or newer`],
      capabilities && ["GPU", `compute capability ${capabilities.join(" to ")}`],
      cudnn.length && ["cuDNN", cudnn.join(" or ")],
      ["Target", target ? [target, serves.length ? `; also serves ${serves.join(", ")}` : ""].join("") : "none"],
    ];
    return make("dl", {}, rows.filter(Boolean).map(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
  }

  function reason({ status, demand, given: have }) {
    const [mark, kind, spoken] = { out: ["✕", "out", "against: "], warn: ["!", "warn", "warning: "], met: ["✓", "in", "met: "], open: ["?", "open", "not known: "] }[status];
    return make("li", { "data-status": status, "data-text": demand.text, "data-given": have, "data-at": demand.at },
      make("span", { class: `mark ${kind}`, "aria-label": spoken, role: "img" }, mark),
      make("div", {}, make("span", { class: status === "out" ? "out-text" : "" }, demand.text),
        have ? make("span", {}, "; here: ", make("b", { class: "given" }, have)) : "",
        make("span", { class: "source" }, linked(demand.because)), make("code", { class: "source" }, demand.at)));
  }

  /** The same build on other platforms, for the same machine. */
  function elsewhere({ cell }) {
    const others = cells.filter((other) => other.key === cell.key && other.framework === cell.framework && other.platform !== cell.platform);
    if (!others.length) return "";
    const rows = others.map((other) => ({ other, verdict: judge(other, pick).verdict }));
    return section("On other platforms", make("ul", { class: "plain" }, rows.map(({ other, verdict }) => make("li", {},
      make("button", { type: "button", class: verdict, onclick: () => change({ platform: other.platform }) }, `${MARKS[verdict]} ${other.platform}`)))));
  }

  /** What to write into project.yaml: `envgen resolve` chooses exactly this cell for it. */
  function project({ cell, left }) {
    const whole = !pick.python && left.length > 1 && !span(left).includes(",");
    const [major, minor] = parts(left.at(-1));
    const quoted = (texts) => texts.map((text) => JSON.stringify(text)).join(", ");
    const channels = [...new Set([...cell.figures.channels, "conda-forge"])];
    return [
      `python: "${whole ? `>=${left[0]},<${major}.${minor + 1}` : left.at(-1)}"`,
      "frameworks:",
      `  ${cell.framework}:`,
      `    version: "${cell.release}"`,
      `    provider: ${cell.provider}`,
      `targets: [${cell.figures.target}]`,
      `platforms: [${cell.platform}]`,
      `channels: [${channels.join(", ")}]`,
      ...(cell.cuda && pick.driver ? [`driver: ">=${driverText(pick.driver)}"`] : []),
      ...(cell.cuda && pick.gpus.length ? [`gpus: [${quoted(pick.gpus.map((gpu) => gpu.name))}]`] : []),
    ].join("\n");
  }

  function snippet(row) {
    const text = `# environments/demo/project.yaml\n${project(row)}\n`;
    const command = "envgen lock demo";
    const copied = make("button", { type: "button", onclick: () => copy(text, copied, "Copied") }, "Copy project.yaml");
    return make("div", { class: "snippet" }, make("pre", { id: "project" }, text), copied,
      make("p", { class: "where" }, "then ", make("code", {}, command)));
  }

  // --- the story --------------------------------------------------------------------------------------------------------

  function update() {
    judged = cells.filter((cell) => cell.framework === pick.framework && cell.platform === pick.platform).map((cell) => judge(cell, pick));
    showForm();
    showAnswer();
    showGrid();
    showPanel();
  }

  function change(what) {
    pick = { ...pick, ...what };
    update();
    remember();
  }

  function follow() {
    clearTimeout(writing);
    writing = 0;
    const found = new URLSearchParams(location.hash.slice(1));
    const meant = found.size ? found : startWords();
    pick = picked(meant);
    open = meant.get("cell") || "";
    update();
  }

  const THEMES = ["system", "light", "dark"];
  function theme(name) {
    document.documentElement.toggleAttribute("data-theme", name !== "system");
    if (name !== "system") document.documentElement.setAttribute("data-theme", name);
    byId("theme").textContent = `◐ ${name}`;
    byId("theme").setAttribute("aria-label", `Theme: ${name}`);
    byId("theme").dataset.name = name;
  }

  fillForm();
  theme("system");
  byId("pick").addEventListener("submit", (event) => event.preventDefault());
  byId("frameworks").addEventListener("change", (event) => change({ framework: event.target.value }));
  byId("platform").addEventListener("change", (event) => change({ platform: event.target.value }));
  byId("python").addEventListener("change", (event) => change({ python: event.target.value }));
  byId("fits").addEventListener("change", (event) => change({ fits: event.target.checked }));
  byId("driver").addEventListener("input", readDriver);
  for (const kind of ["input", "change", "keydown"]) byId("gpu").addEventListener(kind, readGpu);
  byId("grid").addEventListener("keydown", move);
  byId("grid").addEventListener("focusin", (event) => { if (event.target.dataset.key && event.target.dataset.key !== open) show(event.target.dataset.key, false); });
  byId("grid").addEventListener("click", (event) => { const found = event.target.closest("[data-key]"); if (found) show(found.dataset.key, false); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && open) show("", false); });
  byId("link").addEventListener("click", () => copy(`${location.href.split("#")[0]}#${words()}`, byId("link"), "Copied"));
  byId("reset").addEventListener("click", () => {
    open = byId("gpu").value = byId("driver").value = byId("gpu-says").textContent = "";
    change(picked(new URLSearchParams({ framework: pick.framework, platform: pick.platform })));
  });
  byId("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(byId("theme").dataset.name) + 1) % THEMES.length]));
  window.addEventListener("hashchange", follow);
  follow();
})();
