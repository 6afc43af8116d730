/** What is written to install the build of a cell: for envgen, conda, pixi and pip. Every spec comes from Python (install.py). */
function textsOf(facts, shared) {
  const PROJECT = "demo";
  const [quoted, lines] = [new Map(facts.quoted), new Map(facts.pixi)];

  /** The Pythons of a judged cell for which everything that is ticked has a build. */
  function pythonsFor({ cell, left }, ticks) {
    const beside = shared(cell.with);
    return left.filter((python) => ticks.every((name) => shared(beside[python][name]).length));
  }

  /** Which companions go with a judged cell, for any Python that is left. */
  const companionsFor = (row, names) => names.filter((name) => pythonsFor(row, [name]).length);

  /** The picked GPUs that can be in a machine of the cell's platform. */
  const gpusOf = (cell, pick) => pick.gpus.filter((gpu) => !gpu.platforms.length || gpu.platforms.includes(cell.platform));

  /** The specs of environment.yml, in its order. */
  function specs({ cell }, pick, python) {
    const rest = shared(shared(cell.specs)[python]);
    const gpus = cell.cuda ? gpusOf(cell, pick).map((gpu) => facts.capabilities.findLastIndex((one) => Number(one) <= Number(gpu.capability))).filter((at) => at >= 0) : [];
    const code = gpus.length && cell.code !== undefined ? shared(cell.code).find(([, has]) => gpus.every((at) => has[at])) : null;
    const cudnn = gpus.length && cell.cudnn !== undefined ? shared(cell.cudnn)[Math.min(...gpus)] : "";
    const beside = pick.with.flatMap((name) => shared(shared(cell.with)[python][name]));
    return [...new Set([facts.python[python], ...rest, ...beside, ...(code ? code[0] : []), ...(cudnn ? [cudnn] : [])])];
  }

  const channelsOf = ({ cell }) => [...new Set([...cell.figures.channels, "conda-forge"])];
  const targetOf = ({ cell }) => cell.figures.target;
  const yaml = (spec) => quoted.get(spec) || spec;

  /** The Pythons that a project asks for: all that are left, or the newest where one was picked or companions are ticked. */
  function pythonRange(pick, pythons) {
    const minors = pythons.map((python) => Number(python.split(".")[1]));
    const whole = !pick.python && !pick.with.length && minors.length > 1 && minors.at(-1) - minors[0] === minors.length - 1;
    const [major, minor] = pythons.at(-1).split(".").map(Number);
    return whole ? `>=${pythons[0]},<${major}.${minor + 1}` : pythons.at(-1);
  }

  /** A project.yaml for which `envgen resolve` chooses exactly this cell. */
  function project(row, pick, pythons, driver) {
    const { cell } = row;
    const gpus = pick.gpus.map((gpu) => JSON.stringify(gpu.name)).join(", ");
    return [
      `# environments/${PROJECT}/project.yaml`,
      `python: "${pythonRange(pick, pythons)}"`,
      "frameworks:",
      `  ${cell.framework}:`,
      `    version: "${cell.release}"`,
      `    provider: ${cell.provider}`,
      ...(pick.with.length ? [`    with: [${pick.with.join(", ")}]`] : []),
      `targets: [${targetOf(row)}]`,
      `platforms: [${cell.platform}]`,
      `channels: [${channelsOf(row).join(", ")}]`,
      ...(cell.cuda && driver ? [`driver: ">=${driver}"`] : []),
      ...(cell.cuda && gpus ? [`gpus: [${gpus}]`] : []),
    ];
  }

  /** The commands that make, lock and install the same project. */
  function init(row, pick, pythons, driver) {
    const { cell } = row;
    const names = [`"${cell.provider === "conda-forge" ? "" : `${cell.provider}::`}${cell.framework}==${cell.release}"`, ...pick.with];
    const words = [
      ...names.map((name) => `--framework ${name}`), `--target ${targetOf(row)}`, `--platform ${cell.platform}`, `--python "${pythonRange(pick, pythons)}"`,
      ...(cell.cuda && driver ? [`--driver ${driver}`] : []), ...(cell.cuda ? pick.gpus.map((gpu) => `--gpu "${gpu.name}"`) : []),
    ];
    return [
      `envgen init --project ${PROJECT} ${words.join(" ")}`,
      `envgen lock ${PROJECT}`,
      `envgen install ${PROJECT} --target ${targetOf(row)}`,
    ];
  }

  const environment = (row, found) => [
    `name: ${PROJECT}-${targetOf(row)}`,
    "channels:", ...channelsOf(row).map((name) => `  - ${name}`),
    "platforms:", `  - ${row.cell.platform}`,
    "dependencies:", ...found.map((spec) => `  - ${yaml(spec)}`),
  ];

  const conda = (row, found) => [[
    `conda create --name ${PROJECT}-${targetOf(row)} --override-channels`, ...channelsOf(row).map((name) => `-c ${name}`),
    ...found.map((spec) => `"${spec}"`)].join(" ")];

  /** The platform of a workspace, with what its machine promises: its CUDA, and its oldest GPU. */
  function platform(row, pick) {
    const [any, holed] = facts.targets[targetOf(row)][row.cell.platform];
    const oldest = row.cell.cuda ? gpusOf(row.cell, pick).map((gpu) => gpu.capability).sort((left, right) => Number(left) - Number(right))[0] : "";
    return oldest ? holed.replace("{arch}", oldest) : any;
  }

  const pixi = (row, pick, found) => [
    "[workspace]", `name = "${PROJECT}"`, `channels = [${channelsOf(row).map((name) => `"${name}"`).join(", ")}]`,
    "platforms = [", `  ${platform(row, pick)},`, "]", "",
    `[target."${targetOf(row)}-${row.cell.platform}".dependencies]`, ...found.map((spec) => lines.get(spec)),
  ];

  /** The wheels of the same release and CUDA; null where there are none for this Python with all that is ticked. */
  function pip(wheel, pick, pythons) {
    if (!wheel || wheel.verdict === "out" || wheel.cell.pip === undefined) return null;
    const { requires, index, with: beside } = shared(wheel.cell.pip);
    const python = wheel.left.filter((one) => pythons.includes(one) && pick.with.every((name) => beside[one][name])).at(-1);
    if (!python) return null;
    const all = [...requires, ...pick.with.flatMap((name) => beside[python][name])];
    return [`python${python} -m pip install ${all.map((text) => `"${text}"`).join(" ")}${index ? ` --index-url ${index}` : ""}`];
  }

  /** Each tab: its name, its lines, and what is said below. `wheel` is the judged cell of the wheels, or null. */
  function tabs(row, pick, driver, wheel) {
    const pythons = pythonsFor(row, pick.with);
    if (!pythons.length || !targetOf(row) || !shared(shared(row.cell.specs)[pythons.at(-1)]).length) return [];
    const found = specs(row, pick, pythons.at(-1));
    const wheels = pip(wheel, pick, pythons);
    const elsewhere = row.cell.cuda ? `Where no GPU is (a login node, a container that is built), set CONDA_OVERRIDE_CUDA=${row.cell.cuda} first.` : "";
    return [
      ["project.yaml", project(row, pick, pythons, driver), `Then run envgen lock ${PROJECT}`],
      ["envgen init", init(row, pick, pythons, driver), ""],
      ["conda", conda(row, found), ["mamba takes the same words.", elsewhere].filter(Boolean).join(" ")],
      ["pixi", pixi(row, pick, found), "Save it as pixi.toml and run pixi install. Named platforms need pixi 0.71 or newer."],
      ["environment.yml", environment(row, found), [`conda env create --file environment.yml.`, elsewhere].filter(Boolean).join(" ")],
      ...(wheels ? [["pip", wheels, "Wheels of the same release and CUDA, in a virtual environment."]] : []),
    ];
  }

  return { tabs, companionsFor, pythonsFor };
}
