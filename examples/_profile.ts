import { initialize, manualSeed, tensor, indexSelect, scope, backward, noGrad } from "@swagpu/swagpu/engine";
import { BertConfig, BertForSequenceClassification } from "@swagpu/swagpu/models";
import { SGD } from "@swagpu/swagpu/nn";
const device = await initialize();
manualSeed(1);
const L = Number(Deno.args[0] ?? 18), B = 32;
const model = new BertForSequenceClassification(new BertConfig({vocabSize: 400, hiddenSize: 32, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 64, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, maxPositionEmbeddings: 64, initializerRange: 0.1, numLabels: 3}));
const opt = new SGD(model.parameters(), {learningRate: 0.05, momentum: 0.9});
const ids = tensor(Int32Array.from({length: 1000*L}, () => Math.floor(Math.random()*400)), {shape: [1000, L]});
const mask = tensor(new Int32Array(1000*L).fill(1), {shape: [1000, L]});
const labels = tensor(Int32Array.from({length: 1000}, () => Math.floor(Math.random()*3)));
function step() {
  using _ = scope();
  const index = tensor(Int32Array.from({length: B}, () => Math.floor(Math.random()*1000)));
  const {loss} = model.forward({inputIds: indexSelect(ids, index), attentionMask: indexSelect(mask, index), labels: indexSelect(labels, index)});
  backward(loss!); opt.step();
}
let t = performance.now();
for (let i=0;i<8;i++) step();
await device.synchronize();
console.log("first 8 steps", performance.now()-t);
t = performance.now(); 
for (let i=0;i<30;i++) step();
const rec = performance.now()-t;
await device.synchronize();
console.log("per step ms", (performance.now()-t)/30, "record", rec/30);
const s0 = device.stream.statistics();
step(); 
const s1 = device.stream.statistics();
console.log("dispatches", s1.dispatches-s0.dispatches, "bindgroups", s1.bindGroups-s0.bindGroups);
// capture
const log: any[] = [];
const stream: any = device.stream;
const orig = stream.dispatch.bind(stream);
stream.dispatch = (k: any, b: any, p: any, x: number, y: number, z: number) => { log.push([k, [...b], {...p}, x, y, z]); orig(k,b,p,x,y,z); };
if (Deno.args[1]) { const n = Number(Deno.args[1]); const L2=L; const ids2 = tensor(Int32Array.from({length: n*L}, () => Math.floor(Math.random()*400)), {shape: [n, L]}); const mask2 = tensor(new Int32Array(n*L).fill(1), {shape: [n, L]});
 for (let i=0;i<2;i++) { log.length=0; const t1=performance.now(); using _ = scope(); noGrad(()=>model.eval().forward({inputIds: ids2, attentionMask: mask2})); await device.synchronize(); console.log("forward", n, performance.now()-t1); } } else step();
delete stream.dispatch;
await device.synchronize();
const by = new Map<string, [number, number, string]>();
const R = Deno.args[1] ? 2 : 20;
const t00 = performance.now(); for (let i=0;i<20;i++) await device.synchronize(); const base = (performance.now()-t00)/20;
for (const [k,b,p,x,y,z] of log) {
  let best = Infinity;
  for (let rep=0; rep<2; rep++) {
  const t0 = performance.now();
  for (let r=0;r<R;r++) orig(k,b,p,x,y,z);
  await device.synchronize();
  best = Math.min(best, Math.max(0,(performance.now()-t0-base))/R); }
  const key = k.name + (k.name.startsWith("matmul")||k.name.startsWith("reduce_c") ? " "+JSON.stringify(Object.fromEntries(Object.entries(p).filter(([n])=>/^(m|n|k|M|N|K|rows|columns|inner|outer|count|batch)$/.test(n)))) +" "+[x,y,z] : "");
  const e = by.get(key) ?? [0,0,""];
  e[0]++; e[1]+=best; e[2] = JSON.stringify(k.constants??{}) + [x,y,z];
  by.set(key, e);
}
console.log("sync base", base, "sum", [...by.values()].reduce((s,e)=>s+e[1],0));
for (const [n,e] of [...by].sort((a,b)=>b[1][1]-a[1][1])) console.log(n.padEnd(32), e[0], e[1].toFixed(3), e[2]);
