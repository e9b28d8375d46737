// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which modules of a model an adapter changes, by PEFT's rules for names.

import { Linear } from "../linear.ts";
import type { Module } from "../module.ts";
import { hasPrefix } from "../names.ts";
import type { Parameter } from "../parameter.ts";
import type { LoraConfig } from "./lora_config.ts";

/** The value of `targetModules` that stands for all linear layers. */
export const ALL_LINEAR = "all-linear";

/** Whether a path ends with a name, by whole segments. */
function endsWith(path: string, name: string): boolean {
  return path === name || path.endsWith(`.${name}`);
}

/** Whether a path is among names, or matches an expression as a whole. */
function isNamed(path: string, names: readonly string[] | string): boolean {
  if (typeof names !== "string") return names.some((n) => endsWith(path, n));
  return expression("targetModules", names, "").test(path);
}

/** An expression for whole paths; for their ends, if `before` says so. */
function expression(option: string, text: string, before: string): RegExp {
  try {
    return new RegExp(`^${before}(?:${text})$`);
  } catch (cause) {
    throw new SyntaxError(
      `Cannot select modules by ${option} "${text}": ` +
        "it is not a regular expression",
      { cause },
    );
  }
}

/** Whether a layer is in one of the blocks that are adapted. */
function isInBlocks(path: string, config: LoraConfig): boolean {
  const { layersToTransform: blocks, layersPattern: lists } = config;
  if (blocks === undefined) return true;
  const names = lists === undefined || lists.length === 0
    ? ["[^.]+"]
    : [lists].flat();
  for (const name of names) {
    const found = new RegExp(`(?:^|\\.)${name}\\.(\\d+)\\.`).exec(path);
    if (found) return [blocks].flat().includes(Number(found[1]));
  }
  return false;
}

/** A value that a pattern gives for a path; otherwise the general one. */
function byPattern(
  option: string,
  path: string,
  patterns: Readonly<Record<string, number>>,
  general: number,
): number {
  for (const [pattern, value] of Object.entries(patterns)) {
    if (expression(option, pattern, "(?:.*\\.)?").test(path)) return value;
  }
  return general;
}

/** The rank, and the factor of the update, of the layer at a path. */
export function rankOf(
  path: string,
  config: LoraConfig,
): { r: number; scaling: number } {
  const { rankPattern, alphaPattern, loraAlpha, useRslora } = config;
  const r = byPattern("rankPattern", path, rankPattern, config.r);
  const alpha = byPattern("alphaPattern", path, alphaPattern, loraAlpha);
  return { r, scaling: alpha / (useRslora ? Math.sqrt(r) : r) };
}

/** The outermost modules that are trained and saved whole, by path. */
export function savedModules(
  model: Module,
  config: LoraConfig,
): Map<string, Module> {
  const saved = new Map<string, Module>();
  for (const name of config.modulesToSave ?? []) {
    const found = [...model.namedModules()]
      .filter(([path]) => endsWith(path, name));
    if (found.length === 0) {
      throw new RangeError(
        `Cannot train "${name}" of modulesToSave: the model has no such ` +
          `module; it has ${topsOf(model)}`,
      );
    }
    for (const [path, module] of found) saved.set(path, module);
  }
  const isInOther = (path: string) =>
    [...saved.keys()].some((other) => other !== path && hasPrefix(path, other));
  return new Map([...saved].filter(([path]) => !isInOther(path)));
}

function topsOf(model: Module): string {
  return [...model.namedModules().keys()]
    .filter((path) => path !== "" && !path.includes("."))
    .map((path) => `"${path}"`).join(", ");
}

/** The linear layers whose weight no other module uses. */
export function unsharedLinears(model: Module): Set<Module> {
  const users = new Map<Parameter, number>();
  const modules = [...new Set(model.namedModules().values())];
  for (const module of modules) {
    if (!("weight" in module)) continue;
    const weight = module.weight as Parameter;
    users.set(weight, (users.get(weight) ?? 0) + 1);
  }
  return new Set(
    modules.filter((module) =>
      module instanceof Linear && users.get(module.weight) === 1
    ),
  );
}

/**
 * Finds the paths of the linear layers that get an adapter.
 *
 * @param model The model.
 * @param config What to select.
 * @param within A prefix that the paths of `"all-linear"` must have.
 * @returns The paths, in the order of the model; there is at least one.
 * @throws {RangeError} If nothing is selected.
 * @throws {TypeError} If something else than a linear layer is selected, or
 * `targetModules` is not given.
 */
export function targetPaths(
  model: Module,
  config: LoraConfig,
  within = "",
): string[] {
  const { targetModules, excludeModules } = config;
  if (targetModules === undefined) {
    throw new TypeError(
      "Cannot adapt the model without targetModules: give the names of its " +
        `layers, such as ${linearNames(model)}, or "${ALL_LINEAR}"`,
    );
  }
  const saved = [...savedModules(model, config).keys()];
  const unshared = unsharedLinears(model);
  const paths: string[] = [];
  for (const [path, module] of model.namedModules()) {
    const isSelected = targetModules === ALL_LINEAR
      ? unshared.has(module) && hasPrefix(path, within)
      : isNamed(path, targetModules);
    const isLeftOut = !isSelected || !isInBlocks(path, config) ||
      saved.some((prefix) => hasPrefix(path, prefix)) ||
      excludeModules !== undefined && isNamed(path, excludeModules);
    if (isLeftOut) continue;
    if (!(module instanceof Linear)) {
      throw new TypeError(
        `Cannot adapt ${path}: it is a ${module.constructor.name}; only ` +
          `Linear layers can be adapted, such as ${linearNames(model)}`,
      );
    }
    paths.push(path);
  }
  if (paths.length > 0) return paths;
  throw new RangeError(
    `Cannot adapt the model: no layer is selected by targetModules ${
      JSON.stringify(targetModules)
    }; the linear layers are called ${linearNames(model)}`,
  );
}

/** The last segments of the paths of all linear layers. */
function linearNames(model: Module): string {
  const names = new Set<string>();
  for (const [path, module] of model.namedModules()) {
    if (module instanceof Linear) names.add(path.split(".").at(-1) ?? "");
  }
  return [...names].map((name) => `"${name}"`).join(", ");
}
