// Copyright 2026 the swagpu authors. MIT license.

// Tabs as the ARIA guide describes them: one of them is in the order of the Tab key, and
// arrows, Home and End choose another. The address remembers which one is open.

/**
 * Makes a list of tabs work.
 *
 * @param list The element with the role `tablist`.
 */
export function startTabs(list: HTMLElement): void {
  const tabs = [...list.querySelectorAll<HTMLElement>("[role=tab]")];

  const select = (chosen: HTMLElement, isFocused: boolean): void => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", `${isChosen}`);
      tab.tabIndex = isChosen ? 0 : -1;
      panelOf(tab).hidden = !isChosen;
    }
    if (isFocused) chosen.focus();
  };
  const ofAddress = () =>
    tabs.find((tab) => location.hash === `#${panelOf(tab).id}`);

  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener("click", () => {
      history.replaceState(null, "", `#${panelOf(tab).id}`);
      select(tab, true);
    });
    tab.addEventListener("keydown", (event) => {
      const to = {
        ArrowLeft: i - 1,
        ArrowRight: i + 1,
        Home: 0,
        End: tabs.length - 1,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      tabs.at(to % tabs.length)?.click();
    });
  }
  addEventListener("hashchange", () => {
    const tab = ofAddress();
    if (tab) select(tab, false);
  });
  const first = ofAddress() ?? tabs[0];
  if (first) select(first, false);
}

function panelOf(tab: HTMLElement): HTMLElement {
  const id = tab.getAttribute("aria-controls") ?? "";
  const panel = document.getElementById(id);
  if (panel) return panel;
  throw new TypeError(`Cannot open the tab: the page has no panel #${id}`);
}
