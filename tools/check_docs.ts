// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Checks that the library's public doors are documented for somebody who sees
 * only the documentation:
 *
 * - every exported name has a description;
 * - every function has `@param` for each parameter, `@returns` unless it returns
 *   nothing, and an `@example` with code (which `deno task test` runs);
 * - every class has an `@example` with code, and `@param` for each parameter of
 *   its constructor;
 * - every property of an exported interface has a description.
 *
 * `deno doc --lint`, which `deno task check` runs too, checks that methods have a
 * description and that public types are exported.
 *
 * @example
 * ```sh
 * deno run -A tools/check_docs.ts swag/mod.ts nn/mod.ts
 * ```
 *
 * @module
 */

/** The parts of `deno doc --json` that are read here. */
interface Docs {
  nodes: Record<string, { symbols: Symbol[] }>;
}

interface Symbol {
  name: string;
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
  line: number;
}

interface JsDoc {
  doc?: string;
  tags?: { kind: string; name?: string; doc?: string }[];
}

interface Definition {
  params?: Parameter[];
  returnType?: { repr: string };
  tsType?: { kind: string; value?: unknown };
  extends?: unknown;
  constructors?: (Member & { params?: Parameter[] })[];
  properties?: Member[];
}

interface Member {
  name: string;
  accessibility?: string;
  jsDoc?: JsDoc;
  location?: Location;
}

interface Parameter {
  kind: string;
  name?: string;
  left?: Parameter;
  arg?: Parameter;
}

const RETURNS_NOTHING = /^(?:void|never|Promise<void>)$|^asserts /;

/** What is missing from the documentation of the modules, a line each. */
export async function checkDocs(modules: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...modules],
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const { nodes }: Docs = JSON.parse(new TextDecoder().decode(stdout));
  const faults = new Set<string>();
  for (const { symbols } of Object.values(nodes)) {
    for (const symbol of symbols) {
      for (const fault of checkSymbol(symbol)) faults.add(fault);
    }
  }
  return [...faults].sort();
}

function checkSymbol({ name, declarations }: Symbol): string[] {
  const shown = declarations.filter((declaration) =>
    declaration.declarationKind !== "private" &&
    declaration.location.filename.startsWith("file:")
  );
  // Overloads share the documentation of the first.
  const [first] = shown;
  if (!first || first.kind === "reference") return []; // Checked where it is defined.
  const report = (what: string, at: Location = first.location) =>
    `${new URL(at.filename).pathname}:${at.line + 1}: ${name} ${what}`;
  const { jsDoc, def } = first;
  const faults: string[] = [];
  if (!jsDoc?.doc?.trim()) faults.push(report("has no description"));
  switch (first.kind) {
    case "function":
      faults.push(
        ...signatureFaults(jsDoc, def).map((what) => report(what)),
      );
      if (!hasExample(jsDoc)) faults.push(report("has no example with code"));
      break;
    case "variable":
      if (def?.tsType?.kind === "fnOrConstructor" && !hasExample(jsDoc)) {
        faults.push(report("has no example with code"));
      }
      break;
    case "class":
      if (!hasExample(jsDoc)) faults.push(report("has no example with code"));
      for (const member of def?.constructors ?? []) {
        if (member.accessibility === "private") continue;
        for (const what of paramFaults(member.jsDoc, member.params)) {
          faults.push(report(`: the constructor ${what}`, member.location));
        }
      }
      break;
    case "interface":
      for (const member of def?.properties ?? []) {
        if (!member.jsDoc?.doc?.trim() && !member.jsDoc?.tags?.length) {
          faults.push(
            report(`: ${member.name} has no description`, member.location),
          );
        }
      }
  }
  return faults;
}

function signatureFaults(jsDoc?: JsDoc, def?: Definition): string[] {
  const faults = paramFaults(jsDoc, def?.params);
  const returns = jsDoc?.tags?.some(({ kind }) => kind === "return");
  const type = def?.returnType?.repr ?? "";
  if (!returns && !RETURNS_NOTHING.test(type)) faults.push("has no @returns");
  return faults;
}

function paramFaults(
  jsDoc?: JsDoc,
  params: readonly Parameter[] = [],
): string[] {
  const described = new Set(
    jsDoc?.tags?.filter(({ kind, doc }) => kind === "param" && doc?.trim())
      .map(({ name }) => name),
  );
  const names = params.map(nameOf);
  const named = names.filter((name) => name !== undefined);
  const missing = named.filter((name) => !described.has(name));
  // A destructured parameter is documented under any name.
  const patterns = names.length - named.length;
  const others = [...described].filter((name) => !named.includes(name ?? ""));
  const faults = missing.map((name) => `has no @param ${name}`);
  if (others.length < patterns) faults.push("has no @param for its options");
  return faults;
}

function nameOf({ kind, name, left, arg }: Parameter): string | undefined {
  if (kind === "identifier") return name;
  if (kind === "assign" && left) return nameOf(left);
  if (kind === "rest" && arg) return nameOf(arg);
  return undefined;
}

function hasExample(jsDoc?: JsDoc): boolean {
  return jsDoc?.tags?.some(({ kind, doc }) =>
    kind === "example" && doc?.includes("```ts")
  ) ?? false;
}

if (import.meta.main) {
  const faults = await checkDocs(Deno.args);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) {
    console.error(
      `error: ${faults.length} places of the public documentation are incomplete`,
    );
    Deno.exit(1);
  }
}
