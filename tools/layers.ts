// Copyright 2026 the swagpu authors. MIT license.

/**
 * A lint plugin that keeps the house in order. Each of its rules says what a file
 * may import, or use:
 *
 * - `layers`: a file imports from its own layer and from lower ones, in the order
 *   `host <- engine <- nn <- models, swag`. Only `models`, `data` and `report` import
 *   packages, and `nn/formats` and `nn/metrics` import nothing of the rest of `nn`.
 *   `data` and `report` stand beside the layers, and no layer imports them: of other
 *   rooms, `data` imports `host` and `nn/formats` alone, and `report` imports `host`
 *   and `nn/metrics` alone.
 * - `doors`: a file enters another room by its door alone. A door is a file that
 *   exports what a room offers; see {@linkcode DOORS}. Tests and the comparison with
 *   reference values may go past doors, because they check what is behind them.
 * - `runtime`: the rooms that run in a browser reach `Deno`, `process` and Node's
 *   modules by way of `host` alone.
 * - `circles`: no file imports itself by way of others, not even for a type. Files
 *   in a circle can only be read all at once.
 *
 * @module
 */

/** What looks behind doors, because it checks what is there. */
const INSIDERS = ["tests/", "tools/golden/"];

const RANKS = new Map([
  ["host", 0],
  ["engine", 1],
  ["nn", 2],
  ["models", 3],
  ["swag", 3],
]);
const WITH_PACKAGES = "models";
const DATA = "data";
const DATA_NEEDS = "nn/formats/";
const HOST = "host";
const ALONE = ["nn/formats/", "nn/metrics/"];
const REPORT = "report";
const REPORT_USES = "nn/metrics/mod.ts";
const SELF = "@swagpu/swagpu";
const ROOT = slashes(new URL("..", import.meta.url).pathname);

