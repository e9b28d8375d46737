// Copyright 2026 the swagpu authors. MIT license.

// The README.md of a run's folder as a model card of Hugging Face's hub.

import { checkReportOptions, checkResults } from "./check_results.ts";
import { evaluate } from "./evaluation.ts";
import { cleanText } from "./markup.ts";
import { fixed, percent, short, whole } from "./numbers.ts";
import type { DataFacts, ReportOptions, RunResults } from "./run_results.ts";
import { type RunSummary, summaryOf } from "./summary.ts";
import { provenanceRows } from "./tables/provenance.ts";
import { toYaml, type Yaml } from "./yaml.ts";

/** The names that the hub shows for tasks, and the classes that load their models. */
const TASKS: Readonly<Record<string, readonly [name: string, loader: string]>> =
  {
    "text-classification": [
      "Text Classification",
      "AutoModelForSequenceClassification",
    ],
    "token-classification": [
      "Token Classification",
      "AutoModelForTokenClassification",
    ],
    "question-answering": [
      "Question Answering",
      "AutoModelForQuestionAnswering",
    ],
    "fill-mask": ["Fill-Mask", "AutoModelForMaskedLM"],
    "text-generation": ["Text Generation", "AutoModelForCausalLM"],
    "translation": ["Translation", "AutoModelForSeq2SeqLM"],
    "summarization": ["Summarization", "AutoModelForSeq2SeqLM"],
    "feature-extraction": ["Feature Extraction", "AutoModel"],
  };

/** Text that Markdown shows as it is, also in a table, on one line. */
function plain(text: string): string {
  return cleanText(text)
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\`*_[\]|~$#]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    // Addresses do not become links by themselves.
    .replace(/:(?=\/\/)/g, "\\:")
    .replace(/\b(www)\./gi, "$1\\.");
}

/** A table; all columns but the first hold numbers, unless they are named. */
function tableOf(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  texts: readonly string[] = [],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const rule = heads.map((head, i) =>
    i === 0 || texts.includes(head) ? "---" : "---:"
  );
  return line(heads) + line(rule) + rows.map(line).join("");
}

function slug(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") ||
    "data";
}

/** A metric of the card's metadata. */
interface Metric {
  type: string;
  name: string;
  value: number;
}

function metricsOf(summary: RunSummary, results: RunResults): Metric[] {
  const metrics: Metric[] = [];
  const add = (type: string, name: string, value: number | undefined) => {
    if (value !== undefined && Number.isFinite(value)) {
      metrics.push({ type, name, value });
    }
  };
  const best = summary.methods.find(({ name }) => name === summary.primary);
  if (best) {
    add("accuracy", "Accuracy", best.accuracy);
    add("nll", "Negative log-likelihood", best.nll);
    add(
      "calibrated_nll",
      "Calibrated negative log-likelihood",
      best.calibratedNll,
    );
    add("ece", "Expected calibration error", best.ece);
    add("brier_score", "Brier score", best.brier);
  }
  const numbers = summary.regression.at(-1);
  if (numbers) {
    add("rmse", "Root mean squared error", numbers.rmse);
    add("crps", "Continuous ranked probability score", numbers.crps);
  }
  for (const { name, type = name, value } of results.scores ?? []) {
    add(type, name, value);
  }
  return metrics;
}

function metadata(
  results: RunResults,
  metrics: readonly Metric[],
  task: string,
): Yaml {
  const { model, data } = results.provenance ?? {};
  const named: DataFacts = data ?? { name: "test data" };
  return {
    library_name: "transformers",
    license: model?.license,
    language: model?.languages,
    base_model: model?.base ?? undefined,
    pipeline_tag: task,
    datasets: data?.id === undefined ? undefined : [data.id],
    tags: ["swagpu", "uncertainty"],
    metrics: [...new Set(metrics.map(({ type }) => type))],
    "model-index": [{
      name: model?.name ?? results.title,
      results: metrics.length === 0 ? [] : [{
        task: { type: task, name: TASKS[task]?.[0] ?? task },
        dataset: {
          name: named.name,
          type: named.id ?? slug(named.name),
          config: named.config,
          split: named.split ?? "test",
        },
        metrics: metrics.map(({ type, name, value }) => ({
          type,
          name,
          value,
        })),
      }],
    }],
  };
}

/** How the predictions that were scored are made, where they take samples. */
function posteriorText(
  { provenance, classification }: RunResults,
  summary: RunSummary,
): string {
  const { posterior, name = "model" } = provenance?.model ?? {};
  if (posterior === undefined) return "";
  const scored = classification
    ? summary.primary
    : summary.regression.at(-1)?.name;
  return `
This loads the model's own weights. The folder also holds a posterior over them, ${
    plain(posterior)
  }: the scores in the metadata are those of ${
    plain(scored ?? "its samples")
  }. With its samples, on the command line:

\`\`\`sh
swagpu predict --model ${shellWord(name)} --text "A text"
\`\`\`
`;
}

/** A word of a shell's command line. */
function shellWord(word: string): string {
  const clean = cleanText(word).replace(/\s+/g, " ");
  return /^[\w@%+=:,./-]+$/.test(clean)
    ? clean
    : `'${clean.replaceAll("'", `'\\''`)}'`;
}

function useSection(
  results: RunResults,
  summary: RunSummary,
  task: string,
): string {
  const { model } = results.provenance ?? {};
  const loader = TASKS[task]?.[1] ?? "AutoModel";
  const folder = JSON.stringify(cleanText(model?.name ?? "model"));
  const { architecture, base } = model ?? {};
  const made = [
    ...architecture === undefined
      ? []
      : [`The architecture is ${plain(architecture)}.`],
    ...base === undefined
      ? []
      : base === null
      ? ["The weights were trained from random ones."]
      : [`It was fine-tuned from ${plain(base)}.`],
    "With",
  ].join(" ");
  return `## Use

${made} \`folder\` as the path of this folder, in Python:

\`\`\`python
from transformers import AutoTokenizer, ${loader}

folder = ${folder}
tokenizer = AutoTokenizer.from_pretrained(folder)
model = ${loader}.from_pretrained(folder)
\`\`\`

With [swagpu](https://jsr.io/@swagpu/swagpu), in TypeScript:

\`\`\`ts
import { initialize } from "@swagpu/swagpu/engine";
import { ${loader}, AutoTokenizer } from "@swagpu/swagpu/models";

const folder = ${folder};
await initialize();
const tokenizer = await AutoTokenizer.fromPretrained(folder);
const model = await ${loader}.fromPretrained(folder);
\`\`\`
${posteriorText(results, summary)}`;
}

function limitsSection(results: RunResults, summary: RunSummary): string {
  const { data } = results.provenance ?? {};
  const lines = [
    `The scores below are those of ${
      data ? plain(data.name) : "the test data"
    }. Texts of another kind, time or language may be predicted worse, and with more confidence than is right.`,
  ];
  const best = summary.methods.find(({ name }) => name === summary.primary);
  if (best) {
    const [low, high] = best.accuracyInterval;
    lines.push(
      `${
        whole(summary.rows)
      } rows were tested: by chance alone the accuracy may be from ${
        percent(low)
      } to ${percent(high)} (interval of 95 %).`,
    );
    lines.push(
      `The expected calibration error is ${
        fixed(best.ece)
      }: confidence and accuracy differ by that much on average.${
        best.temperature === undefined
          ? ""
          : ` The best temperature is ${
            fixed(best.temperature, 2)
          }; above 1, predictions are too confident.`
      }`,
    );
  }
  const classes = results.classification?.classes;
  if (classes) {
    lines.push(
      `Every text gets one of ${
        whole(classes.length)
      } classes, also if none of them fits.`,
    );
  }
  lines.push("What the data are biased in, the model is biased in too.");
  return `## Limits\n\n${lines.map((line) => `- ${line}\n`).join("")}`;
}

function dataSection(results: RunResults): string {
  const { data } = results.provenance ?? {};
  if (!data) return "";
  const { name, id, splits = [] } = data;
  const source = id === undefined ? "" : ` (${plain(id)} on the hub)`;
  const table = splits.length === 0 ? "" : `\n${
    tableOf(
      ["split", "rows", "hash"],
      splits.map(({ name, rows, hash }) => [
        plain(name),
        whole(rows),
        plain(hash ?? "–"),
      ]),
      ["hash"],
    )
  }`;
  return `## Data\n\n${plain(name)}${source}.\n${table}\n`;
}

