/** A memory after a step as plain numbers. */
import type { HeadWeights, MemoryView } from '../models/memory-view.js';
import type { Tensor } from '../tensor/tensor.js';

export interface GridNumbers {
  readonly layer: number;
  readonly level: number;
  /** [height, width, channels]; [units, channels] where it is a line. */
  readonly shape: readonly number[];
  readonly hidden: Float32Array;
  readonly cell: Float32Array;
}

export interface SlotNumbers {
  /** Rows that are stored, and numbers of each. */
  readonly rows: number;
  readonly width: number;
  readonly memory: Float32Array;
  /** A weight for each row, by head. */
  readonly writes: readonly Float32Array[];
  readonly reads: readonly Float32Array[];
}

export type Remembered =
  | { readonly form: 'grids'; readonly grids: readonly GridNumbers[] }
  | ({ readonly form: 'slots' } & SlotNumbers);

type Of<Form, Union> = Extract<Union, { readonly form: Form }>;

/** Which numbers a view of each form has. */
export type NumbersOf<Form extends Remembered['form']> = Of<Form, Remembered>;

/** How tensors are read: the numbers of each. */
export type Read = (tensors: readonly Tensor[]) => Promise<readonly ArrayLike<number>[]>;

const readEach: Read = (tensors) => Promise.all(tensors.map((x) => x.data()));

/** Numbers are the reader's own where they are of another type. */
const numbers = (data: ArrayLike<number>): Float32Array => data instanceof Float32Array ? data : Float32Array.from(data);

/** [heads, rows] as a row of weights for each head; of sparse weights, those of the slots that they name. */
function perHead({ heads, weights, slots }: HeadWeights, rows: number): Float32Array[] {
  const each = weights.length / heads;
  return Array.from({ length: heads }, (_, head) => {
    const dense = new Float32Array(rows);
    for (let k = 0; k < each; k++) {
      const slot = slots === null ? k : slots[head * each + k]!;
      if (slot >= 0 && slot < rows) dense[slot]! += weights[head * each + k]!;
    }
    return dense;
  });
}

async function gridNumbers({ grids: all }: Of<'grids', MemoryView>, read: Read): Promise<NumbersOf<'grids'>> {
  const asked = read(all.flatMap(({ hidden, cell }) => [hidden, cell]));
  const shapes = all.map(({ hidden }) => (hidden.shape.length > 2 ? hidden.shape.slice(1) : [...hidden.shape.slice(1), 1]));
  const values = await asked;
  const rows = all.map(({ layer, level }, k) => (
    { layer, level, shape: shapes[k]!, hidden: numbers(values[2 * k]!), cell: numbers(values[2 * k + 1]!) }
  ));
  return { form: 'grids', grids: rows };
}

async function slotNumbers(view: Of<'slots', MemoryView>, read: Read): Promise<NumbersOf<'slots'>> {
  const { memory, readWeights, readSlots } = view;
  const [, rows = 0, width = 0] = memory.shape;
  const heads = readWeights.shape[1]!;
  const asked = read([memory, readWeights, ...(readSlots === undefined ? [] : [readSlots])]);
  const [[stored, weights, slots = null], written] = await Promise.all([asked, view.writes()] as const);
  return {
    form: 'slots',
    rows,
    width,
    memory: numbers(stored!),
    writes: perHead(written, rows),
    reads: perHead({ heads, weights: weights!, slots }, rows),
  };
}

const READ: { readonly [Form in Remembered['form']]: (view: Of<Form, MemoryView>, read: Read) => Promise<NumbersOf<Form>> } = {
  grids: gridNumbers,
  slots: slotNumbers,
};

/** The numbers behind a view. They are asked for before this returns, so that the state may go on meanwhile. */
export async function numbersOf(view: MemoryView, read: Read = readEach): Promise<Remembered> {
  return await (READ[view.form] as (view: MemoryView, read: Read) => Promise<Remembered>)(view, read);
}

/** How long each row is, as a vector. */
export function lengths({ rows, width, memory }: SlotNumbers): Float32Array {
  return Float32Array.from({ length: rows }, (_, row) => Math.hypot(...memory.subarray(row * width, (row + 1) * width)));
}
