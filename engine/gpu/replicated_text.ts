// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The text of a kernel that runs for several replicas in one dispatch, made from
// the text for one. The workgroups of the replicas follow each other along z, and
// an access `x[i]` of a storage buffer becomes `x[replica * p.replica_step0 + (i)]`,
// which counts from where the replica's elements begin. All else stays as it is, so
// each replica gets the bits that the kernel for one gives.
//
//   - Entry point: `main` is renamed, and a new one computes which replica it
//     works for, and calls it with the workgroup and invocation that it would have
//     if the replica were alone. Every function receives the replica as a parameter:
//     a variable of the module would not count as uniform, which barriers ask for.
//   - Two buffers that one dispatch writes must not overlap, but those of one block
//     lie between each other as soon as there are several replicas (the gradients
//     of a weight and its bias). They are bound once, as f32, and vectors in
//     them are read and written by functions.
//   - Parameters that differ between replicas are read from a table.
//   - Functions that read texels (texels.ts) begin at those of the replica.
//
// A text that uses its buffers in other ways (`arrayLength`, pointers to them) or
// has too many parameters is left alone: such a kernel is dispatched once for each
// replica.

import { type Kernel, makeKernel } from "./kernel.ts";
import { MAX_PARAMS, readVariables } from "./kernel_text.ts";
import { replicateNames, type Variable } from "./replicated_names.ts";

/** What selects the replicated form of a kernel. */
export interface ReplicatedForm {
  /** The bindings that are bound as one, if any: they are all written. */
  readonly merged: readonly number[];
  /** For parameters that differ between replicas: the name and its word. */
  readonly words: readonly (readonly [name: string, at: number])[];
  /** The words of a replica in the table. */
  readonly width: number;
}

/** A kernel for several replicas, and how to launch it. */
export interface ReplicatedKernel {
  readonly kernel: Kernel;
  /**
   * The bytes of an element of each binding of the first kernel. The kernel's
   * parameter `replica_step{i}` is the distance between replicas of binding i in
   * such elements (of merged bindings: in f32), `replica_from{i}` is where it
   * starts in the buffer that is bound for all merged ones.
   */
  readonly units: readonly number[];
}

const made = new WeakMap<Kernel, Map<string, ReplicatedKernel | undefined>>();

/**
 * The form of a kernel for several replicas, which is made once.
 *
 * @returns `undefined` if the kernel has no such form.
 */
export function replicatedKernel(
  kernel: Kernel,
  form: ReplicatedForm,
): ReplicatedKernel | undefined {
  let forms = made.get(kernel);
  if (!forms) made.set(kernel, forms = new Map());
  const { merged, words, width } = form;
  const key = words.length > 0 || merged.length > 0
    ? `${merged}|${words.join()}|${width}`
    : "";
  if (!forms.has(key)) forms.set(key, makeReplicated(kernel, form));
  return forms.get(key);
}

/**
 * The WGSL of a kernel that runs for several replicas in one dispatch, as it is
 * compiled where its parameters are the same for all and no buffers are written
 * together.
 *
 * @param kernel The kernel for one.
 * @returns The text; `undefined` if the kernel is dispatched once for each replica.
 *
 * @example Usage
 * ```ts
 * import { defineKernel, replicatedWgsl } from "@swagpu/swagpu/engine/kernels";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const double = defineKernel({
 *   name: "example_double",
 *   wgsl: `
 * struct Params { size: u32 }
 * @group(0) @binding(0) var<storage, read_write> x: array<f32>;
 * @group(0) @binding(1) var<uniform> p: Params;
 *
 * @compute @workgroup_size(64)
 * fn main(@builtin(global_invocation_id) id: vec3<u32>) {
 *   if (id.x < p.size) { x[id.x] = 2.0 * x[id.x]; }
 * }
 * `,
 * });
 * assertStringIncludes(replicatedWgsl(double) ?? "", "replica * p.replica_step0");
 * ```
 */
