// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/gpu/device.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import { concat, reshape } from "../../../engine/ops/movement.ts";
import { gru, lstm } from "../../../engine/ops/recurrent.ts";
import type {
  GruResult,
  LstmResult,
} from "../../../engine/ops/recurrent_options.ts";
import { sum } from "../../../engine/ops/reduce.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import {
  assertClose,
  checkOp,
  FUNCTIONS,
  gpuTest,
  type Input,
  randomValues,
  SUMS,
} from "../../_check.ts";
import { recurrentReference } from "../../reference/recurrent.ts";

const KINDS = { lstm: 4, gru: 3 } as const;
type Kind = keyof typeof KINDS;

/** Times, batch, features and units; a part of a time starts anywhere. */
const SIZES = [[1, 1, 1, 1], [4, 3, 5, 2], [3, 2, 4, 33], [7, 5, 3, 16]];

/** All results in one row. */
function joined(result: GruResult | LstmResult): Tensor {
  return concat(
    Object.values(result).map((x: Tensor) => reshape(x, [x.size])),
  );
}

/** A call with the optional tensors, or with none. */
async function check(
  kind: Kind,
  [times, batch, features, width]: readonly number[],
  { lengths, reverse, all }: {
    lengths?: number[];
    reverse?: boolean;
    all: boolean;
  },
): Promise<void> {
  const sizes = { times, batch, features, width } as Record<string, number>;
  const rows = KINDS[kind] * (width ?? 0);
  const state = [batch ?? 0, width ?? 0];
  const shapes = {
    x: [times ?? 0, ...state.slice(0, 1), features ?? 0],
    weightIh: [rows, features ?? 0],
    weightHh: [rows, width ?? 0],
    ...(all ? { biasIh: [rows], biasHh: [rows], hidden: state } : {}),
    ...(all && kind === "lstm" ? { cell: state } : {}),
  };
  const names = Object.keys(shapes);
  const inputs: Input[] = Object.values(shapes).map((shape) => ({ shape }));
  const named = <T>(values: T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]]));
  await checkOp(
    inputs,
    (...tensors) => {
      const { x, ...rest } = named(tensors) as Record<string, Tensor>;
      assert(x);
      const options = {
        ...rest as { weightIh: Tensor; weightHh: Tensor },
        reverse,
        ...(lengths ? { lengths: tensor(lengths, { dtype: "i32" }) } : {}),
      };
      return joined(kind === "lstm" ? lstm(x, options) : gru(x, options));
    },
    (...values) =>
      recurrentReference(kind, {
        ...sizes,
        ...named(values),
        lengths,
        reverse,
      } as never),
    {
      forward: FUNCTIONS,
      backward: FUNCTIONS,
      elements: 12,
      label: `${kind} ${JSON.stringify({ ...sizes, lengths, reverse, all })}`,
    },
  );
}

for (const kind of ["lstm", "gru"] as const) {
  gpuTest(`${kind}() matches the reference in both directions`, async () => {
    for (const sizes of SIZES) {
      for (const reverse of [false, true]) {
        await check(kind, sizes, { reverse, all: reverse });
      }
    }
    await check(kind, [2, 3, 4, 5], { all: true });
  });

  gpuTest(`${kind}() stops and starts at each text's end`, async () => {
    for (const reverse of [false, true]) {
      for (const all of [false, true]) {
        const lengths = [3, 0, 5, 1];
        await check(kind, [5, 4, 3, 6], { lengths, reverse, all });
      }
    }
  });
}

