// Copyright 2026 the swagpu authors. MIT license.

// Which parameters an optimizer changes: random sequences of freezing,
// parameters that are unused or used late, clipping, accumulation and two
// optimizers of one model, compared with PyTorch's rules in float64.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  backward,
  capture,
  type CapturedStep,
  full,
  mul,
  readAll,
  scope,
  sum,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  AdamW,
  clipGradNorm,
  flatten,
  init,
  Linear,
  Module,
  type Optimizer,
  Parameter,
  SGD,
} from "../../nn/mod.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";
import {
  clipTwins,
  type Twin,
  TwinAdamW,
  TwinSGD,
} from "../reference/optimizers.ts";

/**
 * Thirty steps in 32 bits instead of 64; Adam divides small numbers by small
 * ones.
 */
const HISTORY = { absolute: 2e-5, relative: 2e-4 };

/** Sizes that fill less than a block, one block, and several. */
const SIZES = [3, 64, 70, 130, 5] as const;

const ADAMW = {
  learningRate: 0.05,
  betas: [0.8, 0.95],
  eps: 1e-6,
  weightDecay: 0.3,
} as const;
const SGD_SETTINGS = {
  learningRate: 0.05,
  momentum: 0.9,
  dampening: 0,
  weightDecay: 0.2,
  nesterov: true,
};
const DAMPENED = { ...SGD_SETTINGS, dampening: 0.4, nesterov: false };

/** The derivative of Σ w·p·p/2 for the parameters that are used: w·p. */
function gradient(
  used: readonly Parameter[],
  weights: readonly number[],
): void {
  let loss: Tensor | undefined;
  used.forEach((p, i) => {
    const term = mul(sum(mul(p, p)), (weights[i] ?? 1) / 2);
    loss = loss ? add(loss, term) : term;
  });
  if (loss) backward(loss);
}

function addTwinGradient(twin: Twin, weight: number): void {
  const g = twin.value.map((x) => weight * x);
  const { gradient } = twin;
  twin.gradient = gradient ? gradient.map((x, i) => x + (g[i] ?? 0)) : g;
}

function free(parameters: readonly Parameter[]): void {
  const segments = new Set(parameters.map(({ location }) => location?.segment));
  for (const p of parameters) p.dispose();
  for (const segment of segments) segment?.dispose();
}

interface Pair {
  own: Optimizer;
  twin: TwinAdamW | TwinSGD;
}

/** Optimizers of overlapping subsets of five parameters, of three kinds. */
function pairs(
  kind: number,
  parameters: readonly Parameter[],
  twins: readonly Twin[],
): Pair[] {
  const make = (which: readonly number[], kind: number): Pair => {
    const own = which.map((i) => parameters[i] as Parameter);
    const theirs = which.map((i) => twins[i] as Twin);
    if (kind === 0) {
      return {
        own: new AdamW(own, ADAMW),
        twin: new TwinAdamW(theirs, ADAMW),
      };
    }
    const settings = kind === 1 ? SGD_SETTINGS : DAMPENED;
    return {
      own: new SGD(own, settings),
      twin: new TwinSGD(theirs, settings),
    };
  };
  return [make([0, 1, 2, 4], kind), make([2, 3], (kind + 1) % 3)];
}

