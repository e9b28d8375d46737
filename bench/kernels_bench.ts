// Copyright 2026 the swagpu authors. MIT license.

// Runs every case of cases.ts in `deno bench`. One wait for the GPU costs 10 ms in
// Deno, so an iteration records a case as often as fits in a quarter of a second. The
// number is part of the name, and report.ts divides by it.

import { initialize, scope } from "../engine/mod.ts";
import { CASES } from "./cases.ts";

const device = await initialize();

/** Prints on standard error which case begins, and the time that is left. */
function counter(action: string): (name: string) => void {
  const start = performance.now();
  let begun = 0;
  return (name) => {
    const each = (performance.now() - start) / 1000 / begun;
    const left = Math.round(each * (CASES.length - begun));
    const estimate = begun === 0 ? "" : `, about ${left} s left`;
    begun++;
    const line = `${action} ${begun} of ${CASES.length}: ${name}${estimate}\n`;
    // `deno bench --json` swallows what is printed by the console.
    Deno.stderr.writeSync(new TextEncoder().encode(line));
  };
}

const calibrating = counter("calibrating");
let timing: ReturnType<typeof counter> | undefined;

for (const { name, setup } of CASES) {
  calibrating(name);
  const count = await calibrate(setup);
  let isNew = true;
  Deno.bench({
    name: `${name} (x${count})`,
    n: 7,
    warmup: 1,
    async fn(b) {
      if (isNew) (timing ??= counter("timing"))(name);
      isNew = false;
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
