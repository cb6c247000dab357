// MNIST as its tasks are told of it: the user's files, checked, and what of them is kept back.

import { checkInteger, fail, words } from '../../check.js';
import { checkData, choice, integer, list, number, object, optional, string, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { readIdx } from '../idx.js';
import { keptBack } from '../splits.js';
import { levelSide, MOST_LEVEL, type Split } from '../task.js';

export const CLASSES = 10;

/** Options of both tasks as run files have them, where the user's files may be named later. */
export const mnistOptions = object({
  /** IDX files of the user, plain or gzipped: the training set, of which a part is kept back for validation. */
  images: optional(string()),
  labels: optional(string()),
  /** IDX files of the test set. Without them there is no split `test`. */
  testImages: optional(string()),
  testLabels: optional(string()),
  /** Images of the training set that training never draws, chosen by `validationSeed`. Default: a tenth of them. */
  validation: optional(integer(0)),
  /** Default 0. */
  validationSeed: optional(integer(0)),
  /** Images per list. Default 10 for recall, 20 for sorting. */
  items: optional(integer(2, 100_000)),
  /**
   * Lists of a slice of the data set: list b of a slice holds its images b, b + batch, b + 2·batch, … Default 32; as many as
   * there are images for in validation and test.
   */
  batch: optional(integer(1)),
  /** `pyramid` (default): resized to the levels of a pyramid. `pixels`: the image as it is, for networks without grids. */
  presentation: optional(choice('pyramid', 'pixels')),
  /** Levels to deliver, each by nearest-neighbour resizing to side 3·2^l. Default [0, 1, 2]. */
  inputLevels: optional(list(integer(0, MOST_LEVEL), 'a list of distinct levels', 1)),
  /** Factor on the pixels. Default 1: raw values 0 … 255. */
  pixelScale: optional(number()),
});

export interface MnistOptions extends Data<typeof mnistOptions> {
  readonly images: string;
  readonly labels: string;
}

/** Images and classes of one file. */
export interface MnistImages {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  readonly side: number;
}

export interface MnistData {
  readonly items: number;
  readonly batch: number;
  readonly scale: number;
  readonly levels: readonly { level: number; side: number }[];
  readonly files: { readonly train: MnistImages; readonly test: MnistImages | null };
  /** Places in their file, rising. */
  readonly places: Readonly<Record<Split, Int32Array>>;
}

function readImages(where: string, images: string, labels: string): MnistImages {
  const grids = readIdx(where, images, 3);
  const classes = readIdx(where, labels, 1);
  const [count, rows, cols] = grids.shape;
  if (count === 0) fail('ERR_MG_ARGUMENT', where, `images in ${images}`, words('none'));
  if (rows !== cols) fail('ERR_MG_ARGUMENT', where, 'square images', [rows, cols]);
  if (rows === 0) fail('ERR_MG_ARGUMENT', where, `images of at least one pixel in ${images}`, [rows, cols]);
  if (classes.shape[0] !== count) {
    fail('ERR_MG_ARGUMENT', where, `${count} labels, one for each image`, words(`${classes.shape[0]} labels`));
  }
  if (classes.data.some((label) => label >= CLASSES)) fail('ERR_MG_ARGUMENT', where, 'labels 0…9', labels);
  return { pixels: grids.data, labels: classes.data, side: rows! };
}

/** Reads and checks all that a task is told. */
export function readMnist(where: string, options: MnistOptions, defaultItems: number): MnistData {
  const own = checkData(where, mnistOptions, options);
  const { items = defaultItems, batch = 32, pixelScale: scale = 1, inputLevels: levels = [0, 1, 2], presentation = 'pyramid' } =
    own;
  if (new Set(levels).size !== levels.length) {
    fail('ERR_MG_ARGUMENT', where, 'inputLevels to be a list of distinct levels', levels);
  }
  if (presentation === 'pixels' && options.inputLevels !== undefined) {
    fail('ERR_MG_ARGUMENT', where, 'no inputLevels beside presentation pixels', options.inputLevels);
  }
  const train = readImages(where, options.images, options.labels);
  const { testImages, testLabels } = options;
  if ((testImages === undefined) !== (testLabels === undefined)) {
    fail('ERR_MG_ARGUMENT', where, 'testImages and testLabels together', testImages ?? testLabels);
  }
  const test = testImages === undefined ? null : readImages(where, testImages, testLabels!);
  const count = train.labels.length;
  const kept = checkInteger(where, 'validation', options.validation ?? Math.floor(count / 10), 0, count);
  if (count - kept < items * batch) {
    const expected = `at least ${items} × ${batch} images to train on`;
    fail('ERR_MG_ARGUMENT', where, expected, count - kept, 'take a smaller batch, or a smaller validation');
  }
  if (kept > 0 && kept < items) fail('ERR_MG_ARGUMENT', where, `validation of no images or of at least ${items}`, kept);
  const [trained, validation] = keptBack(count, kept, new Rng(own.validationSeed ?? 0).split('validation'));
  const places = { train: trained, validation, test: Int32Array.from(test?.labels.keys() ?? []) };
  return {
    items,
    batch,
    scale,
    levels: presentation === 'pixels'
      ? [{ level: 0, side: train.side }]
      : levels.map((level) => ({ level, side: levelSide(level) })),
    files: { train, test },
    places,
  };
}