for (const kind of [0, 1, 2]) {
  for (const captured of [false, true]) {
    const name = ["AdamW", "SGD with Nesterov", "SGD with dampening"][kind];
    gpuTest(
      `${name} follows PyTorch through freezing, unused and late parameters, ` +
        (captured ? "captured" : "eager"),
      async () => {
        const start = SIZES.map((size, i) => randomValues(size, 30 + i));
        const parameters = start.map((x) =>
          new Parameter([x.length], init.values(x))
        );
        const twins: Twin[] = start.map((x) => ({
          value: Float64Array.from(x),
          gradient: undefined,
        }));
        flatten(parameters);
        (parameters[4] as Parameter).requiresGrad = false; // From the beginning.
        const optimizers = pairs(kind, parameters, twins);
        const steps = new Map<string, CapturedStep<object, unknown>>();
        /** Runs an action. If it is captured, each key has one recording. */
        const perform = (key: string, action: () => void) => {
          if (!captured) {
            using _ = scope();
            return action();
          }
          let step = steps.get(key);
          if (!step) steps.set(key, step = capture(action));
          step({});
        };
        const random = randomValues(4000, 7 + kind, 0, 1);
        let at = 0;
        const chance = (p: number) => (random[at++] ?? 0) < p;
        for (let t = 0; t < 30; t++) {
          for (const [i, p] of parameters.entries()) {
            assertEquals(p.hasGradient, twins[i]?.gradient !== undefined);
            const flip = chance(0.15) || (i === 4 && t === 12);
            // PyTorch still applies a gradient from before the freezing; swagpu
            // does not.
            if (flip && !p.hasGradient) p.requiresGrad = !p.requiresGrad;
          }
          for (let n = chance(0.3) ? 2 : 1; n > 0; n--) {
            // Parameter 1 is first used late; others are left out now and then.
            const used = parameters.map((p, i) =>
              (i !== 1 || t > 8) && chance(0.8) && p.requiresGrad
            );
            const list = parameters.filter((_, i) => used[i]);
            const weights = list.map((_, i) => 1 + i / 2);
            if (list.length === 0) continue;
            perform(`backward ${used}`, () => gradient(list, weights));
            let k = 0;
            twins.forEach((twin, i) => {
              if (used[i]) addTwinGradient(twin, weights[k++] ?? 1);
            });
          }
          for (const [i, { own, twin }] of optimizers.entries()) {
            if (chance(0.4)) {
              perform(`clip ${i}`, () => void clipGradNorm(own, 0.7));
              clipTwins(twin.twins, 0.7);
            }
            if (chance(0.1)) {
              perform(`zero ${i}`, () => own.zeroGrad());
              for (const x of twin.twins) x.gradient = undefined;
            }
            const keepGradients = chance(0.2);
            perform(
              `step ${i} ${keepGradients}`,
              () => own.step({ keepGradients }),
            );
            twin.step();
            if (!keepGradients) {
              for (const x of twin.twins) x.gradient = undefined;
            }
          }
        }
        const now = await readAll(parameters);
        now.forEach((x, i) =>
          assertClose(x, twins[i]?.value ?? [], HISTORY, `parameter ${i}`)
        );
        for (const { own, twin } of optimizers) {
          assertEquals(
            [...own.parameterSteps.values()],
            twin.twins.map((x) => twin.steps.get(x) ?? 0),
          );
          own.dispose();
        }
        for (const step of steps.values()) step.dispose();
        free(parameters);
      },
    );
  }
}

gpuTest(
  "a frozen parameter keeps its value, whatever gradient it had",
  async () => {
    for (const make of [AdamW, SGD] as const) {
      const p = new Parameter([2], init.constant(1));
      const optimizer = new make([p], { weightDecay: 0.5, learningRate: 0.1 });
      backward(sum(mul(p, p)));
      p.requiresGrad = false;
      optimizer.step();
      assertEquals([...await p.data()], [1, 1]);
      // That gradient does not return when the parameter is trained again.
      p.requiresGrad = true;
      assert(!p.hasGradient);
      assertEquals([...await p.gradientTarget().data()], [0, 0]);
      p.dropGradient();
      optimizer.step();
      assertEquals([...await p.data()], [1, 1]);
      optimizer.dispose();
      free([p]);
    }
  },
);

gpuTest("a gradient of zeros is a gradient: weights still decay", async () => {
  const p = new Parameter([1], init.constant(1));
  const optimizer = new AdamW([p], { weightDecay: 0.5, learningRate: 0.1 });
  backward(sum(mul(p, 0)));
  optimizer.step();
  assertClose(await p.data(), [0.95]);
  assertEquals(optimizer.parameterSteps.get(p), 1);
  optimizer.dispose();
  free([p]);
});

class Two extends Module {
  a = new Linear(2, 2);
  b = new Linear(2, 2);
}