export function replicatedWgsl(kernel: Kernel): string | undefined {
  const form = { merged: [], words: [], width: 0 };
  return replicatedKernel(kernel, form)?.kernel.wgsl;
}

const BYTES: Readonly<Record<string, number>> = {
  f32: 4,
  u32: 4,
  i32: 4,
  "atomic<u32>": 4,
  "atomic<i32>": 4,
  "vec2<f32>": 8,
  "vec2<u32>": 8,
  "vec4<f32>": 16,
  "vec4<u32>": 16,
  "vec4<i32>": 16,
  "texture_2d<f32>": 16, // a texel
};

const ALIAS = /\balias\s+(\w+)\s*=\s*([^;]+);/g;

function makeReplicated(
  kernel: Kernel,
  { merged, words, width }: ReplicatedForm,
): ReplicatedKernel | undefined {
  const { text, variables, params } = readVariables(kernel.wgsl);
  const aliases = new Map<string, string>();
  for (const [, name = "", type = ""] of text.matchAll(ALIAS)) {
    aliases.set(name, type);
  }
  const resolve = (type: string): string =>
    type.replaceAll(/\s/g, "").replaceAll(/\w+/g, (word) => {
      const target = aliases.get(word);
      return target === undefined ? word : resolve(target);
    });
  const p = params ?? "replica_params";
  const buffers = variables.map(({ name, access, type }, i): Variable => ({
    name,
    access,
    start: (merged.includes(i) ? `${p}.replica_from${i} + ` : "") +
      `replica * ${p}.replica_step${i}`,
    type: resolve(/^array\s*<([\s\S]*)>$/.exec(type)?.[1] ?? type),
    isMerged: merged.includes(i),
  }));
  const units = buffers.map(({ type }) => BYTES[type] ?? 0);
  const mergeable = buffers.every(({ type, isMerged }) =>
    !isMerged || type === "f32" || type === "vec4<f32>"
  );
  if (units.includes(0) || !mergeable) return undefined;
  const head = replicateTexels(text, buffers);
  const whole = head && replicateEntry(head, p);
  const body = whole &&
    replicateNames(whole, { buffers, params, words, width });
  if (body === undefined) return undefined;

  const fields = [
    "replica_depth",
    ...words.length > 0 ? ["replica_first"] : [],
    ...buffers.map((_, i) => `replica_step${i}`),
    ...merged.map((i) => `replica_from${i}`),
  ];
  const known = Object.keys(kernel.params).length;
  if (known + fields.length > MAX_PARAMS) return undefined;
  const declared = fields.map((field) => `${field}: u32`).join(", ");
  const struct = known > 0
    ? body.replace(
      /\bstruct\s+Params\s*\{([^}]*)\}/,
      (_, before: string) =>
        `struct Params {${before.trimEnd().replace(/,$/, "")}, ${declared} }`,
    )
    : `struct Params { ${declared} }\n${body}`;
  const kept = buffers.filter(({ isMerged }, i) =>
    !isMerged || i === merged[0]
  );
  const storage = kept.map(({ name, type, access, isMerged }) =>
    access === "texels"
      ? `var ${name}: ${type};`
      : `var<storage, ${access === "write" ? "read_write" : "read"}> ` +
        (isMerged ? "replica_merged: array<f32>;" : `${name}: array<${type}>;`)
  );
  if (words.length > 0) {
    storage.push("var<storage, read> replica_words: array<u32>;");
  }
  const wgsl = [
    struct,
    ...[...storage, `var<uniform> ${p}: Params;`].map((variable, i) =>
      `@group(0) @binding(${i}) ${variable}`
    ),
    ...buffers.filter(({ isMerged, type }) => isMerged && type !== "f32")
      .map(vectorsOf),
  ].join("\n");
  return {
    kernel: makeKernel({
      name: `${kernel.name} of replicas`,
      wgsl,
      constants: kernel.constants ?? {},
    }),
    units: units.map((bytes, i) => buffers[i]?.isMerged ? 4 : bytes),
  };
}

