// Copyright 2026 the swagpu authors. MIT license.

// Folders whose cases.json lists cases, with a file of tensors for each: weights,
// inputs, outputs, and the gradients of Σ cotangent · output.

import {
  add,
  type AnyTensor,
  backward,
  hasDType,
  type IntegerTensor,
  mul,
  readAll,
  scope,
  sum,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import type { Module } from "../../nn/mod.ts";
import {
  compare,
  type Comparison,
  type Golden,
  maxAbs,
  readGolden,
} from "./compare.ts";
import { failure } from "./metric_cases.ts";

/** One entry of cases.json. */
export interface TensorCase {
  id: string;
  /** The layer that was run; pooling heads are known by their id. */
  layer?: string;
  config?: unknown;
  /** The names of all tensors in the file, with their shapes. */
  tensors: Record<string, number[]>;
  /** Gradients that are zero everywhere. */
  zero_gradients_left_out?: string[];
}

/** A cases.json. */
export interface TensorCases {
  cases: TensorCase[];
  [setting: string]: unknown;
}

/** A module, and how to run it on inputs by name. */
export interface Runnable {
  module: Module;
  /** Runs on the inputs; `undefined` outputs are not compared. */
  run(inputs: Inputs): Record<string, Tensor>;
}

/** The inputs of a case by name. */
export type Inputs = Readonly<Record<string, AnyTensor>>;

/** An input as floats. */
export function floats(x: AnyTensor | undefined): Tensor {
  if (x && hasDType(x, "f32")) return x;
  throw new TypeError(`Cannot run a layer: its input is ${x?.dtype}, not f32`);
}

/** An input as integers. */
export function integers(x: AnyTensor | undefined): IntegerTensor {
  if (x && hasDType(x, "i32")) return x;
  throw new TypeError(`Cannot run a layer: its input is ${x?.dtype}, not i32`);
}

/** How far gradients may be off; outputs 1e-5. */
export interface GradientTolerance {
  /** A share of a gradient's largest element, and at least this number. */
  gradients: number;
}

const OUTPUTS = 1e-5;

/** Reads the cases.json of a folder; `undefined` if it is not of this kind. */
export async function tensorCasesIn(
  folder: string,
): Promise<TensorCases | undefined> {
  const text = await Deno.readTextFile(`${folder}/cases.json`)
    .catch(() => undefined);
  if (text === undefined) return undefined;
  const found = JSON.parse(text) as Partial<TensorCases>;
  const isOfTensors = Array.isArray(found.cases) &&
    found.cases.every((one) => one.id && typeof one.tensors === "object");
  return isOfTensors ? found as TensorCases : undefined;
}

/** The tensors of a case whose names begin with a prefix, without the prefix. */
export function below(golden: Golden, prefix: string): Golden {
  return new Map(
    [...golden].filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

/**
 * Runs a case with its weights, and compares outputs and gradients. A case that
 * cannot run has failed.
 *
 * @param build Builds the module; it throws where there is none for the case.
 * @param options The tolerance, and inputs besides those of the case's own file.
 */
export async function checkTensorCase(
  one: TensorCase,
  path: string,
  build: () => Runnable,
  options: GradientTolerance & { shared?: Golden },
): Promise<Comparison[]> {
  using _ = scope();
  let module: Module | undefined;
  try {
    const runnable = build();
    module = runnable.module;
    return await runTensorCase(one, await readGolden(path), runnable, options);
  } catch (error) {
    const message = error instanceof Error ? error.message : `${error}`;
    return [failure(one.id, message)];
  } finally {
    module?.dispose();
  }
}

async function runTensorCase(
  one: TensorCase,
  golden: Golden,
  { module, run }: Runnable,
  { gradients, shared = new Map() }: GradientTolerance & { shared?: Golden },
): Promise<Comparison[]> {
  await module.loadStateDict(below(golden, "weight."));
  const inputs = leavesOf(new Map([...shared, ...below(golden, "input.")]));
  const outputs = run(inputs);
  const results = await compareOutputs(one, golden, outputs);
  backward(lossOf(golden, outputs));
  const own = module.namedParameters();
  const gradientOf = (name: string) =>
    name.startsWith("weight.")
      ? own.get(name.slice("weight.".length))?.grad
      : inputs[name.slice("input.".length)]?.grad;
  for (const [name, expected] of below(golden, "grad.")) {
    const values = await gradientOf(name)?.data() ?? [];
    results.push(compare(`${one.id} grad.${name}`, values, expected.data, {
      absolute: gradients * Math.max(1, maxAbs(expected.data)),
      relative: 0,
    }));
  }
  for (const name of one.zero_gradients_left_out ?? []) {
    // A tensor that was not used has no gradient.
    const values = await gradientOf(name.slice("grad.".length))?.data() ?? [];
    results.push(
      compare(`${one.id} ${name}`, values, new Float32Array(values.length), {
        absolute: 0,
        relative: 0,
        note: "true gradient 0",
      }),
    );
  }
  return results;
}

/** Tensors of the inputs: leaves of floats, and integers. */
function leavesOf(golden: Golden): Record<string, AnyTensor> {
  return Object.fromEntries([...golden].map(([name, { data, shape }]) => {
    const isFloat = data instanceof Float32Array;
    const values = isFloat ? Float32Array.from(data) : Int32Array.from(data);
    return [name, tensor(values, { shape, requiresGrad: isFloat })];
  }));
}

async function compareOutputs(
  { id }: TensorCase,
  golden: Golden,
  outputs: Readonly<Record<string, Tensor>>,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (const [name, expected] of below(golden, "output.")) {
    const actual = outputs[name];
    const [values] = actual ? await readAll([actual]) : [[]];
    results.push(
      compare(`${id} output.${name}`, values ?? [], expected.data, {
        absolute: OUTPUTS,
        relative: 0,
      }),
    );
  }
  return results;
}

function lossOf(
  golden: Golden,
  outputs: Readonly<Record<string, Tensor>>,
): Tensor {
  const parts = [...below(golden, "cotangent.")].map(([name, value]) => {
    const y = outputs[name];
    if (!y) throw new RangeError(`Cannot find the output ${name}`);
    const cotangent = tensor(Float32Array.from(value.data), {
      shape: value.shape,
    });
    return sum(mul(y, cotangent));
  });
  return parts.reduce((total, part) => add(total, part));
}
