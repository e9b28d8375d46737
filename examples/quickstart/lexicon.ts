// Copyright 2026 the swagpu authors. MIT license.

// The words of the quickstart's reviews, and the effect of each on the sentiment. It
// is one table, and so longer than most files.

/** Words of one subject; `familiar` subjects occur in training. */
export type Subject = "film" | "food" | "hotel" | "gadget";

/** A part of a subject that a review can be about. */
export interface Noun {
  /** The word. */
  text: string;
  /** The factor on the sentiment of its clause. */
  weight: number;
}

/** An adjective or a verb. Its sentiment may depend on the subject. */
export interface Judgment {
  /** The words. */
  text: string;
  /** The sentiment for each subject; negative numbers are bad. */
  polarity: Readonly<Record<Subject, number>>;
  /** Its evidence for the label "mixed". */
  mixed: number;
}

/** A word or phrase with the same effect for every subject. */
export interface Phrase {
  /** The words. */
  text: string;
  /** The sentiment that it adds. */
  polarity: number;
  /** Its evidence for the label "mixed". */
  mixed: number;
}

/** A word before an adjective or a verb. */
export interface Modifier {
  /** The words. */
  text: string;
  /** The sentiment of both, given the sentiment of the adjective or verb. */
  apply: (polarity: number) => number;
}

/** A word that joins two clauses, with the weights of both. */
export interface Connective {
  /** The word between the clauses. */
  text: string;
  /** The weight of the clause before it. */
  first: number;
  /** The weight of the clause after it. */
  second: number;
}

/** The content words of one subject. */
export interface Domain {
  /** The subject for which the sentiment of judgments is looked up. */
  subject: Subject;
  /** The parts that are judged. */
  nouns: readonly Noun[];
  /** Adjectives: "the plot was …". */
  adjectives: readonly Judgment[];
  /** Verbs: "the plot … us". */
  verbs: readonly Judgment[];
  /** The ends of reviews. */
  closers: readonly Phrase[];
}

function nouns(text: string): Noun[] {
  return text.trim().split(/\s+/).map((entry) => {
    const [word = "", weight = ""] = entry.split(":");
    return { text: word, weight: Number(weight) };
  });
}

/** Reads rows `words: sentiment [mixed]`, with one sentiment or `film/food/hotel`. */
function judgments(text: string): Judgment[] {
  return phrases(text).map(({ text, values, mixed }) => {
    const [film = 0, food = film, hotel = film, gadget = film] = values;
    return { text, polarity: { film, food, hotel, gadget }, mixed };
  });
}

function closing(text: string): Phrase[] {
  return phrases(text).map(({ text, values, mixed }) => ({
    text,
    polarity: values[0] ?? 0,
    mixed,
  }));
}

function phrases(
  text: string,
): { text: string; values: number[]; mixed: number }[] {
  return text.trim().split("\n").map((row) => {
    const [words = "", effect = ""] = row.split(":");
    const [values = "", mixed = "0"] = effect.trim().split(/\s+/);
    return {
      text: words.trim(),
      values: values.split("/").map(Number),
      mixed: Number(mixed),
    };
  });
}

