// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What happens when a captured step is called: its function is run and recorded
// (recording.ts) until two runs in a row did the same; from then on a program made
// from the recording (program.ts) is replayed.

import { refusePromise } from "../asynchronous.ts";
import type { DType } from "../dtype.ts";
import type { ReplicaSpace } from "../gpu/block.ts";
import { currentDevice, type Device } from "../gpu/device.ts";
import type { IntegerCheck } from "../gpu/host_integers.ts";
import { observe, observer } from "../gpu/observer.ts";
import { replication } from "../gpu/replication.ts";
import { knownIntegers } from "../integer_range.ts";
import { forget, type Scope, scope } from "../scope.ts";
import type { Shape } from "../shape.ts";
import { isRecording } from "../tape.ts";
import { type AnyTensor, Tensor } from "../tensor.ts";
import {
  type Inputs,
  integersOfInput,
  placeInput,
  readInputs,
  writeInput,
} from "./inputs.ts";
import { Arena } from "./plan.ts";
import { Program } from "./program.ts";
import { difference, type Memory, Recording } from "./recording.ts";

/** Runs with inputs of one key before the step counts as irregular. */
const MAX_RUNS = 5;

/**
 * A recording is out of use after so many calls for each recording that may be
 * kept.
 */
const PATIENCE = 16;

/** Where replays find a tensor that the step made and returns. */
class OutputSlot {
  readonly memory: Memory;
  readonly byteOffset: number;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly replicas: ReplicaSpace | undefined;

  constructor(memory: Memory, x: AnyTensor) {
    const { byteOffset, shape, dtype } = x;
    this.memory = memory;
    this.replicas = x.block.replicas;
    this.byteOffset = byteOffset;
    this.shape = shape;
    this.dtype = dtype;
  }
}

/** One recorded run, from which a program can be made. */
interface Run {
  readonly recording: Recording;
  /** The memory of each input. */
  readonly inputs: readonly Memory[];
  /** The checks that ran on the integers of each input. */
  readonly checks: readonly (readonly IntegerCheck[])[];
  /** The result, with an {@linkcode OutputSlot} for each tensor that is new. */
  readonly result: unknown;
}

/** What is known about calls with inputs of one key. */
interface StepRecord {
  /** How often the function was recorded. */
  runs: number;
  /** The number of the latest call. */
  lastCall: number;
  lastRun: Run | undefined;
  program: Program | undefined;
  /** Why such calls are never replayed. */
  refusal: string | undefined;
}

function newRecord(): StepRecord {
  return {
    runs: 0,
    lastCall: 0,
    lastRun: undefined,
    program: undefined,
    refusal: undefined,
  };
}

/** Runs, records and replays one captured step. */
export class StepRunner {
  /** Why the last call ran the function; `undefined` if it was a replay. */
  reason: string | undefined = "it has not been called";
  readonly #step: (inputs: object) => unknown;
  readonly #isEnabled: boolean;
  readonly #limit: number;
  /** By the key of their inputs; the one not used for longest comes first. */
  readonly #records = new Map<string, StepRecord>();
  /** Keys whose records were dropped for others. */
  readonly #dropped = new Set<string>();
  /** How many dropped records were needed again. */
  #returned = 0;
  #calls = 0;
  #device: Device | undefined;
  #arena: Arena | undefined;
  #outputs: AnyTensor[] = [];
  #isDisposed = false;

  /**
   * Starts without any recording.
   *
   * @param step The function.
   * @param isEnabled Whether to replay at all.
   * @param limit How many recordings to keep.
   */
  constructor(
    step: (inputs: object) => unknown,
    isEnabled: boolean,
    limit: number,
  ) {
    this.#step = step;
    this.#isEnabled = isEnabled;
    this.#limit = limit;
  }

  /** Bytes that replays take on the GPU besides external memory. */
  get bytes(): number {
    let bytes = this.#arena?.bytes ?? 0;
    for (const { program } of this.#records.values()) {
      bytes += program?.bytes ?? 0;
    }
    return bytes;
  }

