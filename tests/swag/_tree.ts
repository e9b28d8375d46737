// Copyright 2026 the swagpu authors. MIT license.

import { sizeOf } from "../../engine/kernel_kit.ts";
import { Module } from "../../nn/module.ts";
import { Parameter } from "../../nn/parameter.ts";

/** A module that consists of parameters with any paths as names. */
export class Tree extends Module {
  constructor(shapes: Readonly<Record<string, readonly number[]>>) {
    super();
    for (const [name, shape] of Object.entries(shapes)) {
      this.#assign(name.split("."), new Parameter(shape));
    }
  }

  /** Makes `alias` another name of the parameter `name`. */
  tie(alias: string, name: string): this {
    const parameter = this.namedParameters().get(name);
    if (parameter) this.#assign(alias.split("."), parameter);
    return this;
  }

  /** Overwrites parameters; names that are left out stay as they are. */
  set(values: Readonly<Record<string, ArrayLike<number>>>): this {
    const parameters = this.namedParameters();
    for (const [name, row] of Object.entries(values)) {
      parameters.get(name)?.write(row);
    }
    return this;
  }

  /** Overwrites all parameters from one list, in order. */
  setAll(values: ArrayLike<number>): this {
    let at = 0;
    for (const parameter of this.parameters()) {
      const size = sizeOf(parameter.shape);
      const row = new Float32Array(size);
      for (let i = 0; i < size; i++) row[i] = values[at++] ?? 0;
      parameter.write(row);
    }
    return this;
  }

  #assign([head = "", ...rest]: string[], parameter: Parameter): void {
    const fields = this as unknown as Record<string, unknown>;
    if (rest.length === 0) {
      fields[head] = parameter;
      return;
    }
    const child = fields[head] ??= new Tree({});
    (child as Tree).#assign(rest, parameter);
  }
}
