// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { main } from "../../../examples/lora.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";

gpuTest("the example of LoRA learns, and forgets nothing", async () => {
  await inFolder(async (folder) => {
    const lines: string[] = [];
    const scores = await main(folder, (line) => void lines.push(line));
    assertGreater(scores.after, 0.9);
    assertGreater(scores.after, scores.before + 0.1);
    assertGreater(scores.films, 0.9);
    assertLess(scores.share, 1 / 40);
    assertEquals(lines.slice(-2), [
      "the camera was very sharp: good",
      "the screen was dim: bad",
    ]);
    assertEquals(
      names(`${folder}/adapter`).filter((name) => name.startsWith("adapter")),
      ["adapter_config.json", "adapter_model.safetensors"],
    );
  });
});
