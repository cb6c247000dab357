/** A memory after a step as plain numbers. */
import type { MemoryView } from '../models/memory-view.js';

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
  /** A weight for each row, by head; null where it is not kept. */
  readonly writes: readonly Float32Array[] | null;
  readonly reads: readonly Float32Array[];
}

export type Remembered =
  | { readonly form: 'grids'; readonly grids: readonly GridNumbers[] }
  | ({ readonly form: 'slots' } & SlotNumbers);

type Of<Form, Union> = Extract<Union, { readonly form: Form }>;

/** Which numbers a view of each form has. */
export type NumbersOf<Form extends Remembered['form']> = Of<Form, Remembered>;

const numbers = (data: ArrayLike<number>): Float32Array => Float32Array.from(data);

/** [heads, rows] as a row of weights for each head; of sparse weights, those of the slots that they name. */
function perHead(weights: Float32Array, heads: number, rows: number, slots: ArrayLike<number> | null): Float32Array[] {
  const each = weights.length / heads;
  return Array.from({ length: heads }, (_, head) => {
    const own = weights.subarray(head * each, (head + 1) * each);
    if (slots === null) return own;
    const dense = new Float32Array(rows);
    own.forEach((weight, k) => {
      const slot = slots[head * each + k]!;
      if (slot >= 0 && slot < rows) dense[slot]! += weight;
    });
    return dense;
  });
}

async function gridNumbers({ grids: all }: Of<'grids', MemoryView>): Promise<NumbersOf<'grids'>> {
  const reads = all.map(({ hidden, cell }) => Promise.all([hidden.data(), cell.data()]));
  const shapes = all.map(({ hidden }) => (hidden.shape.length > 2 ? hidden.shape.slice(1) : [...hidden.shape.slice(1), 1]));
  const read = await Promise.all(reads);
  const rows = all.map(({ layer, level }, k) => {
    const [hidden, cell] = read[k]!;
    return { layer, level, shape: shapes[k]!, hidden: numbers(hidden), cell: numbers(cell) };
  });
  return { form: 'grids', grids: rows };
}

async function slotNumbers(view: Of<'slots', MemoryView>): Promise<NumbersOf<'slots'>> {
  const { memory, writeWeights, readWeights, readSlots } = view;
  const [, rows = 0, width = 0] = memory.shape;
  const [heads, writeHeads] = [readWeights.shape[1]!, writeWeights?.shape[1] ?? 0];
  const reads = [memory.data(), readWeights.data(), writeWeights?.data() ?? null, readSlots?.data() ?? null] as const;
  const [stored, read, written, named] = await Promise.all(reads);
  return {
    form: 'slots',
    rows,
    width,
    memory: numbers(stored),
    writes: written === null ? null : perHead(numbers(written), writeHeads, rows, null),
    reads: perHead(numbers(read), heads, rows, named),
  };
}

const READ: { readonly [Form in Remembered['form']]: (view: Of<Form, MemoryView>) => Promise<NumbersOf<Form>> } = {
  grids: gridNumbers,
  slots: slotNumbers,
};

/** The numbers behind a view. They are asked for before this returns, so that the state may go on meanwhile. */
export async function numbersOf(view: MemoryView): Promise<Remembered> {
  return await (READ[view.form] as (view: MemoryView) => Promise<Remembered>)(view);
}

/** How far each row has moved, as the length of the difference; rows that are new began at zero. */
export function change(now: SlotNumbers, before: SlotNumbers): Float32Array {
  return Float32Array.from({ length: now.rows }, (_, row) => {
    let squares = 0;
    for (let w = row * now.width; w < (row + 1) * now.width; w++) squares += (now.memory[w]! - (before.memory[w] ?? 0)) ** 2;
    return Math.sqrt(squares);
  });
}

/** Where a step wrote to, by head: the write weights where the memory keeps them, else how far each row has moved. */
export const written = (now: SlotNumbers, before: SlotNumbers): readonly Float32Array[] => now.writes ?? [change(now, before)];