gpuTest("freeze() and unfreeze() hold in a captured step", async () => {
  const model = new Two();
  const optimizer = new AdamW(model.parameters(), { learningRate: 0.1 });
  const x = tensor([[1, 2]]);
  using step = capture(() => {
    backward(sum(add(model.a.forward(x), model.b.forward(x))));
    optimizer.step();
  });
  const moved = async () => {
    const before = (await readAll([model.a.weight, model.b.weight]))
      .map((values) => [...values]);
    for (let i = 0; i < 4; i++) step({});
    const after = await readAll([model.a.weight, model.b.weight]);
    return after.map((values, i) =>
      values.some((v, k) => v !== before[i]?.[k])
    );
  };
  assertEquals(await moved(), [true, true]);
  model.freeze("a");
  assertEquals(await moved(), [false, true]);
  model.unfreeze("a");
  model.freeze("b");
  assertEquals(await moved(), [true, false]);
  assertEquals(optimizer.parameterSteps.get(model.a.weight), 8);
  assertEquals(optimizer.steps, 12);
  optimizer.dispose();
  model.dispose();
});

gpuTest(
  "functions that clear gradients may be captured before there are any",
  async () => {
    const p = new Parameter([2], init.constant(1));
    const optimizer = new SGD([p], { learningRate: 1 });
    const clears: Record<string, () => void> = {
      zeroGrad: () => optimizer.zeroGrad(),
      zeroGradients: () => p.location?.segment.zeroGradients(),
      dropGradient: () => p.dropGradient(),
    };
    for (const [name, clear] of Object.entries(clears)) {
      using captured = capture(clear);
      for (let i = 0; i < 4; i++) captured({});
      for (let i = 0; i < 4; i++) {
        backward(sum(mul(p, 3)));
        assertEquals([...await p.grad?.data() ?? []], [3, 3], name);
        captured({});
        assert(!p.hasGradient);
      }
    }
    optimizer.dispose();
    free([p]);
  },
);

gpuTest("a replay makes a gradient that was dropped before", async () => {
  const p = new Parameter([2], init.constant(1));
  using step = capture(({ x }: { x: Tensor }) => backward(sum(mul(p, x))));
  for (let i = 1; i < 6; i++) {
    step({ x: Float32Array.of(i, 2 * i) });
    assertEquals([...await p.grad?.data() ?? []], [i, 2 * i]);
    p.dropGradient();
    assertEquals(p.grad, undefined);
  }
  free([p]);
});

gpuTest("zeroGrad() leaves the gradients of other optimizers", async () => {
  const parameters = [0, 1, 2].map(() => new Parameter([3], init.constant(1)));
  flatten(parameters);
  const [a, b, c] = parameters as [Parameter, Parameter, Parameter];
  const outer = new SGD([a, c], { learningRate: 1 });
  const inner = new SGD([b], { learningRate: 1 });
  gradient(parameters, [2, 3, 4]);
  inner.zeroGrad();
  assertEquals(parameters.map((p) => p.hasGradient), [true, false, true]);
  inner.step();
  outer.step();
  assertEquals((await readAll(parameters)).map((x) => x[0]), [-1, 1, -3]);
  outer.dispose();
  inner.dispose();
  free(parameters);
});

gpuTest("a clip does not affect later gradients", async () => {
  const p = new Parameter([2]);
  const optimizer = new SGD([p], { learningRate: 1 });
  const give = (x: number, y: number) => p.gradientTarget().write([x, y]);
  give(Infinity, 1);
  assertEquals(await clipGradNorm(optimizer, 1).item(), Infinity);
  optimizer.zeroGrad();
  give(3, 4);
  optimizer.step();
  assertEquals([...await p.data()], [-3, -4]);

  // A clip applies to that moment: gradients that are added later are not
  // scaled.
  give(3, 4);
  clipGradNorm(optimizer, 1);
  gradient([p], [1]); // p itself: -3, -4
  assertClose(await p.gradientTarget().data(), [0.6 - 3, 0.8 - 4]);
  optimizer.step({ keepGradients: true });
  assertClose(await p.data(), [-3 + 2.4, -4 + 3.2]);
  optimizer.step();
  assertClose(await p.data(), [-3 + 4.8, -4 + 6.4]);

  // Gradients that are kept are clipped, also in a tensor from before the clip.
  give(30, 40);
  const held = p.grad;
  clipGradNorm(optimizer, 1);
  assertClose(await held?.data() ?? [], [0.6, 0.8]);
  optimizer.step({ keepGradients: true });
  assertClose(await p.gradientTarget().data(), [0.6, 0.8]);
  optimizer.dispose();
  free([p]);
});

