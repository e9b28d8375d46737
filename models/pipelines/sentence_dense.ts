// Copyright 2026 the swagpu authors. MIT license.

// The layer that sentence-transformers calls Dense: it maps the embedding of a
// sentence to another one, usually to a shorter one.

import { persist } from "../../engine/kernel_kit.ts";
import {
  add,
  elu,
  gelu,
  matmul,
  relu,
  sigmoid,
  silu,
  tanh,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { openPyTorch, openSafetensors } from "../../nn/mod.ts";
import type { ConfigReader } from "../config.ts";
import type { SentenceStep } from "./sentence_modules.ts";

/** The name under which the modules pass the embedding on. */
const EMBEDDING = "sentence_embedding";

const ACTIVATIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  "torch.nn.modules.activation.Tanh": tanh,
  "torch.nn.modules.activation.ReLU": relu,
  "torch.nn.modules.activation.GELU": (x) => gelu(x),
  "torch.nn.modules.activation.SiLU": silu,
  "torch.nn.modules.activation.Sigmoid": sigmoid,
  "torch.nn.modules.activation.ELU": elu,
  "torch.nn.modules.linear.Identity": (x) => x,
};

/**
 * Reads a `Dense`: an affine map, an activation, and perhaps a shortcut.
 *
 * @throws {TypeError} If a field or the shape of a weight is wrong.
 * @throws {RangeError} If the activation is not known, or a weight is missing.
 */
export async function readDense(
  config: ConfigReader,
  path: string,
): Promise<SentenceStep> {
  const width = config.integer<never>("in_features", undefined, { min: 1 });
  const out = config.integer<never>("out_features", undefined, { min: 1 });
  const name = config.string(
    "activation_function",
    "torch.nn.modules.activation.Tanh",
    { oneOf: Object.keys(ACTIVATIONS) },
  );
  for (const field of ["module_input_name", "module_output_name"]) {
    config.string(field, EMBEDDING, { oneOf: [EMBEDDING] });
  }
  const shortcut = config.boolean("use_residual", false);
  const tensors: Tensor[] = [];
  const dispose = () => tensors.forEach((x) => x.dispose());
  using file = await (path.endsWith(".bin") ? openPyTorch : openSafetensors)(
    path,
  );
  const read = async (name: string, shape: readonly number[]) => {
    const { data, shape: found } = await file.tensor(name);
    if (found.join() !== shape.join()) {
      throw new TypeError(
        `Cannot load ${name} [${found.join(", ")}] of ${path}: its ` +
          `configuration expects [${shape.join(", ")}]`,
      );
    }
    const x = persist(tensor(Float32Array.from(data), { shape }));
    tensors.push(x);
    return x;
  };
  try {
    const weight = await read("linear.weight", [out, width]);
    const bias = config.boolean("bias", true)
      ? await read("linear.bias", [out])
      : undefined;
    const projection = shortcut && width !== out
      ? await read("residual.weight", [out, width])
      : undefined;
    const activation = ACTIVATIONS[name] ?? tanh;
    return {
      kind: "dense",
      apply(x) {
        if (x.shape.at(-1) !== width) {
          throw new TypeError(
            `Cannot apply ${config.source} to embeddings of ` +
              `${x.shape.at(-1)} numbers: it takes ${width}`,
          );
        }
        const y = activation(
          matmul(x, weight, { transposeB: true, ...(bias && { bias }) }),
        );
        if (!shortcut) return y;
        return add(
          y,
          projection ? matmul(x, projection, { transposeB: true }) : x,
        );
      },
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
