// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { dependsOn, formatShape, sameShape } from "../engine/kernel_kit.ts";
import type { Tensor } from "../engine/mod.ts";
import { Buffer } from "./buffer.ts";
import { hasPrefix, snakeCase, topNames } from "./names.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";
import { flatten, segmentsOf } from "./segment.ts";

/** Numbers on the host with a shape, such as a tensor of a checkpoint file. */
export interface HostTensor {
  /** The lengths of the axes. */
  readonly shape: readonly number[];
  /** The elements, row by row. */
  readonly data: ArrayLike<number>;
}

/** A checkpoint to read from, such as an open file. */
export interface StateSource {
  /** The names of its tensors. */
  readonly names: Iterable<string>;
  /** Gives the shape of a tensor without reading it. */
  info(name: string): { readonly shape: readonly number[] };
  /** Reads one tensor. */
  tensor(name: string): HostTensor | Promise<HostTensor>;
}

/** Options of {@linkcode Module.loadStateDict}. */
export interface LoadOptions {
  /**
   * Whether the module and the source must have the same names, with equal
   * shapes. Otherwise the tensors that match are loaded and the others are
   * reported.
   *
   * @default {true}
   */
  strict?: boolean;
}

/** The names that {@linkcode Module.loadStateDict} could not match. */
export interface LoadReport {
  /** Parameters and buffers that the source does not have. */
  missing: string[];
  /** Names in the source that the module does not have. */
  unexpected: string[];
  /**
   * Tensors whose shape differs: name, shape in the module, shape in the
   * source.
   */
  mismatched: { name: string; expected: string; found: string }[];
}

/**
 * A model or a part of one: parameters, buffers and other modules as plain
 * attributes.
 *
 * The path of attributes that leads to a parameter is its name in checkpoint
 * files, in snake case: `this.encoder.layer[0].attention` is
 * `encoder.layer.0.attention`. Attributes that start with a capital letter or
 * hold an underscore are not changed. A parameter that is assigned to two attributes is tied: it has
 * one place in the flat vector, and its name is the first path.
 *
 * @example A module of two layers
 * ```ts
 * import { initialize, type Tensor, tensor } from "@swagpu/swagpu/engine";
 * import { Linear, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Perceptron extends Module {
 *   hidden = new Linear(4, 8);
 *   output = new Linear(8, 2);
 *   forward(x: Tensor): Tensor {
 *     return this.output.forward(this.hidden.forward(x, { activation: "relu" }));
 *   }
 * }
 *
 * await initialize();
 * const model = new Perceptron();
 * assertEquals([...model.namedParameters().keys()], [
 *   "hidden.weight",
 *   "hidden.bias",
 *   "output.weight",
 *   "output.bias",
 * ]);
 * assertEquals(model.forward(tensor([[1, 2, 3, 4]])).shape, [1, 2]);
 * ```
 */
export class Module {
  #training = true;

  /** Whether the module is in training mode, in which dropout is active. */
  get training(): boolean {
    const now = this.#training;
    dependsOn(() => this.#training === now);
    return now;
  }

  set training(value: boolean) {
    this.#training = value;
  }

  /** Every parameter once, under its first name, in attribute order. */
  namedParameters(): Map<string, Parameter> {
    return this.#named((value) => value instanceof Parameter);
  }

  /** Every {@linkcode Buffer} once, under its first name. */
  namedBuffers(): Map<string, Buffer> {
    return this.#named((value) => value instanceof Buffer);
  }

  /** Parameters and buffers, which are what files hold, in attribute order. */
  namedTensors(): Map<string, Parameter | Buffer> {
    return this.#named((_): _ is Parameter | Buffer => true);
  }

  #named<T extends Parameter | Buffer>(
    isIncluded: (value: Parameter | Buffer) => value is T,
  ): Map<string, T> {
    const named = new Map<string, T>();
    const seen = new Set<T>();
    for (const [name, value] of this.tensorPaths()) {
      if (!isIncluded(value) || seen.has(value)) continue;
      seen.add(value);
      named.set(name, value);
    }
    return named;
  }

