// One-shot classification of handwritten characters: Santoro et al. 2016, "Meta-learning with memory-augmented neural networks";
// Rae et al. 2016, §4.5.

import { checkInteger, checkString, fail, words } from '../../check.js';
import { boolean, checkData, choice, integer, number, object, optional, ordered, string, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { readCharacters, type Character } from './characters.js';
import { cover, resample, turned } from './resample.js';
import { SightScorer, sightMetrics } from './sight-scorer.js';
import { checkSplit, keptBack } from '../splits.js';
import { directions, splits, type Split, type Task, type TaskDescription, type Window, type WindowOptions } from '../task.js';
import { checkBatch, checkItemIndex, checkWindows, cuts, lazily, zeros, type Cut } from '../windows.js';

/** Of the 1,623 published characters, those of the division by characters that are for the test: 1,200 are for training. */
const TEST_SHARE = 423 / 1623;
const MOST_STRETCH = 0.9;

/** Options as run files have them, where the user's files may be named later. */
export const omniglotOptions = object({
  /** Archive or folder of the user with drawings `<alphabet>/<character>/<name>.png`, as `images_background.zip`. */
  background: optional(string()),
  /** Another one, of alphabets for the test, as `images_evaluation.zip`. Without it there is no split `test` by alphabets. */
  evaluation: optional(string()),
  /**
   * `alphabets` (default), as published: `background` is for training, `evaluation` for the test. `characters`, as Santoro et al.
   * divide them: those of both together, 1,200 of 1,623 for training and the rest for the test, chosen by `validationSeed`.
   */
  division: optional(choice('alphabets', 'characters')),
  /** Alphabets, or characters, that training never draws, chosen by `validationSeed`. Default a tenth of those for training. */
  validation: optional(integer(0)),
  /** Default 0. */
  validationSeed: optional(integer(0)),
  /** Classes of an episode, drawn for each episode. Default 5 to 5. */
  characters: optional(ordered(1)),
  /** How often each is shown, by another drawing each time where there are as many. Default 10. */
  shows: optional(integer(1, 1000)),
  /** Labels that are dealt to the classes of an episode anew. Default: as many as the largest episode has classes. */
  labels: optional(integer(1)),
  /** Side of the pictures. Default 20. */
  side: optional(integer(1, 128)),
  /** Whether a character turned by 90, 180 and 270 degrees makes three classes more. Default true. */
  turns: optional(boolean()),
  /** The drawings of a class are up to so much wider or narrower, and higher or lower, drawn for each episode. Default 0. */
  stretch: optional(number(0, MOST_STRETCH)),
});

export interface OmniglotOptions extends Data<typeof omniglotOptions> {
  readonly background: string;
}

/** One class of an episode. */
export interface OmniglotClass {
  /** Place of the character in its split, and the quarters that it is turned by. */
  readonly character: number;
  readonly turns: number;
  readonly label: number;
  /** Factors on width and height. */
  readonly stretch: readonly [number, number];
  /** Drawings in the order in which they come. */
  readonly drawings: readonly number[];
}

export interface OmniglotEpisode {
  readonly classes: readonly OmniglotClass[];
  /** The class at each step. */
  readonly order: Int32Array;
}

/**
 * The one-shot task. **Sees** at each step one picture, side² numbers, 0 paper to 1 ink, and the label of the picture before,
 * one-hot. **Answers** the label of the picture; labels are dealt anew in each episode. **Scored** by the share of wrong answers:
 * `errorRate` of all, `sight<n>` of the n-th picture of a class, `characters<N>` of episodes with more than N/2 and at most N
 * classes. ERR_MG_ARGUMENT for files that hold no such pictures or are damaged, and for parts of too few classes.
 */
export function omniglot(options: OmniglotOptions): Task<OmniglotEpisode> {
  const own = checkData('omniglot', omniglotOptions, options);
  const background = checkString('omniglot', 'background', own.background);
  const { characters = [5, 5], shows = 10, side = 20, turns = true, stretch = 0 } = own;
  const labels = checkInteger('omniglot', 'labels', own.labels ?? characters[1], characters[1]);
  const parts = divided({ ...own, background }, 2 * side);
  return new OmniglotTask({ parts, characters, shows, labels, side, turns: turns ? 4 : 1, stretch }, 'train');
}

/** Numbers of a step, and of an answer. */
export function omniglotSizes(options: Omit<OmniglotOptions, 'background'>): { inputs: number; outputs: number[] } {
  const { characters = [5, 5], side = 20, labels = characters[1] } = options;
  return { inputs: side * side + labels, outputs: [labels] };
}

interface Settings {
  readonly parts: Readonly<Record<Split, readonly Character[]>>;
  readonly characters: readonly [number, number];
  readonly shows: number;
  readonly labels: number;
  readonly side: number;
  /** Classes that a character makes. */
  readonly turns: number;
  readonly stretch: number;
}

/** Characters of the three parts, none in two of them; drawings are kept at twice the side that is shown. */
function divided(options: OmniglotOptions, side: number): Settings['parts'] {
  const { background, evaluation, division = 'alphabets', validation, validationSeed = 0 } = options;
  const rng = new Rng(validationSeed);
  const first = readCharacters('omniglot', background, side);
  const second = evaluation === undefined ? [] : readCharacters('omniglot', evaluation, side);
  const kept = (count: number): number =>
    checkInteger('omniglot', 'validation', validation ?? Math.floor(count / 10), 0, count - 1);
  if (division === 'characters') {
    const all = [...first, ...second];
    const of = (places: Int32Array): Character[] => Array.from(places, (place) => all[place]!);
    const [trained, test] = keptBack(all.length, Math.round(TEST_SHARE * all.length), rng.split('test'));
    const [others, held] = keptBack(trained.length, kept(trained.length), rng.split('validation'));
    return { train: of(others.map((k) => trained[k]!)), validation: of(held.map((k) => trained[k]!)), test: of(test) };
  }
  const alphabets = [...new Set(first.map(({ alphabet }) => alphabet))];
  const [, held] = keptBack(alphabets.length, kept(alphabets.length), rng.split('validation'));
  const isHeld = new Set(Array.from(held, (place) => alphabets[place]!));
  return {
    train: first.filter(({ alphabet }) => !isHeld.has(alphabet)),
    validation: first.filter(({ alphabet }) => isHeld.has(alphabet)),
    test: second,
  };
}

class OmniglotTask implements Task<OmniglotEpisode> {
  readonly name = 'omniglot';
  readonly version = 1;
  readonly splits: readonly Split[];
  readonly levels: number;
  readonly #settings: Settings;
  readonly #split: Split;
  readonly #characters: readonly Character[];

  constructor(settings: Settings, split: Split) {
    [this.#settings, this.#split, this.#characters] = [settings, split, settings.parts[split]];
    this.splits = splits.filter((part) => settings.parts[part].length > 0);
    this.levels = settings.characters[1];
    const classes = this.#characters.length * settings.turns;
    const most = settings.characters[1];
    if (classes < most)
      fail('ERR_MG_ARGUMENT', 'omniglot', `at least ${most} classes in the split ${split}`, words(`${classes} classes`));
  }

  /** Episodes of `level` classes. */
  atLevel(level: number): OmniglotTask {
    const most = Math.min(this.#settings.labels, this.#characters.length * this.#settings.turns);
    const characters = checkInteger('omniglot', 'level', level, 1, most);
    return new OmniglotTask({ ...this.#settings, characters: [characters, characters] }, this.#split);
  }

  split(name: Split): Task<OmniglotEpisode> {
    return new OmniglotTask(this.#settings, checkSplit('omniglot', name, this.splits));
  }

  describe(): TaskDescription {
    const { characters, shows, labels, side } = this.#settings;
    const metrics = sightMetrics(shows, characters);
    return {
      form: 'tagging',
      input: { 0: [1, side * side + labels] },
      outputs: [{ name: 'label', logits: [labels], loss: 'crossEntropy' }],
      metrics,
      better: directions('lower', metrics),
      steps: characters[0] === characters[1] ? shows * characters[0] : null,
      window: null,
    };
  }

  generate(seed: number, index: number): OmniglotEpisode {
    checkItemIndex('omniglot.generate', seed, index);
    const { characters: [least, most], shows, labels, turns, stretch } = this.#settings;
    const rng = new Rng(seed).split('omniglot').split(this.#split).split(index);
    const count = least + rng.integer(most - least + 1);
    const chosen = distinct(rng, this.#characters.length * turns, count);
    const dealt = distinct(rng, labels, count);
    const factor = (): number => 1 + stretch * (2 * rng.uniform() - 1);
    const classes = chosen.map((place, k): OmniglotClass => {
      const character = Math.floor(place / turns);
      const drawings = rng.shuffle(Array.from(this.#characters[character]!.drawings.keys()));
      return {
        character,
        turns: place % turns,
        label: dealt[k]!,
        stretch: [factor(), factor()],
        drawings: Array.from({ length: shows }, (_, n) => drawings[n % drawings.length]!),
      };
    });
    const order = rng.shuffle(Array.from({ length: count * shows }, (_, step) => step % count));
    return { classes, order: Int32Array.from(order) };
  }

  windows(episodes: readonly OmniglotEpisode[], options: WindowOptions): Iterable<Window> {
    const where = 'omniglot.windows';
    checkBatch(where, episodes);
    for (const { order, classes } of episodes) this.#check(where, order, classes);
    checkWindows(where, options);
    const steps = Math.max(...episodes.map(({ order }) => order.length));
    return lazily(cuts(where, steps, options.length, options.from), (cut) => this.#window(cut, episodes));
  }

  scorer(): SightScorer {
    const { labels, shows, characters } = this.#settings;
    return new SightScorer(labels, shows, characters);
  }

  #check(where: string, order: Int32Array, classes: readonly OmniglotClass[]): void {
    for (const place of order) checkInteger(where, 'every step', place, 0, classes.length - 1);
    for (const { character, label, drawings } of classes) {
      checkInteger(where, 'character', character, 0, this.#characters.length - 1);
      checkInteger(where, 'label', label, 0, this.#settings.labels - 1);
      const last = this.#characters[character]!.drawings.length - 1;
      for (const drawing of drawings) checkInteger(where, 'drawing', drawing, 0, last);
    }
  }

  /** Shorter episodes end in steps of zeros that do not count. */
  #window(cut: Cut, episodes: readonly OmniglotEpisode[]): Window {
    const { side, labels } = this.#settings;
    const batch = episodes.length;
    const width = side * side + labels;
    const input = zeros(cut.steps, batch, 1, width);
    const mask = zeros(cut.steps, batch);
    const target = { data: new Int32Array(cut.steps * batch), shape: [cut.steps, batch] };
    episodes.forEach(({ classes, order }, b) => {
      const shown = new Int32Array(classes.length); // pictures of each class so far
      for (let step = 0; step < Math.min(order.length, cut.start + cut.steps); step++) {
        const one = classes[order[step]!]!;
        const nth = shown[order[step]!]!++;
        if (step < cut.start) continue;
        const at = (step - cut.start) * batch + b;
        input.data.set(this.#picture(one, one.drawings[nth % one.drawings.length]!), at * width);
        if (step > 0) input.data[at * width + side * side + classes[order[step - 1]!]!.label] = 1;
        target.data[at] = one.label;
        mask.data[at] = 1;
      }
    });
    return { ...cut, batch, input: { 0: input }, outputs: [{ name: 'label', target, mask, scored: mask }] };
  }

  #picture({ character, turns, stretch: [wider, higher] }: OmniglotClass, drawing: number): Float64Array {
    const { side } = this.#settings;
    const source = turned(this.#characters[character]!.drawings[drawing]!, 2 * side, turns);
    return resample(source, 2 * side, cover(2 * side, side, higher), cover(2 * side, side, wider)).map((ink) => ink / 255);
  }
}

/** `count` distinct numbers of 0 … size − 1 in the order of their draws. */
function distinct(rng: Rng, size: number, count: number): number[] {
  const moved = new Map<number, number>(); // a shuffle of which only what was touched is kept
  return Array.from({ length: count }, (_, k) => {
    const place = k + rng.integer(size - k);
    const value = moved.get(place) ?? place;
    moved.set(place, moved.get(k) ?? k);
    return value;
  });
}