gpuTest("gradients that start at one of the results alone", async () => {
  const leaf = (shape: number[], seed: number) =>
    tensor(randomValues(shape.reduce((n, x) => n * x, 1), seed), {
      shape,
      requiresGrad: true,
    });
  const weights = { weightIh: leaf([8, 3], 1), weightHh: leaf([8, 2], 2) };
  const leaves = [leaf([3, 2, 3], 3), ...Object.values(weights)] as const;
  const gradients = async (pick: (result: LstmResult) => Tensor[]) => {
    const picked = pick(lstm(leaves[0], weights));
    backward(sum(concat(picked.map((x) => reshape(x, [x.size])))));
    const values = await readAll(leaves.map((x) => x.grad ?? zeros([0])));
    for (const x of leaves) x.dropGradient();
    return values.flatMap((each) => [...each]);
  };
  const all = await gradients(({ output, hidden, cell }) => [
    output,
    hidden,
    cell,
  ]);
  const alone = [
    await gradients(({ output }) => [output]),
    await gradients(({ hidden }) => [hidden]),
    await gradients(({ cell }) => [cell]),
  ];
  assertClose(
    all.map((_, i) => alone.reduce((total, own) => total + (own[i] ?? NaN), 0)),
    all,
    SUMS,
  );
});

gpuTest(
  "recurrent layers whose tensors exceed a binding",
  async (device: Device) => {
    const limit = device.maxBindingSize;
    const run = () => {
      const x = tensor(randomValues(12 * 5 * 7, 1), {
        shape: [12, 5, 7],
        requiresGrad: true,
      });
      const weights = {
        weightIh: tensor(randomValues(36 * 7, 2), { shape: [36, 7] }),
        weightHh: tensor(randomValues(36 * 9, 3), {
          shape: [36, 9],
          requiresGrad: true,
        }),
      };
      const { output } = lstm(x, weights);
      const gradient = tensor(randomValues(output.size, 4), {
        shape: output.shape,
      });
      backward(output, { gradient });
      assert(x.grad && weights.weightHh.grad);
      return [output, x.grad, weights.weightHh.grad];
    };
    const { isSoftware } = device;
    // The kernels that GPUs choose, too, of which few rows have their own.
    for (const software of new Set([isSoftware, false])) {
      try {
        Object.assign(device, { isSoftware: software });
        const whole = run();
        Object.assign(device, { maxBindingSize: 2048 });
        const [y, dx, dw, y0, dx0, dw0] = await readAll([...run(), ...whole]);
        assertEquals(y, y0);
        assertEquals(dx, dx0);
        assertClose(dw ?? [], dw0 ?? [], SUMS); // cut, summed in another order
      } finally {
        Object.assign(device, { maxBindingSize: limit, isSoftware });
      }
    }
  },
);

gpuTest("recurrent layers over no time keep the state", async () => {
  const weights = { weightIh: zeros([8, 3]), weightHh: zeros([8, 2]) };
  const hidden = tensor([[1, 2]], { requiresGrad: true });
  const result = lstm(zeros([0, 1, 3]), { ...weights, hidden });
  assertEquals(result.output.shape, [0, 1, 2]);
  assertEquals([...await result.hidden.data()], [1, 2]);
  backward(sum(result.hidden));
  assertEquals([...await hidden.grad?.data() ?? []], [1, 1]);
  const none = gru(zeros([4, 0, 3]), {
    weightIh: zeros([6, 3]),
    weightHh: zeros([6, 2]),
  });
  assertEquals([none.output.shape, none.hidden.shape], [[4, 0, 2], [0, 2]]);
});

gpuTest("recurrent layers refuse what does not fit", () => {
  const x = zeros([3, 2, 5]);
  const weights = { weightIh: zeros([8, 5]), weightHh: zeros([8, 2]) };
  assertThrows(
    () => lstm(zeros([3, 5]), weights),
    TypeError,
    "Cannot run lstm over [3, 5]: expected [times, batch, features]",
  );
  assertThrows(
    () => gru(x, weights),
    TypeError,
    "with weightHh of [8, 2]: expected [6, 2]",
  );
  assertThrows(
    () => lstm(x, { ...weights, cell: zeros([1, 2]) }),
    TypeError,
    "with cell of [1, 2]: expected [2, 2]",
  );
  assertThrows(
    () => lstm(x, { ...weights, lengths: tensor([3, 4], { dtype: "i32" }) }),
    RangeError,
    "Cannot run lstm for length 4 at [1]: there are 3 times",
  );
  assertThrows(
    () => lstm(x, { ...weights, lengths: zeros([2]) as never }),
    TypeError,
    "Cannot run lstm with lengths of f32: expected integers",
  );
});