/** Functions that read and write a vector of a merged buffer. */
function vectorsOf({ name, start }: Variable): string {
  return /* wgsl */ `
fn ${name}_replica_load(replica: u32, i: u32) -> vec4<f32> {
  let k = ${start} + 4u * i;
  return vec4<f32>(replica_merged[k], replica_merged[k + 1u], replica_merged[k + 2u], replica_merged[k + 3u]);
}
fn ${name}_replica_store(replica: u32, i: u32, v: vec4<f32>) {
  let k = ${start} + 4u * i;
  replica_merged[k] = v.x;
  replica_merged[k + 1u] = v.y;
  replica_merged[k + 2u] = v.z;
  replica_merged[k + 3u] = v.w;
}`;
}

/** Lets the functions that read texels begin at those of a replica. */
function replicateTexels(
  text: string,
  buffers: readonly Variable[],
): string | undefined {
  let changed = text;
  for (const { name, access, start } of buffers) {
    if (access !== "texels") continue;
    const head = `fn ${name}_texel(i: u32) -> vec4<f32> {`;
    if (!changed.includes(head)) return undefined;
    changed = changed.replace(
      head,
      `fn ${name}_texel(i: u32) -> vec4<f32> { return ` +
        `${name}_replica_texel(${start} + i); }\n` +
        head.replace("_texel", "_replica_texel"),
    );
  }
  return changed;
}

/** What a new entry point passes on, by the name of the builtin value. */
const PASSED: Readonly<Record<string, string>> = {
  workgroup_id: "vec3<u32>(replica_group.xy, replica_group.z % depth)",
  num_workgroups: "vec3<u32>(replica_groups.xy, depth)",
  // Workgroups have one invocation along z.
  global_invocation_id:
    "vec3<u32>(replica_id.xy, replica_id.z - replica * depth)",
  local_invocation_index: "replica_index",
  local_invocation_id: "replica_local",
};

/** Renames the entry point, and adds one that calls it for a replica. */
function replicateEntry(text: string, p: string): string | undefined {
  const entry =
    /((?:@\w+\s*(?:\([^()]*\)\s*)?)+)fn\s+main\s*\(((?:[^()]|\([^()]*\))*)\)/
      .exec(text);
  const [whole = "", attributes = "", list = ""] = entry ?? [];
  const sides = /@workgroup_size\s*\(([^()]*)\)/.exec(attributes)?.[1] ?? "";
  if (!entry || sides.split(",").filter((side) => side.trim()).length > 2) {
    return undefined;
  }
  const values = [
    ...list.matchAll(/@builtin\s*\(\s*(\w+)\s*\)\s*(\w+)\s*:\s*([^,]+)/g),
  ].map(([, builtin = "", name = "", type = ""]) => ({
    value: PASSED[builtin],
    parameter: `${name}: ${type.trim()}`,
    needs: { // beside the group, which is always asked for
      global_invocation_id:
        "@builtin(global_invocation_id) replica_id: vec3<u32>",
      local_invocation_index:
        "@builtin(local_invocation_index) replica_index: u32",
      local_invocation_id:
        "@builtin(local_invocation_id) replica_local: vec3<u32>",
    }[builtin],
  }));
  if (values.some(({ value }) => value === undefined)) return undefined;
  const renamed = `fn replica_main(${
    values.map(({ parameter }) => parameter).join(", ")
  })`;
  const main = /* wgsl */ `
${attributes.trim()}
fn main(${
    [
      "@builtin(workgroup_id) replica_group: vec3<u32>",
      "@builtin(num_workgroups) replica_groups: vec3<u32>",
      ...values.flatMap(({ needs }) => needs ?? []),
    ].join(", ")
  }) {
  let depth = ${p}.replica_depth;
  let replica = replica_group.z / depth;
  replica_main(${values.map(({ value }) => value).join(", ")});
}
`;
  return text.replace(whole, () => renamed) + main;
}
