/** Every kind of memory, a row each: what runs, the command line, benchmarks, pictures and the self-check know of it. */
import { DAM, damOptions, type DAMState } from '../models/sparse/dam.js';
import { DNC, dncOptions, type DNCState } from '../models/dnc.js';
import { LSTMNetwork, lstmOptions, type LSTMNetworkState } from '../models/lstm.js';
import { keptView, slotsView, type MemoryView } from '../models/memory-view.js';
import type { MultigridConfig } from '../models/multigrid/config.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import type { MultigridMemoryState } from '../models/multigrid/multigrid-memory-state.js';
import type { PresetName } from '../models/multigrid/presets.js';
import { NTM, ntmOptions, type NTMState } from '../models/ntm.js';
import { SAM } from '../models/sparse/sam.js';
import type { SAMState, SDNCState } from '../models/sparse/sam-state.js';
import { SDNC, sdncOptions } from '../models/sparse/sdnc.js';
import type { SequenceModel } from '../models/sequence-model.js';
import { samOptions } from '../models/sparse/sparse-access.js';
import type { startOptions } from '../models/sparse/start.js';
import type { TensorState } from '../nn/tensor-state.js';
import type { LayerOptions } from '../nn/parameter.js';
import { dncFault, fusedFault, gradientFault, outputGradientFault } from '../proof/model-checks.js';
import { literal, object, variant, type Data, type Entries, type ObjectSchema, type Schema } from '../schema.js';
import type { ModelState, TrainableModel } from '../train/model.js';

/** What a task brings to a network of vectors: numbers that enter at each step, and the shape of those that leave. */
export interface Sizes extends LayerOptions {
  readonly inputs: number;
  readonly outputs: number | readonly number[];
}

/** What is the same of memories that are trained side by side: slots, read heads and units of the controller. */
export interface Alike {
  readonly slots: number;
  /** Default 16. */
  readonly wordSize?: number;
  readonly readHeads: number;
  readonly hidden: number;
  /** What gates and strengths are at the start, of those that have such: SAM, SDNC and DAM. */
  readonly start?: Data<typeof startOptions>;
}

interface Kind<State, Model = TrainableModel> {
  /** As people write it. */
  readonly title: string;
  /** Its models are of this class, and of no other kind's. */
  readonly type: abstract new(...options: never[]) => TrainableModel;
  /** What `view` gives. */
  readonly shows: MemoryView['form'];
  /** What its memory looks like after a step of a model; `before`: the state that the step began with, null in a new episode. */
  view(state: State, before: State | null, model: Model): MemoryView;
  /** Null if it computes what defines it, on the default device; else how not. */
  check(): Promise<string | null>;
}

/** A memory of pyramids, described by its layers; it sees a task's grids as they are. */
export interface GridKind<Options, State> extends Kind<State> {
  readonly sees: 'grids';
  build(options: Options, layer: LayerOptions): TrainableModel;
}

/** A network of vectors. Inputs and outputs follow from the task, which it sees as one vector for each time step. */
export interface VectorKind<Options, State extends TensorState = TensorState, Model = TrainableModel> extends Kind<State, Model> {
  readonly sees: 'vectors';
  /** What a run file may say of it. */
  readonly options: ObjectSchema<Entries>;
  build(options: Options, sizes: Sizes): SequenceModel<State>;
  /** Its options where a memory of so many cells is wanted. */
  ofCells(cells: number): Options;
  /** Its options in comparisons of learning. */
  beside(alike: Alike): Options;
  /** Numbers that a step must read and write for each row, where they bound its time. */
  traffic?(options: Options): number;
}

const multigrid: GridKind<MultigridConfig | PresetName, MultigridMemoryState> = {
  title: 'multigrid',
  type: MultigridMemory,
  shows: 'grids',
  sees: 'grids',
  build: (config, layer) => new MultigridMemory(config, layer),
  view: (state) => ({ form: 'grids', grids: state.grids() }),
  check: fusedFault,
};

const WORD = 16;
const slotsOf = (cells: number): { slots: number; wordSize: number } => ({ slots: Math.round(cells / WORD), wordSize: WORD });

const inSlots = ({ slots, wordSize = WORD, readHeads, hidden }: Alike): Required<Omit<Alike, 'start'>> => (
  { slots, wordSize, readHeads, hidden }
);

const dnc: VectorKind<Data<typeof dncOptions>, DNCState> = {
  title: 'DNC',
  type: DNC,
  shows: 'slots',
  sees: 'vectors',
  options: dncOptions,
  build: (options, sizes) => new DNC({ ...options, ...sizes }),
  ofCells: slotsOf,
  beside: inSlots,
  traffic: ({ slots = 500, writeHeads = 1 }) => writeHeads * slots * slots, // the links
  view: keptView,
  check: dncFault,
};

const ntm: VectorKind<Data<typeof ntmOptions>, NTMState> = {
  title: 'NTM',
  type: NTM,
  shows: 'slots',
  sees: 'vectors',
  options: ntmOptions,
  build: (options, sizes) => new NTM({ ...options, ...sizes }),
  ofCells: slotsOf,
  beside: inSlots,
  view: keptView,
  check: () => gradientFault((sizes) => new NTM({ slots: 5, wordSize: 3, writeHeads: 2, hidden: 4, ...sizes })),
};

