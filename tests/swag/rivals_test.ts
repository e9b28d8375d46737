// Copyright 2026 the swagpu authors. MIT license.

// Everything that predictions are compared with, on the classifiers of each
// architecture, by the same call.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { backward, scope, type Tensor, tensor } from "../../engine/mod.ts";
import { IVON, Linear, type Module, type Parameter } from "../../nn/mod.ts";
import {
  AutoConfig,
  AutoModelForSequenceClassification,
} from "../../models/mod.ts";
import {
  type DrawOptions,
  IVONPosterior,
  LastLayerLaplace,
  MCDropout,
  MultiSwag,
  SwagModel,
  TemperatureScaled,
  type WeightPosterior,
} from "../../swag/mod.ts";
import { assertClose, gpuTest, ROUNDING } from "../_check.ts";

const FIELDS: Readonly<Record<string, Record<string, unknown>>> = {
  bert: {
    ...{ vocab_size: 30, hidden_size: 12, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, intermediate_size: 16 },
  },
  roberta: {
    ...{ vocab_size: 30, hidden_size: 12, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, intermediate_size: 16, pad_token_id: 1 },
  },
  modernbert: {
    ...{ vocab_size: 30, hidden_size: 16, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, intermediate_size: 16, pad_token_id: 0 },
    ...{ classifier_dropout: 0.1 },
  },
};

/** The bias of the last linear layer. */
function classifierBias(model: Module): Parameter {
  const layer = [...model.namedModules().values()]
    .findLast((module) => module instanceof Linear);
  return layer?.bias as Parameter;
}

for (const [type, fields] of Object.entries(FIELDS)) {
  gpuTest(`rivals of SWAG predict with ${type} by the same call`, async () => {
    const model = AutoModelForSequenceClassification.fromConfig(
      AutoConfig.fromFields({
        ...fields,
        model_type: type,
        id2label: { 0: "a", 1: "b", 2: "c" },
        label2id: { a: 0, b: 1, c: 2 },
      }),
    );
    const tokens = [[5, 6, 7, 8], [9, 10, 11, 12], [7, 13, 14, 15]];
    const labels = [0, 1, 2];
    const forward = (rows: readonly number[]) =>
      model.forward({
        inputIds: tensor(
          Int32Array.from(rows.flatMap((row) => tokens[row] ?? [])),
          { shape: [rows.length, 4] },
        ),
      }) as { logits: Tensor };
    const batches = [[0, 1], [2]];
    const optimizer = new IVON(model.parameters(), { ess: 1000 });
    {
      using _ = scope();
      optimizer.sampledParams({ train: true }, () =>
        backward(
          (model.forward({
            inputIds: tensor(Int32Array.from(tokens.flat()), { shape: [3, 4] }),
            labels: tensor(Int32Array.from(labels)),
          }) as { loss: Tensor }).loss,
        ));
      optimizer.step();
    }
    const bias = await classifierBias(model).data();
    const weights = await Promise.all(
      [...model.parameters()].map((parameter) => parameter.data()),
    );
    using swag = SwagModel.fromBase(model);
    swag.collectModel();
    using ensemble = await MultiSwag.ofWeights(model, [0, 1], (seed) => {
      if (seed === 1) classifierBias(model).write([1, 0, -1]);
    });
    classifierBias(model).write(bias);
    // A type for all of them: what is compared may be a list.
    const rivals: Record<string, WeightPosterior<DrawOptions>> = {
      ...{ swag, ensemble },
      dropout: new MCDropout(model),
      ivon: new IVONPosterior(model, optimizer),
      laplace: await LastLayerLaplace.fit(model, batches, forward, labels),
      diagonal: await LastLayerLaplace.fit(model, batches, forward, labels, {
        hessianStructure: "diag",
      }),
      temperature: await TemperatureScaled.fit(model, batches, forward, labels),
    };
    for (const [name, rival] of Object.entries(rivals)) {
      const predictions = rival.predictAll(batches, forward, {
        numPredictions: 4,
      });
      const shapes = predictions.map(({ probabilities }) =>
        probabilities.shape
      );
      assertEquals(shapes, [[2, 3], [1, 3]], name);
      for (const { probabilities, std } of predictions) {
        const values = await probabilities.data();
        for (let row = 0; row < values.length; row += 3) {
          const sum = values.slice(row, row + 3).reduce((a, b) => a + b, 0);
          assertAlmostEquals(sum, 1, 1e-5, name);
        }
        const spread = await std.data();
        const isSpread = spread.some((value) => value > 1e-6);
        const isOne = name === "temperature" || name === "swag";
        assertEquals(isSpread, !isOne, name);
      }
      // The same samples by asynchronous calls, of which each waits.
      const sampling = { numPredictions: 3, seed: 5, index: 2 };
      const logits = rival.getLogits(() => forward([0]), sampling);
      const mapped = await rival.mapSamples(
        async () => [...await forward([0]).logits.data()],
        sampling,
      );
      const factor = rival instanceof TemperatureScaled ? rival.temperature : 1;
      assertClose(
        await logits.data(),
        mapped.flat().map((logit) => logit / factor),
        ROUNDING,
      );
    }
    for (const [i, parameter] of [...model.parameters()].entries()) {
      assertEquals(await parameter.data(), weights[i]);
    }
    optimizer.dispose();
    model.dispose();
  });
}