const ADJECTIVES = judgments(`
  bad: -1.4
  great: 1.6
  awful: -1.9
  good: 1.2
  dark: -0.1/-0.7/-1.0
  simple: 0.2/1.0/0.6
  strange: -0.1/-0.9/-0.7 0.5
  cold: -1.0/-1.2/-1.1
  lovely: 1.5
  dull: -1.2
  heavy: -0.2/-0.9/-0.7
  quiet: 0.3/0.6/0.9
  rich: 0.9/1.0/0.7
  fine: 0.3 0.6
  superb: 2.0
  loud: -0.2/-0.6/-1.0
  light: 0.2/0.8/0.8
  old: -0.2/-1.0/-0.6
  sweet: 0.8/0.3/0.7
  average: -0.1 1.3
  charming: 1.3
  bland: -1.1
  slow: -1.0/-1.0/-1.1
  clever: 1.3
  terrible: -2.0
  long: -0.9/-0.4/-0.5
  sharp: 1.0/0.3/0.4
  odd: -0.3/-0.8/-0.7 0.7
  pleasant: 1.0
  nasty: -1.6
  raw: 0.0/-1.1/-0.7
  warm: 1.0/0.8/0.9
  thin: -1.0/-0.7/-0.9
  uneven: -0.3 1.4
  fresh: 1.2
  stale: -1.4
  empty: -0.9/-0.7/-0.2
  splendid: 1.6
  dirty: -1.7
  bold: 0.8/0.7/0.3 0.4
  cheap: 0.1/0.9/0.8
  weak: -1.1
  acceptable: 0.2 1.1
  elegant: 1.2
  boring: -1.4
  noisy: -0.8/-0.8/-1.1
  wonderful: 1.9
  soft: 0.3/0.5/0.9
  tired: -0.9
  memorable: 1.5
  shabby: -1.3
  ordinary: -0.3 1.0
  inviting: 1.3
  greasy: -1.0/-1.3/-1.2
  spotless: 1.0/1.1/1.3
  forgettable: -1.1 0.3
  cramped: -0.9/-0.9/-1.1
  inventive: 1.1/0.9/0.8
  gloomy: -0.2/-0.7/-0.9
  tender: 1.0/1.1/0.7
  plain: -0.9/-0.3/-0.6
  brilliant: 1.9
  crowded: -0.7/-0.9/-1.0
  bitter: -0.1/-0.9/-0.8
  mediocre: -0.5 0.8
  smooth: 0.8/0.9/0.7
  tedious: -1.6
  tiny: -0.8/-1.0/-1.0
  lively: 0.9/0.7/0.2
  grim: -0.1/-0.9/-1.0
  gentle: 0.8/0.6/0.9
  flawed: -0.6 0.7
  wild: 1.0/0.7/0.2
  modest: -0.5/-0.6/-0.7 0.8
  delightful: 1.8
  messy: -1.0/-1.0/-1.2
  busy: -0.5/-0.3/-1.0
  hollow: -1.2/-0.9/-0.9
  polished: 1.2
  rough: -0.2/-0.8/-0.8
  subtle: 1.0/0.7/0.5
  bright: 0.5/0.6/1.0
  passable: 0.0 1.1
  glorious: 1.9
  rushed: -1.1/-1.2/-1.0
  cosy: 0.9/1.0/1.2
  dreadful: -1.9
`);

const VERBS = judgments(`
  impressed us: 1.4
  disappointed us: -1.5
  surprised us: 0.3 0.9
  delighted us: 1.7
  bored us: -1.3
  annoyed us: -1.4
  puzzled us: -0.3/-0.6/-0.6 0.9
  moved us: 1.5/0.3/0.2
  charmed us: 1.3
  failed us: -1.6
  pleased us: 1.1
  divided us: 0.0 1.7
`);

const CLOSERS = closing(`
  this time: 0.0
  overall: 0.0 0.2
  as usual: 0.1
  and we left early: -1.0
  for the price: 0.2 0.5
  and i would return: 1.0
  once again: 0.1
  and we stayed late: 0.8
  hard to say: 0.0 1.3
  in the end: 0.0
  never again: -1.4
  with no complaints: 0.9
  to my taste: 0.0 0.2
`);

