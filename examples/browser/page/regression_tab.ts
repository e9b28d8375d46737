// Copyright 2026 the swagpu authors. MIT license.

// The third tab: the bands of more and more particles.

import { bandsChart } from "../charts/bands_chart.ts";
import { Figure } from "../charts/figure.ts";
import points from "../../toy_regression/points.json" with { type: "json" };
import type { RegressionPanel } from "../protocol.ts";
import { announce } from "./announce.ts";
import type { Client } from "./client.ts";
import { find } from "./dom.ts";
import { fixed } from "./numbers.ts";
import { showTrouble } from "./trouble.ts";

/** How many particles each panel has. */
const COUNTS = [1, 4, 16, 64];

/** Makes the tab work. */
export function startRegressionTab(client: Client): void {
  const bar = find("regression-progress", HTMLProgressElement);
  const status = find("regression-status", HTMLElement);
  const start = find("regress", HTMLButtonElement);
  const stop = find("stop-regression", HTMLButtonElement);
  const place = find("panels", HTMLElement);
  let stopping: AbortController | undefined;

  const enable = (): void => {
    start.disabled = stopping !== undefined;
    stop.disabled = stopping === undefined;
  };
  const say = (text: string, done: number): void => {
    status.textContent = text;
    bar.value = done / COUNTS.length;
  };

  const train = async (): Promise<void> => {
    stopping = new AbortController();
    enable();
    showTrouble("regression-trouble", undefined);
    place.replaceChildren();
    let done = 0;
    say("Compiling kernels with the first steps …", 0);
    try {
      await client.call("regress", {
        counts: COUNTS,
        passes: Number(find("passes", HTMLSelectElement).value),
      }, {
        signal: stopping.signal,
        onTold(news) {
          if ("training" in news) {
            if (news.share === 0) return;
            const particles = counted(news.training);
            say(
              `Training ${particles}: ${(100 * news.share).toFixed(0)} %.`,
              done + news.share,
            );
          } else {
            done++;
            place.append(panelOf(news));
            announce(`${counted(news.particles)}: done.`);
          }
        },
      });
      say(
        "Done: one particle is nearly sure everywhere; several agree among the points " +
          "alone.",
        COUNTS.length,
      );
    } catch (error) {
      say(`Stopped after ${done} of ${COUNTS.length} panels.`, done);
      showTrouble("regression-trouble", error);
    }
    stopping = undefined;
    enable();
  };

  find("regression-form", HTMLFormElement).addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      train();
    },
  );
  stop.addEventListener("click", () => stopping?.abort());
  enable();
}

function counted(particles: number): string {
  return particles === 1 ? "1 particle" : `${particles} particles`;
}

function panelOf(panel: RegressionPanel): HTMLElement {
  const figure = new Figure(counted(panel.particles));
  const right = fixed(panel.std.at(-1) ?? NaN);
  figure.note(
    `Standard deviation ${right} at x = 1, trained in ` +
      `${panel.seconds.toFixed(1)}\u00a0s`,
  );
  figure.show(bandsChart(panel, points));
  return figure.element;
}
