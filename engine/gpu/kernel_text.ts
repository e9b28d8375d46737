// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reads from the WGSL of a kernel what a launch must know of it: how it uses
// each binding, the fields of its parameters, and the size of its workgroups.
// So these are written once, in the text that is compiled. Only declarations
// are read, by patterns: the compiler checks the rest.

/**
 * How a kernel uses a binding: it reads a buffer, it writes (and may read) one,
 * or it reads a buffer through a texture that the stream copies it to. The last
 * is much faster on some adapters; see {@linkcode declareTexels}.
 */
export type Access = "read" | "write" | "texels";

/** The type of one field of a kernel's parameter struct. */
export type ParamType = "u32" | "i32" | "f32";

/** What the text of a kernel says. */
export interface KernelText {
  /** How each binding of group 0 is used, without the parameters. */
  readonly bind: readonly Access[];
  /** The fields of the parameter struct, in order. */
  readonly params: Readonly<Record<string, ParamType>>;
  /** The sides of a workgroup: numbers, or names of constants. */
  readonly workgroup: readonly (number | string)[];
  /** The `override` constants. */
  readonly overrides: ReadonlySet<string>;
  /** The values of constants, where the text gives them as a number. */
  readonly values: ReadonlyMap<string, number>;
}

/** The most fields of a parameter struct: a uniform window of 256 bytes. */
export const MAX_PARAMS = 64;

const ATTRIBUTES = String.raw`((?:@\w+\s*(?:\([^()]*\)\s*)?)+)`;
const VARIABLE = new RegExp(
  String.raw`${ATTRIBUTES}var\s*(?:<([^>]*)>)?\s*(\w+)\s*:\s*([^;]+);`,
  "g",
);
const FUNCTION = new RegExp(String.raw`${ATTRIBUTES}fn\s+(\w+)`, "g");
const CONSTANT =
  /\b(override|const)\s+(\w+)\s*(?::\s*\w+\s*)?(?:=\s*([^;]+))?;/g;
const ALIAS = /\balias\s+(\w+)\s*=\s*(\w+)\s*;/g;
const STRUCT = /\bstruct\s+Params\s*\{([^}]*)\}/;
const FIELD = /(\w+)\s*:\s*(\w+\s*(?:<[^:]*>)?)\s*(?:,|$)/g;
const VECTORS = /^array\s*<\s*vec4\s*<\s*(\w+)\s*>\s*,\s*(\d+)u?\s*>$/;

const read = new Map<string, KernelText>();

/**
 * Reads the text of a kernel, once.
 *
 * @param name What errors call the kernel.
 * @throws {SyntaxError} If the text does not follow the convention that
 * {@linkcode defineKernel} describes.
 */
export function readKernelText(name: string, wgsl: string): KernelText {
  let text = read.get(wgsl);
  if (!text) read.set(wgsl, text = readText(name, wgsl));
  return text;
}

function readText(name: string, wgsl: string): KernelText {
  const text = withoutComments(wgsl);
  const fail = (why: string): never => {
    throw new SyntaxError(`Cannot define kernel ${name}: ${why}`);
  };
  const { bind, hasParams } = readBindings(text, fail);
  const params = readParams(text, fail);
  const isDeclared = Object.keys(params).length > 0;
  if (isDeclared !== hasParams) {
    fail(
      isDeclared
        ? "struct Params must be bound as a uniform variable"
        : "the uniform variable needs a struct Params with at least one field",
    );
  }
  const overrides = new Set<string>();
  const values = new Map<string, number>();
  for (const [, kind, constant = "", value] of text.matchAll(CONSTANT)) {
    if (kind === "override") overrides.add(constant);
    const number = readNumber(value ?? "");
    if (number !== undefined) values.set(constant, number);
  }
  return {
    bind,
    params,
    workgroup: readWorkgroup(text, fail),
    overrides,
    values,
  };
}

/** A variable that a text binds. */
export interface BoundVariable {
  /** Its name. */
  readonly name: string;
  /** How the text uses it. */
  readonly access: Access;
  /** Its type, such as `array<f32>`. */
  readonly type: string;
}

/** The variables that the text of a kernel binds, apart from the text. */
export interface BoundText {
  /** The text without comments and without the variables' declarations. */
  readonly text: string;
  /** The variables, in the order of their bindings. */
  readonly variables: readonly BoundVariable[];
  /** The name of the variable that holds the parameters, if there is one. */
  readonly params: string | undefined;
}

/** Takes the declarations of bound variables out of the text of a kernel. */
export function readVariables(wgsl: string): BoundText {
  const text = withoutComments(wgsl);
  const variables: BoundVariable[] = [];
  let params: string | undefined;
  for (const match of text.matchAll(VARIABLE)) {
    const [, attributes = "", space = "", name = "", type = ""] = match;
    const access = roleOf(space, name, type.trim(), (why) => {
      throw new SyntaxError(why);
    });
    const binding = numberIn(attributes, "binding") ?? 0;
    if (access === "params") params = name;
    else variables[binding] = { name, access, type: type.trim() };
  }
  return { text: text.replaceAll(VARIABLE, ""), variables, params };
}

type Fail = (why: string) => never;

