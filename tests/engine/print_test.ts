// Copyright 2026 the swagpu authors. MIT license.

import { inspect } from "node:util";
import { assertEquals } from "@std/assert";
import { tensor } from "../../engine/ops/creation.ts";
import { Parameter } from "../../nn/parameter.ts";
import { gpuTest } from "../_check.ts";

gpuTest("devices and tensors print in a word", (device) => {
  const kind = device.isSoftware ? " (software)" : "";
  assertEquals(Deno.inspect(device), `Device ${device.name}${kind}`);
  assertEquals(String(device), Deno.inspect(device));
  const x = tensor([[1, 2], [3, 4]]);
  assertEquals(Deno.inspect({ x }), "{ x: Tensor f32 [2, 2] }");
  assertEquals(`${tensor(Int32Array.of(1))}`, "Tensor i32 [1]");
  assertEquals(inspect([x]), "[ Tensor f32 [2, 2] ]");
  assertEquals(Deno.inspect(new Parameter([3])), "Parameter f32 [3]");
});
