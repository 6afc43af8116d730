"use strict";
// Python decided what each build needs (page.py). This script compares versions, looks places up, and shows the result.
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

  /** The place of a version on its axis: odd at a cut, even between two cuts (axes.py). */
  function place(axis, text) {
    const version = parts(text);
    const below = cuts[axis].filter((cut) => compare(cut, version) < 0).length;
    const at = below < cuts[axis].length && compare(cuts[axis][below], version) === 0;
    return 2 * below + (at ? 1 : 0);
  }

  const pythonPlaces = Object.fromEntries(facts.pythons.map((text) => [text, place("python", text)]));

  /** The newest driver that a text stands for: 580 is the whole branch, 580.65.06 is itself (hardware.py). */
  function latest(text) {
    const [branch, ...rest] = parts(text);
    if (rest.length) return text;
    const after = facts.branches.includes(branch) ? facts.branches.find((other) => other > branch) : undefined;
    return `${(after || branch + 1) - 1}.999`;
  }

  let lastDriver = ["", 0];
  function driverPlace(text) {
    if (lastDriver[0] !== text) lastDriver = [text, place("driver", latest(text))];
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

  const shared = (number) => facts.shared[number];

  const constraints = new Map();
  function constraintOf(number) {
    if (!constraints.has(number)) {
      const row = shared(number);
      constraints.set(number, { when: [], need: [], fix: "", warn: false, never: false, ...row, because: shared(row.because) });
    }
    return constraints.get(number);
  }

  const cells = facts.cells.map((cell) => ({
    ...cell,
    built: shared(cell.pythons),
    figures: shared(cell.figures),
    constraints: cell.constraints.map(constraintOf),
    key: [cell.release, cell.provider, cell.cuda || "cpu"].join(","),
  }));

  const inside = (spans, at) => spans.some(([first, last]) => first <= at && at <= last);
  const holdsAt = (known) => ([axis, spans]) => known[axis] === undefined || inside(spans, known[axis]);
  const appliesAt = (known) => ([axis, spans]) => known[axis] !== undefined && inside(spans, known[axis]);

  /** true, false, or null where a constraint does not apply. Each GPU is judged by itself. */
  function holds(constraint, known, gpus) {
    const one = (at) => (constraint.when.every(appliesAt(at)) ? !constraint.never && constraint.need.every(holdsAt(at)) : null);
    if (!gpus.length) return one(known);
    const verdicts = gpus.map((gpu) => one({ ...known, gpu: gpu.place })).filter((verdict) => verdict !== null);
    return verdicts.length ? verdicts.every(Boolean) : null;
  }

  function judge(cell, pick) {
    const gpus = cell.cuda ? pick.gpus.filter((gpu) => !gpu.platforms.length || gpu.platforms.includes(cell.platform)) : [];
    const nowhere = cell.cuda && pick.gpus.length && !gpus.length ? [noneOfThem(cell, pick.gpus)] : [];
    const known = cell.cuda && pick.driver ? { driver: driverPlace(pick.driver) } : {};
    const hard = cell.constraints.filter((constraint) => !constraint.warn);
    const fits = (python) => hard.every((constraint) => holds(constraint, { ...known, python: pythonPlaces[python] }, gpus) !== false);
    const left = nowhere.length ? [] : cell.built.filter((python) => (!pick.python || pick.python === python) && fits(python));
    const python = pick.python || (left.length ? left : cell.built).at(-1);
    const at = { ...known, python: pythonPlaces[python] };
    const results = [...nowhere, ...cell.constraints.map((constraint) => resultOf(constraint, at, gpus, pick, python)).filter(Boolean)];
    const found = results.map((result) => result.status);
    return { cell, left, results, verdict: found.includes("out") ? "out" : found.includes("warn") ? "warn" : "in" };
  }

  /** That none of the GPUs is in a machine of the platform. */
  function noneOfThem(cell, gpus) {
    const fix = `platform ${[...new Set(gpus.flatMap((gpu) => gpu.platforms))].sort().join(", ")}`;
    const text = `no GPU of these is in a ${cell.platform} machine`;
    const constraint = { axis: "platform", text, fix, because: "", at: cell.constraints[0].at, when: [], need: [], warn: false, never: true };
    return { constraint, given: gpus.map((gpu) => gpu.label).join(", "), status: "out" };
  }

  function resultOf(constraint, known, gpus, pick, python) {
    const verdict = holds(constraint, known, gpus);
    if (verdict === null) return null;
    const all = gpus.length ? { ...known, gpu: 0 } : known;
    if (verdict) return { constraint, given: "", status: constraint.need.every(([axis]) => all[axis] !== undefined) ? "met" : "open" };
    return { constraint, given: given(constraint, known, gpus, pick, python), status: constraint.warn ? "warn" : "out" };
  }

  /** What of the choice violates a constraint. */
  function given(constraint, known, gpus, pick, python) {
    const axes = [...constraint.when, ...constraint.need].map(([axis]) => axis);
    const parts = [];
    if (axes.includes("driver") && known.driver !== undefined) parts.push(`driver ${driverText(pick.driver)}`);
    if (axes.includes("gpu")) parts.push(...gpus.filter((gpu) => holds(constraint, known, [gpu]) === false).map((gpu) => gpu.label));
    if (axes.includes("python")) parts.push(`python ${python}`);
    return parts.join(", ");
  }

  // --- the choice, and the address that stores it -----------------------------------------------------------------------

  const models = new Map(facts.gpus.map(([name, capability, platforms]) => [name.toLowerCase(), { name, capability, platforms }]));
  /** Where a compute capability is: where its models are, and anywhere if one of them is. */
  function platformsOf(capability) {
    const found = [...models.values()].filter((model) => model.capability === capability).map((model) => model.platforms);
    return found.length && found.every((platforms) => platforms.length) ? [...new Set(found.flat())] : [];
  }
  const isDriver = (text) => /^\d+(\.\d+){0,3}$/.test(text);

  function gpuOf(text) {
    const model = models.get(text.trim().toLowerCase());
    const capability = model ? model.capability : text.trim();
    if (!/^\d+\.\d$/.test(capability)) return null;
    const label = model ? `${model.name} (${capability})` : `compute capability ${capability}`;
    return { name: model ? model.name : capability, label, capability, place: place("gpu", capability), platforms: model ? model.platforms : platformsOf(capability) };
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

  /** Delayed, because browsers limit how often a page may change its address, and a held arrow key exceeds that. */
  let writing = 0;
  function remember() {
    writing ||= setTimeout(() => {
      writing = 0;
      history.replaceState(null, "", `#${words()}`);
    }, 150);
  }

  // --- elements ---------------------------------------------------------------------------------------------------------

  /** An element. Text is inserted as text, never as markup. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, content] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), content);
      else if (content !== undefined && content !== false) element.setAttribute(name, content);
    }
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  /** A source with its urls as links, without a trailing full stop or bracket. */
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
  const violated = (row) => row.results.filter((result) => result.status === "out");

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
    explainBranch();
  }

  /** How a bare branch is read. */
  function explainBranch() {
    byId("driver").removeAttribute("aria-invalid");
    byId("driver-says").textContent = /^\d+$/.test(pick.driver) ? `${pick.driver} is read as any driver ${pick.driver}.x of its branch.` : "";
  }

  function readDriver() {
    const text = byId("driver").value.trim();
    if (!text || isDriver(text)) return change({ driver: text });
    byId("driver").setAttribute("aria-invalid", "true");
    byId("driver-says").textContent = `“${text}” is not a driver version. Write it as nvidia-smi prints it: 535 or 535.104.05.`;
    return undefined;
  }

  function readGpu(event) {
    const text = byId("gpu").value.trim();
    const gpu = text ? gpuOf(text) : null;
    const chosen = event.type === "change" || event.key === "Enter" || event.inputType === "insertReplacementText";
    const wrong = Boolean(text) && !gpu && chosen;
    byId("gpu").toggleAttribute("aria-invalid", wrong);
    if (wrong) byId("gpu").setAttribute("aria-invalid", "true");
    byId("gpu-says").textContent = wrong ? `Unknown GPU “${text}”. Choose a model from the list, or enter a compute capability such as 8.9.` : "";
    if (!gpu || !chosen) return;
    byId("gpu").value = "";
    change({ gpus: [...pick.gpus.filter((other) => other.name !== gpu.name), gpu] });
  }

  // --- the answer -------------------------------------------------------------------------------------------------------

  function machine() {
    const known = [pick.driver && `driver ${driverText(pick.driver)}`, pick.gpus.map((gpu) => gpu.label).join(" and "), pick.python && `python ${pick.python}`];
    return [pick.platform, ...known.filter(Boolean)].join(", ");
  }

  /** The newest release that fits, for its newest CUDA, preferably without a warning. */
  function best(rows, verdicts = ["in", "warn"]) {
    const fitting = rows.filter((row) => verdicts.includes(row.verdict));
    const first = fitting.filter((row) => row.cell.release === fitting[0].cell.release);
    return first.find((row) => row.verdict === "in") || first[0];
  }

  const answer = () => best(judged.filter((row) => row.cell.cuda)) || best(judged);

  function showAnswer() {
    if (!judged.length) {
      byId("answer").replaceChildren(make("p", { class: "result" }, `${pick.framework} has no builds for ${pick.platform}.`));
      return;
    }
    const cuda = judged.filter((row) => row.cell.cuda);
    const found = best(cuda);
    const cpu = best(judged.filter((row) => !row.cell.cuda));
    const left = judged.filter((row) => row.verdict !== "out").length;
    const count = `${left} of ${judged.length} builds of ${pick.framework} fit ${machine()}.`;
    const more = found ? withoutWarning(found) : cuda.length ? closest(cuda) : "";
    byId("answer").replaceChildren(
      make("p", { class: "result" }, found ? sentence(found) : [cuda.length ? `No CUDA build of ${pick.framework} fits. ` : `${pick.framework} has no CUDA builds for ${pick.platform}. `, cpu ? sentence(cpu) : ""]),
      more ? make("p", { class: "more" }, more) : "",
      make("p", { class: "more" }, count));
  }

  function sentence(row) {
    const warned = row.verdict === "warn" ? ", with a warning" : "";
    const what = `${row.cell.framework} ${row.cell.release} for ${variant(row.cell)}`;
    return ["Newest that fits: ", make("b", {}, what), `, python ${span(row.left)}, from ${row.cell.provider}${warned}. `, whyButton(row.cell)];
  }

  /** For an answer with a warning, the newest build without one. */
  function withoutWarning(row) {
    const other = row.verdict === "warn" && best(judged.filter((found) => found.cell.cuda), ["in"]);
    return other ? [`Without a warning: ${other.cell.release} for ${variant(other.cell)}, from ${other.cell.provider}. `, whyButton(other.cell)] : "";
  }

  function closest(rows) {
    const near = rows.reduce((least, row) => (violated(row).length < violated(least).length ? row : least));
    const fixes = violated(near).map((result) => result.constraint.fix).join(" and ");
    return [`The closest is ${near.cell.release} for ${variant(near.cell)}: it needs ${fixes}. `, whyButton(near.cell)];
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
      : [make("tbody", {}, make("tr", {}, make("td", { class: "nothing" }, judged.length ? "No build fits." : "There are no builds.")))]));
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
    const outs = violated(row);
    const short = verdict === "out" ? axisName(outs[0].constraint.axis) : span(row.left);
    const problems = row.results.filter(({ status }) => status === "out" || status === "warn").map(({ constraint }) => constraint.text).join("; ");
    const state = { in: `fits, python ${span(row.left)}`, warn: `fits, python ${span(row.left)}, with a warning: ${problems}`, out: `does not fit: ${problems}` }[verdict];
    return make("button", {
      type: "button", class: verdict, tabindex: "-1", "data-key": cell.key, "data-verdict": verdict, "data-pythons": row.left.join(" "),
      "aria-label": `${cell.framework} ${cell.release} from ${cell.provider}, ${variant(cell)}: ${state}`,
      "aria-current": cell.key === current() ? "true" : undefined, title: problems || undefined,
    }, make("span", { "aria-hidden": "true" }, `${MARKS[verdict]} ${short}`));
  }

  /** Arrow keys move to the next cell that has a build; Home and End to the ends of a row. */
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

  /** The cell that the panel shows: the chosen one, or else the answer. */
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
      make("p", { class: "where" }, "Choose a cell to see whether it fits, every reason with its source, and what would make it fit.")]));
    byId("panel").scrollTop = 0;
  }

  function details(row) {
    const { cell } = row;
    const outs = violated(row);
    const verdict = { in: "✓ fits", warn: "! fits, with a warning", out: "✕ does not fit" }[row.verdict];
    return [
      make("div", { class: "top" }, make("h2", {}, `${cell.framework} ${cell.release}, ${variant(cell)}`),
        make("button", { type: "button", class: "close", onclick: () => show("", false) }, "Close")),
      make("p", { class: "where" }, `from ${cell.provider}, for ${cell.platform}`),
      make("p", { class: `verdict ${row.verdict}` }, verdict),
      figures(row),
      row.verdict === "out" ? "" : section("To use it", snippet(row)),
      outs.length ? section("What would make it fit", make("ul", { class: "plain" }, [...new Set(outs.map(({ constraint }) => constraint.fix).filter(Boolean))].map((text) => make("li", {}, text)))) : "",
      section("Why", make("ul", { class: "reasons" }, ["out", "warn", "met", "open"].flatMap((status) => row.results.filter((result) => result.status === status).map(reason)))),
      cell.figures.note ? section("Note", make("p", {}, linked(cell.figures.note))) : "",
      elsewhere(row),
    ].flat().filter(Boolean);
  }

  const section = (title, content) => [make("h3", {}, title), content];

  function figures({ cell, left }) {
    const { driver: [least, native, compiling], capabilities, cudnn, serves, target } = cell.figures;
    const cameWith = native && native !== least ? `; CUDA ${cell.cuda} came with ${native}` : "";
    const rows = [
      ["Python", span(left.length ? left : cell.built)],
      cell.cuda && ["Driver", least ? `${least} or newer${cameWith}` : "none is known for this platform"],
      compiling && compiling !== least && ["Compiling", `code compiled at run time needs ${compiling} or newer`],
      capabilities && ["GPU", `compute capability ${capabilities.join(" to ")}`],
      cudnn.length && ["cuDNN", cudnn.join(" or ")],
      ["Target", target ? [target, serves.length ? `; also serves ${serves.join(", ")}` : ""].join("") : "none"],
    ];
    return make("dl", {}, rows.filter(Boolean).map(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
  }

  function reason({ status, constraint, given: have }) {
    const [mark, kind, spoken] = { out: ["✕", "out", "not met: "], warn: ["!", "warn", "warning: "], met: ["✓", "in", "met: "], open: ["?", "open", "not known: "] }[status];
    return make("li", { "data-status": status, "data-text": constraint.text, "data-given": have, "data-at": constraint.at },
      make("span", { class: `mark ${kind}`, "aria-label": spoken, role: "img" }, mark),
      make("div", {}, make("span", { class: status === "out" ? "out-text" : "" }, constraint.text),
        have ? make("span", {}, "; you have ", make("b", { class: "given" }, have)) : "",
        make("span", { class: "source" }, linked(constraint.because)), make("code", { class: "source" }, constraint.at)));
  }

  /** The same build on other platforms, for the same driver, GPUs and Python. */
  function elsewhere({ cell }) {
    const others = cells.filter((other) => other.key === cell.key && other.framework === cell.framework && other.platform !== cell.platform);
    if (!others.length) return "";
    const rows = others.map((other) => ({ other, verdict: judge(other, pick).verdict }));
    return section("On other platforms", make("ul", { class: "plain" }, rows.map(({ other, verdict }) => make("li", {},
      make("button", { type: "button", class: verdict, onclick: () => change({ platform: other.platform }) }, `${MARKS[verdict]} ${other.platform}`)))));
  }

  /** A project.yaml for which `envgen resolve` chooses exactly this cell. */
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
      make("p", { class: "where" }, "Then run ", make("code", {}, command)));
  }

  // --- updates ----------------------------------------------------------------------------------------------------------

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
