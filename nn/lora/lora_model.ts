// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Buffer } from "../buffer.ts";
import { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { flatten, placeAnew, segmentsOf } from "../segment.ts";
import { AdapterSwitch } from "./adapter_switch.ts";
import type { LoraConfig } from "./lora_config.ts";
import { LoraLinear } from "./lora_linear.ts";
import {
  adopt,
  copyOf,
  ownParameters,
  restore,
  type StandIn,
  standIn,
} from "./stand_ins.ts";
import {
  rankOf,
  savedModules,
  targetPaths,
  unsharedLinears,
} from "./targets.ts";

/** A module with a `forward` of any kind. */
export interface Adaptable extends Module {
  /** Computes the outputs. */
  // deno-lint-ignore no-explicit-any -- inputs differ from module to module
  forward(...inputs: any[]): unknown;
}

/**
 * A model with a low-rank adapter. Its linear layers are replaced by layers with an
 * update of low rank, in place, and all of its own parameters are frozen.
 *
 * The parameters of this module are those of the adapter alone: A and B of each
 * layer, and copies of the biases and modules that are trained too. They lie in
 * separate segments, so that gradients, the optimizer's moments and a posterior
 * take memory for the adapter and not for the model. The model's own parameters are
 * those of `model`, and nothing changes them except {@linkcode mergeAndUnload}, and
 * {@linkcode mergeAdapter} until {@linkcode unmergeAdapter}. `castFrozen` halves the
 * memory that they take.
 *
 * @example An adapter that is merged
 * ```ts
 * import { initialize, manualSeed, tensor } from "@swagpu/swagpu/engine";
 * import { Linear, LoraConfig, LoraModel, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Net extends Module {
 *   query = new Linear(4, 4);
 *   forward(x: Parameters<Linear["forward"]>[0]) {
 *     return this.query.forward(x);
 *   }
 * }
 *
 * await initialize();
 * manualSeed(0);
 * const config = new LoraConfig({ r: 1, targetModules: ["query"] });
 * const lora = new LoraModel(new Net(), config);
 * assertEquals([...lora.namedParameters().keys()], [
 *   "model.query.lora_A.weight",
 *   "model.query.lora_B.weight",
 * ]);
 * const x = tensor([[1, 2, 3, 4]]);
 * const before = await lora.forward(x).data(); // B is zero: nothing has changed.
 * const net = lora.mergeAndUnload();
 * assertEquals(await net.forward(x).data(), before);
 * net.dispose();
 * ```
 */
export class LoraModel<M extends Adaptable = Adaptable> extends Module {
  /** The model, whose layers are replaced. */
  readonly model: M;
  /** What the adapter is. */
  readonly loraConfig: LoraConfig;
  /** Runs the model: its own `forward`. */
  readonly forward: M["forward"];
  readonly #power: AdapterSwitch = new AdapterSwitch();
  readonly #layers: Map<Linear, LoraLinear> = new Map<Linear, LoraLinear>();
  readonly #standIns: StandIn[] = [];
  readonly #frozen: Parameter[] = [];
  /** Layers whose weight another module uses, which merging would change. */
  readonly #shared: readonly string[];
  readonly #tensors: (readonly [string, Parameter | Buffer])[];
  #isMerged = false;
  #isUnloaded = false;

  /**
   * Adds an adapter to a model. Its parameters get their places, and initial
   * values from the default random generator.
   *
   * @param model The model. Its own parameters are frozen.
   * @param config What the adapter is.
   * @throws {RangeError} If the configuration selects no layer or module.
   * @throws {TypeError} If it selects layers that cannot be adapted, or the model
   * has an adapter already.
   */
  constructor(model: M, config: LoraConfig) {
    super();
    this.model = model;
    this.loraConfig = config;
    this.forward = (...inputs) => model.forward(...inputs);
    this.training = model.training;
    const modules = model.namedModules();
    if ([...modules.values()].some((module) => module instanceof LoraLinear)) {
      throw new TypeError(
        "Cannot adapt the model: it has an adapter already; " +
          "call mergeAndUnload() or unload() of that one",
      );
    }
    const targets = targetPaths(model, config);
    const saved = savedModules(model, config);
    const unshared = unsharedLinears(model);
    this.#shared = targets.filter((path) => {
      const layer = modules.get(path);
      return layer !== undefined && !unshared.has(layer);
    });
    // Before the adapter's parameters, which thus lie in separate segments.
    model.placeParameters();
    this.#freeze();
    this.#replaceLayers(targets, modules);
    for (const module of saved.values()) this.#trainWhole(module);
    if (config.bias !== "none") this.#trainBiases();
    this.#tensors = [...this.#ownTensors()];
    flatten(this.#parameters());
  }

  /** Whether the weights of the model hold the update. */
  get isMerged(): boolean {
    return this.#isMerged;
  }

  /**
   * Adds the update to the weights of the model, so that it runs as fast as
   * without an adapter. A copy of the weights that change is kept. Does nothing if
   * they hold the update already. Nothing can be trained until
   * {@linkcode unmergeAdapter}.
   *
   * @throws {TypeError} If the adapter is disabled or unloaded, or a weight that
   * would change is shared with a module that has no adapter, or stored as f16,
   * which would round the update.
   */
  mergeAdapter(): void {
    this.#checkMergeable();
    if (!this.#power.isOn) {
      throw new TypeError(
        "Cannot merge the adapter: it is disabled; end disableAdapter() before",
      );
    }
    if ([...this.#layers.values()].some(({ weight }) => weight.halves)) {
      throw new TypeError(
        "Cannot merge the adapter: weights that would change are stored as f16; " +
          'castFrozen(model, "f32") before',
      );
    }
    for (const layer of this.#layers.values()) layer.merge();
    this.#isMerged = true;
  }

  /** Gives the model its own weights back, bit for bit, if they are merged. */
  unmergeAdapter(): void {
    for (const layer of this.#layers.values()) layer.unmerge();
    this.#isMerged = false;
  }

  /**
   * Makes the model compute what it computed without the adapter, also in the
   * modules and biases that are trained whole, until the result is disposed.
   *
   * @returns Ends it; `using` does so at the closing brace.
   * @throws {TypeError} If the adapter is unloaded.
   */
  disableAdapter(): Disposable {
    this.#checkLoaded("disable the adapter");
    const power = this.#power;
    const wasOn = power.isOn;
    const wasMerged = this.#isMerged;
    this.unmergeAdapter();
    power.isOn = false;
    return {
      [Symbol.dispose]: () => {
        if (this.#isUnloaded) return;
        power.isOn = wasOn;
        if (wasMerged) this.mergeAdapter();
      },
    };
  }

  /**
   * Makes what has been trained the model's own, and removes the adapter. Weights
   * that change, or can be trained again, become f32 if they are stored as f16.
   *
   * @returns The model, as it was built, with new weights. Parameters that were
   * not frozen before can be trained again.
   * @throws {TypeError} If the adapter is unloaded, or a weight that would change
   * is shared with a module that has no adapter. Nothing has changed then.
   */
  mergeAndUnload(): M {
    this.#checkMergeable();
    widen([
      ...[...this.#layers.values()].map(({ weight }) => weight),
      ...this.#standIns.map(({ parameter }) => parameter),
    ]);
    for (const layer of this.#layers.values()) layer.adopt();
    for (const each of this.#standIns) adopt(each);
    return this.#unload();
  }

  /**
   * Removes the adapter, and forgets what has been trained. Weights that can be
   * trained again become f32 if they are stored as f16, with their rounded values.
   *
   * @returns The model as it was before.
   * @throws {TypeError} If the adapter is unloaded.
   */
  unload(): M {
    this.#checkLoaded("remove the adapter");
    this.unmergeAdapter();
    return this.#unload();
  }

  /** Frees the GPU memory of the adapter and of the model. */
  override dispose(): void {
    if (!this.#isUnloaded) {
      this.unmergeAdapter();
      this.#remove();
    }
    this.model.dispose();
  }

  /** The adapter's tensors alone. */
  protected override *tensorPaths(): Generator<[string, Parameter | Buffer]> {
    for (const [name, tensor] of this.#tensors) yield [name, tensor];
  }

  #freeze(): void {
    for (const parameter of this.model.namedParameters().values()) {
      if (!parameter.requiresGrad) continue;
      parameter.requiresGrad = false;
      this.#frozen.push(parameter);
    }
  }

  #replaceLayers(
    targets: readonly string[],
    modules: ReadonlyMap<string, Module>,
  ): void {
    const { loraDropout: dropout, initLoraWeights: init } = this.loraConfig;
    for (const path of targets) {
      const base = modules.get(path);
      if (!(base instanceof Linear) || this.#layers.has(base)) continue;
      const layer = new LoraLinear(base, {
        ...rankOf(path, this.loraConfig),
        dropout,
        init,
        power: this.#power,
      });
      this.#layers.set(base, layer.train(base.training));
    }
    replaceModules(this.model, this.#layers);
  }

  /** Trains copies of all parameters in a module. Ties inside it stay. */
  #trainWhole(module: Module): void {
    const copies = new Map<Parameter, Parameter>();
    for (const inner of new Set(module.namedModules().values())) {
      for (const own of ownParameters(inner)) {
        if (this.#isTrained(own.parameter)) continue;
        this.#trainCopy(own, copies);
      }
    }
  }

  #trainBiases(): void {
    const copies = new Map<Parameter, Parameter>();
    const modules = this.loraConfig.bias === "lora_only"
      ? this.#layers.values()
      : this.model.namedModules().values();
    for (const module of new Set<Module>(modules)) {
      for (const own of ownParameters(module)) {
        const isBias = own.key.toLowerCase().includes("bias");
        if (isBias && !this.#isTrained(own.parameter)) {
          this.#trainCopy(own, copies);
        }
      }
    }
  }

  #trainCopy(
    own: ReturnType<typeof ownParameters>[number],
    copies: Map<Parameter, Parameter>,
  ): void {
    const copy = copies.get(own.parameter) ?? copyOf(own.parameter);
    copies.set(own.parameter, copy);
    this.#standIns.push(standIn(own, copy, this.#power));
  }

  /** Whether a parameter is a copy that stands in for another one. */
  #isTrained(parameter: Parameter): boolean {
    return this.#standIns.some(({ trained }) => trained === parameter);
  }

  /** The tensors that the adapter consists of, under each of their paths. */
  *#ownTensors(): Generator<readonly [string, Parameter | Buffer]> {
    const own = new Set<Parameter>();
    for (const { lora_A, lora_B } of this.#layers.values()) {
      own.add(lora_A.weight).add(lora_B.weight);
    }
    for (const { trained } of this.#standIns) own.add(trained);
    for (const [name, tensor] of super.tensorPaths()) {
      // As in PEFT, buffers called biases are in the file, too.
      const isIncluded = tensor instanceof Parameter
        ? own.has(tensor)
        : this.loraConfig.bias === "all" && name.includes("bias");
      if (isIncluded) yield [name, tensor];
    }
  }

  #parameters(): Parameter[] {
    return this.#tensors.map(([, tensor]) => tensor)
      .filter((tensor) => tensor instanceof Parameter);
  }

  #unload(): M {
    this.#remove();
    widen(this.#frozen);
    for (const parameter of this.#frozen) parameter.requiresGrad = true;
    return this.model;
  }

  #remove(): void {
    for (const each of this.#standIns) restore(each);
    const back = new Map<Linear, Linear>();
    for (const [base, layer] of this.#layers) {
      base.training = layer.training;
      back.set(layer, base);
    }
    replaceModules(this.model, back);
    const parameters = this.#parameters();
    const segments = segmentsOf(parameters);
    for (const parameter of parameters) parameter.dispose();
    for (const segment of segments) segment.dispose();
    this.#tensors.length = 0;
    this.#isMerged = false;
    this.#isUnloaded = true;
  }

  #checkMergeable(): void {
    this.#checkLoaded("merge the adapter");
    const [path] = this.#shared;
    if (path === undefined) return;
    throw new TypeError(
      `Cannot merge the adapter: ${path} shares its weight with another module, ` +
        "such as the word embeddings, which would change too",
    );
  }

  #checkLoaded(action: string): void {
    if (!this.#isUnloaded) return;
    throw new TypeError(
      `Cannot ${action}: it has been unloaded; the model has none any more`,
    );
  }
}

/** Stores those parameters as f32 that are stored as f16. */
function widen(parameters: readonly Parameter[]): void {
  placeAnew(parameters.filter(({ halves }) => halves));
}

/** Puts modules in the place of others, wherever a model holds them. */
function replaceModules(
  model: Module,
  replacements: ReadonlyMap<Linear, Linear>,
): void {
  const replaceIn = (holder: object, key: string, value: unknown) => {
    const other = value instanceof Linear ? replacements.get(value) : undefined;
    if (other) Reflect.set(holder, key, other);
  };
  for (const module of new Set(model.namedModules().values())) {
    for (const [key, value] of Object.entries(module)) {
      replaceIn(module, key, value);
      if (!Array.isArray(value)) continue;
      for (const [i, item] of value.entries()) replaceIn(value, `${i}`, item);
    }
  }
}