  /** Replays the step if it can, and runs its function otherwise. */
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
    const { count, only } = replication() ?? {};
    const record = this.#recordOf(
      `${isRecording()} ${count}.${only} ${inputs.key}`,
    );
    let isStale = false;
    if (record.program) {
      if (record.program.isValid) return this.#replay(device, record, inputs);
      this.#reset(record);
      isStale = true;
    }
    this.#arena?.release(); // The function may get other blocks this time.
    const isEager = !this.#isEnabled || record.refusal !== undefined;
    const result = isEager
      ? this.#run(device, inputs)
      : this.#record(device, record, inputs);
    this.reason = !this.#isEnabled
      ? "capturing is not enabled"
      : record.refusal ?? (isStale
        ? "something that it uses was freed, replaced or switched"
        : "inputs of these shapes have not been seen often enough");
    return result;
  }

  /** Forgets all recordings and frees their memory. */
  clear(): void {
    this.#freeOutputs();
    for (const record of this.#records.values()) this.#reset(record);
    this.#records.clear();
    this.#dropped.clear();
    this.#returned = 0;
    this.#arena?.clear();
  }

  /** Like {@linkcode clear}, and refuses later calls. */
  dispose(): void {
    this.clear();
    this.#isDisposed = true;
  }

  /** The record of a key, which becomes the latest. */
  #recordOf(key: string): StepRecord {
    this.#calls++;
    const known = this.#records.get(key);
    const record = known ?? newRecord();
    record.lastCall = this.#calls;
    if (!known && this.#records.size >= this.#limit && !this.#makeRoom(key)) {
      record.refusal =
        `more than ${this.#limit} combinations of shapes take turns`;
      return record;
    }
    this.#records.delete(key);
    this.#records.set(key, record);
    return record;
  }

  /**
   * Drops the record not used for longest. Where records take turns, so that as
   * many as may be kept were dropped and needed again, it is dropped only if it
   * has been out of use for long.
   *
   * @returns Whether there is room now.
   */
  #makeRoom(key: string): boolean {
    if (this.#dropped.delete(key)) this.#returned++;
    for (const [oldest, record] of this.#records) {
      const idle = this.#calls - record.lastCall;
      const isCircle = this.#returned >= this.#limit;
      if (isCircle && idle <= PATIENCE * this.#limit) return false;
      this.#reset(record);
      this.#records.delete(oldest);
      this.#dropped.add(oldest);
      if (this.#dropped.size > PATIENCE * this.#limit) this.#dropped.clear();
      break;
    }
    return true;
  }

  #reset(record: StepRecord): void {
    record.program?.dispose();
    record.program = undefined;
    record.lastRun = undefined;
    record.runs = 0;
  }

  #freeOutputs(): void {
    for (const x of this.#outputs) x.dispose();
    this.#outputs = [];
  }

  /**
   * Runs the function, and keeps the tensors that it made and returns.
   *
   * @param recording Notes what the function does, if it is given.
   * @param given Filled with the memory of each input, if there is a recording.
   * @param checks Filled with the checks of each input, if there is a recording.
   */
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
      const x = recording.unrecorded(place);
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

  /** Keeps a result beyond the scope that the function ran in. */
  #adopt(x: AnyTensor, own: Scope): void {
    if (x.owner !== own) return; // It is older, or was adopted already.
    forget(x);
    x.node = undefined;
    x.requiresGrad = false;
    this.#outputs.push(x);
  }

  /** Runs and records the function; makes a program if the run was like the last. */
  #record(device: Device, record: StepRecord, inputs: Inputs): unknown {
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
        memory.transient = memory.allocation >= 0;
        outputs.push(memory);
        return new OutputSlot(memory, x);
      }),
    };
    const { lastRun } = record;
    const changed = lastRun && difference(lastRun.recording, recording);
    record.runs++;
    if (recording.refusal !== undefined) {
      record.refusal = recording.refusal;
    } else if (changed !== undefined && record.runs >= MAX_RUNS) {
      record.refusal = changed;
    }
    record.lastRun = record.refusal === undefined ? run : undefined;
    if (lastRun && changed === undefined && record.refusal === undefined) {
      const arena = this.#arena ??= new Arena(device.pool);
      record.program = new Program(device, recording, arena, given, outputs);
    }
    return result;
  }

  #replay(device: Device, record: StepRecord, inputs: Inputs): unknown {
    const { program, lastRun } = record;
    if (!program || !lastRun) {
      throw new ReferenceError("Cannot replay: no program");
    }
    inputs.sources.forEach((source, i) => {
      const checks = lastRun.checks[i] ?? [];
      const integers = checks.length > 0 ? integersOfInput(source) : undefined;
      if (integers) { for (const check of checks) check(integers); }
    });
    program.bind();
    inputs.sources.forEach((source, i) => {
      const memory = lastRun.inputs[i];
      if (!memory || !program.plan.slots.has(memory)) return; // It is not used.
      writeInput(device, source, program.block(memory));
    });
    program.prepare();
    device.stream.play(program);
    this.reason = undefined;
    return mapTensors<AnyTensor | OutputSlot>(lastRun.result, (x) => {
      if (x instanceof Tensor) return x;
      const block = program.block(x.memory);
      block.replicas = x.replicas;
      const { byteOffset } = x;
      const y = new Tensor(device, x.shape, x.dtype, { block, byteOffset });
      this.#outputs.push(y);
      return y;
    });
  }
}

/** The same arrays and records with their tensors replaced. */
function mapTensors<X extends AnyTensor | OutputSlot>(
  value: unknown,
  map: (x: X) => unknown,
): unknown {
  if (value === undefined || value === null) return value;
  if (value instanceof Tensor || value instanceof OutputSlot) {
    return map(value as X);
  }
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
