// Copyright 2026 the swagpu authors. MIT license.

// Every class of every architecture is loaded with a posterior over it.

import { assertEquals } from "@std/assert";
import { architectureOf, type Tasks } from "../../models/mod.ts";
import { modelTypes } from "../../models/registry.ts";
import { assertOneCall } from "../_auto_swag.ts";
import { gpuTest } from "../_check.ts";
import { TINY_TYPES } from "../_tiny_models.ts";

assertEquals(modelTypes(), TINY_TYPES);

for (const modelType of TINY_TYPES) {
  const { models } = architectureOf(modelType);
  for (const task of Object.keys(models) as (keyof Tasks)[]) {
    gpuTest(
      `a posterior over ${models[task]?.name} is loaded in one call`,
      () => assertOneCall(modelType, task),
    );
  }
}
