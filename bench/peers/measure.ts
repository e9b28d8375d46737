// Copyright 2026 the swagpu authors. MIT license.

// Runs cases: every peer opens a case, outputs are compared, and then the peers and the
// limits are measured in turn, with one sample in each round.

import { type Case, type Limit, LIMITS } from "./cases.ts";
import { launchScript, type Peer } from "./launches.ts";
import { WorkerProcess } from "./process.ts";
import type { Hello, Opened, Refusal, Sample } from "./protocol.ts";
import {
  type Agreement,
  compare,
  pairedRatio,
  summarize,
  type Summary,
} from "./statistics.ts";

/** The peer to which ratios refer. */
export const BASE = "swagpu";

/** The result of a peer in a case. */
export interface PeerResult {
  peer: string;
  /** Why there are no times. */
  error?: string;
  note?: string;
  agreement?: Agreement;
  ms?: Summary;
  cpuMs?: number;
  runs?: number;
  peakBytes?: number;
  /** The work per second, in the unit of the limit. */
  rate?: number;
  /** The share of the limit, which is measured in the same rounds. */
  share?: number;
  /** The time relative to {@linkcode BASE}; absent if outputs disagree. */
  ratio?: number;
  samples?: Sample[];
}

/** A case with the results of all peers. */
export interface CaseResult {
  name: string;
  limit: Limit;
  /** The limit's rate in these rounds. */
  limitRate: number;
  peers: PeerResult[];
}

/** A limit, over all rounds of the run. */
export interface LimitResult {
  limit: Limit;
  rate: Summary;
  /** What one of it takes: a run of the kernel, a dispatch, a wait. */
  ms: Summary;
}

/** The results of a run. */
export interface Report {
  date: string;
  deno: string;
  adapter: string;
  rounds: number;
  minMs: number;
  versions: Record<string, Record<string, string>>;
  adapters: Record<string, string>;
  /** Peers without a worker, each with the reason. */
  missing: Record<string, string>;
  limits: LimitResult[];
  cases: CaseResult[];
}

/** Options of {@linkcode measure}. */
export interface MeasureOptions {
  cases: readonly Case[];
  peers: readonly Peer[];
  rounds: number;
  /** The least length of a sample, milliseconds. */
  minMs: number;
  /** A folder of bundles to run offline. */
  bundles?: string | undefined;
  /** Called with messages about the progress. */
  progress?: (text: string) => void;
}

interface Running {
  name: string;
  worker: WorkerProcess;
}

/** The work of a run divided by its milliseconds, in giga per second. */
function rateOf(limit: Limit, amount: number, ms: number): number {
  const perSecond = amount / ms * 1000;
  switch (limit) {
    case "fma":
    case "copy":
      return perSecond / 1e9;
    case "dispatch":
      return perSecond / 1e6;
    case "wait":
      return perSecond / 1e3;
  }
}

/** Measures limits, with one sample in each round. */
class Limits {
  readonly #worker: WorkerProcess;
  readonly #found = new Map<Limit, { ms: number[]; amount: number }>();

  constructor(worker: WorkerProcess) {
    this.#worker = worker;
  }

  async open(limit: Limit): Promise<(minMs: number) => Promise<number>> {
    const opened = await this.#worker.open({
      do: "open",
      kind: limit,
      parameters: {},
    });
    if ("error" in opened) throw new Error(`limit ${limit}: ${opened.error}`);
    const [amount = NaN] = opened.outputs;
    const found = this.#found.get(limit) ?? { ms: [], amount };
    this.#found.set(limit, found);
    return async (minMs) => {
      const sample = await this.#worker.sample(minMs);
      if ("error" in sample) throw new Error(`limit ${limit}: ${sample.error}`);
      found.ms.push(sample.ms);
      return rateOf(limit, amount, sample.ms);
    };
  }

  results(): LimitResult[] {
    return [...this.#found].map(([limit, { ms, amount }]) => ({
      limit,
      rate: summarize(ms.map((ms) => rateOf(limit, amount, ms))),
      ms: summarize(ms),
    }));
  }
}