function resultsSection(results: RunResults, summary: RunSummary): string {
  const parts: string[] = [];
  if (summary.methods.length > 0) {
    parts.push(tableOf(
      ["method", "accuracy", "NLL", "ECE", "Brier", "calibrated NLL", "T"],
      summary.methods.map((scores) => [
        plain(scores.name),
        fixed(scores.accuracy),
        fixed(scores.nll),
        fixed(scores.ece),
        fixed(scores.brier),
        fixed(scores.calibratedNll),
        fixed(scores.temperature, 2),
      ]),
    ));
  }
  if (summary.regression.length > 0) {
    parts.push(tableOf(
      ["method", "RMSE", "NLL", "CRPS", "coverage of 90 %", "width of 90 %"],
      summary.regression.map((scores) => [
        plain(scores.name),
        short(scores.rmse),
        fixed(scores.nll),
        short(scores.crps),
        percent(scores.coverage90),
        short(scores.width90),
      ]),
    ));
  }
  const scores = results.scores ?? [];
  if (scores.length > 0) {
    parts.push(tableOf(
      ["score", "value"],
      scores.map(({ name, value }) => [plain(name), short(value)]),
    ));
  }
  if (parts.length === 0) parts.push("No rows were tested.\n");
  return `## Results\n\n${parts.join("\n")}`;
}

function factsSection(results: RunResults): string {
  const rows = provenanceRows(results);
  const settings = Object.keys(results.provenance?.settings ?? {});
  const isProcedure = (name: string) =>
    settings.includes(name) || name === "command" || name === "seed";
  const section = (title: string, kept: typeof rows) =>
    kept.length === 0 ? "" : `## ${title}\n\n${
      tableOf(
        ["fact", "value"],
        kept.map(([name, value]) => [plain(name), plain(value)]),
        ["value"],
      )
    }\n`;
  const described = ["model", "architecture", "fine-tuned from", "data"];
  return section("Procedure", rows.filter(([name]) => isProcedure(name))) +
    section(
      "Environment",
      rows.filter(([name]) =>
        !isProcedure(name) && !described.includes(name) &&
        !name.startsWith("split ")
      ),
    );
}

/**
 * Writes the model card of a run: a README.md with metadata that Hugging Face's hub
 * reads, `model-index` included, and sections on use, limits, results, data, procedure
 * and environment. Texts of the run are escaped in YAML, Markdown and code.
 *
 * @param results The results of the run; `provenance` describes model and data.
 * @param options Bins, as in the report.
 * @returns The card.
 * @throws {RangeError} If parts of the results do not fit together, or an option is
 * out of range.
 * @throws {TypeError} If there is an option that is not known.
 *
 * @example The head of a card
 * ```ts
 * import { modelCard } from "@swagpu/swagpu/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const card = modelCard({
 *   title: "A small BERT on SST-2",
 *   classification: {
 *     labels: [0, 1],
 *     methods: [{ name: "SWAG", probabilities: [0.9, 0.1, 0.2, 0.8] }],
 *   },
 *   provenance: {
 *     model: { name: "small-bert-sst2", license: "mit" },
 *     data: { name: "SST-2", id: "stanfordnlp/sst2", split: "validation" },
 *   },
 * });
 * assertStringIncludes(card, "license: mit");
 * assertStringIncludes(card, "model-index:");
 * ```
 */
export function modelCard(
  results: RunResults,
  options: ReportOptions = {},
): string {
  const checked = checkReportOptions(options);
  checkResults(results);
  const summary = summaryOf(results, evaluate(results.classification, checked));
  const task = results.provenance?.model?.task ?? "text-classification";
  const head = toYaml(metadata(results, metricsOf(summary, results), task));
  const sections = [
    `# ${plain(results.title)}\n`,
    useSection(results, summary, task),
    limitsSection(results, summary),
    resultsSection(results, summary),
    dataSection(results),
    factsSection(results),
  ].filter((section) => section !== "").map((section) => section.trimEnd());
  return `---\n${head}---\n\n${sections.join("\n\n")}\n`;
}
