// Copyright 2026 the swagpu authors. MIT license.

// Where the model of the first tab comes from.

import type { ModelFacts, ModelSource } from "../protocol.ts";
import { announce } from "./announce.ts";
import type { Client } from "./client.ts";
import { find, html } from "./dom.ts";
import { acceptDrops } from "./drops.ts";
import { whole } from "./numbers.ts";
import { pickedFolder } from "./picked_folder.ts";
import { showTrouble } from "./trouble.ts";

/** The model, and the controls that load another. */
export class ModelPanel {
  /** Called when a model has been loaded. */
  onLoad: (facts: ModelFacts) => void = () => {};
  readonly #client: Client;
  readonly #facts = find("model-facts", HTMLElement);
  readonly #kept = find("kept", HTMLSelectElement);
  readonly #keepButton = find("keep", HTMLButtonElement);
  #loaded: ModelFacts | undefined;
  #loading = false;

  /** Makes the controls work. */
  constructor(client: Client) {
    this.#client = client;
    find("use-trained", HTMLButtonElement).addEventListener(
      "click",
      () => this.load({ from: "training" }),
    );
    const folder = find("folder", HTMLInputElement);
    folder.addEventListener("change", async () => {
      const source = pickedFolder(folder.files);
      if (source) await this.load(source);
      folder.value = ""; // So that the same folder can be picked again.
    });
    find("address-form", HTMLFormElement).addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        this.#loadAddress(find("address", HTMLInputElement).value.trim());
      },
    );
    find("kept-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.load({ from: "browser", name: this.#kept.value });
    });
    this.#keepButton.addEventListener("click", () => this.#keep());
    find("forget", HTMLButtonElement).addEventListener(
      "click",
      () => this.#forget(),
    );
    acceptDrops((dropped) =>
      this.#try(async () => {
        const source = await dropped;
        if (source) await this.load(source);
      })
    );
    find("source-fields", HTMLFieldSetElement).disabled = false;
  }

  /** Loads the model that the page was built with, if there is one. */
  async start(): Promise<void> {
    const built = document.querySelector<HTMLMetaElement>("meta[name=model]");
    if (built) {
      const files = JSON.parse(built.dataset["files"] ?? "[]");
      await this.#loadAddress(built.content, files);
    }
    try {
      this.#listKept(await this.#client.call("kept", null));
    } catch { // A browser that gives pages no storage keeps nothing.
      find("kept-hint", HTMLElement).textContent =
        "This browser does not keep files for this page.";
    }
  }

  /**
   * Loads a model in place of the one before, which stays if that fails.
   *
   * @param source Where it comes from.
   * @returns Whether it was loaded.
   */
  async load(source: ModelSource): Promise<boolean> {
    if (this.#loading) return false;
    this.#loading = true;
    this.#facts.textContent = "Loading …";
    const isLoaded = await this.#try(async () => {
      this.#loaded = await this.#client.call("load", source, {
        onTold: (text) => this.#facts.textContent = text,
      });
      this.onLoad(this.#loaded);
    });
    this.#loading = false;
    this.#facts.replaceChildren(...factsOf(this.#loaded));
    if (isLoaded) {
      find("sources", HTMLDetailsElement).open = false;
      this.#keepButton.hidden = false;
      this.#keepButton.disabled = source.from === "browser";
      announce(`Loaded ${this.#facts.textContent}`);
    }
    return isLoaded;
  }

  async #loadAddress(
    text: string,
    files?: readonly string[],
  ): Promise<void> {
    await this.#try(async () => {
      if (text === "" || !URL.canParse(text, document.baseURI)) {
        throw new TypeError(
          `Cannot load a model from "${text}": expected the address of a folder`,
        );
      }
      const address = new URL(text, document.baseURI).href.replace(/\/+$/, "");
      await this.load({ from: "address", address, files });
    });
  }

  async #keep(): Promise<void> {
    const name = this.#loaded?.name;
    if (name === undefined) return;
    await this.#try(async () => {
      // Browsers may remove what they were not asked to keep.
      await navigator.storage.persist();
      const { names, kept } = await this.#client.call("keep", { name });
      this.#listKept(names);
      this.#kept.value = kept;
      this.#keepButton.disabled = true;
      announce(`Kept as ${kept}.`);
    });
  }

  async #forget(): Promise<void> {
    const name = this.#kept.value;
    if (!confirm(`Remove “${name}” from this browser for good?`)) return;
    await this.#try(async () =>
      this.#listKept(await this.#client.call("forget", { name }))
    );
  }

  #listKept(names: readonly string[]): void {
    this.#kept.replaceChildren(
      ...names.map((name) => html("option", { value: name }, name)),
    );
    const isEmpty = names.length === 0;
    this.#kept.disabled = isEmpty;
    for (const id of ["load-kept", "forget"]) {
      find(id, HTMLButtonElement).disabled = isEmpty;
    }
    find("kept-hint", HTMLElement).textContent = isEmpty
      ? "Nothing is kept yet."
      : "On this computer alone.";
  }

  /** Runs something, and shows its error if there is one. */
  async #try(run: () => Promise<void>): Promise<boolean> {
    showTrouble("model-trouble", undefined);
    try {
      await run();
      return true;
    } catch (error) {
      showTrouble("model-trouble", error);
      return false;
    }
  }
}

function factsOf(facts: ModelFacts | undefined): (Node | string)[] {
  if (!facts) {
    return [
      "No model is loaded yet: ",
      html("a", { href: "#training" }, "train the small one"),
      ", or load one from here.",
    ];
  }
  const { name, architecture, weights, labels, posterior } = facts;
  return [
    html("strong", {}, name),
    `: ${architecture}, ${whole(weights)} weights, classes ${
      labels.join(", ")
    }. ` +
    (posterior
      ? `Its posterior was collected ${posterior.collections} times and keeps ` +
        `${posterior.rank} deviations.`
      : "It has no posterior, so all that is shown is the plain model."),
  ];
}
