// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Recurrent layers. One product makes the gates' part of all inputs; then each
// time takes two dispatches, a product with the state before it and the kernel of
// a cell (kernels/lstm.ts, kernels/gru.ts). Backward also takes two a time, and
// one product over all times makes the gradient of the weights.
//
// Times are the outermost axis, so that a time's part of every tensor is one
// stretch of memory, which fits a binding wherever it starts. The options are in
// recurrent_options.ts.

import type { Device } from "../gpu/device.ts";
import { type Kernel, specialize } from "../gpu/kernel.ts";
import { checkIntegers } from "../integer_range.ts";
import {
  GRU_BACKWARD,
  GRU_FORWARD,
  GRU_GATES,
  GRU_SAVED,
} from "../kernels/gru.ts";
import {
  LSTM_BACKWARD,
  LSTM_FORWARD,
  LSTM_GATES,
  LSTM_SAVED,
} from "../kernels/lstm.ts";
import { view } from "../launch/cut.ts";
import { copyInto, fillInto } from "../launch/flat.ts";
import { grid, launch } from "../launch/launch.ts";
import { launchMatmul } from "../launch/matmul.ts";
import { scope } from "../scope.ts";
import { isRecording, noGrad, recordAll } from "../tape.ts";
import { alias, allocate, type IntegerTensor, type Tensor } from "../tensor.ts";
import { matmul } from "./matmul.ts";
import {
  checkRecurrent,
  type GruResult,
  type LstmOptions,
  type LstmResult,
  type RecurrentOptions,
} from "./recurrent_options.ts";
import { sum } from "./reduce.ts";

/** What differs between the kinds of cells. */
interface Cell {
  readonly name: string;
  readonly gates: number;
  /** How many numbers of each unit and time the derivative needs. */
  readonly saved: number;
  readonly forward: Kernel;
  readonly backward: Kernel;
}

const LSTM_CELL: Cell = {
  name: "lstm",
  gates: LSTM_GATES,
  saved: LSTM_SAVED,
  forward: LSTM_FORWARD,
  backward: LSTM_BACKWARD,
};

const GRU_CELL: Cell = {
  name: "gru",
  gates: GRU_GATES,
  saved: GRU_SAVED,
  forward: GRU_FORWARD,
  backward: GRU_BACKWARD,
};

/**
 * Runs one layer of an LSTM in one direction, with PyTorch's weights: the gates
 * are i, f, g, o, and `c' = σ(f)·c + σ(i)·tanh(g)`, `h' = σ(o)·tanh(c')`.
 *
 * @param x The inputs, f32 `[times, batch, in]`.
 * @param options Weights, biases, the initial state, lengths and direction.
 * @returns All states, and the last state and cell.
 * @throws {TypeError} If shapes or types do not fit each other.
 * @throws {RangeError} If the host wrote a length that is out of range.
 *
 * @example One unit that only remembers
 * ```ts
 * import { initialize, lstm, tensor, zeros } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const { cell } = lstm(tensor([[[1]], [[1]]]), { // two times, one text
 *   weightIh: tensor([[0], [0], [1], [0]]), // g = tanh(x)
 *   weightHh: zeros([4, 1]),
 *   biasIh: tensor([20, 20, 0, 0]), // The gates i and f are open.
 * });
 * assertAlmostEquals(await cell.item(), 2 * Math.tanh(1), 1e-5);
 * ```
 */
export function lstm(x: Tensor, options: LstmOptions): LstmResult {
  const [output, hidden, cell] = run(LSTM_CELL, x, options);
  return { output, hidden, cell: cell ?? hidden };
}