/** The bindings, in the order of their numbers. */
function readBindings(
  text: string,
  fail: Fail,
): { bind: Access[]; hasParams: boolean } {
  const found: (Access | "params")[] = [];
  for (const match of text.matchAll(VARIABLE)) {
    const [, attributes = "", space = "", variable = "", type = ""] = match;
    const group = numberIn(attributes, "group");
    const binding = numberIn(attributes, "binding");
    if (group === undefined || binding === undefined) {
      return fail(`${variable} needs numbers for both @group and @binding`);
    }
    if (group !== 0) {
      return fail(`${variable} is in group ${group}: only group 0 is bound`);
    }
    if (found[binding]) {
      return fail(`binding ${binding} is declared twice, again by ${variable}`);
    }
    found[binding] = roleOf(space, variable, type.trim(), fail);
  }
  for (let i = 0; i < found.length; i++) {
    if (!found[i]) {
      return fail(`binding ${i} is missing: bindings count up from 0`);
    }
  }
  const at = found.indexOf("params");
  if (at >= 0 && at !== found.length - 1) {
    return fail(
      `the parameters are binding ${at}, but must be the last of ${found.length}`,
    );
  }
  return {
    bind: found.filter((role) => role !== "params"),
    hasParams: at >= 0,
  };
}

function roleOf(
  space: string,
  variable: string,
  type: string,
  fail: Fail,
): Access | "params" {
  switch (space.replaceAll(/\s/g, "")) {
    case "storage":
    case "storage,read":
      return "read";
    case "storage,read_write":
      return "write";
    case "uniform":
      if (type !== "Params") {
        return fail(
          `uniform ${variable} is of ${type}: expected struct Params`,
        );
      }
      return "params";
    case "":
      if (/^texture_2d\s*<\s*f32\s*>$/.test(type)) return "texels";
  }
  return fail(
    `${variable} is var<${space}> of ${type}: expected storage, the uniform ` +
      "Params, or texture_2d<f32>",
  );
}

/** The fields of `struct Params`; none where the text has no such struct. */
function readParams(text: string, fail: Fail): Record<string, ParamType> {
  const struct = STRUCT.exec(text);
  if (!struct) return {};
  const aliases = new Map<string, string>();
  for (const [, name = "", type = ""] of text.matchAll(ALIAS)) {
    aliases.set(name, type);
  }
  const params: Record<string, ParamType> = {};
  let words = 0;
  const add = (field: string, type: string) => {
    const scalar = aliases.get(type) ?? type;
    if (scalar !== "u32" && scalar !== "i32" && scalar !== "f32") {
      return fail(
        `parameter ${field} is of ${type}: expected u32, i32, f32 or an array ` +
          "of vec4 of these",
      );
    }
    if (field in params) fail(`parameter ${field} is declared twice`);
    params[field] = scalar;
    words++;
  };
  for (const [, field = "", type = ""] of (struct[1] ?? "").matchAll(FIELD)) {
    const vectors = VECTORS.exec(type.trim());
    if (!vectors) {
      add(field, type.trim());
      continue;
    }
    if (words % 4 !== 0) {
      fail(`parameter ${field} must start at a multiple of four fields`);
    }
    for (let i = 0; i < 4 * Number(vectors[2]); i++) {
      add(`${field}${i}`, vectors[1] ?? "");
    }
  }
  if (words > MAX_PARAMS) {
    fail(`there are ${words} parameters, and must be at most ${MAX_PARAMS}`);
  }
  return params;
}

/** The sides of a workgroup of the entry point. */
function readWorkgroup(text: string, fail: Fail): (number | string)[] {
  const entries = [...text.matchAll(FUNCTION)]
    .filter(([, attributes = ""]) => /@compute\b/.test(attributes));
  const [entry] = entries;
  if (!entry || entries.length > 1 || entry[2] !== "main") {
    return fail(
      `expected one entry point, @compute fn main, and found ${
        entries.map(([, , name]) => name).join(" and ") || "none"
      }`,
    );
  }
  const size = /@workgroup_size\s*\(([^()]*)\)/.exec(entry[1] ?? "");
  const sides = (size?.[1] ?? "").split(",").map((side) => side.trim())
    .filter((side) => side !== "");
  if (sides.length === 0) return fail("main must have a @workgroup_size");
  return sides.map((side) => {
    const number = readNumber(side);
    if (number === undefined && !/^[A-Za-z_]\w*$/.test(side)) {
      return fail(
        `@workgroup_size is ${side}: expected a number or the name of a constant`,
      );
    }
    return number ?? side;
  });
}

/** The number in an attribute such as `@binding(2)`. */
function numberIn(attributes: string, name: string): number | undefined {
  const match = new RegExp(String.raw`@${name}\s*\(([^()]*)\)`).exec(
    attributes,
  );
  return readNumber(match?.[1] ?? "");
}

/** The value of a whole number in WGSL, such as `64`, `64u` or `0x40`. */
function readNumber(literal: string): number | undefined {
  const match = /^\s*(0[xX][\da-fA-F]+|\d+)[iu]?\s*,?\s*$/.exec(literal);
  return match ? Number(match[1]) : undefined;
}

/** The text with a space in place of each comment; block comments may nest. */
function withoutComments(wgsl: string): string {
  const start = /\/\/|\/\*/g;
  const mark = /\/\*|\*\//g;
  let text = "";
  let at = 0;
  for (;;) {
    start.lastIndex = at;
    const comment = start.exec(wgsl);
    if (!comment) return text + wgsl.slice(at);
    text += `${wgsl.slice(at, comment.index)} `;
    at = start.lastIndex;
    if (comment[0] === "//") {
      const end = wgsl.indexOf("\n", at);
      at = end < 0 ? wgsl.length : end;
      continue;
    }
    for (let depth = 1; depth > 0;) {
      mark.lastIndex = at;
      const next = mark.exec(wgsl);
      if (!next) return text; // The compiler reports the missing end.
      depth += next[0] === "/*" ? 1 : -1;
      at = mark.lastIndex;
    }
  }
}
