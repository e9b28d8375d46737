// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  backward,
  capture,
  manualSeed,
  matmul,
  mul,
  readAll,
  scope,
  sum,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import {
  AdamW,
  estimateTrainingMemory,
  Linear,
  LoraConfig,
  LoraModel,
  Module,
  segmentsOf,
} from "../../../nn/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import {
  assertClose,
  FUNCTIONS,
  gpuTest,
  randomValues,
  SUMS,
} from "../../_check.ts";
import { adapted, Net, WIDTH } from "./_net.ts";

const INPUT = randomValues(5 * WIDTH, 1);

/** Not all ones and zeros, as five rows of the net's width. */
function input(): Tensor {
  return tensor(INPUT, { shape: [5, WIDTH] });
}

async function logitsOf(
  model: { forward(inputs: { x: Tensor }): { logits: Tensor } },
): Promise<Float32Array> {
  using _ = scope();
  return await model.forward({ x: input() }).logits.data();
}

async function valuesOf(model: Module): Promise<Map<string, number[]>> {
  const named = [...model.namedParameters()]
    .filter(([name]) => model instanceof LoraModel || !name.includes("lora_"));
  const values = await readAll(named.map(([, parameter]) => parameter));
  return new Map(named.map(([name], i) => [name, [...values[i] ?? []]]));
}

/** Makes steps that change all that the adapter trains. */
function train(lora: LoraModel<Net>, steps = 3): void {
  const optimizer = new AdamW(lora.parameters(), { learningRate: 0.05 });
  for (let i = 0; i < steps; i++) {
    using _ = scope();
    backward(lora.forward({ x: input() }).loss);
    optimizer.step();
  }
  optimizer.dispose();
}

class One extends Module {
  dense = new Linear(7, 5);
  forward(x: Tensor, options = {}): Tensor {
    return this.dense.forward(x, options);
  }
}

gpuTest(
  "an adapted layer computes what W + s B A computes, derivatives included",
  async () => {
    for (
      const activation of [
        undefined,
        "gelu",
        "gelu_tanh",
        "relu",
        "sigmoid",
        "silu",
        "tanh",
      ] as const
    ) {
      for (const hasResidual of [false, true]) {
        manualSeed(1);
        const net = new One();
        const lora = new LoraModel(
          net,
          new LoraConfig({
            r: 2,
            loraAlpha: 3,
            targetModules: ["dense"],
            initLoraWeights: false,
          }),
        );
        const leaf = (count: number, seed: number, shape: number[]) =>
          tensor(randomValues(count, seed), { shape, requiresGrad: true });
        const options = {
          ...(activation ? { activation } : {}),
          ...(hasResidual ? { residual: leaf(15, 3, [3, 5]) } : {}),
        };
        const cotangent = tensor(randomValues(15, 4), { shape: [3, 5] });
        const [a, b] = lora.parameters();
        assert(a && b);
        const x = leaf(21, 2, [3, 7]);
        const y = lora.forward(x, options);
        backward(sum(mul(y, cotangent)));
        // The twin: the whole weight, of parts that have derivatives.
        const valueA = tensor(await a.data(), {
          shape: a.shape,
          requiresGrad: true,
        });
        const valueB = tensor(await b.data(), {
          shape: b.shape,
          requiresGrad: true,
        });
        const x2 = leaf(21, 2, [3, 7]);
        const whole = add(
          net.dense.weight,
          mul(matmul(valueB, valueA), 1.5),
        );
        const twin = matmul(x2, whole, {
          transposeB: true,
          bias: net.dense.bias,
          ...options,
        });
        backward(sum(mul(twin, cotangent)));
        const label = `${activation} ${hasResidual}`;
        assertClose(await y.data(), await twin.data(), FUNCTIONS, label);
        for (const [own, other] of [[a, valueA], [b, valueB], [x, x2]]) {
          assertClose(
            await own?.grad?.data() ?? [],
            await other?.grad?.data() ?? [],
            FUNCTIONS,
            `gradient, ${label}`,
          );
        }
        lora.dispose();
      }
    }
  },
);

gpuTest("a new adapter changes nothing", async () => {
  for (const initLoraWeights of [true, "gaussian"] as const) {
    const lora = adapted({ initLoraWeights });
    const before = await logitsOf(lora);
    assertEquals(before, await logitsOf(lora.unload()));
    const { model } = lora;
    model.dispose();
  }
});