/**
 * Runs one layer of a GRU in one direction, with PyTorch's weights: the gates are
 * r, z, n, the reset gate acts on the product with the state and its bias,
 * `n = tanh(W_in x + b_in + r·(W_hn h + b_hn))`, and `h' = (1 - z)·n + z·h`.
 *
 * @param x The inputs, f32 `[times, batch, in]`.
 * @param options Weights, biases, the initial state, lengths and direction.
 * @returns All states, and the last one.
 * @throws {TypeError} If shapes or types do not fit each other.
 * @throws {RangeError} If the host wrote a length that is out of range.
 *
 * @example Without weights, half of the state is left at each time
 * ```ts
 * import { gru, initialize, tensor, zeros } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const { output } = gru(zeros([3, 1, 2]), {
 *   weightIh: zeros([3, 2]),
 *   weightHh: zeros([3, 1]),
 *   hidden: tensor([[8]]),
 * });
 * assertEquals([...await output.data()], [4, 2, 1]);
 * ```
 */
export function gru(x: Tensor, options: RecurrentOptions): GruResult {
  const [output, hidden] = run(GRU_CELL, x, options);
  return { output, hidden };
}

/** A call, as far as forward and backward need it. */
interface Call {
  readonly cell: Cell;
  readonly device: Device;
  readonly times: number;
  readonly batch: number;
  readonly width: number;
  readonly lengths: IntegerTensor | undefined;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  /** The times in the order in which they follow each other. */
  readonly order: readonly number[];
}

/** What the forward pass keeps for the derivative. */
interface Saved {
  /** `[times, batch, saved · H]` */
  readonly gates: Tensor;
  /** The state before each time, `[times, batch, H]`. */
  readonly before: Tensor;
}

/** The output, the last state and, for an LSTM, the last cell. */
function run(
  cell: Cell,
  x: Tensor,
  options: LstmOptions,
): [output: Tensor, hidden: Tensor, cell?: Tensor] {
  const { times, batch, width } = checkRecurrent(cell, x, options);
  const { weightIh, biasIh, weightHh, biasHh, hidden, lengths } = options;
  if (lengths) {
    checkIntegers(lengths, {
      limit: times + 1,
      message: (value, place) =>
        `Cannot run ${cell.name} for length ${value} at ${place}: ` +
        `there are ${times} times`,
    });
  }
  const order = Array.from({ length: times }, (_, t) => t);
  const call: Call = {
    cell,
    device: x.device,
    times,
    batch,
    width,
    lengths,
    weight: weightHh,
    bias: biasHh,
    order: options.reverse ? order.toReversed() : order,
  };
  const gates = matmul(x, weightIh, { transposeB: true, bias: biasIh });
  const before = cell === LSTM_CELL ? [hidden, options.cell] : [hidden];
  const given = [
    weightHh,
    ...[biasHh, ...before].filter((t) => t !== undefined),
  ];
  const inputs = [gates, ...given];
  const recording = isRecording() && inputs.some((t) => t.requiresGrad);
  const states = before.map((state) => startOf(call, state));
  const { output, saved } = forward(call, gates, states, recording);
  if (!recording) gates.dispose();
  return recordAll([output, ...states], inputs, (dys) => {
    const { dgates, dweight, dbias, dstates } = backward(call, saved, dys);
    return [
      dgates,
      dweight,
      ...(biasHh ? [dbias] : []),
      ...dstates.filter((_, i) => before[i] !== undefined),
    ];
  }) as [Tensor, Tensor, Tensor?];
}

/** A copy of a state before the first step, or of a gradient; else zeros. */
function startOf({ device, batch, width }: Call, state?: Tensor): Tensor {
  const start = allocate(device, [batch, width]);
  if (state) copyInto(start, state);
  else fillInto(start, 0);
  return start;
}

