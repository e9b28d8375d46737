// Copyright 2026 the swagpu authors. MIT license.

// Checks a folder with a model in base/ and an adapter of it in adapter/, against
// what PEFT computed: logits with the adapter, merged and disabled, loss, gradients,
// steps of AdamW, merged weights, and the bytes of the files.

import {
  backward,
  manualSeed,
  readAll,
  scope,
  type Tensor,
} from "../../engine/mod.ts";
import * as models from "../../models/mod.ts";
import { AdamW, LoraConfig } from "../../nn/mod.ts";
import { inputsOf } from "./check.ts";
import {
  type AnyModel,
  compare,
  type Comparison,
  type Golden,
  readGolden,
} from "./compare.ts";

/** The folder that holds the adapter, beside `case.json`. */
export const ADAPTER_FOLDER = "adapter";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const LOGITS = 2e-5;
const GRADIENTS = 1e-5;
const MERGED = 1e-6;
const STEPS = 3;

/** The parts of case.json that the checks need. */
interface LoraCase {
  class: string;
  lora: {
    r: number;
    lora_alpha: number;
    target_modules: string[];
    modules_to_save: string[];
  };
}

/** A model with an adapter, and what PEFT computed. */
interface Subject {
  readonly peft: models.PeftModel<AnyModel>;
  readonly golden: Golden;
}

/** Runs every check of a folder. */
export async function checkLora(folder: string): Promise<Comparison[]> {
  const text = await Deno.readTextFile(`${folder}/case.json`);
  const spec: LoraCase = JSON.parse(text);
  const golden = await readGolden(`${folder}/golden.safetensors`);
  const modelClass = (models as Record<string, unknown>)[spec.class];
  if (typeof modelClass !== "function") {
    throw new RangeError(`Cannot check ${spec.class}: no such class`);
  }
  const loadBase = () =>
    models.PreTrainedModel.load(
      modelClass as unknown as models.PretrainedClass<AnyModel>,
      `${folder}/base`,
    );
  const load = async (): Promise<Subject> => ({
    golden,
    peft: await models.PeftModel.fromPretrained(
      await loadBase(),
      `${folder}/${ADAPTER_FOLDER}`,
      { isTrainable: true },
    ),
  });
  const results = [...await checkFresh(await loadBase(), spec, golden)];
  for (
    const check of [checkLogits, checkGradients, checkSteps, checkMerged]
  ) {
    const subject = await load();
    try {
      results.push(...await check(subject));
    } finally {
      subject.peft.dispose();
    }
  }
  results.push(...await checkBytes(await load(), folder));
  return results;
}

/** The logits of the base model, and of a new adapter, which changes nothing. */
async function checkFresh(
  base: AnyModel,
  { lora }: LoraCase,
  golden: Golden,
): Promise<Comparison[]> {
  const results = [await logits("logits.base", base, golden)];
  manualSeed(0);
  const config = new LoraConfig({
    r: lora.r,
    loraAlpha: lora.lora_alpha,
    targetModules: lora.target_modules,
    modulesToSave: lora.modules_to_save,
  });
  const peft = models.getPeftModel(base, config);
  results.push(await logits("logits.fresh_adapter", base, golden));
  peft.dispose();
  return results;
}

async function checkLogits(
  { peft, golden }: Subject,
): Promise<Comparison[]> {
  const results = [await logits("logits.unmerged", peft, golden)];
  peft.mergeAdapter();
  results.push(await logits("logits.merged", peft, golden));
  {
    using _ = peft.disableAdapter();
    results.push(await logits("logits.disabled", peft, golden));
  }
  peft.unmergeAdapter();
  const again = await logits("logits.unmerged", peft, golden);
  return [...results, { ...again, note: "after a merge" }];
}

async function checkGradients(
  { peft, golden }: Subject,
): Promise<Comparison[]> {
  using _ = scope();
  const { loss } = peft.forward(inputsOf(golden)) as { loss: Tensor };
  backward(loss);
  const results = [await near("loss", loss, golden, LOGITS)];
  for (const [name, parameter] of peft.namedParameters()) {
    const { grad } = parameter;
    results.push(await near(`grad.${name}`, grad, golden, GRADIENTS));
  }
  return results;
}

async function checkSteps({ peft, golden }: Subject): Promise<Comparison[]> {
  const optimizer = new AdamW(peft.parameters(), {
    learningRate: 1e-2,
    weightDecay: 0.01,
  });
  const losses: number[] = [];
  for (let step = 0; step <= STEPS; step++) {
    using _ = scope();
    const { loss } = peft.forward(inputsOf(golden)) as { loss: Tensor };
    losses.push(await loss.item());
    if (step === STEPS) break;
    backward(loss);
    optimizer.step();
  }
  optimizer.dispose();
  const expected = golden.get("adamw_losses")?.data ?? [];
  const results = [
    compare("adamw_losses", losses, expected, {
      absolute: LOGITS,
      relative: 0,
    }),
  ];
  for (const [name, parameter] of peft.namedParameters()) {
    results.push(await near(`adamw.${name}`, parameter, golden, GRADIENTS));
  }
  return results;
}

async function checkMerged({ peft, golden }: Subject): Promise<Comparison[]> {
  const parameters = peft.mergeAndUnload().namedParameters();
  const results: Comparison[] = [];
  for (const name of golden.keys()) {
    if (!name.startsWith("merged.")) continue;
    const parameter = parameters.get(name.slice("merged.".length));
    results.push(await near(name, parameter, golden, MERGED));
  }
  return results;
}

/** Compares the files that are written with PEFT's, byte for byte. */
async function checkBytes(
  { peft }: Subject,
  folder: string,
): Promise<Comparison[]> {
  const target = await Deno.makeTempDir();
  try {
    await peft.savePretrained(target);
    const results: Comparison[] = [];
    for (const name of [CONFIG, WEIGHTS]) {
      const actual = await Deno.readFile(`${target}/${name}`);
      const expected = await Deno.readFile(
        `${folder}/${ADAPTER_FOLDER}/${name}`,
      );
      results.push(
        compare(`bytes of ${name}`, actual, expected, {
          absolute: 0,
          relative: 0,
        }),
      );
    }
    return results;
  } finally {
    peft.dispose();
    await Deno.remove(target, { recursive: true });
  }
}

/** Compares the logits of a model. */
async function logits(
  name: string,
  model: Pick<AnyModel, "forward">,
  golden: Golden,
): Promise<Comparison> {
  using _ = scope();
  const output = model.forward(inputsOf(golden)) as { logits: Tensor };
  return await near(name, output.logits, golden, LOGITS);
}

/** Compares a tensor with what the golden file holds under a name. */
async function near(
  name: string,
  tensor: Tensor | undefined,
  golden: Golden,
  absolute: number,
): Promise<Comparison> {
  const [values = []] = tensor ? await readAll([tensor]) : [];
  const expected = golden.get(name)?.data ?? [NaN];
  return compare(name, values, expected, { absolute, relative: 0 });
}