gpuTest("initLoraWeights gives PEFT's distributions", async () => {
  const spread = async (init: boolean | "gaussian") => {
    manualSeed(2);
    const lora = new LoraModel(
      new One(),
      new LoraConfig({
        r: 400,
        targetModules: ["dense"],
        initLoraWeights: init,
      }),
    );
    const [a = [], b = []] = await readAll(lora.parameters());
    const widest = Math.max(...Array.from(a, Math.abs));
    const deviation = Math.hypot(...a) / Math.sqrt(a.length);
    const widestB = Math.max(...Array.from(b, Math.abs));
    lora.dispose();
    return { widest, deviation, widestB };
  };
  const uniform = await spread(true);
  assert(uniform.widest <= 1 / Math.sqrt(7) && uniform.widest > 0.37);
  assertEquals(uniform.widestB, 0);
  const gaussian = await spread("gaussian");
  assert(Math.abs(gaussian.deviation * 400 - 1) < 0.05);
  assertEquals(gaussian.widestB, 0);
  const random = await spread(false);
  assert(random.widestB > 0.04 && random.widestB <= 1 / Math.sqrt(400));
});

gpuTest(
  "merged equals unmerged, and unmerging gives the bits back",
  async () => {
    const lora = adapted();
    const { model } = lora;
    const own = await valuesOf(model);
    const unmerged = await logitsOf(lora);
    lora.mergeAdapter();
    lora.mergeAdapter(); // The second time nothing is added.
    assert(lora.isMerged);
    assertClose(await logitsOf(lora), unmerged, SUMS);
    {
      using _ = lora.disableAdapter();
      assertEquals(await valuesOf(model), own);
      assertThrows(() => lora.mergeAdapter(), TypeError, "it is disabled");
    }
    assert(lora.isMerged);
    lora.unmergeAdapter();
    assertEquals(await valuesOf(model), own);
    assertEquals(await logitsOf(lora), unmerged);
    lora.dispose();
  },
);

gpuTest("a merged adapter that has changed is refused", async () => {
  const lora = adapted();
  lora.mergeAdapter();
  const [a] = lora.parameters();
  a?.write(randomValues(a.size, 9));
  assertThrows(
    () => lora.forward({ x: input() }),
    TypeError,
    "its weights have changed since it was merged; call unmergeAdapter()",
  );
  lora.unmergeAdapter();
  await logitsOf(lora);
  lora.dispose();
});

for (const bias of ["none", "all", "lora_only"] as const) {
  gpuTest(
    `training with bias "${bias}" leaves the model's own weights alone`,
    async () => {
      const lora = adapted({ bias, modulesToSave: ["classifier"] });
      const names = [...lora.namedParameters().keys()];
      const isOwn = (name: string) =>
        /lora_[AB]\.weight$|classifier/.test(name) ||
        bias === "all" && name.endsWith("bias") ||
        bias === "lora_only" && /(query|output)\.bias$/.test(name);
      const all = new Set([
        ...names,
        ...[...lora.model.namedParameters().keys()].map((n) => `model.${n}`),
      ]);
      assertEquals(
        names.toSorted(),
        [...all].filter(isOwn).toSorted(),
      );
      using off = lora.disableAdapter();
      const own = await valuesOf(lora.model);
      const plain = await logitsOf(lora);
      off[Symbol.dispose]();
      const start = await valuesOf(lora);
      train(lora);
      const trained = await valuesOf(lora);
      for (const [name, values] of start) {
        assert(`${values}` !== `${trained.get(name)}`, `${name} is trained`);
      }
      const learnt = await logitsOf(lora);
      {
        using _ = lora.disableAdapter();
        assertEquals(await valuesOf(lora.model), own);
        assertEquals(await logitsOf(lora), plain);
        // What the adapter is does not depend on whether it is on.
        assertEquals(await valuesOf(lora), trained);
      }
      assertEquals(await logitsOf(lora), learnt);
      const net = lora.mergeAndUnload();
      assertClose(await logitsOf(net), learnt, SUMS);
      net.dispose();
    },
  );
}