/** The rooms and their doors: the files that others import. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  "host/": ["host/mod.ts", "host/inside.ts"],
  "engine/": ["engine/mod.ts", "engine/kernel_kit.ts"],
  "nn/": [
    "nn/mod.ts",
    "nn/averages/mod.ts",
    "nn/formats/mod.ts",
    "nn/lora/mod.ts",
    "nn/metrics/mod.ts",
  ],
  "nn/averages/": ["nn/averages/mod.ts"],
  "nn/formats/": ["nn/formats/mod.ts"],
  "nn/lora/": ["nn/lora/mod.ts"],
  "nn/metrics/": ["nn/metrics/mod.ts"],
  "models/": ["models/mod.ts"],
  "models/architectures/": ["models/architectures/mod.ts"],
  "models/collators/": ["models/collators/mod.ts"],
  "models/fine_tuning/": ["models/fine_tuning/mod.ts"],
  "models/peft/": ["models/peft/mod.ts"],
  "models/packing/": ["models/packing/mod.ts"],
  "models/pooling/": ["models/pooling/mod.ts"],
  "models/tokenizer/": [
    "models/tokenizer/mod.ts",
    "models/tokenizer/file_names.ts",
  ],
  "models/pipelines/": ["models/pipelines/mod.ts"],
  "models/generation/": ["models/generation/mod.ts"],
  "swag/": ["swag/mod.ts"],
  "swag/collection/": ["swag/collection/mod.ts"],
  "swag/laplace/": ["swag/laplace/mod.ts"],
  "swag/particles/": ["swag/particles/mod.ts"],
  "data/": ["data/mod.ts", "data/names.ts"],
  "report/": ["report/mod.ts"],
};

function slashes(path: string): string {
  return path.replaceAll("\\", "/").replace(/^\/(?=[A-Za-z]:)/, "");
}

/** The path of an imported file below the root; `null` for a package. */
function pathOf(specifier: string, file: string): string | null {
  if (!/^\.{0,2}\//.test(specifier)) return null;
  return new URL(specifier, `file:///${file}`).pathname.slice(1);
}

/**
 * The first folder of a module below the root, the file's own name at the
 * root, `null` for a package.
 */
function topOf(specifier: string, file: string): string | null {
  if (specifier === SELF) return "mod.ts";
  const path = specifier.startsWith(`${SELF}/`)
    ? specifier.slice(SELF.length + 1)
    : pathOf(specifier, file);
  return path?.split("/")[0] ?? null;
}

/** Says what is wrong with the direction of an import, or `null`. */
export function checkLayer(file: string, specifier: string): string | null {
  const from = file.split("/")[0] ?? "";
  if (from === REPORT) return checkReport(file, specifier);
  const rank = RANKS.get(from);
  const to = topOf(specifier, file);
  if (from === DATA) {
    const isFree = to === null || to === DATA || to === HOST ||
      pathOf(specifier, file)?.startsWith(DATA_NEEDS);
    return isFree
      ? null
      : `data must not import ${specifier}: of other rooms it needs ${HOST} and ${DATA_NEEDS} alone`;
  }
  if (rank === undefined) return null;
  if (to === null) {
    return from === WITH_PACKAGES
      ? null
      : `${from} must not import ${specifier}: it has no dependency`;
  }
  const room = ALONE.find((room) => file.startsWith(room));
  if (room && to === from && !pathOf(specifier, file)?.startsWith(room)) {
    return `${room} must not import ${specifier}: it needs nothing else of ${from}`;
  }
  const below = (RANKS.get(to) ?? Infinity) < rank;
  return to === from || below ? null : `${from} must not import ${to}`;
}

/** Says what is wrong with an import of the report, or `null`. */
function checkReport(file: string, specifier: string): string | null {
  const to = topOf(specifier, file);
  const allowed = to === null || to === REPORT || to === HOST ||
    pathOf(specifier, file) === REPORT_USES;
  return allowed
    ? null
    : `${REPORT} must not import ${specifier}: it needs only ${HOST} and ${REPORT_USES}`;
}

/** Says which door an import should have used, or `null`. */
export function checkDoor(file: string, specifier: string): string | null {
  if (INSIDERS.some((folder) => file.startsWith(folder))) return null;
  const to = pathOf(specifier, file);
  if (to === null) return null;
  const room = Object.keys(DOORS).find((room) =>
    to.startsWith(room) && !file.startsWith(room)
  );
  const doors = DOORS[room ?? ""] ?? [];
  return room === undefined || doors.includes(to)
    ? null
    : `${file} must not import ${to}: it is inside ${room}, whose doors are ` +
      doors.join(", ");
}

const IMPORT =
  /^(?:import|export)(?:\s+type)?\s*(?:[\w*{][^"'()=;]*?\sfrom\s*)?"(\.{1,2}\/[^"]+)"/gm;
const imported = new Map<string, readonly string[]>();

/** The files that a file imports, from its text; none if it does not exist. */
function importsOf(file: string): readonly string[] {
  let paths = imported.get(file);
  if (!paths) {
    let text = "";
    try {
      text = Deno.readTextFileSync(`${ROOT}${file}`);
    } catch (error) {
      // The type checker reports a file that is missing.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    paths = [...text.matchAll(IMPORT)]
      .map(([, specifier = ""]) => pathOf(specifier, file) ?? "");
    imported.set(file, paths);
  }
  return paths;
}

/** The files by which an import leads back to its own file; `null` if none do. */
function wayBack(file: string, specifier: string): string[] | null {
  const first = pathOf(specifier, file);
  if (first === null) return null;
  const before = new Map<string, string>([[first, file]]);
  for (const path of before.keys()) { // Sees what is added on the way.
    for (const next of path === file ? [] : importsOf(path)) {
      if (!before.has(next)) before.set(next, path);
    }
  }
  if (!before.has(file)) return null;
  const way = [file];
  do way.unshift(before.get(way[0] ?? "") ?? file); while (way[0] !== file);
  return way;
}

/** Says by which files an import leads back to its own file, or `null`. */
export function checkCircle(file: string, specifier: string): string | null {
  const way = wayBack(file, specifier);
  return way && `imports go round in a circle: ${way.join(" -> ")}`;
}

/** The path of the file that a rule looks at, below the root. */
function fileOf({ filename }: Deno.lint.RuleContext): string {
  const path = slashes(filename);
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}

/** A rule that looks at every import of a file. */
function rule(
  check: (file: string, specifier: string) => string | null,
): Deno.lint.Rule {
  return {
    create(context): Deno.lint.LintVisitor {
      const file = fileOf(context);
      const visit = (source: Deno.lint.Node | null): void => {
        if (source?.type !== "Literal") return;
        if (typeof source.value !== "string") return;
        const message = check(file, source.value);
        if (message !== null) context.report({ node: source, message });
      };
      return {
        ImportDeclaration: (node) => visit(node.source),
        ExportAllDeclaration: (node) => visit(node.source),
        ExportNamedDeclaration: (node) => visit(node.source),
        ImportExpression: (node) => visit(node.source),
      };
    },
  };
}

/** The rooms that run in Deno, Node, Bun and browsers. */
const EVERYWHERE = ["host", ...RANKS.keys(), DATA, REPORT];
/** The globals that not all of these runtimes have. */
const OWN_GLOBALS = ["Deno", "process", "Bun"];

/** Whether a name stands for a global variable, and not for a property or a type. */
function isVariable(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  switch (parent.type) {
    case "MemberExpression":
      return parent.object === node || parent.computed ||
        parent.object.type === "Identifier" &&
          parent.object.name === "globalThis";
    case "Property":
      return parent.parent.type === "ObjectPattern" || parent.key !== node;
    case "MethodDefinition":
    case "PropertyDefinition":
      return parent.key !== node;
    default:
      return !parent.type.startsWith("TS");
  }
}

const runtimeRule: Deno.lint.Rule = {
  create(context): Deno.lint.LintVisitor {
    const file = fileOf(context);
    const [room = ""] = file.split("/");
    if (!EVERYWHERE.includes(room) || room === HOST) return {};
    const refuse = (node: Deno.lint.Node, name: string) =>
      context.report({
        node,
        message: `${room} must not use ${name}: not every runtime has it, so ` +
          `${HOST} offers what is needed of it`,
      });
    const visit = ({ source }: { source: Deno.lint.Node | null }): void => {
      const name = source?.type === "Literal" ? String(source.value) : "";
      if (source && name.startsWith("node:")) refuse(source, name);
    };
    return {
      MemberExpression({ object, property }) {
        const isGpu = property.type === "Identifier" && property.name === "gpu";
        const isNavigator =
          object.type === "Identifier" && object.name === "navigator" ||
          object.type === "MemberExpression" &&
            object.property.type === "Identifier" &&
            object.property.name === "navigator";
        if (isGpu && isNavigator) refuse(object, "navigator.gpu");
      },
      Identifier(node) {
        const isOwn = OWN_GLOBALS.includes(node.name);
        if (isOwn && isVariable(node)) refuse(node, node.name);
      },
      ImportDeclaration: visit,
      ImportExpression: visit,
      ExportNamedDeclaration: visit,
      ExportAllDeclaration: visit,
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "swagpu",
  rules: {
    layers: rule(checkLayer),
    doors: rule(checkDoor),
    circles: rule(checkCircle),
    runtime: runtimeRule,
  },
};

export default plugin;
