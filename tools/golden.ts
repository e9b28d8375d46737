// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Compares models and metrics with reference values of other libraries:
 * `deno task golden DIR…`. A folder of a model holds config.json, weights, and either
 * golden.safetensors and case.json, which Hugging Face's code has made (with the
 * model in base/ and PEFT's files in adapter/, if it is about an adapter), or
 * reference.json, which records the answers of a pretrained encoder-decoder. A folder
 * of layers or of pooling heads holds cases.json and a file of tensors for each case,
 * that of the few-sample kit madgrad.safetensors and its other parts, that of IVON
 * quadratic.safetensors and mlp.safetensors, and that of optimizers and schedules
 * optimizers.safetensors or schedules.json. A folder of
 * metrics holds JSON files, each a list of cases with inputs and expected values.
 *
 * @module
 */

import { checkCase } from "./golden/check.ts";
import type { Comparison } from "./golden/compare.ts";
import { checkIvon, IVON_NAME } from "./golden/ivon.ts";
import { checkKit, KIT_NAME } from "./golden/kit.ts";
import { ADAPTER_FOLDER, checkLora } from "./golden/lora.ts";
import {
  checkMetricFile,
  checkMetricFolder,
  hasFolderCheck,
  metricFilesIn,
} from "./golden/metrics.ts";
import { checkLayers } from "./golden/layers.ts";
import { checkOptim, OPTIM_NAMES } from "./golden/optim.ts";
import { checkPooling } from "./golden/pooling.ts";
import { checkReference, REFERENCE_NAME } from "./golden/reference.ts";
import { checkSwag, isSwagCase } from "./golden/swag.ts";
import { tensorCasesIn } from "./golden/tensor_cases.ts";
import { initialize } from "../engine/mod.ts";

/** Whether a file exists. */
async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

/** Something that is compared: a folder of a model, or a file or folder of metrics. */
interface Subject {
  path: string;
  needsDevice: boolean;
  check(): Promise<Comparison[]>;
}

/**
 * Finds what is to be compared in a folder: a model, files of metrics, or else what is
 * in the folders in it. A folder beside files of metrics belongs to them.
 */
async function subjectsIn(
  folder: string,
  { isNamed = false, isOfMetrics = false } = {},
): Promise<Subject[]> {
  const ofModel = (check: (folder: string) => Promise<Comparison[]>) => [
    { path: folder, needsDevice: true, check: () => check(folder) },
  ];
  if (await exists(`${folder}/${KIT_NAME}`)) return ofModel(checkKit);
  if (await exists(`${folder}/${IVON_NAME}`)) return ofModel(checkIvon);
  for (const name of OPTIM_NAMES) {
    if (await exists(`${folder}/${name}`)) return ofModel(checkOptim);
  }
  if (await exists(`${folder}/case.json`)) {
    if (await isSwagCase(folder)) return ofModel(checkSwag);
    const adapter = `${folder}/${ADAPTER_FOLDER}/adapter_config.json`;
    return ofModel(await exists(adapter) ? checkLora : checkCase);
  }
  if (await exists(`${folder}/${REFERENCE_NAME}`)) {
    return ofModel(checkReference);
  }
  const tensorCases = await tensorCasesIn(folder);
  if (tensorCases) {
    const check = tensorCases.cases.some(({ layer }) => layer)
      ? checkLayers
      : checkPooling;
    return ofModel((folder) => check(folder, tensorCases));
  }
  const files = await metricFilesIn(folder);
  const subjects: Subject[] = files.map((file) => ({
    path: file.path,
    needsDevice: false,
    check: () => checkMetricFile(file),
  }));
  const ofFolder: Subject = {
    path: folder,
    needsDevice: false,
    check: () => checkMetricFolder(folder),
  };
  const mayBeOfMetrics = files.length === 0 && (isNamed || isOfMetrics);
  if (mayBeOfMetrics && await hasFolderCheck(folder)) return [ofFolder];
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) names.push(entry.name);
  }
  for (const name of names.sort()) {
    const inner = { isOfMetrics: isOfMetrics || files.length > 0 };
    subjects.push(...await subjectsIn(`${folder}/${name}`, inner));
  }
  // Nothing is left out in silence: this says that there is no check.
  return subjects.length === 0 && isOfMetrics ? [ofFolder] : subjects;
}

