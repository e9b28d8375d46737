// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Checks that the public doors are documented for somebody who sees only the
 * documentation:
 *
 * - Every exported name has a description.
 * - Every function has an `@example` with code, `@param` for each parameter, and
 *   `@returns` unless it returns nothing.
 * - Every class has an `@example` with code, and its constructor has `@param` for
 *   each parameter.
 *
 * `deno doc --lint` does not ask for any tag, but it checks that methods and
 * properties have descriptions, and that every type in a signature is exported.
 * `deno task test` runs the examples.
 *
 * `deno run -A tools/check_docs.ts swag/mod.ts` checks one module. Without a
 * path, all that `deno.json` exports are checked.
 *
 * @module
 */

import project from "../deno.json" with { type: "json" };

// The parts of what `deno doc --json` prints that are read here.

interface Documentation {
  nodes: Record<string, { symbols: Name[] }>;
}

/** An exported name. */
interface Name {
  name: string;
  /** One, or one for each overload of a function. */
  declarations: Declaration[];
}

interface Declaration {
  kind: string;
  declarationKind: string;
  location: Location;
  jsDoc?: JsDoc;
  def?: Definition;
}

interface Location {
  filename: string;
  /** Counted from 0. */
  line: number;
}

interface JsDoc {
  doc?: string;
  tags?: { kind: string; name?: string; doc?: string }[];
}

interface Definition {
  /** Of a function. */
  params?: Parameter[];
  /** Of a function, where it is written out. */
  returnType?: Type;
  /** Of a class. */
  constructors?: Constructor[];
  /** Of a namespace. */
  elements?: Name[];
}

interface Constructor {
  accessibility?: string;
  location: Location;
  jsDoc?: JsDoc;
  params?: Parameter[];
}

/** A parameter; one with a default, or a rest parameter, has another inside. */
interface Parameter {
  kind: string;
  name?: string;
  left?: Parameter;
  arg?: Parameter;
}

interface Type {
  repr?: string;
  value?: unknown;
}

/** A place where documentation is incomplete. */
interface Fault {
  at: Location;
  /** What is missing, such as "measure has no @returns". */
  message: string;
}

/**
 * Lists what the documentation of modules lacks, one line for each fault, such as
 * `swag/layout.ts:60: measure has no @returns`, sorted by file and line.
 *
 * @throws {Error} If a module cannot be read.
 */
export async function checkDocs(modules: readonly string[]): Promise<string[]> {
  const { nodes } = await readDocumentation(modules);
  const faults = new Map<string, Fault>(); // Several modules may export a name.
  for (const { symbols } of Object.values(nodes)) {
    for (const fault of symbols.flatMap(checkName)) {
      faults.set(`${fault.at.filename} ${fault.message}`, fault);
    }
  }
  return [...faults.values()]
    .sort((a, b) =>
      a.at.filename.localeCompare(b.at.filename) || a.at.line - b.at.line
    )
    .map(({ at, message }) => `${pathOf(at)}:${at.line + 1}: ${message}`);
}

async function readDocumentation(
  modules: readonly string[],
): Promise<Documentation> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...modules],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout));
  throw new Error(
    `Cannot read the documentation of ${modules.join(", ")}: ${
      new TextDecoder().decode(stderr).trim()
    }`,
  );
}

/** The path from the working folder on; the whole path of a file elsewhere. */
function pathOf({ filename }: Location): string {
  const base = new URL("./", `file://${Deno.cwd()}/`).href;
  return filename.startsWith(base)
    ? filename.slice(base.length)
    : filename.replace(/^file:\/\//, "");
}

function checkName({ name, declarations }: Name): Fault[] {
  // Overloads share the documentation of the first.
  const first = declarations.find(({ declarationKind, location }) =>
    declarationKind !== "private" && location.filename.startsWith("file:")
  );
  // What a reference stands for is in the documentation too.
  if (!first || first.kind === "reference") return [];
  const { kind, jsDoc, def, location } = first;
  const faults: Fault[] = [];
  const report = (message: string, at = location) =>
    faults.push({ at, message });
  if (!jsDoc?.doc?.trim()) report(`${name} has no description`);
  if ((kind === "function" || kind === "class") && !hasExample(jsDoc)) {
    report(`${name} has no @example with code`);
  }
  if (kind === "function") {
    for (const what of missingParameters(jsDoc, def?.params)) {
      report(`${name} has no @param ${what}`);
    }
    if (!hasTag(jsDoc, "return") && !returnsNothing(def?.returnType)) {
      report(`${name} has no @returns`);
    }
  } else if (kind === "class") {
    for (const { accessibility, ...made } of def?.constructors ?? []) {
      if (accessibility === "private") continue;
      for (const what of missingParameters(made.jsDoc, made.params)) {
        report(`new ${name}() has no @param ${what}`, made.location);
      }
    }
  } else if (kind === "namespace") {
    faults.push(...(def?.elements ?? []).flatMap(checkName));
  }
  return faults;
}

function hasTag(jsDoc: JsDoc | undefined, kind: string): boolean {
  return jsDoc?.tags?.some((tag) => tag.kind === kind) ?? false;
}

function hasExample(jsDoc?: JsDoc): boolean {
  return jsDoc?.tags?.some(({ kind, doc }) =>
    kind === "example" && doc?.includes("```ts")
  ) ?? false;
}

/** Whether a return type is `void`, `never`, `asserts …`, or a promise of those. */
function returnsNothing(type?: Type): boolean {
  if (!type) return false;
  const { repr = "", value } = type;
  if (repr === "Promise") {
    return returnsNothing((value as { typeParams?: Type[] }).typeParams?.[0]);
  }
  return repr === "void" || repr === "never" || repr.startsWith("asserts ");
}

/** The parameters that no `@param` describes. */
function missingParameters(
  jsDoc?: JsDoc,
  parameters: readonly Parameter[] = [],
): string[] {
  const described = new Set(
    jsDoc?.tags?.filter(({ kind, doc }) => kind === "param" && doc?.trim())
      .map(({ name }) => name),
  );
  const names = parameters.map(nameOf);
  const missing = names.filter((name) => !described.has(name))
    .filter((name) => name !== undefined);
  // A destructured parameter has no name: any other `@param` describes it.
  const unnamed = names.filter((name) => name === undefined).length;
  const others = [...described].filter((name) => !names.includes(name)).length;
  return others < unnamed ? [...missing, "for its options"] : missing;
}

function nameOf(parameter?: Parameter): string | undefined {
  if (parameter?.kind === "assign") return nameOf(parameter.left);
  if (parameter?.kind === "rest") return nameOf(parameter.arg);
  return parameter?.name;
}

if (import.meta.main) {
  const doors = Object.values(project.exports);
  const faults = await checkDocs(Deno.args.length > 0 ? Deno.args : doors);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) {
    console.error(
      `error: the public documentation is incomplete in ${faults.length} places`,
    );
    Deno.exit(1);
  }
}
