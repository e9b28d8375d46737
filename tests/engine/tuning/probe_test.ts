// Copyright 2026 the swagpu authors. MIT license.
import { assert, assertEquals } from "@std/assert";
import "../../../engine/mod.ts";
import { capture } from "../../../engine/capture/capture.ts";
import {
  type Device,
  openDevice,
  setDevice,
} from "../../../engine/gpu/device.ts";
import { add } from "../../../engine/ops/binary.ts";
import { full, tensor } from "../../../engine/ops/creation.ts";
import { embedding } from "../../../engine/ops/indexing.ts";
import { layerNorm } from "../../../engine/ops/normalization.ts";
import { softmax } from "../../../engine/ops/softmax.ts";
import { gelu } from "../../../engine/ops/unary.ts";
import { scope } from "../../../engine/scope.ts";
import { backward } from "../../../engine/tape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { chosen } from "../../../engine/tuning/choice.ts";
import { families } from "../../../engine/tuning/registry.ts";
import { probed, probesOf } from "../../../engine/tuning/probe.ts";
import { fileTuneStore } from "../../../engine/tuning/file.ts";
import { tuneKey } from "../../../engine/tuner.ts";
import { gpuTest, randomValues } from "../../_check.ts";
import { withVariant } from "../../_variants.ts";

const ROWS = 96;
const COLUMNS = 388; // Neither a power of two nor a multiple of 16.

function random(shape: number[], seed: number): Tensor {
  const size = shape.reduce((n, length) => n * length, 1);
  return tensor(randomValues(size, seed, -3, 3), { shape, requiresGrad: true });
}

/** An op on random rows, and its gradient for a random gradient of the result. */
async function overRows(op: (x: Tensor) => Tensor): Promise<number[]> {
  const x = random([ROWS, COLUMNS], 1);
  const y = op(x);
  backward(y, { gradient: random([...y.shape], 2) });
  assert(x.grad);
  return [...await y.data(), ...await x.grad.data()];
}

/** Runs ops of a family; returns the numbers that its kernels compute. */
const WORK: Readonly<Record<string, () => Promise<number[]>>> = {
  elementwise: () => overRows((x) => gelu(add(x, random([...x.shape], 3)))),
  layer_norm: () => overRows((x) => layerNorm(x)),
  softmax: () => overRows((x) => softmax(x)),
  embedding: async () => {
    const table = random([50, COLUMNS], 4);
    const ids = tensor(Int32Array.from({ length: ROWS }, (_, i) => i * i % 50));
    const y = embedding(ids, table);
    backward(y, { gradient: random([ROWS, COLUMNS], 5) });
    assert(table.grad);
    return [...await y.data(), ...await table.grad.data()];
  },
};

const PROBED = [...families].filter(([, { probe }]) => probe)
  .map(([family]) => family);

Deno.test("every family with a probe is in the list of cases", () => {
  assertEquals(PROBED.toSorted(), Object.keys(WORK).toSorted());
});

for (const family of PROBED) {
  gpuTest(
    `the variants that a probe of ${family} compares give the same bits`,
    async () => {
      const probe = families.get(family)?.probe;
      const work = WORK[family];
      assert(probe && work);
      const usual = await withVariant(family, probe.usual, work);
      const other = await withVariant(family, probe.other, work);
      assert(usual.some((value) => value !== 0));
      assertEquals(other, usual);
    },
  );
}

gpuTest(
  "every probe's work can be recorded with both variants",
  async (device) => {
    for (const family of PROBED) {
      const probe = families.get(family)?.probe;
      assert(probe);
      const work = probe.run(device);
      for (const variant of [probe.usual, probe.other]) {
        await withVariant(family, variant, () => {
          work();
          assert(
            Object.entries(chosen()).some(([key, last]) =>
              key.startsWith(`${family}/`) && last === variant
            ),
            `the probe of ${family} does not run it`,
          );
        });
      }
    }
  },
);

/** Runs a function on a device on which nothing has been measured yet. */
async function onNewDevice(run: (device: Device) => Promise<void>) {
  const device = await openDevice();
  const before = setDevice(device);
  try {
    await run(device);
  } finally {
    if (before) setDevice(before);
    await device.destroy();
  }
}

const LARGE = 2 ** 17;

Deno.test("the first large call starts a probe, whose result later calls run", async () => {
  await onNewDevice(async (device) => {
    const usual = device.isSoftware ? "texels" : "buffers";
    using _ = scope();
    const x = full([LARGE], 1);
    const first = add(x, 1);
    assertEquals(chosen()["elementwise/all"], usual);
    await probesOf(device);
    const inUse = device.pool.statistics().inUse;
    assertEquals(inUse, 2 * 4 * LARGE, "the probe leaves tensors behind");
    const best = probed(device, "elementwise", usual);
    const second = add(x, 1);
    assertEquals(chosen()["elementwise/all"], best);
    add(tensor([1]), 1);
    assertEquals(chosen()["elementwise/all"], "buffers");
    assertEquals(await first.data(), await second.data());
  });
});

Deno.test("tuneKey() names the processor of a software adapter", () => {
  const device = { name: "llvmpipe", isSoftware: true } as Device;
  const keys = [undefined, "one", "another"]
    .map((processor) => tuneKey(device, processor));
  assertEquals(new Set(keys).size, 3);
  const gpu = { name: "A GPU", isSoftware: false } as Device;
  assertEquals(tuneKey(gpu, "one"), tuneKey(gpu, "another"));
});

Deno.test("fileTuneStore() names the processor", {
  ignore: Deno.build.os !== "linux" || Deno.build.arch !== "x86_64",
}, async () => {
  const { cpus } = await import("node:os");
  // Deno allows reading it only with all permissions.
  const script = new URL("../../../engine/tuning/file.ts", import.meta.url);
  const code = `import { fileTuneStore } from ${JSON.stringify(script.href)};
    console.log(await fileTuneStore("unused.json").processor());`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", code],
  }).output();
  assertEquals(new TextDecoder().decode(stdout).trim(), cpus()[0]?.model);
  const own = await fileTuneStore("unused.json").processor?.();
  assert([undefined, cpus()[0]?.model].includes(own));
});

Deno.test("a pin counts more than a probe, and starts none", async () => {
  await onNewDevice(async (device) => {
    using _ = scope();
    await withVariant("elementwise", "texels", async () => {
      add(full([LARGE], 1), 1);
      assertEquals(chosen()["elementwise/all"], "texels");
      const { dispatches } = device.stream.statistics();
      await probesOf(device);
      await device.synchronize();
      assertEquals(device.stream.statistics().dispatches, dispatches);
    });
  });
});

Deno.test("a device that must not probe runs the usual variant", async () => {
  const device = await openDevice({ probe: false });
  {
    using _ = scope();
    const x = full([LARGE], 1, { device });
    await add(x, 1).data();
    const { dispatches } = device.stream.statistics();
    await probesOf(device);
    await device.synchronize();
    assertEquals(device.stream.statistics().dispatches, dispatches);
  }
  await device.destroy();
});

Deno.test("a captured step follows what a probe finds", async () => {
  await onNewDevice(async (device) => {
    using step = capture(({ x }) => ({ y: add(x, 1) }));
    for (let i = 0; i < 6; i++) {
      const { y } = step({ x: new Float32Array(LARGE).fill(i) });
      await probesOf(device);
      assertEquals((await y.data())[LARGE - 1], i + 1);
    }
    assertEquals(step.reason, undefined);
  });
});