const lstm: VectorKind<Data<typeof lstmOptions>, LSTMNetworkState> = {
  title: 'LSTM',
  type: LSTMNetwork,
  shows: 'grids',
  sees: 'vectors',
  options: lstmOptions,
  build: (options, sizes) => new LSTMNetwork({ ...options, ...sizes }),
  ofCells: (cells) => ({ hidden: Math.min(cells, 256), layers: Math.max(1, Math.round(cells / 256)) }),
  beside: () => ({ hidden: 256 }), // it has no slots; these are the units that it learns best with
  view: (state) => ({ form: 'grids', grids: state.grids() }),
  check: () => gradientFault((sizes) => new LSTMNetwork({ hidden: 4, layers: 2, ...sizes })),
};

/** Few read heads where the slots are few: heads that each read so many write to one more. */
const sparse = ({ slots, wordSize = WORD, readHeads, hidden, ...more }: Alike): Data<typeof samOptions> => ({
  slots,
  wordSize,
  heads: readHeads,
  reads: Math.max(1, Math.min(4, Math.floor(slots / readHeads) - 1)),
  hidden,
  ...more,
});

const sam: VectorKind<Data<typeof samOptions>, SAMState, SAM> = {
  title: 'SAM',
  type: SAM,
  shows: 'slots',
  sees: 'vectors',
  options: samOptions,
  build: (options, sizes) => new SAM({ ...options, ...sizes }),
  ofCells: (cells) => ({ ...slotsOf(cells), heads: 2 }),
  beside: sparse,
  view: (state, before, model) => slotsView(state.values, () => model.writes(before, state)),
  check: () => gradientFault((sizes) => new SAM({ slots: 30, wordSize: 3, hidden: 4, ...sizes })),
};

const sdnc: VectorKind<Data<typeof sdncOptions>, SDNCState, SDNC> = {
  title: 'SDNC',
  type: SDNC,
  shows: 'slots',
  sees: 'vectors',
  options: sdncOptions,
  build: (options, sizes) => new SDNC({ ...options, ...sizes }),
  ofCells: (cells) => ({ ...slotsOf(cells), heads: 2 }),
  beside: sparse,
  view: (state, before, model) => slotsView(state.values, () => model.writes(before, state)),
  check: () => outputGradientFault((sizes) => new SDNC({ slots: 30, wordSize: 3, hidden: 4, ...sizes })),
};

const dam: VectorKind<Data<typeof damOptions>, DAMState, DAM> = {
  title: 'DAM',
  type: DAM,
  shows: 'slots',
  sees: 'vectors',
  options: damOptions,
  build: (options, sizes) => new DAM({ ...options, ...sizes }),
  ofCells: slotsOf,
  beside: ({ slots, wordSize = WORD, readHeads, hidden, ...more }) => ({ slots, wordSize, heads: readHeads, hidden, ...more }),
  view: (state, before, model) => slotsView(state.values, () => model.writes(before, state)),
  check: () => gradientFault((sizes) => new DAM({ slots: 7, wordSize: 3, heads: 2, hidden: 4, ...sizes })),
};

/** By the name that run files and the command line know a kind by. Multigrid is the kind of a model that names none. */
export const kinds = { multigrid, dnc, ntm, lstm, sam, sdnc, dam };

export type KindName = keyof typeof kinds;
type Rows = typeof kinds;
export type VectorName = { [K in KindName]: Rows[K]['sees'] extends 'vectors' ? K : never }[KindName];

/** A network of vectors as a run file has it: its kind, and its options beside it. */
export type VectorModel = { [K in VectorName]: { readonly kind: K } & Parameters<Rows[K]['build']>[0] }[VectorName];

export const KIND_NAMES = Object.keys(kinds) as readonly KindName[];
export const VECTOR_NAMES = KIND_NAMES.filter((name): name is VectorName => kinds[name].sees === 'vectors');

/** A network of vectors in a run file. */
export const vectorSchema = variant(
  'a model, as { "kind": "dnc", … }',
  'kind',
  ...VECTOR_NAMES.map((name) => object<Entries>({ kind: literal(name), ...kinds[name].options.entries })),
) as Schema<VectorModel>;

/** What is known of every kind; the state that it is given is one of its models'. */
export type AnyKind = Kind<ModelState> & { readonly sees: 'grids' | 'vectors' };

/** How the memory of a model is looked at: after a step, and before it (null in a new episode). */
export type View = (state: ModelState, before: ModelState | null) => MemoryView;

export function kindOf(name: KindName): AnyKind {
  return kinds[name] as AnyKind;
}

export function vectorKind(name: VectorName): VectorKind<object> {
  return kinds[name] as VectorKind<object>;
}

/** The kind of a model that was built; null for a class of the user's own. */
export function kindOfModel(model: TrainableModel): AnyKind | null {
  const name = KIND_NAMES.find((each) => model instanceof kinds[each].type);
  return name === undefined ? null : kindOf(name);
}

/** How the memory of a model is looked at; null for a class of the user's own. */
export function viewOf(model: TrainableModel): View | null {
  const kind = kindOfModel(model);
  return kind === null ? null : (state, before) => kind.view(state, before, model);
}
