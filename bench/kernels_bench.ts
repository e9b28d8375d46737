// Copyright 2026 the swagpu authors. MIT license.

// deno bench: every case of cases.ts. One wait for the GPU costs 10 ms in Deno,
// so an iteration records a case as often as fills a quarter of a second; the
// number stands in the name, and report.ts divides by it.

import { initialize, scope } from "../engine/mod.ts";
import { CASES } from "./cases.ts";

const device = await initialize();

for (const { name, setup } of CASES) {
  const count = await calibrate(setup);
  Deno.bench({
    name: `${name} (x${count})`,
    n: 7,
    warmup: 1,
    async fn(b) {
      using _ = scope();
      const { run, dispose } = setup(device);
      run();
      await device.synchronize();
      b.start();
      for (let i = 0; i < count; i++) {
        using _ = scope();
        run();
      }
      await device.synchronize();
      b.end();
      dispose?.();
    },
  });
}

/** How often a case runs in a quarter of a second. */
async function calibrate(
  setup: (typeof CASES)[number]["setup"],
): Promise<number> {
  using _ = scope();
  const { run, dispose } = setup(device);
  run(); // compiles
  await device.synchronize();
  let count = 1;
  for (;;) {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      using _ = scope();
      run();
    }
    await device.synchronize();
    const elapsed = performance.now() - start;
    if (elapsed > 250 || count >= 4096) {
      dispose?.();
      return count;
    }
    count *= elapsed < 60 ? 4 : 2;
  }
}
