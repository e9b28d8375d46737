// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The end of a product: what is done with four neighbors of C that are ready.
// The kernel reads what C holds there, applies what follows the sum, and
// writes. This text is shared by the kernels that multiply and the one that
// adds the parts of a product which is split along k.

import { declareTexels } from "../gpu/texels.ts";
import { type Activation, ACTIVATIONS } from "./matmul_activation.ts";
import { scalarFunctions } from "./scalar_functions.ts";

/** The properties of a product that select the text of its end. */
export interface EpilogueForm {
  /**
   * Whether rows of C start at multiples of four, and N is a multiple of four.
   */
  vectorC: boolean;
  /**
   * Whether the operands are read as texels. With `vectorC`, so is all else
   * that is read, C itself included: on such adapters a texel costs less than
   * two words of a buffer.
   */
  texels: boolean;
  /** Whether the sums start from what C holds. */
  resume: boolean;
  /** Whether a bias is added to each row. */
  bias: boolean;
  /** Whether a tensor of the shape of C is added, after the activation. */
  residual: boolean;
  /** The function that the sum and bias go through. */
  activation: Activation | undefined;
  /** Whether the argument of the activation is a second output. */
  save: boolean;
  /** An activation whose derivative multiplies the result. */
  derive: Activation | undefined;
  /**
   * The operand whose sums along k are an output, too: rows of op(A), or
   * columns of op(B).
   */
  sums: "a" | "b" | undefined;
}

/** The form of an epilogue that only writes the product, row by row. */
export const PLAIN_EPILOGUE: EpilogueForm = {
  vectorC: true,
  texels: false,
  resume: false,
  bias: false,
  residual: false,
  activation: undefined,
  save: false,
  derive: undefined,
  sums: undefined,
};

/** How a kernel reads a buffer: by elements, by fours, or as texels. */
export type Reading = "scalar" | "vector" | "texels";

/** How rows are read, by whether they start at multiples of four elements. */
export function byFours(aligned: boolean): Reading {
  return aligned ? "vector" : "scalar";
}

/** How tensors of the shape of C are read. */
function likeC({ texels, vectorC }: EpilogueForm): Reading {
  return texels && vectorC ? "texels" : byFours(vectorC);
}

/** Whether the old value of C is read through a second binding. */
export function bindsHeld(form: EpilogueForm): boolean {
  return form.resume && likeC(form) === "texels";
}

/**
 * Declares the bindings of a kernel, in order: the given, bias, residual,
 * argument of the derivative, the old value of C if {@linkcode bindsHeld}, then
 * C, the saved argument and the sums, and last the parameters.
 *
 * @param given The names of the first bindings, and how they are read.
 * @param form The end of the product.
 */
export function declareBindings(
  given: readonly (readonly [name: string, reading: Reading])[],
  form: EpilogueForm,
): string {
  const like = likeC(form);
  const inputs = [...given];
  if (form.bias) inputs.push(["bias", like === "texels" ? like : "scalar"]);
  if (form.residual) inputs.push(["residual", like]);
  if (form.derive) inputs.push(["argument", like]);
  if (bindsHeld(form)) inputs.push(["before", like]);
  const written = byFours(form.vectorC);
  const outputs: [string, Reading][] = [["C", written]];
  if (form.save) outputs.push(["saved", written]);
  if (form.sums) outputs.push(["sums", "scalar"]);
  const declare =
    (access: string, first: number) =>
    ([name, reading]: readonly [string, Reading], i: number) =>
      reading === "texels"
        ? declareTexels(first + i, name)
        : `@group(0) @binding(${first + i}) var<storage, ${access}> ${name}: ` +
          `array<${reading === "vector" ? "vec4<f32>" : "f32"}>;`;
  return [
    ...inputs.map(declare("read", 0)),
    ...outputs.map(declare("read_write", inputs.length)),
    `@group(0) @binding(${
      inputs.length + outputs.length
    }) var<uniform> p: Params;`,
  ].join("\n");
}

const LANES = [0, 1, 2, 3] as const;

/** The expression for four neighbors of a buffer, from `i` on. */
export function readFour(buffer: string, reading: Reading, i = "i"): string {
  switch (reading) {
    case "texels":
      return `${buffer}_texel((${i}) / 4u)`;
    case "vector":
      return `${buffer}[(${i}) / 4u]`;
    case "scalar":
      return `vec4<f32>(${
        LANES.map((l) => `${buffer}[${i} + ${l}u]`).join(", ")
      })`;
  }
}

/**
 * The functions of the end: `shift` gives the bias, `held` the old value of C,
 * and `finish` applies what follows the bias and writes. With sums along k,
 * `held_sums` and `finish_sums` do the same for these.
 */
export function epilogue(form: EpilogueForm): string {
  const { vectorC, activation, derive } = form;
  const like = likeC(form);
  const write = (buffer: string, value: string) =>
    vectorC
      ? `if (n < p.N) { ${buffer}[i / 4u] = ${value}; }`
      : LANES.map((l) =>
        `if (n + ${l}u < p.N) { ${buffer}[i + ${l}u] = ${value}[${l}]; }`
      ).join("\n  ");
  const each = (call: (lane: string) => string) =>
    `v = vec4<f32>(${["x", "y", "z", "w"].map(call).join(", ")});`;
  const steps: string[] = [];
  if (form.save) steps.push(write("saved", "v"));
  if (activation) steps.push(each((l) => `activate(v.${l})`));
  if (form.residual) steps.push(`v += ${readFour("residual", like)};`);
  if (derive) {
    steps.push(
      `let argued = ${readFour("argument", like)};`,
      each((l) => `derive(v.${l}, argued.${l})`),
    );
  }
  const functions = [
    activation
      ? `fn activate(z: f32) -> f32 { return ${ACTIVATIONS[activation].y}; }`
      : "",
    derive ? derivative(derive) : "",
  ].join("\n");
  return [
    scalarFunctions(functions),
    functions,
    `fn shift(n: u32) -> vec4<f32> { return ${
      form.bias
        ? readFour(
          "bias",
          like === "texels" ? like : "scalar",
          "p.bias_at + n",
        )
        : "vec4<f32>()"
    }; }`,
    /* wgsl */ `
fn held(base: u32, m: u32, n: u32) -> vec4<f32> {
  let i = base + m * p.ldc + n;
  return ${
      bindsHeld(form)
        ? readFour("before", like)
        : readFour("C", byFours(vectorC))
    };
}
fn finish(base: u32, m: u32, n: u32, sum: vec4<f32>) {
  let i = base + m * p.ldc + n;
  var v = sum;
  ${steps.join("\n  ")}
  ${write("C", "v")}
}`,
    form.sums ? SUMS : "",
  ].join("\n");
}

/** The function `derive` of the gradient and of what the activation saved. */
function derivative(activation: Activation): string {
  const { dz, fromY } = ACTIVATIONS[activation];
  return `fn derive(dy: f32, ${fromY ? "y" : "z"}: f32) -> f32 { return ${
    fromY ?? dz
  }; }`;
}

const SUMS = /* wgsl */ `
fn held_sums(base: u32, at: u32) -> vec4<f32> {
  let i = base + at;
  return vec4<f32>(sums[i], sums[i + 1u], sums[i + 2u], sums[i + 3u]);
}
fn finish_sums(base: u32, at: u32, end: u32, v: vec4<f32>) {
  for (var l = 0u; l < 4u; l++) {
    if (at + l < end) { sums[base + at + l] = v[l]; }
  }
}`;
