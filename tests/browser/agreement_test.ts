// Copyright 2026 the swagpu authors. MIT license.

// A page computes what Deno computes. Both run on SwiftShader, so what may differ are
// the compilers of WGSL: Naga in Deno, Tint in Chromium.

import { assert, assertEquals } from "@std/assert";
import { startBrowser } from "../../tools/browser/driver.ts";
import {
  findSwiftShader,
  swiftShaderEnvironment,
} from "../../tools/dawn/swiftshader.ts";
import { runInDeno, runInPage } from "../../tools/runtimes/run.ts";
import { STEPS } from "../../tools/runtimes/training.ts";
import { expectedWords } from "../../tools/runtimes/words.ts";
import { assertClose, ROUNDING, type Tolerance } from "../_check.ts";

/** Ten steps of AdamW, whose first ones follow the signs of gradients. */
const WEIGHTS: Tolerance = { absolute: 1e-5, relative: 0 };

Deno.test("a page's random words, losses and posterior samples are Deno's", async () => {
  await using browser = await startBrowser();
  const page = await runInPage(browser);
  const env = swiftShaderEnvironment(await findSwiftShader());
  const deno = await runInDeno({ env });
  for (const { adapter, words, losses } of [page, deno]) {
    assert(/swiftshader/i.test(adapter), adapter);
    assertEquals(words, expectedWords());
    assertEquals(losses.length, STEPS);
    assert(losses.every(Number.isFinite));
  }
  assertClose(page.losses, deno.losses, ROUNDING, "losses");
  assertClose(page.draw, deno.draw, WEIGHTS, "sample");
  const spread = Math.hypot(...page.draw) / Math.sqrt(page.draw.length);
  assert(spread > 0.05 && spread < 0.5, `the weights have size ${spread}`);
});
