// Copyright 2026 the swagpu authors. MIT license.

// The first tab: a text, what the model says about it, and how sure it is.

import { entropyChart } from "../charts/entropy_chart.ts";
import { Figure } from "../charts/figure.ts";
import { spreadChart } from "../charts/spread_chart.ts";
import { tokenRow } from "../charts/token_row.ts";
import type { Influences, TextAnswer, TextQuestion } from "../protocol.ts";
import type { Client } from "./client.ts";
import { find, html } from "./dom.ts";
import type { ModelPanel } from "./model_panel.ts";
import { readNumber } from "./fields.ts";
import { showTrouble } from "./trouble.ts";
import { verdict } from "./verdict.ts";

/** Reviews of subjects that the example model knows, and one that it does not. */
const EXAMPLES = [
  ["clear", "the room was quiet and the good food delighted us"],
  ["contradictory", "the film was great but the ending was awful"],
  ["negated", "the food was not bad"],
  ["unknown subject", "the phone was glitchy"],
] as const;

/** How long a pause in typing is, before the text is classified, in milliseconds. */
const PAUSE = 500;

/** Makes the tab work. */
export function startTextTab(client: Client, model: ModelPanel): void {
  const input = find("input", HTMLTextAreaElement);
  const form = find("question", HTMLFormElement);
  const button = find("classify", HTMLButtonElement);
  const status = find("verdict", HTMLElement);
  const view = new AnswerView();
  let current: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const ask = async (): Promise<void> => {
    clearTimeout(timer);
    current?.abort();
    const { signal } = current = new AbortController();
    showTrouble("question-trouble", undefined);
    try {
      const question: TextQuestion = {
        text: input.value.trim(),
        samples: readNumber("samples"),
        scale: readNumber("scale"),
        seed: 0,
      };
      if (question.text === "") return view.hide();
      status.textContent = "Classifying …";
      const answer = await client.call("classify", question);
      if (signal.aborted) return;
      status.replaceChildren(...verdict(answer));
      view.showAnswer(answer);
      const influences = await client.call("leaveOut", question, { signal });
      if (!signal.aborted) view.showInfluences(answer, influences);
    } catch (error) {
      if (signal.aborted) return;
      status.textContent = "";
      showTrouble("question-trouble", error);
    }
  };
  const isReady = () => !button.disabled;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isReady()) ask();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (isReady()) timer = setTimeout(ask, PAUSE);
  });
  for (const [name, text] of EXAMPLES) {
    const choice = html("button", { type: "button", title: text }, name);
    choice.addEventListener("click", () => {
      input.value = text;
      if (isReady()) ask();
    });
    form.querySelector(".examples")?.append(choice);
  }
  model.onLoad = () => {
    button.disabled = false;
    if (input.value === "") input.value = EXAMPLES[1][1];
    ask();
  };
}

/** The figures below the text. */
class AnswerView {
  readonly #place = find("answer", HTMLElement);
  readonly #spread = new Figure("Probability of each class");
  readonly #entropy = new Figure("Where the uncertainty comes from");
  readonly #tokens = html("div", { class: "plot" });
  readonly #caption = html("figcaption");

  constructor() {
    this.#place.append(
      this.#spread.element,
      this.#entropy.element,
      html("figure", { class: "chart wide" }, this.#caption, this.#tokens),
    );
  }

  hide(): void {
    this.#place.hidden = true;
  }

  showAnswer(answer: TextAnswer): void {
    this.#place.hidden = false;
    this.#spread.show(spreadChart(answer));
    this.#entropy.show(entropyChart(answer));
    this.#caption.replaceChildren(
      "What each token does",
      html("small", {}, "Leaving out one after the other …"),
    );
    this.#tokens.replaceChildren(tokenRow(answer.tokens, undefined));
  }

  showInfluences(answer: TextAnswer, influences: Influences): void {
    this.#caption.replaceChildren(
      "What each token does",
      html(
        "small",
        {},
        `How much less probable “${influences.label}” is without it. Bars above ` +
          "the line speak for that class, bars below against it." +
          (answer.isCut
            ? " The model reads no more tokens than these: the end of the text " +
              "is missing."
            : ""),
      ),
    );
    this.#tokens.replaceChildren(tokenRow(answer.tokens, influences));
  }
}
