// Copyright 2026 the swagpu authors. MIT license.

// Checks one folder of reference tensors: outputs, loss, gradients, AdamW steps and
// generated sequences, with the tolerances of case.json.

import {
  add,
  backward,
  manualSeed,
  mul,
  readAll,
  scope,
  sum,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { readText } from "../../host/mod.ts";
import { AdamW } from "../../nn/mod.ts";
import * as xlnet from "../../examples/xlnet.ts";
import * as models from "../../models/mod.ts";
import { compareSteps } from "./adamw_steps.ts";
import {
  type AnyModel,
  compare,
  type Comparison,
  type Golden,
  maxAbs,
  readGolden,
} from "./compare.ts";
import { checkGeneration, type GenerationCase } from "./generation.ts";

/** The parts of case.json that the checks need. */
interface Case {
  architecture: string;
  params_with_zero_gradient?: string[];
  params_without_grad?: string[];
  adamw?: {
    lr: number;
    betas: [number, number];
    eps: number;
    weight_decay: number;
    steps: number;
  };
  suggested_tolerance: Record<string, number>;
  observed_float32_vs_float64?: Record<string, number>;
  generate?: Record<string, GenerationCase>;
}

/** Runs every check of a folder. */
export async function checkCase(folder: string): Promise<Comparison[]> {
  const spec: Case = JSON.parse(await readText(`${folder}/case.json`));
  const golden = await readGolden(`${folder}/golden.safetensors`);
  const classes: Record<string, unknown> = { ...models, ...xlnet };
  const modelClass = classes[spec.architecture];
  if (typeof modelClass !== "function") {
    throw new RangeError(`Cannot check ${spec.architecture}: no such class`);
  }
  const load = () =>
    models.PreTrainedModel.load(
      modelClass as unknown as models.PretrainedClass<AnyModel>,
      folder,
    );
  manualSeed(0);
  const results: Comparison[] = [];
  const model = await load();
  try {
    results.push(...await checkForward(model, spec, golden));
    if (spec.generate) {
      results.push(...await checkGeneration(model, spec.generate, golden));
    }
    if (spec.adamw) results.push(...await checkAdamW(model, spec, golden));
  } finally {
    model.dispose();
  }
  return results;
}

/** Makes tensors of all `input.*`, with names in camelCase. */
export function inputsOf(golden: Golden): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  for (const [name, { shape, data }] of golden) {
    if (!name.startsWith("input.")) continue;
    const isFloat = data instanceof Float32Array;
    const values = isFloat ? Float32Array.from(data) : Int32Array.from(data);
    inputs[camelCase(name.slice("input.".length))] = tensor(values, { shape });
  }
  return inputs;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The loss of the model or, if it has none, Σ cotangent · output. */
function lossOf(
  outputs: Record<string, unknown>,
  golden: Golden,
): Tensor | undefined {
  if (outputs.loss) return outputs.loss as Tensor;
  let loss: Tensor | undefined;
  for (const [name, { shape, data }] of golden) {
    if (!name.startsWith("cotangent.")) continue;
    const y = outputs[camelCase(name.slice("cotangent.".length))] as Tensor;
    const part = sum(mul(y, tensor(Float32Array.from(data), { shape })));
    loss = loss ? add(loss, part) : part;
  }
  return loss;
}

/** Finds `hidden_states.2` or `logits` among a model's outputs. */
function outputOf(
  outputs: Record<string, unknown>,
  name: string,
): Tensor | undefined {
  const [key = "", index] = name.split(".");
  const value = outputs[camelCase(key)];
  return (index === undefined ? value : (value as Tensor[])?.[Number(index)]) as
    | Tensor
    | undefined;
}

async function checkForward(
  model: AnyModel,
  spec: Case,
  golden: Golden,
): Promise<Comparison[]> {
  using _ = scope();
  const tolerance = spec.suggested_tolerance;
  const results: Comparison[] = [];
  const outputs = model.forward({
    ...inputsOf(golden),
    outputHiddenStates: true,
    outputAttentions: [...golden.keys()].some((k) => k.includes("attentions.")),
  });
  const loss = lossOf(outputs, golden);
  if (loss) backward(loss);
  for (const [name, expected] of golden) {
    if (!name.startsWith("output.")) continue;
    const key = name.slice("output.".length);
    const actual = key === "loss" ? loss : outputOf(outputs, key);
    if (!actual) {
      results.push(absent(name));
      continue;
    }
    const kept = keptPlaces(expected.shape, key, golden);
    results.push(
      compare(name, (await readAll([actual]))[0] ?? [], expected.data, {
        absolute: key === "loss"
          ? tolerance.loss_atol ?? 0
          : tolerance.outputs_atol ?? 0,
        relative: key === "loss" ? 0 : tolerance.outputs_rtol ?? 0,
        ...(kept ? { kept } : {}),
      }),
    );
  }
  const zero = new Set(spec.params_with_zero_gradient);
  const parameters = model.namedParameters();
  for (const [name, expected] of golden) {
    if (!name.startsWith("grad.")) continue;
    const key = name.slice("grad.".length);
    const gradient = parameters.get(key)?.grad;
    if (!gradient) {
      results.push(absent(name));
      continue;
    }
    const values = await gradient.data();
    if (zero.has(key)) {
      results.push(
        compare(name, values, new Float32Array(values.length), {
          absolute: 1e-6,
          relative: 0,
          note: "true gradient 0",
        }),
      );
      continue;
    }
    const largest = maxAbs(expected.data);
    results.push(compare(name, values, expected.data, {
      absolute: (tolerance.grad_abs_floor ?? 0) +
        (tolerance.grad_rel_to_tensor_max ?? 0) * largest,
      relative: 0,
    }));
  }
  return results;
}

/** The elements of an output that count: those of tokens that are not padding. */
function keptPlaces(
  shape: readonly number[],
  key: string,
  golden: Golden,
): ((i: number) => boolean) | undefined {
  if (key === "loss" || shape.length < 2) return undefined;
  const mask = golden.get(
    key.startsWith("decoder_") || key.startsWith("cross_")
      ? "input.decoder_attention_mask"
      : "input.attention_mask",
  );
  if (!mask) return undefined;
  const [batch = 1, length = 1] = mask.shape.slice(-2);
  const attention = key.includes("attentions.");
  const axis = attention ? 2 : 1;
  if (shape[axis] !== length || shape[0] !== batch) return undefined;
  const inner = shape.slice(axis + 1).reduce((n, x) => n * x, 1);
  const outer = shape.slice(1, axis).reduce((n, x) => n * x, 1);
  return (i) => {
    const place = Math.floor(i / inner) % length;
    const row = Math.floor(i / (inner * length * outer));
    return mask.data[row * length + place] !== 0;
  };
}

async function checkAdamW(
  model: AnyModel,
  spec: Case,
  golden: Golden,
): Promise<Comparison[]> {
  const { adamw, suggested_tolerance: tolerance } = spec;
  if (!adamw) return [];
  const before = new Map<string, Float32Array>();
  for (const [name, parameter] of model.namedParameters()) {
    before.set(name, await parameter.data());
  }
  const optimizer = new AdamW(model.parameters(), {
    learningRate: adamw.lr,
    betas: adamw.betas,
    eps: adamw.eps,
    weightDecay: adamw.weight_decay,
  });
  optimizer.zeroGrad();
  const losses: number[] = [];
  for (let step = 0; step <= adamw.steps; step++) {
    using _ = scope();
    const loss = lossOf(model.forward(inputsOf(golden)), golden);
    if (!loss) throw new TypeError("Cannot train: the model gives no loss");
    losses.push(await loss.item());
    if (step === adamw.steps) break;
    backward(loss);
    optimizer.step();
  }
  optimizer.dispose();
  const results = [
    compare("adamw_losses", losses, golden.get("adamw_losses")?.data ?? [], {
      absolute: tolerance.adamw_losses_atol ?? 0,
      relative: 0,
    }),
  ];
  const zero = new Set(spec.params_with_zero_gradient);
  for (const [name, parameter] of model.namedParameters()) {
    const expected = golden.get(`adamw.${name}`);
    if (!expected) continue;
    const values = await parameter.data();
    if (zero.has(name)) {
      results.push(compare(`adamw.${name}`, values, before.get(name) ?? [], {
        absolute: 3.1e-3,
        relative: 0,
        note: "true gradient 0: change from the start",
      }));
      continue;
    }
    results.push(compareSteps(`adamw.${name}`, {
      actual: values,
      expected: expected.data,
      gradient: golden.get(`grad.${name}`)?.data ?? [],
      rounding: spec.observed_float32_vs_float64?.grad_rel_to_tensor_max ?? 0,
      way: adamw.lr * adamw.steps,
      most: tolerance.adamw_param_max_abs ?? 0,
      mostAbove: tolerance["adamw_param_fraction_above_1e-5"] ?? 0,
    }));
  }
  return results;
}

function absent(name: string): Comparison {
  return { name, absolute: NaN, relative: NaN, ok: false, note: "not given" };
}