/** Goes through all times. The states are changed to the last ones. */
function forward(
  call: Call,
  gates: Tensor,
  states: readonly Tensor[],
  recording: boolean,
): { output: Tensor; saved: Saved } {
  const { cell, device, times, batch, width, lengths, weight, bias } = call;
  const output = allocate(device, [times, batch, width]);
  const size = recording ? [times, batch] : [1, 1];
  const saved = {
    gates: allocate(device, [...size, cell.saved * width]),
    before: allocate(device, [...size, width]),
  };
  const kernel = specialize(cell.forward, {
    LENGTHS: lengths ? 1 : 0,
    SAVE: recording ? 1 : 0,
  });
  const [hidden = output] = states;
  for (const time of call.order) {
    using _ = scope();
    const product = noGrad(() =>
      matmul(hidden, weight, { transposeB: true, bias })
    );
    const kept = recording ? time : 0;
    const from = partOf(gates, time);
    const to = partOf(output, time);
    const toSaved = partOf(saved.gates, kept);
    const toBefore = partOf(saved.before, kept);
    launch(device, kernel, {
      bind: [
        from.binding,
        product,
        lengths ?? product,
        ...states,
        to.binding,
        toSaved.binding,
        toBefore.binding,
      ],
      params: {
        items: batch * width,
        width,
        time,
        gates_offset: from.offset,
        y_offset: to.offset,
        saved_offset: toSaved.offset,
        before_offset: toBefore.offset,
      },
      groups: grid(batch * width, kernel.workgroupSize),
    });
  }
  if (!recording) {
    saved.gates.dispose();
    saved.before.dispose();
  }
  return { output, saved };
}

/** One time's part of a tensor whose first axis is time. */
function partOf(x: Tensor, time: number): ReturnType<typeof view> {
  const size = x.size / Math.max(1, x.shape[0] ?? 1);
  return view(x, time * size, size);
}

/** The gradients of what {@linkcode run} recorded. */
interface Gradients {
  dgates: Tensor;
  dweight: Tensor | undefined;
  dbias: Tensor | undefined;
  /** Those of the states before the first step. */
  dstates: readonly Tensor[];
}

function backward(
  call: Call,
  saved: Saved,
  [dy, ...given]: readonly (Tensor | undefined)[],
): Gradients {
  const { cell, device, times, batch, width, weight, bias } = call;
  const dstates = given.map((d) => startOf(call, d));
  const all = [times, batch, cell.gates * width];
  const dgates = allocate(device, all);
  // The reset gate stands between a GRU's gates and its product with the state.
  const apart = cell === GRU_CELL ? allocate(device, all) : undefined;
  stepsBack(call, saved, { dy, dstates, dgates, apart });
  const rows = (x: Tensor) => alias(x, [times * batch, x.shape.at(-1) ?? 1]);
  const dproduct = rows(apart ?? dgates);
  return {
    dgates,
    dstates,
    dweight: weight.requiresGrad
      ? matmul(dproduct, rows(saved.before), { transposeA: true })
      : undefined,
    dbias: bias?.requiresGrad ? sum(dproduct, { axis: 0 }) : undefined,
  };
}

/** The gradients that the steps back in time write. */
interface Steps {
  dy: Tensor | undefined;
  dstates: readonly Tensor[];
  dgates: Tensor;
  apart: Tensor | undefined;
}

/** Goes back through all times, from the gradients of the last states. */
function stepsBack(
  call: Call,
  saved: Saved,
  { dy, dstates, dgates, apart }: Steps,
): void {
  using _ = scope();
  const { cell, device, batch, width, lengths, weight } = call;
  const columns = cell.gates * width;
  const step = allocate(device, [batch, columns]);
  const kernel = specialize(cell.backward, {
    LENGTHS: lengths ? 1 : 0,
    DY: dy ? 1 : 0,
  });
  const [dh = step] = dstates;
  for (const time of call.order.toReversed()) {
    const from = partOf(saved.gates, time);
    const given = dy ? partOf(dy, time) : from;
    const before = partOf(saved.before, time);
    const to = partOf(dgates, time);
    launch(device, kernel, {
      bind: [
        given.binding,
        from.binding,
        ...(apart ? [before.binding] : []),
        lengths ?? from.binding,
        ...dstates,
        to.binding,
        ...(apart ? [partOf(apart, time).binding] : []),
        step,
      ],
      params: {
        items: batch * width,
        width,
        time,
        gates_offset: to.offset,
        y_offset: given.offset,
        saved_offset: from.offset,
        ...(apart ? { before_offset: before.offset } : {}),
      },
      groups: grid(batch * width, kernel.workgroupSize),
    });
    launchMatmul({
      a: step,
      b: weight,
      c: dh,
      m: batch,
      n: width,
      k: columns,
      transposeA: false,
      transposeB: false,
      batch: [],
      accumulate: true,
    });
  }
}
