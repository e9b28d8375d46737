import { indexSelect, initialize, manualSeed, scope, tensor } from "@swagpu/swagpu/engine";
import { BertConfig, BertForSequenceClassification, Tokenizer } from "@swagpu/swagpu/models";
import { batches, SGD, AdamW, train } from "@swagpu/swagpu/nn";
import { summarizeLogits, SwagModel } from "@swagpu/swagpu/swag";
import { generateReviews } from "./quickstart/grammar.ts";
import { renderTable, scoreAll } from "./quickstart/table.ts";
import { learnVocabulary, writeTokenizer } from "./quickstart/vocabulary.ts";
const o = { layers: 2, init: 0.1, lr: 0.05, epochs: 40, from: 15, length: 18, seeds: [11], min: 2, samples: 15, batch: 32, test: 1000, wd: 1e-4, hidden: 32, ff: 64, diag: false, adam: 0, alr: 3e-3, ...JSON.parse(Deno.args[0] ?? "{}") };
await initialize();
for (const seed of o.seeds) {
  using _ = scope();
  const t0 = performance.now();
  const r = generateReviews({ seed, test: o.test });
  const dir = await Deno.makeTempDir();
  const v = learnVocabulary(r.train.map((x) => x.text), { minimumCount: o.min });
  await writeTokenizer(dir, v);
  const tokenizer = await Tokenizer.fromPretrained(dir);
  const enc = (rs: any[]) => { const b = tokenizer.batch(rs.map((x) => x.text), { padding: "max_length", maxLength: o.length }); return { inputIds: tensor(b.inputIds, { shape: b.shape }), attentionMask: tensor(b.attentionMask, { shape: b.shape }), labels: tensor(Int32Array.from(rs, (x) => x.label)) }; };
  const tr = enc(r.train), te = enc(r.test);
  manualSeed(seed);
  const model = new BertForSequenceClassification(new BertConfig({ vocabSize: tokenizer.vocabSize, hiddenSize: o.hidden, numHiddenLayers: o.layers, numAttentionHeads: 2, intermediateSize: o.ff, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, maxPositionEmbeddings: o.length, initializerRange: o.init, numLabels: 3 }));
  const optimizer = new SGD(model.parameters(), { learningRate: o.lr, momentum: 0.9, weightDecay: o.wd });
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  const curve: string[] = [];
  const common = { batches: (epoch: number) => batches(1000, o.batch, { shuffle: true, seed: seed + 1000, epoch }), step: (rows: any) => { const i = tensor(Int32Array.from(rows)); return model.forward({ inputIds: indexSelect(tr.inputIds, i), attentionMask: indexSelect(tr.attentionMask, i), labels: indexSelect(tr.labels, i) }); } };
  if (o.adam) { const opt = new AdamW(model.parameters(), { learningRate: o.alr, weightDecay: 1e-4 }); await train({ ...common, epochs: o.adam, optimizer: opt, onEpoch({ epoch, loss }) { if (epoch % 2 === 1) curve.push("a" + loss.toFixed(2)); } }); opt.dispose(); }
  await train({ epochs: o.epochs, batches: (epoch) => batches(1000, o.batch, { shuffle: true, seed, epoch }), step: (rows) => { const i = tensor(Int32Array.from(rows)); return model.forward({ inputIds: indexSelect(tr.inputIds, i), attentionMask: indexSelect(tr.attentionMask, i), labels: indexSelect(tr.labels, i) }); }, optimizer, onEpoch({ epoch, loss }) { if (epoch >= o.from) swag.collectModel(); if (epoch % 4 === 3) curve.push(loss.toFixed(2)); } });
  model.eval();
  const t1 = performance.now();
  const preds = [];
  for (const [method, opt] of Object.entries({ last: {}, SWA: { numPredictions: 1, scale: 0 }, ...(o.diag ? {diag: { numPredictions: o.samples, scale: 1, cov: false, seed: 0 }} : {}), "SWAG.5": { numPredictions: o.samples, scale: 0.5, seed: 0 } })) {
    using _ = scope();
    const { probabilities } = summarizeLogits(swag.getLogits(() => model.forward(te), opt));
    preds.push({ method, probabilities: await probabilities.data() });
  }
  console.log(JSON.stringify(o), "vocab", v.length, "seed", seed, "train s", ((t1 - t0) / 1000).toFixed(0), "eval s", ((performance.now() - t1) / 1000).toFixed(0), "curve", curve.join(" "));
  console.log(renderTable(scoreAll(preds, { labels: r.test.map((x) => x.label), distribution: r.test.flatMap((x) => x.probabilities) })));
  model.dispose(); optimizer.dispose(); swag.dispose();
}
