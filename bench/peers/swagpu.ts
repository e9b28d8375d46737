// Copyright 2026 the swagpu authors. MIT license.

// The worker that measures this engine, through its public interface.

import { initialize } from "../../engine/mod.ts";
import manifest from "../../deno.json" with { type: "json" };
import { bertKinds } from "./swagpu_bert.ts";
import { kernelKinds } from "./swagpu_kernels.ts";
import { trainingKinds } from "./swagpu_training.ts";
import { serve } from "./worker.ts";

await serve(async () => {
  const device = await initialize();
  return {
    hello: {
      versions: { swagpu: manifest.version },
      adapter: device.name,
    },
    kinds: {
      ...kernelKinds(device),
      ...trainingKinds(device),
      ...bertKinds(device),
    },
  };
});