gpuTest("unload() gives the model back as it was", async () => {
  manualSeed(4);
  const net = new Net();
  net.placeParameters();
  net.table.weight.requiresGrad = false;
  const { query } = net.layer[0] ?? {};
  const own = await valuesOf(net);
  const lora = new LoraModel(
    net,
    new LoraConfig({
      targetModules: "all-linear",
      bias: "all",
      modulesToSave: ["classifier"],
    }),
  );
  assertEquals(
    [...net.namedModules().values()].filter((m) => m instanceof Linear).length,
    5 + 2 * 4,
  );
  train(lora.eval());
  assert(lora.unload() === net);
  assert(net.layer[0]?.query === query);
  assertEquals(await valuesOf(net), own);
  assertEquals(
    [...net.namedParameters()].filter(([, p]) => !p.requiresGrad)
      .map(([name]) => name),
    ["table.weight"],
  );
  assertThrows(() => lora.mergeAdapter(), TypeError, "it has been unloaded");
  net.dispose();
});

gpuTest(
  "gradients, moments and a posterior take memory for the adapter alone",
  async ({ pool }) => {
    const lora = adapted({ bias: "all", modulesToSave: ["classifier"] });
    const { model } = lora;
    const used = () => pool.statistics().inUse;
    const before = used();
    const size = lora.parameters().reduce((n, p) => n + p.size, 0);
    const optimizer = new AdamW(lora.parameters());
    {
      using _ = scope();
      backward(lora.forward({ x: input() }).loss);
      optimizer.step();
    }
    const { gradients, adamW } = estimateTrainingMemory(lora);
    assertEquals(used() - before, gradients + adamW);
    optimizer.dispose();
    using off = lora.disableAdapter();
    const own = [...model.namedParameters()]
      .filter(([name]) => !name.includes("lora_"))
      .map(([, parameter]) => parameter);
    assert(segmentsOf(own).every(({ hasGradients }) => !hasGradients));
    off[Symbol.dispose]();
    using swag = SwagModel.fromBase(lora, { noCovMat: false, maxNumModels: 4 });
    const { mean, deviations } = swag.memoryEstimate;
    const padded = lora.parameters()
      .reduce((n, p) => n + Math.ceil(p.size / 64) * 64, 0);
    assert(padded < 2 * size + 64 * lora.parameters().length);
    assertEquals([mean, deviations], [4 * padded, 4 * 4 * padded]);
    assertEquals(swag.enabledParameters, [...lora.namedParameters().keys()]);
    for (let i = 0; i < 3; i++) {
      train(lora, 1);
      swag.collectModel();
    }
    const { logits } = model.forward({ x: input() });
    const now = await logits.data();
    const stacked = swag.predict(() => lora.forward({ x: input() }), {
      numPredictions: 3,
      seed: 1,
    });
    assertEquals(stacked.probabilities.shape, [5, 3]);
    assert((await stacked.mutualInformation.data()).some((x) => x > 1e-9));
    assertEquals(await logitsOf(lora), now);
    lora.dispose();
  },
);

gpuTest(
  "a captured step draws new dropout each time, and obeys the adapter's switch",
  async () => {
    const run = async (isCaptured: boolean) => {
      const lora = adapted({ loraDropout: 0.5 }).train();
      manualSeed(7);
      const optimizer = new AdamW(lora.parameters(), { learningRate: 0.01 });
      const step = ({ x }: { x: Tensor }) => {
        const { loss } = lora.forward({ x });
        backward(loss);
        optimizer.step();
        return loss;
      };
      using captured = capture(step);
      const losses: number[] = [];
      for (let i = 0; i < 6; i++) {
        using _ = scope();
        const loss = isCaptured
          ? captured({ x: INPUT2D })
          : step({ x: input() });
        losses.push(await loss.item());
      }
      using forward = capture(({ x }: { x: Tensor }) =>
        lora.forward({ x }).logits
      );
      lora.eval();
      const outputs: string[] = [];
      const look = async () => {
        using _ = scope();
        outputs.push(`${await forward({ x: INPUT2D }).data()}`);
      };
      for (let i = 0; i < 4; i++) await look();
      {
        using _ = lora.disableAdapter();
        await look();
        assertEquals(outputs.at(-1), `${await logitsOf(lora)}`);
      }
      lora.mergeAdapter();
      await look();
      assertEquals(outputs.at(-1), `${await logitsOf(lora)}`);
      lora.unmergeAdapter();
      await look();
      assertEquals(outputs.at(-1), outputs[0]);
      assert(outputs[4] !== outputs[0]);
      optimizer.dispose();
      lora.dispose();
      return losses;
    };
    const plain = await run(false);
    assertEquals(await run(true), plain);
    assertEquals(new Set(plain).size, plain.length);
  },
);

/** The input as a captured step takes it. */
const INPUT2D = { data: INPUT, shape: [5, WIDTH] };
