/** The memory of each form as panels and grids of channels. */
import { lengths, type GridNumbers, type NumbersOf, type Remembered } from '../pictures/remembered.js';
import type { ChannelGrid, Panel } from './page/scene.js';
import type { Values } from './sheet.js';

/** Everything that is told apart by the form of a memory. */
interface FormOf<Numbers> {
  panels(first: Numbers): readonly Panel[];
  grids(first: Numbers): readonly ChannelGrid[];
  /** Values of each panel. */
  values(now: Numbers): ReadonlyMap<string, Values>;
  /** All channels of each grid, position by position. */
  channels(now: Numbers): ReadonlyMap<string, Values>;
}

const PARTS = ['hidden', 'cell'] as const;
const PART_TITLES = { hidden: 'Hidden', cell: 'Cell' } as const;
const STATS = ['mean', 'variance'] as const;

const idOf = ({ layer, level }: GridNumbers, part: string): string => `${part}-${layer}-${level}`;
const isLine = ({ shape }: GridNumbers): boolean => shape.length < 3;
const sizeOf = ({ shape }: GridNumbers): string => shape.slice(0, -1).join('×');

/** Mean and variance over channels at each position. */
function moments(data: Float32Array, channels: number, mean: Float32Array, variance: Float32Array): void {
  for (let at = 0, first = 0; at < mean.length; at++, first += channels) {
    let sum = 0;
    let squares = 0;
    for (let c = first; c < first + channels; c++) sum += data[c]!;
    const center = sum / channels;
    for (let c = first; c < first + channels; c++) {
      const off = data[c]! - center;
      squares += off * off;
    }
    mean[at] = center;
    variance[at] = squares / channels;
  }
}

const statsOf = ({ shape }: GridNumbers): readonly (typeof STATS)[number][] => (shape.at(-1) === 1 ? ['mean'] : STATS);

const grids: FormOf<NumbersOf<'grids'>> = {
  panels({ grids: all }) {
    return all.flatMap((grid) =>
      PARTS.flatMap((part) =>
        statsOf(grid).map((stat): Panel => {
          const [rows = 1, columns = 1] = grid.shape;
          const what = `${PART_TITLES[part]}${statsOf(grid).length > 1 ? ` ${stat}` : ' state'}`;
          return {
            id: `${idOf(grid, part)}-${stat}`,
            form: isLine(grid) ? 'strip' : 'grid',
            place: 'memory',
            section: `Layer ${grid.layer}`,
            title: what,
            caption: isLine(grid) ? `${sizeOf(grid)} units` : `level ${grid.level}, ${sizeOf(grid)}`,
            palette: stat === 'mean' ? 'signed' : 'probability',
            signed: stat === 'mean',
            rows,
            columns: isLine(grid) ? 1 : columns,
            count: 1,
            size: isLine(grid) ? 3 : 1,
            unit: what.toLowerCase(),
          };
        })
      )
    );
  },

  grids({ grids: all }) {
    return all.filter((grid) => !isLine(grid)).flatMap((grid) =>
      PARTS.map((part) => {
        const [rows = 1, columns = 1, channels = 1] = grid.shape;
        const title = `${PART_TITLES[part]} states, level ${grid.level}, ${sizeOf(grid)}`;
        return {
          id: idOf(grid, part),
          section: `Layer ${grid.layer}`,
          title,
          rows,
          columns,
          channels,
          palette: 'signed' as const,
        };
      })
    );
  },

  values({ grids: all }) {
    const positions = (grid: GridNumbers): number => grid.hidden.length / grid.shape.at(-1)!;
    const made = new Float32Array(4 * all.reduce((sum, grid) => sum + positions(grid), 0));
    const values = new Map<string, Values>();
    let at = 0;
    const next = (count: number): Float32Array => made.subarray(at, at += count);
    for (const grid of all) {
      for (const part of PARTS) {
        const [mean, variance] = [next(positions(grid)), next(positions(grid))];
        moments(grid[part], grid.shape.at(-1)!, mean, variance);
        for (const stat of statsOf(grid)) values.set(`${idOf(grid, part)}-${stat}`, { data: stat === 'mean' ? mean : variance });
      }
    }
    return values;
  },

  channels: ({ grids: all }) =>
    new Map(
      all.filter((grid) => !isLine(grid)).flatMap((grid) =>
        PARTS.map((part) => [idOf(grid, part), { data: grid[part] }] as const)
      ),
    ),
};

const nameOf = (title: string, head: number, heads: number): string => (heads === 1 ? title : `${title}, head ${head + 1}`);

const slots: FormOf<NumbersOf<'slots'>> = {
  panels({ reads, writes, width }) {
    const strip = (id: string, title: string, caption: string, unit: string): Panel => ({
      id,
      form: 'strip',
      place: 'memory',
      section: 'Slots',
      title,
      caption,
      palette: 'probability',
      signed: false,
      rows: 0,
      columns: 1,
      count: 1,
      size: 3,
      unit,
    });
    const weights = 'one row for each slot, steps to the right; gray before a slot is in use';
    return [
      ...writes.map((_, k) => strip(`write-${k}`, nameOf('Written to', k, writes.length), weights, 'write weight')),
      ...reads.map((_, k) => strip(`read-${k}`, nameOf('Read from', k, reads.length), weights, 'read weight')),
      strip('length', 'Contents', `length of each slot of ${width} numbers; steps to the right`, 'length'),
    ];
  },

  grids: () => [],

  values(now) {
    return new Map<string, Values>([
      ...now.writes.map((data, k) => [`write-${k}`, { data, high: 1 }] as const),
      ...now.reads.map((data, k) => [`read-${k}`, { data, high: 1 }] as const),
      ['length', { data: lengths(now) }],
    ]);
  },

  channels: () => new Map(),
};

const FORMS: { readonly [Form in Remembered['form']]: FormOf<NumbersOf<Form>> } = { grids, slots };
const of = (form: Remembered['form']): FormOf<Remembered> => FORMS[form] as FormOf<Remembered>;

export const memoryPanels = (first: Remembered): readonly Panel[] => of(first.form).panels(first);

export const memoryGrids = (first: Remembered): readonly ChannelGrid[] => of(first.form).grids(first);

export const memoryValues = (now: Remembered): ReadonlyMap<string, Values> => of(now.form).values(now);

export const memoryChannels = (now: Remembered): ReadonlyMap<string, Values> => of(now.form).channels(now);
