// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Parameters that stand in for a module's own. An adapter trains biases and whole
// modules too. If it trained the model's own parameters, the first gradient would
// allocate gradients for all frozen weights that share their segment, and the
// model could not be had back. So it trains copies, which lie in segments of the
// adapter, and the module's attribute gives the copy while the adapter is on.

import { copyInto } from "../../engine/kernel_kit.ts";
import { noGrad } from "../../engine/mod.ts";
import type { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { AdapterSwitch } from "./adapter_switch.ts";

/** An attribute of a module, or an item of an array, that is a parameter. */
export interface ParameterHolder {
  /** The module or array. */
  readonly holder: object;
  /** The name of the attribute, or the index. */
  readonly key: string;
  /** The parameter. */
  readonly parameter: Parameter;
}

/** A parameter of a model, and the copy that an adapter trains. */
export interface StandIn extends ParameterHolder {
  /** The copy. */
  readonly trained: Parameter;
}

/** The parameters that a module itself has, without those of modules inside. */
export function ownParameters(module: Module): ParameterHolder[] {
  const found: ParameterHolder[] = [];
  for (const [key, value] of Object.entries(module)) {
    if (value instanceof Parameter) {
      found.push({ holder: module, key, parameter: value });
    } else if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) {
        if (!(item instanceof Parameter)) continue;
        found.push({ holder: value, key: String(i), parameter: item });
      }
    }
  }
  return found;
}

/** A parameter that begins with the values of another one. */
export function copyOf(parameter: Parameter): Parameter {
  return new Parameter(
    parameter.shape,
    (_shape, write) => write(parameter),
  );
}

/** Puts a copy in the place of a parameter, for as long as a switch is on. */
export function standIn(
  { holder, key, parameter }: ParameterHolder,
  trained: Parameter,
  power: AdapterSwitch,
): StandIn {
  Object.defineProperty(holder, key, {
    get: () => power.isOn ? trained : parameter,
    enumerable: true,
    configurable: true,
  });
  return { holder, key, parameter, trained };
}

/** Gives a module its own parameter back. */
export function restore({ holder, key, parameter }: StandIn): void {
  Object.defineProperty(holder, key, {
    value: parameter,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** Writes what has been trained to the module's own parameter. */
export function adopt({ parameter, trained }: StandIn): void {
  noGrad(() => copyInto(parameter, trained));
}
