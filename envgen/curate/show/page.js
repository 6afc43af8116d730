// Python decided what each build needs (page.py). This script compares versions, looks places up, and shows the result.
(() => {
  const { facts: parcel, digest, start, address } = JSON.parse(document.getElementById("facts").textContent);
  const facts = unpacked(parcel);
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
  const names = namesOf(facts);
  const texts = textsOf(facts, shared);

  const constraints = new Map();
  function constraintOf(number) {
    if (!constraints.has(number)) {
      const row = shared(number);
      constraints.set(number, { when: [], need: [], fix: "", warn: false, never: false, ...row, because: shared(row.because) });
    }
    return constraints.get(number);
  }

  const whole = (cell) => ({
    ...cell,
    built: shared(cell.pythons),
    figures: shared(cell.figures),
    constraints: cell.constraints.map(constraintOf),
    key: [cell.release, cell.provider, cell.cuda || "cpu"].join(","),
    wheel: cell.wheel ? whole(cell.wheel) : null,
  });
  const cells = facts.cells.map(whole);

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

  const { models } = names;
  /** Where a compute capability is: where its models are, and anywhere if one of them is. */
  function platformsOf(capability) {
    const found = [...models.values()].filter((model) => model.capability === capability).map((model) => model.platforms);
    return found.length && found.every((platforms) => platforms.length) ? [...new Set(found.flat())] : [];
  }
  const isDriver = (text) => /^\d+(\.\d+){0,3}$/.test(text);

  function gpuOf(text) {
    const found = names.named(text);
    if (!found) return null;
    const { name, capability } = found;
    const label = name ? `${name} (${capability})` : `compute capability ${capability}`;
    return { name: name || capability, label, capability, place: place("gpu", capability), platforms: name ? found.platforms : platformsOf(capability) };
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
      driver: isDriver(driver) && parts(driver)[0] >= 100 ? driver : "",
      gpus: gpus.filter((gpu, at) => gpus.findIndex((other) => other.name === gpu.name) === at),
      python: one("python", facts.pythons, ""),
      with: (facts.companions[one("framework", facts.frameworks, start.framework)] || []).filter((name) => words.getAll("with").includes(name)),
      fits: words.get("fits") === "1",
      all: words.get("all") === "1",
    };
  }

  function words() {
    const found = new URLSearchParams({ framework: pick.framework, platform: pick.platform });
    if (pick.driver) found.set("driver", pick.driver);
    for (const gpu of pick.gpus) found.append("gpu", gpu.name);
    if (pick.python) found.set("python", pick.python);
    for (const name of pick.with) found.append("with", name);
    if (pick.fits) found.set("fits", "1");
    if (pick.all) found.set("all", "1");
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
    byId("date").textContent = facts.date ? `Facts as of ${facts.date}` : "";
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

  /** Picks what an output of nvidia-smi says; false for another text. */
  function readOutput(text) {
    const found = names.pasted(text);
    if (!found) return false;
    const known = found.gpus.map((name) => [name, gpuOf(name)]);
    const gpus = known.map(([, gpu]) => gpu).filter(Boolean);
    const unknown = known.filter(([, gpu]) => !gpu).map(([name]) => name);
    byId("driver").value = byId("gpu").value = "";
    change({ driver: found.driver || pick.driver, gpus: gpus.length ? gpus.filter((gpu, at) => gpus.findIndex((other) => other.name === gpu.name) === at) : pick.gpus });
    byId("gpu-says").textContent = unknown.length ? `Not known: ${unknown.join(", ")}. Enter its compute capability, such as 8.9.` : "";
    return true;
  }

  function paste(event) {
    if (readOutput(event.clipboardData.getData("text"))) event.preventDefault();
  }

  /** What is wrong with a driver version; "" for one that may be. */
  function wrongDriver(text) {
    if (!isDriver(text)) return `“${text}” is not a driver version. Write it as nvidia-smi prints it: 535 or 535.104.05.`;
    if (parts(text)[0] >= 100) return "";
    const minor = parts(text).slice(0, 2).join(".");
    const branch = facts.drivers.linux.find(([, cuda]) => cuda === minor);
    return `${text} is a CUDA version. Write what nvidia-smi prints as “Driver Version”${branch ? `, or ${parts(branch[0])[0]}, the branch that CUDA ${minor} came with` : ""}.`;
  }

  function readDriver(event) {
    const text = byId("driver").value.trim();
    if (text && readOutput(text)) return undefined;
    const wrong = text ? wrongDriver(text) : "";
    if (!wrong) return change({ driver: text });
    const typing = event.type === "input" && parts(text)[0] < 100 && isDriver(text);
    byId("driver").setAttribute("aria-invalid", "true");
    byId("driver-says").textContent = typing ? "" : wrong;
    if (pick.driver) {
      pick = { ...pick, driver: "" };
      judgeAll();
      showResults();
      remember();
    }
    return undefined;
  }

  function readGpu(event) {
    const text = byId("gpu").value.trim();
    if (text && readOutput(text)) return;
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
    const cuda = judged.filter((row) => row.cell.cuda);
    const found = best(cuda);
    const cpu = best(judged.filter((row) => !row.cell.cuda));
    const left = judged.filter((row) => row.verdict !== "out").length;
    const none = !judged.length ? `${pick.framework} has no builds for ${pick.platform}. `
      : cuda.length ? `No CUDA build of ${pick.framework} fits ${machine()}. ` : `${pick.framework} has no CUDA builds for ${pick.platform}. `;
    byId("answer").replaceChildren(...[
      make("p", { class: "result" }, found ? sentence(found) : none),
      found ? limits(found) : "",
      found ? "" : waysOut(cuda),
      found || !cpu ? "" : make("p", { class: "more" }, sentence(cpu)),
      judged.length ? make("p", { class: "more count" }, `${left} of ${judged.length} builds of ${pick.framework} fit ${machine()}.`) : "",
    ].flat().filter(Boolean));
  }

  function sentence(row) {
    const what = `${row.cell.framework} ${row.cell.release} for ${variant(row.cell)}`;
    const start = row.verdict === "warn" ? "Runs, with a limit: " : "Newest that fits: ";
    return [start, make("b", {}, what), `, python ${span(row.left)}, from ${row.cell.provider}. `, whyButton(row.cell)];
  }

  /** What does not work with an answer that has a warning, and the newest build without one. */
  function limits(row) {
    if (row.verdict !== "warn") return "";
    const other = best(judged.filter((found) => found.cell.cuda), ["in"]);
    const [least, , compiling] = row.cell.figures.driver;
    const inWords = ({ axis, text }) => (axis === "driver" && compiling && compiling !== least ? `code compiled at run time needs driver ${compiling} or newer` : text);
    const warnings = [...new Set(row.results.filter(({ status }) => status === "warn").map(({ constraint }) => inWords(constraint)))].join("; ");
    return make("p", { class: "more" }, `! ${warnings}. `,
      other ? [`Without a limit: ${other.cell.release} for ${variant(other.cell)}, from ${other.cell.provider}. `, whyButton(other.cell)] : "");
  }

  // --- where nothing fits: the smallest changes, each a button -----------------------------------------------------------

  const judgedWith = (what, where = pick.platform) => cells.filter((cell) => cell.framework === pick.framework && cell.platform === where && cell.cuda)
    .map((cell) => judge(cell, { ...pick, platform: where, ...what }));

  /** The smallest newer driver with which anything fits, then each that a newer release needs. */
  function newerDrivers(rows, what = {}) {
    if (!pick.driver) return [];
    const floors = [...new Set(rows.map((row) => row.cell.figures.driver[0]).filter(Boolean))].sort((left, right) => compare(parts(left), parts(right)));
    const found = [];
    for (const driver of floors.filter((floor) => compare(parts(floor), parts(latest(pick.driver))) > 0)) {
      const row = best(judgedWith({ driver, ...what }));
      if (row && compare(parts(row.cell.release), parts(found.at(-1)?.row.cell.release || "0")) > 0) found.push({ row, what: { driver, ...what }, text: `driver ${driver} or newer` });
    }
    return found;
  }

  /** Changes after which a CUDA build fits, the smallest first: one thing before two, a driver before a Python before another machine. */
  function ways(rows) {
    const one = (text, what, where) => {
      const row = best(judgedWith(what, where));
      return row ? [{ row, what: { ...what, platform: row.cell.platform }, text: typeof text === "string" ? text : text(row) }] : [];
    };
    const python = (row) => `python ${row.left.at(-1)}`;
    const found = [...newerDrivers(rows), ...(pick.python ? one(python, { python: "" }) : [])];
    if (found.length) return found;
    const others = Object.keys(facts.platforms).filter((name) => name !== pick.platform && !facts.without[name]);
    found.push(...others.flatMap((name) => one(`platform ${name}`, {}, name)));
    if (pick.driver && pick.python) found.push(...newerDrivers(rows, { python: "" }).map((way) => ({ ...way, text: `${way.text} and python ${way.row.left.at(-1)}` })));
    if (!found.length && pick.gpus.length > 1) found.push(...pick.gpus.flatMap((gpu) => one(`without ${gpu.label}`, { gpus: pick.gpus.filter((other) => other !== gpu) })));
    return found.length ? found : one("any driver, GPU and python", { driver: "", gpus: [], python: "" });
  }

  function waysOut(rows) {
    const texts = [facts.without[pick.platform]?.[""], facts.without[pick.platform]?.[pick.framework], rows.length ? "" : facts.also[pick.platform]?.[1]].filter(Boolean);
    const also = !rows.length && facts.also[pick.platform];
    const found = rows.length ? ways(rows) : also ? [best(judgedWith({}, also[0]))].filter(Boolean).map((row) => ({ row, what: { platform: also[0] }, text: `platform ${also[0]}` })) : [];
    return [
      ...texts.map((text) => make("p", { class: "more" }, linked(text))),
      found.length ? make("ul", { class: "ways", "aria-label": "The smallest changes" }, found.slice(0, 3).map(({ row, what, text }, at) => make("li", {},
        at ? "Or " : "The closest: ", make("button", { type: "button", onclick: () => change(what) }, text),
        ` for ${row.cell.release}, ${variant(row.cell)}`))) : "",
    ];
  }

  const whyButton = (cell) => make("button", {
    type: "button", "aria-label": `Why ${cell.release} for ${variant(cell)}`, onclick: () => show(cell.key, true) }, "Why");

  // --- the grid ---------------------------------------------------------------------------------------------------------

  function showGrid() {
    const shown = pick.fits ? judged.filter((row) => row.verdict !== "out") : judged;
    const folds = new Set(judged.map((row) => row.cell.cuda));
    for (const row of judged) if (row.verdict !== "out" || row.cell.key === open) folds.delete(row.cell.cuda);
    byId("fold").hidden = !folds.size || pick.fits;
    byId("fold").textContent = pick.all ? "Fold columns in which nothing fits" : `Show ${folds.size} more: ${[...folds].map((cuda) => (cuda ? `CUDA ${cuda}` : "CPU")).join(", ")}, in which nothing fits`;
    const columns = [...new Set(shown.map((row) => row.cell.cuda))].filter((cuda) => pick.all || !folds.has(cuda)).sort((left, right) =>
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
    byId("grid").replaceChildren(...(columns.length ? [make("thead", { role: "rowgroup" }, head), make("tbody", { role: "rowgroup" }, body)]
      : [make("tbody", {}, make("tr", {}, make("td", { class: "nothing" }, judged.length ? "No build fits." : "There are no builds.")))]));
    const all = [...byId("grid").querySelectorAll("td button")];
    (all.find((button) => button.dataset.key === current()) || all[0])?.setAttribute("tabindex", "0");
    fit();
  }

  /** Lets the grid scroll sideways where it is wider than its place. */
  function fit() {
    const box = byId("grid").parentElement;
    box.classList.remove("wide");
    box.classList.toggle("wide", box.scrollWidth > box.clientWidth);
    toTheRight();
  }

  /** How many columns are to the right of what is seen; a button says so, and brings them into view. */
  function toTheRight() {
    const box = byId("grid").parentElement;
    const columns = [...(byId("grid").tHead?.rows[0].cells || [])].slice(1);
    const count = columns.filter((cell) => cell.offsetLeft + cell.offsetWidth > box.scrollLeft + box.clientWidth + 1).length;
    box.parentElement.classList.toggle("more", count > 0);
    byId("sideways").hidden = !box.classList.contains("wide");
    byId("sideways").textContent = count ? `${count} more column${count > 1 ? "s" : ""} →` : "← first columns";
    return count;
  }

  function sideways() {
    const box = byId("grid").parentElement;
    const width = box.clientWidth - byId("grid").tHead.rows[0].cells[0].offsetWidth;
    box.scrollTo({ left: toTheRight() ? box.scrollLeft + width : 0 });
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
    showInstall();
  }

  function details(row) {
    const { cell } = row;
    const outs = violated(row);
    const verdict = { in: "✓ fits", warn: "! runs, with a limit", out: "✕ does not fit" }[row.verdict];
    return [
      make("div", { class: "top" }, make("h2", {}, `${cell.framework} ${cell.release}, ${variant(cell)}`),
        make("button", { type: "button", class: "close", onclick: () => show("", false) }, "Close")),
      make("p", { class: "where" }, `from ${cell.provider}, for ${cell.platform}`),
      make("p", { class: `verdict ${row.verdict}` }, verdict),
      figures(row),
      outs.length ? section("What would make it fit", make("ul", { class: "plain" }, [...new Set(outs.map(({ constraint }) => constraint.fix).filter(Boolean))].map((text) => make("li", {}, text)))) : "",
      section("Why", make("ul", { class: "reasons" }, ["out", "warn", "met", "open"].flatMap((status) => row.results.filter((result) => result.status === status).map(reason)))),
      cell.figures.note ? section("Note", make("p", {}, linked(cell.figures.note))) : "",
      elsewhere(row),
    ].flat().filter(Boolean);
  }

  const section = (title, content) => [make("h3", {}, title), content];

  /** The names of the GPUs that a build fits, newest first, a line for each compute capability. */
  function gpuNames({ cell }) {
    const hard = cell.constraints.filter((constraint) => !constraint.warn && [...constraint.when, ...constraint.need].some(([axis]) => axis === "gpu"));
    const fitting = new Map();
    for (const { name, capability, platforms } of models.values()) {
      const known = { gpu: place("gpu", capability) };
      if ((!platforms.length || platforms.includes(cell.platform)) && hard.every((constraint) => holds(constraint, known, []) !== false)) fitting.set(capability, [...(fitting.get(capability) || []), name]);
    }
    const rows = [...fitting].sort(([left], [right]) => compare(parts(right), parts(left)));
    if (!rows.length) return "";
    const count = rows.reduce((sum, [, found]) => sum + found.length, 0);
    return make("details", { class: "gpus" }, make("summary", {}, `${rows.at(-1)[1][0]} to ${rows[0][1][0]}: ${count} models`),
      rows.map(([capability, found]) => make("p", {}, make("b", {}, capability), ` ${found.join(", ")}`)));
  }

  function figures(row) {
    const { cell, left } = row;
    const { driver: [least, native, compiling], capabilities, cudnn, serves, target } = cell.figures;
    const cameWith = native && native !== least ? `; CUDA ${cell.cuda} came with ${native}` : "";
    const rows = [
      ["Python", span(left.length ? left : cell.built)],
      cell.cuda && ["Driver", least ? `${least} or newer${cameWith}` : "none is known for this platform"],
      compiling && compiling !== least && ["Compiling", `code compiled at run time needs ${compiling} or newer`],
      capabilities && ["GPU", [`compute capability ${capabilities.join(" to ")}`, gpuNames(row)]],
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

  // --- the tabs: what to write for the cell that the panel shows ----------------------------------------------------------

  let tab = "project.yaml";
  const slug = (name) => name.replace(/[^a-z]/g, "-");

  function showInstall() {
    const row = judged.find((found) => found.cell.key === current());
    const ticks = facts.companions[pick.framework] || [];
    const usable = row && row.verdict !== "out" ? texts.companionsFor(row, ticks) : [];
    const ticked = { ...pick, with: pick.with.filter((name) => usable.includes(name)) };
    const wheel = row?.cell.wheel && row.verdict !== "out" ? judge(row.cell.wheel, pick) : null;
    const tabs = row && row.verdict !== "out" ? texts.tabs(row, ticked, pick.driver && driverText(pick.driver), wheel) : [];
    byId("install").hidden = !tabs.length;
    if (!tabs.length) byId("texts").replaceChildren();
    if (!tabs.length) return;
    const active = tabs.some(([name]) => name === tab) ? tab : tabs[0][0];
    byId("for").textContent = `${row.cell.framework} ${row.cell.release} for ${variant(row.cell)}`;
    byId("ticks").replaceChildren(...ticks.map((name) => make("label", { class: "check" },
      make("input", { type: "checkbox", value: name, checked: ticked.with.includes(name) && "", disabled: !usable.includes(name) && "",
        onchange: (event) => change({ with: ticks.filter((one) => (one === name ? event.target.checked : pick.with.includes(one))) }) }), name)));
    byId("tabs").replaceChildren(...tabs.map(([name]) => make("button", {
      type: "button", role: "tab", id: `tab-${slug(name)}`, "aria-selected": String(name === active), "aria-controls": `text-${slug(name)}`,
      tabindex: name === active ? "0" : "-1", onclick: () => { tab = name; showInstall(); byId(`tab-${slug(name)}`).focus(); } }, name)));
    byId("texts").replaceChildren(...tabs.map(([name, lines, below]) => {
      const text = `${lines.join("\n")}\n`;
      const copied = make("button", { type: "button", class: "copy", "aria-label": `Copy ${name}`, onclick: () => copy(text, copied, "Copied") }, "Copy");
      return make("div", { class: "snippet", role: "tabpanel", id: `text-${slug(name)}`, "aria-labelledby": `tab-${slug(name)}`, hidden: name !== active && "" },
        make("pre", { tabindex: "0" }, make("code", { "data-text": name }, text)), copied, below ? make("p", { class: "where" }, below) : "");
    }));
  }

  /** Arrow keys move between tabs. */
  function moveTab(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const all = [...byId("tabs").children];
    if (step) all[(all.indexOf(event.target) + step + all.length) % all.length].click();
  }

  // --- updates ----------------------------------------------------------------------------------------------------------

  function update() {
    judgeAll();
    showForm();
    showResults();
  }

  function judgeAll() {
    judged = cells.filter((cell) => cell.framework === pick.framework && cell.platform === pick.platform).map((cell) => judge(cell, pick));
  }

  function showResults() {
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
  for (const kind of ["input", "change"]) byId("driver").addEventListener(kind, readDriver);
  for (const name of ["driver", "gpu"]) byId(name).addEventListener("paste", paste);
  byId("tabs").addEventListener("keydown", moveTab);
  byId("sideways").addEventListener("click", sideways);
  byId("grid").parentElement.addEventListener("scroll", toTheRight);
  window.addEventListener("resize", fit);
  byId("fold").addEventListener("click", () => change({ all: !pick.all }));
  for (const kind of ["input", "change", "keydown"]) byId("gpu").addEventListener(kind, readGpu);
  byId("grid").addEventListener("keydown", move);
  byId("grid").addEventListener("focusin", (event) => { if (event.target.dataset.key && event.target.dataset.key !== open) show(event.target.dataset.key, false); });
  byId("grid").addEventListener("click", (event) => { const found = event.target.closest("[data-key]"); if (found) show(found.dataset.key, false); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && open) show("", false); });
  byId("link").addEventListener("click", () => copy(`${address || location.href.split("#")[0]}#${words()}`, byId("link"), "Copied"));
  byId("reset").addEventListener("click", () => {
    open = byId("gpu").value = byId("driver").value = byId("gpu-says").textContent = "";
    change(picked(new URLSearchParams({ framework: pick.framework, platform: pick.platform })));
  });
  byId("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(byId("theme").dataset.name) + 1) % THEMES.length]));
  window.addEventListener("hashchange", follow);
  follow();
})();
