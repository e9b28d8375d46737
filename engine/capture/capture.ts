// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A step is run and noted (recording.ts) until two runs of one shape did the
// same; then its memory is planned (plan.ts) and its commands are given to the
// GPU without running its code again (program.ts).

import { refusePromise } from "../asynchronous.ts";
import { currentDevice, type Device } from "../gpu/device.ts";
import type { DType } from "../dtype.ts";
import type { IntegerCheck } from "../gpu/host_integers.ts";
import { knownIntegers } from "../integer_range.ts";
import { observe, observer } from "../gpu/observer.ts";
import { Arena } from "./plan.ts";
import { Program } from "./program.ts";
import { difference, type Memory, Recording } from "./recording.ts";
import { forget, type Scope, scope } from "../scope.ts";
import type { Shape } from "../shape.ts";
import {
  type Inputs,
  integersOfInput,
  placeInput,
  readInputs,
  type StepFeed,
  writeInput,
} from "./inputs.ts";
import { isRecording } from "../tape.ts";
import { type AnyTensor, Tensor } from "../tensor.ts";

/** Options of {@linkcode capture}. */
export interface CaptureOptions {
  /**
   * Whether calls are replayed at all; otherwise each runs the function, with
   * the same results.
   *
   * @default {true}
   */
  enabled?: boolean;
  /**
   * How many recordings to keep, one for each combination of shapes, types and
   * plain inputs; the one not used for longest goes. Where more than these take
   * turns, so that recordings would only be made to be dropped, the function is
   * run for the others.
   *
   * @default {64}
   */
  maxRecordings?: number;
}

/** A function whose GPU work is recorded; see {@linkcode capture}. */
export interface CapturedStep<Inputs, Outputs> extends Disposable {
  /** Runs the step, or replays what it did for inputs of these shapes. */
  (inputs: StepFeed<Inputs>): Outputs;
  /** Why the last call ran the function; `undefined` if it was a replay. */
  readonly reason: string | undefined;
  /** Bytes that replays take on the GPU besides what the step met there. */
  readonly bytes: number;
  /**
   * Forgets all recordings and gives their memory back, as after a change that
   * the step cannot notice.
   */
  clear(): void;
  /** Like `clear`, and the step cannot be called after. */
  dispose(): void;
}

/** Runs of one shape that are compared before the step counts as irregular. */
const MAX_RUNS = 5;

/** Calls, times the recordings kept, after which a recording is out of use. */
const PATIENCE = 16;

/** A tensor that the step made and returns. */
class Made {
  readonly memory: Memory;
  readonly byteOffset: number;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(memory: Memory, { byteOffset, shape, dtype }: AnyTensor) {
    this.memory = memory;
    this.byteOffset = byteOffset;
    this.shape = shape;
    this.dtype = dtype;
  }
}

/** What one run did, from which a program can be made. */
interface Run {
  readonly recording: Recording;
  readonly inputs: readonly Memory[];
  /** The tests that the integers of each input met. */
  readonly checks: readonly (readonly IntegerCheck[])[];
  /** The function's result, with {@linkcode Made} for the tensors it made. */
  readonly result: unknown;
}

/** What is known of one combination of inputs. */
interface Entry {
  runs: number;
  /** The number of the last call with such inputs. */
  used: number;
  last: Run | undefined;
  program: Program | undefined;
  /** Why it is never replayed. */
  refusal: string | undefined;
}

/**
 * Gives a function that does what `step` does, but runs it only two or three
 * times for inputs of given shapes; from then on its commands are replayed with
 * the new inputs, bit for bit what it would do, for a fraction of the host's
 * time and with less memory. Meant for a whole training step.
 *
 * `step` is a function, not asynchronous, of one record of inputs: tensors,
 * given as typed arrays, `{ data, shape }` or tensors to copy, and plain numbers,
 * strings and booleans, each value of which is recorded apart. It may use
 * whatever lives longer, such as a model and its optimiser, and returns tensors,
 * also in arrays and plain objects, or nothing.
 *
 * Results are the step's own: they have no derivative and live until its next
 * call, after which they cannot be used. Read or `copy` them before.
 *
 * Of what is not an input, replays follow the values of all tensors, random
 * generators, {@linkcode onReplay}ed actions, and with them learning rates and
 * all else that optimisers and schedulers of this library change. Where
 * something that the step met was freed or replaced, layers were switched
 * between `train()` and `eval()`, parameters frozen, or kernel variants pinned,
 * the step is recorded anew. Two runs that differ otherwise show that it depends
 * on data of the host: then it is never replayed, and `reason` says why. What
 * no run has shown, such as a number that changes at step 1,000, stays as it
 * was: make it an input, or `clear()`.
 *
 * @throws {TypeError} From a call, if an input cannot be one; if the function is
 * asynchronous, reads a tensor, calls a captured step or returns something else
 * than tensors.
 *
 * @example A training step
 * ```ts
 * import { backward, capture, initialize } from "@swagpu/swagpu/engine";
 * import { Linear, mseLoss, SGD } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(1, 1);
 * const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
 * using step = capture(({ x, y }) => {
 *   const loss = mseLoss(model.forward(x), y);
 *   backward(loss);
 *   optimizer.step();
 *   return { loss };
 * });
 * for (let i = 0; i < 20; i++) {
 *   const x = { data: Float32Array.of(i % 3, 1), shape: [2, 1] };
 *   const y = { data: Float32Array.of(2 * (i % 3), 2), shape: [2, 1] };
 *   step({ x, y });
 * }
 * assertEquals(step.reason, undefined); // the last call was a replay
 * assertEquals(optimizer.steps, 20);
 * ```
 */