/** The subjects that training and test sentences share. */
export const FAMILIAR: readonly Domain[] = [
  {
    subject: "film",
    nouns: nouns(`plot:1.2 acting:1.1 ending:1.2 film:1.4 story:1.3 music:0.7
      script:1 cast:0.8 humour:0.8 dialogue:0.7 pacing:0.8 camera:0.5`),
    adjectives: ADJECTIVES,
    verbs: VERBS,
    closers: CLOSERS,
  },
  {
    subject: "food",
    nouns: nouns(`food:1.4 soup:0.9 waiter:0.9 menu:0.7 meal:1.3 coffee:0.8
      kitchen:0.8 dessert:0.7 sauce:0.7 bread:0.6 wine:0.6 salad:0.7`),
    adjectives: ADJECTIVES,
    verbs: VERBS,
    closers: CLOSERS,
  },
  {
    subject: "hotel",
    nouns: nouns(`room:1.4 bed:1.1 staff:1.2 view:0.8 hotel:1.3 shower:0.9
      lobby:0.6 breakfast:0.9 pool:0.7 garden:0.6 carpet:0.5 balcony:0.6`),
    adjectives: ADJECTIVES,
    verbs: VERBS,
    closers: CLOSERS,
  },
];

/** A subject whose content words never occur in training. */
export const UNFAMILIAR: readonly Domain[] = [
  {
    subject: "gadget",
    nouns: nouns(`phone:1.4 battery:1.2 screen:1.2 keyboard:0.9 charger:0.8
      laptop:1.3 printer:1 update:0.9 speaker:0.8 cable:0.5 button:0.5
      headset:0.9 tablet:1.1 sensor:0.6`),
    adjectives: judgments(`
      sluggish: -1.2
      reliable: 1.6
      flimsy: -1.4
      responsive: 1.3
      sturdy: 1.2
      glitchy: -1.5
      bulky: -0.7 0.3
      sleek: 1.1
      durable: 1.3
      buggy: -1.6
      intuitive: 1.4
      basic: -0.2 1.1
      brittle: -1.3
      portable: 0.8
      laggy: -1.4
      vivid: 1.2
      clunky: -1.1
      adequate: 0.2 1.2
      flawless: 2.0
      useless: -1.9
    `),
    verbs: judgments(`
      amazed me: 1.7
      frustrated me: -1.6
      baffled me: -0.4 1.0
      satisfied me: 1.2
      irritated me: -1.4
      thrilled me: 1.8
    `),
    closers: closing(`
      after a week: 0.0
      and they sent it back: -1.3
      worth every cent: 1.3
      despite its quirks: 0.2 0.8
      straight from its box: 0.1
    `),
  },
];

/** Words with which a review may begin. */
export const OPENERS: readonly Phrase[] = closing(`
  honestly: 0.0
  sadly: -0.6
  happily: 0.6
  we thought: 0.0 0.2
  frankly: -0.2
  to be fair: 0.2 0.6
  luckily: 0.5
  for me: 0.0 0.1
`);

/** Intensifiers, softeners and negation. */
export const MODIFIERS: readonly Modifier[] = [
  { text: "very", apply: (p) => 1.5 * p },
  { text: "not", apply: (p) => -0.8 * p },
  { text: "rather", apply: (p) => 0.7 * p },
  { text: "too", apply: (p) => -0.3 - 0.6 * Math.abs(p) },
  { text: "really", apply: (p) => 1.4 * p },
  { text: "not very", apply: (p) => -0.5 * p },
  { text: "hardly", apply: (p) => -0.6 * p },
  { text: "quite", apply: (p) => 0.85 * p },
  { text: "never", apply: (p) => -p },
  { text: "almost", apply: (p) => 0.5 * p },
];

/** The modifiers that can precede a verb in the past tense. */
export const ADVERBS: readonly Modifier[] = [
  { text: "really", apply: (p) => 1.4 * p },
  { text: "never", apply: (p) => -p },
  { text: "hardly", apply: (p) => -0.6 * p },
  { text: "almost", apply: (p) => 0.5 * p },
];

/** Words that join two clauses. After "but" the second has more weight. */
export const CONNECTIVES: readonly Connective[] = [
  { text: "but", first: 0.5, second: 1.3 },
  { text: "and", first: 0.9, second: 0.9 },
  { text: "yet", first: 0.6, second: 1.2 },
  { text: "while", first: 1.0, second: 0.8 },
  { text: "though", first: 1.3, second: 0.5 },
];
