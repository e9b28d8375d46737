// Copyright 2026 the swagpu authors. MIT license.

// The second tab: the quickstart, trained before one's eyes.

import { Figure } from "../charts/figure.ts";
import { lossChart } from "../charts/loss_chart.ts";
import { reliabilityChart } from "../charts/reliability_chart.ts";
import { scoresTable } from "../charts/scores_table.ts";
import type {
  Reliability,
  TrainingPlan,
  TrainingProgress,
  TrainingRun,
} from "../protocol.ts";
import { announce } from "./announce.ts";
import type { Client } from "./client.ts";
import { find } from "./dom.ts";
import { readNumber } from "./fields.ts";
import type { ModelPanel } from "./model_panel.ts";
import { fixed, whole } from "./numbers.ts";
import { showTrouble } from "./trouble.ts";

/** A screen reader says how far a run is after so many passes. */
const SPOKEN = 3;

/** Makes the tab work. */
export function startTrainingTab(client: Client, model: ModelPanel): void {
  const view = new TrainingView();
  const buttons = {
    train: find("train", HTMLButtonElement),
    resume: find("resume", HTMLButtonElement),
    stop: find("stop", HTMLButtonElement),
    use: find("use-model", HTMLButtonElement),
  };
  let run: TrainingRun | null = null;
  let stopping: AbortController | undefined;

  const enable = (): void => {
    const isBusy = stopping !== undefined;
    buttons.train.disabled = isBusy;
    buttons.train.textContent = run === null ? "Train" : "Start over";
    buttons.resume.disabled = isBusy || run === null || run.scores !== null;
    buttons.stop.disabled = !isBusy;
    buttons.use.disabled = isBusy || (run?.progress.collected.length ?? 0) < 2;
  };

  const train = async (plan: TrainingPlan, resume: boolean): Promise<void> => {
    stopping = new AbortController();
    enable();
    showTrouble("training-trouble", undefined);
    view.say("Waiting for the GPU …");
    try {
      run = await client.call("train", { ...plan, resume }, {
        signal: stopping.signal,
        onTold: (news) =>
          typeof news === "string" ? view.say(news) : view.showProgress(news),
      });
      if (run) view.showRun(run);
      else view.say("Stopped before the first step.");
    } catch (error) {
      view.say("The training has ended with an error.");
      showTrouble("training-trouble", error);
      run = await client.call("run", null);
    }
    stopping = undefined;
    enable();
  };

  find("training-form", HTMLFormElement).addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      const plan = readPlan();
      if (plan) train(plan, false);
    },
  );
  buttons.resume.addEventListener("click", () => {
    if (run) train(run.plan, true);
  });
  buttons.stop.addEventListener("click", () => {
    view.say("Stopping after this step …");
    stopping?.abort();
  });
  buttons.use.addEventListener("click", async () => {
    location.hash = "text";
    await model.load({ from: "training" });
  });
  client.call("run", null).then((kept) => {
    run = kept;
    if (kept) {
      find("reviews", HTMLSelectElement).value = `${kept.plan.reviews}`;
      find("seed", HTMLInputElement).value = `${kept.plan.seed}`;
      view.showRun(kept);
    }
    enable();
  }, (error) => showTrouble("training-trouble", error));
}

function readPlan(): TrainingPlan | undefined {
  try {
    return {
      reviews: Number(find("reviews", HTMLSelectElement).value),
      seed: readNumber("seed"),
    };
  } catch (error) {
    showTrouble("training-trouble", error);
    return undefined;
  }
}

function inWords(reliability: Reliability | null): string {
  return reliability
    ? `Accuracy ${fixed(reliability.accuracy)}, calibration error ` +
      fixed(reliability.error)
    : "Not measured yet";
}

/** The progress, the charts and the table. */
class TrainingView {
  readonly #bar = find("training-progress", HTMLProgressElement);
  readonly #status = find("training-status", HTMLElement);
  readonly #scores = find("scores", HTMLElement);
  readonly #place = find("training-charts", HTMLElement);
  readonly #loss = new Figure("Loss");
  readonly #last = new Figure("Last weights");
  readonly #posterior = new Figure("Posterior, 8 samples");
  #shown: TrainingProgress | undefined;

  constructor() {
    this.#loss.element.classList.add("wide");
    this.#loss.note("Of each step, and a moving average");
    this.#place.append(
      this.#loss.element,
      this.#last.element,
      this.#posterior.element,
    );
    this.#place.hidden = true;
  }

  /** Says what has changed, also to a screen reader. */
  say(text: string): void {
    this.#status.textContent = text;
    announce(text);
  }

  showProgress(progress: TrainingProgress): void {
    const { step, steps, epoch, epochs } = progress;
    const before = this.#shown;
    this.#shown = progress;
    this.#place.hidden = false;
    this.#bar.value = step / steps;
    this.#status.textContent =
      `Step ${whole(step)} of ${whole(steps)}, ${epoch} of ${epochs} passes` +
      (progress.reliability
        ? `, accuracy ${fixed(progress.reliability.accuracy)}`
        : "") +
      ".";
    if (epoch !== before?.epoch && epoch % SPOKEN === 0) {
      announce(this.#status.textContent);
    }
    this.#loss.show(lossChart(progress));
    if (before?.reliability !== progress.reliability || !before) {
      this.#last.show(
        reliabilityChart("the last weights", progress.reliability),
      );
      this.#last.note(inWords(progress.reliability));
    }
    if (before?.posterior !== progress.posterior || !before) {
      this.#posterior.show(
        reliabilityChart("the posterior", progress.posterior),
      );
      this.#posterior.note(inWords(progress.posterior));
    }
  }

  showRun({ plan, progress, scores }: TrainingRun): void {
    this.showProgress(progress);
    this.#scores.hidden = scores === null;
    const what = `${whole(plan.reviews)} reviews, seed ${plan.seed}`;
    if (scores) {
      this.#scores.replaceChildren(scoresTable(scores, 2 * plan.reviews));
      this.say(`Done: ${what}. The model is kept in this browser.`);
    } else {
      this.say(
        `Stopped after ${whole(progress.step)} of ${
          whole(progress.steps)
        } steps ` +
          `(${what}). It is kept in this browser and can be resumed.`,
      );
    }
  }
}