  /**
   * The other names of tied parameters: from each of them to the first name.
   */
  tiedNames(): Map<string, string> {
    const first = new Map<Parameter, string>();
    const tied = new Map<string, string>();
    for (const [name, value] of this.tensorPaths()) {
      if (!(value instanceof Parameter)) continue;
      const owner = first.get(value);
      if (owner === undefined) first.set(value, name);
      else tied.set(name, owner);
    }
    return tied;
  }

  /**
   * Every parameter once, in attribute order. Parameters without a place in the
   * flat vector get one; see {@linkcode placeParameters}.
   */
  parameters(): Parameter[] {
    const parameters = [...this.namedParameters().values()];
    flatten(parameters);
    return parameters;
  }

  /**
   * Gives a place in the flat vector, and initial values, to every parameter
   * that has none. The places are in attribute order.
   *
   * An optimizer does so too, but in the order of its groups. Call this method
   * first if initial values must not depend on the groups.
   */
  placeParameters(): void {
    flatten([...this.namedParameters().values()]);
  }

  /**
   * This module and all modules inside it, by path. The path of this one is
   * `""`.
   */
  namedModules(): Map<string, Module> {
    const named = new Map<string, Module>([["", this]]);
    for (const [name, value] of children(this)) {
      if (!(value instanceof Module)) continue;
      for (const [path, module] of value.namedModules()) {
        named.set(path ? `${name}.${path}` : name, module);
      }
    }
    return named;
  }

  /**
   * Switches this module and all inside it to training mode.
   *
   * @param mode Whether to train. `false` is the same as {@linkcode eval}.
   */
  train(mode = true): this {
    for (const module of this.namedModules().values()) module.training = mode;
    return this;
  }

  /** Switches this module and all inside it to evaluation, without dropout. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Keeps parameters from being trained.
   *
   * @param prefixes The names to freeze, as prefixes of whole path segments:
   * `encoder.layer.1` selects that layer and not `encoder.layer.11`. Without
   * prefixes, all parameters are frozen.
   * @throws {RangeError} If a prefix selects no parameter.
   */
  freeze(...prefixes: string[]): this {
    return this.#setTrainable(false, prefixes);
  }

  /**
   * Lets frozen parameters be trained again; see {@linkcode freeze}.
   *
   * @param prefixes The names to unfreeze, as prefixes of whole path segments.
   * Without prefixes, all parameters are unfrozen.
   * @throws {RangeError} If a prefix selects no parameter.
   * @throws {TypeError} If a parameter is stored as f16; see `castFrozen`. None
   * is unfrozen then.
   */
  unfreeze(...prefixes: string[]): this {
    return this.#setTrainable(true, prefixes);
  }

  /**
   * Overwrites parameters and buffers with the tensors of a checkpoint, reading
   * one tensor at a time.
   *
   * @param source The checkpoint, such as an open file or a map.
   * @param options Whether all names must match.
   * @returns The names that do not match. There are none if `strict` is set.
   * @throws {TypeError} If `strict` is set and a name is missing, unexpected or
   * has another shape. Nothing is overwritten then.
   */
  async loadStateDict(
    source: StateSource | ReadonlyMap<string, HostTensor>,
    options: LoadOptions = {},
  ): Promise<LoadReport> {
    checkOptions(options, { action: "load a state", known: ["strict"] });
    const { strict = true } = options;
    const state = "info" in source ? source : sourceOf(source);
    const targets = this.namedTensors();
    this.placeParameters();
    const tied = this.tiedNames();
    const found = new Map<Tensor, string>();
    const report: LoadReport = { missing: [], unexpected: [], mismatched: [] };
    const places = new Map<string, number>();
    for (const name of state.names) {
      places.set(name, places.size);
      const target = targets.get(tied.get(name) ?? name);
      if (!target) report.unexpected.push(name);
      else if (!found.has(target) || !tied.has(name)) found.set(target, name);
    }
    const writes: [Tensor, string][] = [];
    for (const [name, target] of targets) {
      const from = found.get(target);
      if (from === undefined) {
        report.missing.push(name);
        continue;
      }
      const { shape } = state.info(from);
      if (sameShape(shape, target.shape)) {
        writes.push([target, from]);
      } else {
        report.mismatched.push({
          name,
          expected: formatShape(target.shape),
          found: formatShape(shape),
        });
      }
    }
    if (strict) refuse(report);
    // Read in the order of the source, a file is read from its start to its end.
    const placeOf = (name: string) => places.get(name) ?? 0;
    writes.sort(([, a], [, b]) => placeOf(a) - placeOf(b));
    for (const [target, name] of writes) {
      target.write((await state.tensor(name)).data);
    }
    return report;
  }