export function capture<
  // deno-lint-ignore no-explicit-any -- tensors where nothing is said
  Taken extends object = Record<string, any>,
  Outputs = unknown,
>(
  step: (inputs: Taken) => Outputs,
  options: CaptureOptions = {},
): CapturedStep<Taken, Outputs> {
  const core = new Core(step as (inputs: object) => unknown, options);
  const call = (feed: object) => core.call(feed);
  const dispose = () => core.dispose();
  Object.defineProperties(call, {
    reason: { get: () => core.reason },
    bytes: { get: () => core.bytes },
    clear: { value: () => core.clear() },
    dispose: { value: dispose },
    [Symbol.dispose]: { value: dispose },
  });
  return call as unknown as CapturedStep<Taken, Outputs>;
}

function newEntry(): Entry {
  return {
    runs: 0,
    used: 0,
    last: undefined,
    program: undefined,
    refusal: undefined,
  };
}

class Core {
  reason: string | undefined = "it has not been called";
  readonly #step: (inputs: object) => unknown;
  readonly #enabled: boolean;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  /** Keys whose recordings were dropped for others. */
  readonly #dropped = new Set<string>();
  /** How many of them were met again. */
  #returned = 0;
  #calls = 0;
  #device: Device | undefined;
  #arena: Arena | undefined;
  #outputs: AnyTensor[] = [];
  #isDisposed = false;

  constructor(step: (inputs: object) => unknown, options: CaptureOptions) {
    const { enabled = true, maxRecordings = 64 } = options;
    if (!(maxRecordings >= 1)) {
      throw new RangeError(
        `Cannot keep ${maxRecordings} recordings: expected at least one`,
      );
    }
    this.#step = step;
    this.#enabled = enabled;
    this.#limit = maxRecordings;
  }

  get bytes(): number {
    let bytes = this.#arena?.bytes ?? 0;
    for (const { program } of this.#entries.values()) {
      bytes += program?.bytes ?? 0;
    }
    return bytes;
  }

  call(feed: object): unknown {
    if (this.#isDisposed) {
      throw new ReferenceError("Cannot call a captured step: it was disposed");
    }
    if (observer()) {
      observer()?.preventReplay("it calls a captured step");
      throw new TypeError(
        "Cannot call a captured step inside another: call its function",
      );
    }
    const device = currentDevice();
    if (device !== this.#device) {
      this.clear();
      this.#device = device;
      this.#arena = new Arena(device.pool);
    }
    this.#freeOutputs();
    const inputs = readInputs(feed);
    const entry = this.#entry(`${isRecording()} ${inputs.key}`);
    let stale = false;
    if (entry.program) {
      if (entry.program.isValid) return this.#replay(device, entry, inputs);
      this.#forget(entry);
      stale = true;
    }
    this.#arena?.release(); // Other blocks may be the step's this time.
    const eager = !this.#enabled || entry.refusal !== undefined;
    const result = eager
      ? this.#run(device, inputs)
      : this.#record(device, entry, inputs);
    this.reason = !this.#enabled
      ? "capturing is not enabled"
      : entry.refusal ?? (stale
        ? "something that it met was freed, replaced or switched"
        : "inputs of these shapes were met too seldom yet");
    return result;
  }

