// Copyright 2026 the swagpu authors. MIT license.

/**
 * A lint plugin that keeps the layers in order: `engine <- nn <- models, swag`.
 * A file of a layer imports from its own layer and from lower ones, and only
 * `models` imports packages.
 *
 * @module
 */

const RANKS = new Map([["engine", 0], ["nn", 1], ["models", 2], ["swag", 2]]);
const WITH_PACKAGES = "models";
const SELF = "@swagpu/swagpu";
const ROOT = slashes(new URL("..", import.meta.url).pathname);

function slashes(path: string): string {
  return path.replaceAll("\\", "/").replace(/^\/(?=[A-Za-z]:)/, "");
}

/**
 * The first folder of a module below the root, the file's own name at the
 * root, `null` for a package.
 */
function topOf(specifier: string, file: string): string | null {
  if (specifier === SELF) return "mod.ts";
  const path = specifier.startsWith(`${SELF}/`)
    ? `/${specifier.slice(SELF.length + 1)}`
    : /^\.{0,2}\//.test(specifier)
    ? new URL(specifier, `file:///${file}`).pathname
    : null;
  return path?.split("/")[1] ?? null;
}

/** Says what is wrong with an import, or `null` if the layers allow it. */
export function checkImport(file: string, specifier: string): string | null {
  const from = file.split("/")[0] ?? "";
  const rank = RANKS.get(from);
  if (rank === undefined) return null;
  const to = topOf(specifier, file);
  if (to === null) {
    return from === WITH_PACKAGES
      ? null
      : `${from} must not import ${specifier}: it has no dependency`;
  }
  const below = (RANKS.get(to) ?? Infinity) < rank;
  return to === from || below ? null : `${from} must not import ${to}`;
}

const plugin: Deno.lint.Plugin = {
  name: "swagpu",
  rules: {
    layers: {
      create(context): Deno.lint.LintVisitor {
        const path = slashes(context.filename);
        const file = path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
        const check = (source: Deno.lint.Node | null): void => {
          if (source?.type !== "Literal") return;
          if (typeof source.value !== "string") return;
          const message = checkImport(file, source.value);
          if (message !== null) context.report({ node: source, message });
        };
        return {
          ImportDeclaration: (node) => check(node.source),
          ExportAllDeclaration: (node) => check(node.source),
          ExportNamedDeclaration: (node) => check(node.source),
          ImportExpression: (node) => check(node.source),
        };
      },
    },
  },
};

export default plugin;