  /** Frees the GPU memory of all parameters and buffers. */
  dispose(): void {
    for (const buffer of this.namedBuffers().values()) buffer.dispose();
    const parameters = [...this.namedParameters().values()]
      .filter((p) => (p.location || p.halves) && !p.isDisposed);
    const segments = segmentsOf(parameters);
    for (const parameter of parameters) parameter.dispose();
    for (const segment of segments) segment.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #setTrainable(trainable: boolean, prefixes: readonly string[]): this {
    const parameters = this.namedParameters();
    const changed: Parameter[] = [];
    for (const prefix of prefixes.length > 0 ? prefixes : [""]) {
      const selected = [...parameters].filter(([n]) => hasPrefix(n, prefix));
      if (selected.length === 0) {
        throw new RangeError(
          `Cannot ${trainable ? "unfreeze" : "freeze"} "${prefix}": ` +
            `no parameter has that prefix; there are ${
              topNames(parameters.keys())
            }`,
        );
      }
      const half = selected.find(([, { halves }]) => trainable && halves);
      if (half) {
        throw new TypeError(
          `Cannot unfreeze ${half[0]}: it is stored as f16; ` +
            'castFrozen(model, "f32") before',
        );
      }
      changed.push(...selected.map(([, p]) => p));
    }
    for (const parameter of changed) parameter.requiresGrad = trainable;
    return this;
  }

  /**
   * Parameters and buffers by path, tied ones under each of their paths. All
   * lists of names follow from it, so that a module which wraps another one can
   * leave some out.
   */
  protected *tensorPaths(): Generator<[string, Parameter | Buffer]> {
    for (const [name, value] of children(this)) {
      if (!(value instanceof Module)) {
        yield [name, value];
      } else {
        for (const [path, inner] of value.tensorPaths()) {
          yield [`${name}.${path}`, inner];
        }
      }
    }
  }
}

/** What an attribute of a module may hold. */
type Part = Parameter | Buffer | Module;

function isPart(value: unknown): value is Part {
  return value instanceof Parameter || value instanceof Buffer ||
    value instanceof Module;
}

/** The parts that are attributes of a module or items of its arrays. */
function* children(module: Module): Generator<[string, Part]> {
  for (const [key, value] of Object.entries(module)) {
    const name = snakeCase(key);
    if (isPart(value)) {
      yield [name, value];
    } else if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) {
        if (isPart(item)) yield [`${name}.${i}`, item];
      }
    }
  }
}

/** Makes a source of a map. */
function sourceOf(map: ReadonlyMap<string, HostTensor>): StateSource {
  const tensor = (name: string) => {
    const value = map.get(name);
    if (!value) throw new RangeError(`Cannot find "${name}" in the state`);
    return value;
  };
  return { names: map.keys(), info: tensor, tensor };
}

function refuse({ missing, unexpected, mismatched }: LoadReport): void {
  const faults = [
    ...mismatched.map(({ name, expected, found }) =>
      `${name} is ${expected} in the module but ${found} in the state`
    ),
    ...(missing.length > 0 ? [`missing ${missing.join(", ")}`] : []),
    ...(unexpected.length > 0 ? [`unexpected ${unexpected.join(", ")}`] : []),
  ];
  if (faults.length > 0) {
    throw new TypeError(`Cannot load the state: ${faults.join("; ")}`);
  }
}
