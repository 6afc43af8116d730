"use strict";
/** The data that Python packed (packed.py). */
function unpacked([texts, keys, data]) {
  const value = (part) => {
    if (typeof part === "number") return part < 0 ? -1 - part : texts[part];
    if (!Array.isArray(part)) return part;
    if (typeof part[0] !== "string") return part.map(value);
    return Object.fromEntries(keys[part[0]].map((key, at) => [key, value(part[at + 1])]));
  };
  return value(data);
}

/** What a text says of a machine: the name of a GPU (as gpu_names.py reads it), or the output of nvidia-smi. */
function namesOf(facts) {
  const SIZE = /^[0-9]{1,3}gb?$/, PROFILE = /^[0-9]{1,3}[abcq]$/, SLICES = /^[0-9]$/, BOARD = /[a-z]{1,3}$/;
  const CAPABILITY = /^(?:(?:sm|compute|cc)[_ ]?)?([0-9]{1,2})(\.)?([0-9])[af]?$/;
  const models = new Map(facts.gpus.map(([name, capability, platforms]) => [name.toLowerCase(), { name, capability, platforms }]));
  const wordsOf = (text) => text.toLowerCase().match(/[a-z0-9]+/g) || [];
  const glob = (word) => word.replace(/[.+^${}()|\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".").replace(/\[!/g, "[^");
  const beside = facts.words.length ? new RegExp(`^(?:${facts.words.map(glob).join("|")})$`) : /(?!)/;
  const brands = new Set(facts.brands);
  const own = (text, without = new Set()) => wordsOf(text).filter((word) => !without.has(word) && !beside.test(word));
  const joined = [new Set(), brands].map((without) => [without, new Map([...models.values()].map((model) => [model, own(model.name, without).join("")]))]);

  function* spellings(plain) {
    const virtual = wordsOf(plain).some((word) => PROFILE.test(word));
    const words = own(plain).filter((word) => ![SIZE, PROFILE, ...(virtual ? [SLICES] : [])].some((pattern) => pattern.test(word)));
    yield [words];
    if (!words.length || !virtual) return;
    const last = words.at(-1), letters = last.length - last.replace(BOARD, "").length;
    yield Array.from({ length: letters }, (_, at) => [...words.slice(0, -1), last.slice(0, -(at + 1))]);
  }

  function modelsOf(plain, same = (one, wanted) => one === wanted) {
    for (const keys of spellings(plain)) {
      for (const [without, names] of joined) {
        const wanted = keys.map((key) => key.filter((word) => !without.has(word)).join("")).filter(Boolean);
        const found = [...names].filter(([, name]) => wanted.some((text) => same(name, text))).map(([model]) => model);
        if (found.length) return found.sort((left, right) => left.name.length - right.name.length || (left.name < right.name ? -1 : 1));
      }
    }
    return [];
  }

  const oneOf = (found) => (new Set(found.map((model) => model.capability)).size === 1 ? found[0] : null);

  /** The model, or the bare compute capability, that a text names; null where it names none, or several. */
  function named(text) {
    const plain = text.trim().toLowerCase();
    if (models.has(plain)) return models.get(plain);
    const number = plain.match(CAPABILITY);
    if (number && (number[2] || !/^[0-9]/.test(plain))) return { name: "", capability: `${number[1]}.${number[3]}` };
    if (plain.endsWith("...")) return oneOf(modelsOf(plain, (name, start) => name.startsWith(start)));  // nvidia-smi cuts long names
    return oneOf(modelsOf(plain));
  }

  const LINES = [/^\|\s+\d+\s+(\S.*?)\s+(?:On|Off|N\/A|WDDM|TCC|MCDM|ERR!)\s*\|/, /^\s*GPU \d+: (.+?) \(UUID/, /^\s*Product Name\s*:\s*(\S.*?)\s*$/,
    /^\s*(?:\d+, )?([^,|]*[A-Za-z][^,|]*), \d{3}\.\d[\d.]*\s*(?:,.*)?$/, /^\s*\d{3}\.\d[\d.]*, ([^,|]*[A-Za-z][^,|]*)$/];

  /** The driver and the names of GPUs in any output of nvidia-smi; null for another text. */
  function pasted(text) {
    const driver = text.match(/(?:Driver Version|DRIVER version)\s*:?\s*(\d{3}(?:\.\d+){0,3})/i)?.[1]
      || text.match(/(?:^|, )(\d{3}(?:\.\d+){1,3})\s*(?:,|$)/m)?.[1] || "";
    const gpus = text.split(/\r?\n/).map((line) => LINES.map((pattern) => line.match(pattern)?.[1]).find(Boolean)).filter(Boolean);
    return gpus.length || /Driver Version/i.test(text) ? { driver, gpus: [...new Set(gpus)] } : null;
  }

  return { models, named, pasted };
}