  clear(): void {
    this.#freeOutputs();
    for (const entry of this.#entries.values()) this.#forget(entry);
    this.#entries.clear();
    this.#dropped.clear();
    this.#returned = 0;
    this.#arena?.clear();
  }

  dispose(): void {
    this.clear();
    this.#isDisposed = true;
  }

  /** The entry of a key, which is now the latest. */
  #entry(key: string): Entry {
    this.#calls++;
    const known = this.#entries.get(key);
    const entry = known ?? newEntry();
    entry.used = this.#calls;
    if (!known && this.#entries.size >= this.#limit && !this.#makeRoom(key)) {
      entry.refusal =
        `more than ${this.#limit} combinations of shapes take turns`;
      return entry;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /**
   * Drops the recording not used for longest, unless recordings go in circles:
   * as many as are kept were dropped and needed again. Then one has to have been
   * out of use for long.
   */
  #makeRoom(key: string): boolean {
    if (this.#dropped.delete(key)) this.#returned++;
    for (const [oldest, old] of this.#entries) {
      const idle = this.#calls - old.used;
      const isCircle = this.#returned >= this.#limit;
      if (isCircle && idle <= PATIENCE * this.#limit) return false;
      this.#forget(old);
      this.#entries.delete(oldest);
      this.#dropped.add(oldest);
      if (this.#dropped.size > PATIENCE * this.#limit) this.#dropped.clear();
      break;
    }
    return true;
  }

  #forget(entry: Entry): void {
    entry.program?.dispose();
    entry.program = undefined;
    entry.last = undefined;
    entry.runs = 0;
  }

  #freeOutputs(): void {
    for (const x of this.#outputs) x.dispose();
    this.#outputs = [];
  }

  /** Runs the function and keeps what it made and returns. */
  #run(
    device: Device,
    inputs: Inputs,
    recording?: Recording,
    given?: Memory[],
    checks?: (readonly IntegerCheck[])[],
  ): unknown {
    using own = scope();
    const tensors = inputs.sources.map((source) => {
      const place = () => placeInput(device, source);
      if (!recording) return place();
      const x = recording.muted(place);
      given?.push(recording.memoryOf(x));
      checks?.push(knownIntegers(x)?.checks ?? []);
      return x;
    });
    const result = this.#step(inputs.build(tensors));
    refusePromise(
      result,
      "Cannot capture an asynchronous function: await only its results",
    );
    mapTensors<AnyTensor>(result, (x) => this.#adopt(x, own));
    return result;
  }

  /** Takes a result that the step made into the step's own keeping. */
  #adopt(x: AnyTensor, own: Scope): void {
    if (x.owner !== own) return; // There before, or adopted already.
    forget(x);
    x.node = undefined;
    x.requiresGrad = false;
    this.#outputs.push(x);
  }

  #record(device: Device, entry: Entry, inputs: Inputs): unknown {
    const recording = new Recording(device.stream);
    const given: Memory[] = [];
    const checks: (readonly IntegerCheck[])[] = [];
    const result = observe(
      recording,
      () => this.#run(device, inputs, recording, given, checks),
    );
    const made = new Set(this.#outputs);
    const outputs: Memory[] = [];
    const run: Run = {
      recording,
      inputs: given,
      checks,
      result: mapTensors<AnyTensor>(result, (x) => {
        if (!made.has(x)) return x;
        const memory = recording.memoryOf(x);
        memory.transient = memory.made >= 0;
        outputs.push(memory);
        return new Made(memory, x);
      }),
    };
    const { last } = entry;
    const changed = last && difference(last.recording, recording);
    entry.runs++;
    if (recording.refusal !== undefined) {
      entry.refusal = recording.refusal;
    } else if (changed !== undefined && entry.runs >= MAX_RUNS) {
      entry.refusal = changed;
    }
    entry.last = entry.refusal === undefined ? run : undefined;
    if (last && changed === undefined && entry.refusal === undefined) {
      const arena = this.#arena ??= new Arena(device.pool);
      entry.program = new Program(device, recording, arena, given, outputs);
    }
    return result;
  }

  #replay(device: Device, entry: Entry, inputs: Inputs): unknown {
    const { program, last } = entry;
    if (!program || !last) {
      throw new ReferenceError("Cannot replay: no program");
    }
    inputs.sources.forEach((source, i) => {
      const checks = last.checks[i] ?? [];
      const integers = checks.length > 0 ? integersOfInput(source) : undefined;
      if (integers) { for (const check of checks) check(integers); }
    });
    program.bind();
    inputs.sources.forEach((source, i) => {
      const memory = last.inputs[i];
      if (!memory || !program.plan.slots.has(memory)) return; // Never used.
      writeInput(device, source, program.block(memory));
    });
    program.prepare();
    device.stream.play(program);
    this.reason = undefined;
    return mapTensors<AnyTensor | Made>(last.result, (x) => {
      if (x instanceof Tensor) return x;
      const block = program.block(x.memory);
      const { byteOffset } = x;
      const y = new Tensor(device, x.shape, x.dtype, { block, byteOffset });
      this.#outputs.push(y);
      return y;
    });
  }
}

/** The same arrays and records with their tensors replaced. */
function mapTensors<X extends AnyTensor | Made>(
  value: unknown,
  map: (x: X) => unknown,
): unknown {
  if (value === undefined || value === null) return value;
  if (value instanceof Tensor || value instanceof Made) return map(value as X);
  if (Array.isArray(value)) return value.map((x) => mapTensors(x, map));
  if (
    typeof value === "object" &&
    Object.getPrototypeOf(value) === Object.prototype
  ) {
    return Object.fromEntries(
      Object.entries(value).map(([name, x]) => [name, mapTensors(x, map)]),
    );
  }
  throw new TypeError(
    `Cannot capture a step that returns ${
      typeof value === "object" ? value.constructor.name : `${value}`
    }: expected tensors, or arrays and records of them`,
  );
}