/** Runs every case on every peer. */
export async function measure(options: MeasureOptions): Promise<Report> {
  const { cases, peers, rounds, minMs, bundles, progress = () => {} } = options;
  const running: Running[] = [];
  const missing: Record<string, string> = {};
  const hellos: Record<string, Hello> = {};
  progress("starting: limits");
  const limiter = await WorkerProcess.start(
    launchScript("limits", { bundles }),
  );
  try {
    for (const { name, launch } of peers) {
      if ("missing" in launch) {
        missing[name] = launch.missing;
        continue;
      }
      progress(`starting: ${name}`);
      try {
        const { worker, hello } = await WorkerProcess.start(launch);
        running.push({ name, worker });
        hellos[name] = hello;
      } catch (error) {
        missing[name] = error instanceof Error ? error.message : String(error);
      }
    }
    const limits = new Limits(limiter.worker);
    const results: CaseResult[] = [];
    for (const given of cases) {
      progress(given.name);
      results.push(
        await measureCase(given, running, limits, { rounds, minMs, progress }),
      );
    }
    for (const limit of Object.keys(LIMITS) as Limit[]) {
      const sample = await limits.open(limit);
      for (let i = 0; i < rounds; i++) await sample(minMs);
    }
    return {
      date: new Date().toISOString(),
      deno: Deno.version.deno,
      adapter: limiter.hello.adapter,
      rounds,
      minMs,
      versions: Object.fromEntries(
        Object.entries(hellos).map(([name, { versions }]) => [name, versions]),
      ),
      adapters: Object.fromEntries(
        Object.entries(hellos).map(([name, { adapter }]) => [name, adapter]),
      ),
      missing,
      limits: limits.results(),
      cases: results,
    };
  } finally {
    await limiter.worker.end();
    for (const { worker } of running) await worker.end();
  }
}

async function measureCase(
  given: Case,
  running: readonly Running[],
  limits: Limits,
  { rounds, minMs, progress }: {
    rounds: number;
    minMs: number;
    progress: (text: string) => void;
  },
): Promise<CaseResult> {
  const { name, kind, parameters, work } = given;
  const opened = new Map<string, Opened | Refusal>();
  for (const { name: peer, worker } of running) {
    progress(`${name}: opening on ${peer}`);
    opened.set(peer, await worker.open({ do: "open", kind, parameters }));
  }
  const results = judge(given, opened);
  const sampleLimit = await limits.open(work.limit);
  const limitRates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`${name}: round ${round + 1} of ${rounds}`);
    limitRates.push(await sampleLimit(minMs));
    for (const { name: peer, worker } of running) {
      const result = results.get(peer);
      if (!result || result.error !== undefined) continue;
      const sample = await worker.sample(minMs);
      if ("error" in sample) result.error = sample.error;
      else (result.samples ??= []).push(sample);
    }
  }
  for (const { worker } of running) await worker.close();
  const limitRate = summarize(limitRates).median;
  const done = [...results.values()]
    .map((result) => finish(result, work, limitRate));
  return {
    name,
    limit: work.limit,
    limitRate,
    peers: withRatios(done),
  };
}

/** Compares the outputs that every peer gave when it opened the case. */
export function judge(
  { expected }: Case,
  opened: ReadonlyMap<string, Opened | Refusal>,
): Map<string, PeerResult> {
  let values = expected.values?.();
  const results = new Map<string, PeerResult>();
  for (const [peer, answer] of opened) {
    if ("error" in answer) {
      results.set(peer, { peer, error: answer.error });
      continue;
    }
    const { outputs, note } = answer;
    values ??= outputs;
    results.set(peer, {
      peer,
      ...(note === undefined ? {} : { note }),
      agreement: compare(outputs, values, expected.tolerance),
    });
  }
  return results;
}

function finish(
  result: PeerResult,
  { limit, amount }: Case["work"],
  limitRate: number,
): PeerResult {
  const { samples } = result;
  if (result.error !== undefined || !samples) return result;
  const ms = summarize(samples.map(({ ms }) => ms));
  const rate = rateOf(limit, amount, ms.median);
  const last = samples.at(-1);
  return {
    ...result,
    ms,
    cpuMs: summarize(samples.map(({ cpuMs }) => cpuMs)).median,
    ...(last ? { runs: last.runs } : {}),
    ...(last?.peakBytes === undefined ? {} : { peakBytes: last.peakBytes }),
    rate,
    share: rate / limitRate,
  };
}

/** Adds ratios to peers whose outputs agree, if the outputs of the base agree. */
export function withRatios(results: readonly PeerResult[]): PeerResult[] {
  const base = results.find(({ peer }) => peer === BASE);
  if (!base?.agreement?.agrees || !base.samples) return [...results];
  const baseMs = base.samples.map(({ ms }) => ms);
  return results.map((result) => {
    const { agreement, samples } = result;
    if (!agreement?.agrees || !samples || result.error !== undefined) {
      return result;
    }
    const ratio = pairedRatio(samples.map(({ ms }) => ms), baseMs);
    return { ...result, ratio };
  });
}