gpuTest(
  "clipGradNorm() follows PyTorch where the norm is not finite",
  async () => {
    const p = new Parameter([2]);
    const optimizer = new SGD([p], { learningRate: 1 });
    for (
      const [gradients, clipped] of [
        [[Infinity, 1], [NaN, 0]],
        [[NaN, 1], [NaN, NaN]],
        [[0, 0], [0, 0]],
      ] as const
    ) {
      p.gradientTarget().write(gradients);
      clipGradNorm(optimizer, 1);
      assertEquals([...await p.gradientTarget().data()], [...clipped]);
    }
    optimizer.dispose();
    free([p]);
  },
);

gpuTest(
  "a momentum buffer starts with the first gradient that it receives",
  async () => {
    const p = new Parameter([1]);
    const settings = { learningRate: 1, momentum: 0, dampening: 0.5 };
    const optimizer = new SGD([p], settings);
    const twin: Twin = { value: new Float64Array(1), gradient: undefined };
    const reference = new TwinSGD([twin], {
      ...settings,
      weightDecay: 0,
      nesterov: false,
    });
    for (const momentum of [0, 0, 0.9, 0.9, 0, 0.9]) {
      for (const group of optimizer.groups) group.momentum = momentum;
      reference.settings.momentum = momentum;
      p.gradientTarget().write([1]);
      twin.gradient = Float64Array.of(1);
      optimizer.step();
      reference.step();
    }
    assertClose(await p.data(), twin.value);
    optimizer.dispose();
    free([p]);
  },
);

gpuTest("optimizers refuse unknown settings", () => {
  const p = new Parameter([1]);
  const loose = (settings: object) => settings;
  for (const make of [AdamW, SGD] as const) {
    assertThrows(
      () => new make([p], loose({ lr: 1 })),
      TypeError,
      'option "lr": did you mean "learningRate"?',
    );
    assertThrows(
      () => new make([{ parameters: [p], ...loose({ weight_decay: 0 }) }]),
      TypeError,
      'option "weight_decay": did you mean "weightDecay"?',
    );
  }
  const optimizer = new AdamW([p], loose({ learningRate: undefined }));
  assertEquals(optimizer.learningRate, 1e-3);
  assertThrows(() => (optimizer.learningRate = NaN), RangeError, "NaN");
  optimizer.dispose();
  free([p]);
});

gpuTest("values that a derivative needs must not be overwritten", async () => {
  const p = new Parameter([2], init.constant(3));
  const optimizer = new SGD([p], { learningRate: 0.1 });
  const changes: Record<string, () => void> = {
    write: () => p.write([1, 1]),
    initialize: () => p.initialize(),
    step() {
      p.gradientTarget();
      optimizer.step();
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    const loss = sum(mul(p, p));
    change();
    assertThrows(
      () => backward(loss),
      TypeError,
      "a tensor of shape [2] that the derivative needs was modified by an " +
        "in-place operation",
      name,
    );
    // The next backward pass works.
    backward(sum(mul(p, p)));
    optimizer.zeroGrad();
  }
  // The derivative of a sum needs no summand, and other leaves may still be
  // used.
  p.write([3, 3]);
  const mask = tensor([1, 1]);
  const loss = sum(mul(add(p, mask), full([2], 2)));
  mask.write([5, 5]);
  p.write([4, 4]);
  backward(loss);
  assertEquals([...await p.gradientTarget().data()], [2, 2]);
  optimizer.dispose();
  free([p]);
});

gpuTest(
  "an optimizer of other parameters may step before backward",
  async () => {
    const parameters = [0, 1].map(() => new Parameter([2], init.constant(3)));
    flatten(parameters);
    const [a, b] = parameters as [Parameter, Parameter];
    const optimizer = new SGD([b], { learningRate: 1 });
    const loss = sum(mul(a, a));
    b.gradientTarget().write([1, 1]);
    optimizer.step();
    backward(loss);
    assertEquals([...await a.gradientTarget().data()], [6, 6]);
    // A step that is replayed counts too.
    using step = capture(() => {
      backward(sum(mul(b, b)));
      optimizer.step();
    });
    for (let i = 0; i < 4; i++) {
      const loss = sum(mul(b, b));
      step({});
      assertThrows(() => backward(loss), TypeError, "in-place operation");
    }
    assertEquals(step.reason, undefined);
    optimizer.dispose();
    free(parameters);
  },
);