/** Finds what an argument names; there must be something. */
async function subjectsNamed(folder: string): Promise<Subject[]> {
  const stat = await Deno.stat(folder).catch(() => undefined);
  if (!stat?.isDirectory) {
    throw new Error(`Cannot compare ${folder}: there is no such folder`);
  }
  const path = folder.replace(/(?<=.)\/+$/, "");
  const subjects = await subjectsIn(path, { isNamed: true });
  if (subjects.length > 0) return subjects;
  throw new Error(
    `Cannot compare ${folder}: no folder in it has a case.json, ` +
      `cases.json, ${REFERENCE_NAME}, ${
        OPTIM_NAMES.join(", ")
      }, or JSON files ` +
      "with cases of metrics",
  );
}

function format({ name, absolute, relative, ok, note }: Comparison): string {
  const number = (x: number) => x.toExponential(2).padStart(9);
  return `  ${ok ? "ok  " : "FAIL"} ${number(absolute)} ${
    number(relative)
  }  ${name}${note ? `  (${note})` : ""}`;
}

/** Summarizes comparisons: how many failed, and the largest relative difference. */
function summary(comparisons: readonly Comparison[]): string {
  const failed = comparisons.filter(({ ok }) => !ok).length;
  const worst = comparisons.reduce<Comparison | undefined>(
    (worst, one) =>
      Number.isNaN(one.relative) ||
        (worst && !(one.relative > worst.relative))
        ? worst
        : one,
    undefined,
  );
  const list = `${comparisons.length} comparisons` +
    (failed > 0 ? `, ${failed} failed` : "");
  return worst === undefined
    ? list
    : `${list}, at most ${worst.relative.toExponential(1)} off (${worst.name})`;
}

const USAGE = `\
Usage: deno task golden [--verbose] DIR…

Compares models with the reference tensors in folders that have a case.json or
a reference.json, layers and pooling heads with those that a cases.json lists, the
few-sample kit with the folder that has a madgrad.safetensors, IVON with one that has
a quadratic.safetensors, optimizers and schedules with one that has optimizers.safetensors or schedules.json, and metrics
with the cases in JSON files: those in the folders named, and in all below them.
Prints a line for each folder of a model or file of metrics, and for each comparison
that failed; --verbose prints all comparisons.`;

async function main(args: readonly string[]): Promise<number> {
  const isVerbose = args.includes("--verbose") || args.includes("-v");
  const named = args.filter((arg) => !["--verbose", "-v"].includes(arg));
  if (named.includes("--help") || named.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const unknown = named.find((arg) => arg.startsWith("-"));
  if (named.length === 0 || unknown !== undefined) {
    console.error(unknown ? `error: Cannot use ${unknown}\n\n${USAGE}` : USAGE);
    return 2;
  }
  const subjects: Subject[] = [];
  try {
    for (const folder of named) subjects.push(...await subjectsNamed(folder));
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    return 2;
  }
  if (subjects.some(({ needsDevice }) => needsDevice)) {
    const device = await initialize();
    console.log(`adapter: ${device.name}`);
  }
  let passed = 0;
  let failed = 0;
  for (const { path, check } of subjects) {
    try {
      const comparisons = await check();
      const bad = comparisons.filter(({ ok }) => !ok);
      passed += comparisons.length - bad.length;
      failed += bad.length;
      const shown = isVerbose ? comparisons : bad;
      const ok = bad.length === 0 ? "ok  " : "FAIL";
      console.log(`${ok} ${path}: ${summary(comparisons)}`);
      if (shown.length > 0) console.log("         absolute  relative");
      for (const comparison of shown) console.log(format(comparison));
    } catch (error) {
      console.log(`FAIL ${path}`);
      console.log(`  FAIL ${error instanceof Error ? error.stack : error}`);
      failed++;
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
