// Copyright 2026 the swagpu authors. MIT license.

// What optimizers have in common; tests/tools/golden_optim_test.ts compares them with
// PyTorch at every step.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  mul,
  readAll,
  scope,
  sum,
  tensor,
} from "../../engine/mod.ts";
import {
  AdamW,
  clipGradNorm,
  flatten,
  init,
  openSafetensors,
  Parameter,
  SGD,
} from "../../nn/mod.ts";
import { copyInto } from "../../engine/launch/flat.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";

const FIXTURE =
  new URL("../fixtures/optim/optimizers.safetensors", import.meta.url)
    .pathname;
const NAMES = ["decay.w", "nodecay.b"] as const;

/** The reference was computed in float32 too, so both are rounded. */
const ADAM = { absolute: 2e-6, relative: 1e-5 };

gpuTest("clipGradNorm() gives PyTorch's norm and scales the step", async () => {
  using file = await openSafetensors(FIXTURE);
  for (const tag of ["clip0", "clip1"]) {
    using _ = scope();
    const parameters: Parameter[] = [];
    for (const name of NAMES) {
      const { shape } = await file.tensor(`init.${name}`);
      parameters.push(new Parameter(shape));
    }
    const optimizer = new SGD(parameters, { learningRate: 1 });
    for (const [i, name] of NAMES.entries()) {
      const parameter = parameters[i];
      if (!parameter) continue;
      const { data } = await file.tensor(`grad.${name}`);
      const first = Float32Array.from(data.slice(0, parameter.size));
      copyInto(
        parameter.gradientTarget(),
        tensor(first, { shape: parameter.shape }),
      );
    }
    const maxNorm = (await file.tensor(`${tag}.max_norm`)).data[0] ?? 0;
    const norm = clipGradNorm(optimizer, maxNorm);
    assertClose(
      await norm.data(),
      (await file.tensor(`${tag}.total_norm`)).data,
      ADAM,
    );
    optimizer.step();
    // From zero with rate 1, the parameters are minus the clipped gradients.
    for (const [i, name] of NAMES.entries()) {
      const clipped = (await file.tensor(`${tag}.grad.${name}`)).data;
      const moved = await parameters[i]?.data() ?? [];
      assertClose(moved, Array.from(clipped, (g) => -g), ADAM, name);
    }
    optimizer.dispose();
    for (const parameter of parameters) {
      parameter.location?.segment.dispose();
      parameter.dispose();
    }
  }
});

gpuTest("step() does not change frozen and foreign parameters", async () => {
  const start = randomValues(70, 3);
  const make = () => new Parameter([70], init.values(start));
  const [trained, frozen, foreign] = [make(), make(), make()] as const;
  frozen.requiresGrad = false;
  flatten([trained, frozen, foreign]);
  const optimizer = new AdamW([trained, frozen], { learningRate: 0.1 });
  const all = [trained, frozen, foreign];
  for (const p of all) {
    copyInto(p.gradientTarget(), tensor(randomValues(70, 4)));
  }
  optimizer.step();
  const [a, b, c] = await readAll(all);
  assert(a?.every((x, i) => x !== start[i]));
  assertEquals(b, start);
  assertEquals(c, start);
  optimizer.dispose();
  trained.location?.segment.dispose();
  for (const p of all) p.dispose();
});

gpuTest("step() sets gradients to zero unless they are kept", async () => {
  const p = new Parameter([5], init.constant(1));
  const optimizer = new SGD([p], { learningRate: 0 });
  backward(sum(mul(p, 2)));
  backward(sum(mul(p, 3)));
  assertEquals([...await p.gradientTarget().data()], [5, 5, 5, 5, 5]);
  optimizer.step({ keepGradients: true });
  assertEquals([...await p.gradientTarget().data()], [5, 5, 5, 5, 5]);
  optimizer.step();
  assertEquals([...await p.gradientTarget().data()], [0, 0, 0, 0, 0]);
  optimizer.dispose();
  p.location?.segment.dispose();
  p.dispose();
});

gpuTest("optimizers check settings before they allocate", (device) => {
  const before = device.pool.statistics().inUse;
  const p = new Parameter([1]);
  assertThrows(
    () => new AdamW([]),
    TypeError,
    "Cannot optimize: there are no parameters",
  );
  assertThrows(() => new AdamW([p, p]), TypeError, "twice");
  assertThrows(
    () => new AdamW([p], { learningRate: -1 }),
    RangeError,
    "Cannot optimize with learningRate -1: it must not be negative",
  );
  assertThrows(() => new AdamW([p], { betas: [0.9, 1] }), RangeError, "betas");
  assertThrows(
    () => new AdamW([p], { betas: [0.9] as unknown as [number, number] }),
    RangeError,
    "Cannot use betas [0.9]: they must be two numbers in [0, 1)",
  );
  assertThrows(
    () => new SGD([p], { dampening: NaN }),
    RangeError,
    "Cannot use dampening NaN",
  );
  assertThrows(() => new SGD([p], { nesterov: true }), RangeError, "nesterov");
  assertEquals(device.pool.statistics().inUse, before);
  const optimizer = new SGD([p]);
  assertThrows(() => clipGradNorm(optimizer, 0), RangeError, "positive");
  assertThrows(() => optimizer.clip(NaN), RangeError, "positive");
  optimizer.dispose();
  p.location?.segment.dispose();
  p.dispose();
});
