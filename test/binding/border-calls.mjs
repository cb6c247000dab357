// Calls every export of the native module with everything that does not belong there, and prints what came of it as JSON.
// Runs in a process of its own, so that a crash is seen as one.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const binding = process.env.MG_BINDING === undefined ? require('node-gyp-build')(root) : require(process.env.MG_BINDING);
const seed = Number(process.argv[2] ?? 1);

class BorderError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const LIMIT = 2 ** 25;
/** Undoes what a call may have set. */
function settle() {
  binding.init(BorderError);
  binding.setMemoryLimit(LIMIT);
  binding.setAllocationFault(-1);
  binding.setThreads(2);
  binding.setSyncMode(false);
}
settle();

const { ops } = binding.describe();
/** The kinds of the arguments of everything that is not an op. */
const runtime = {
  init: ['class'],
  allocate: ['number', 'number'],
  fromArray: ['array'],
  write: ['Storage', 'array'],
  slice: ['Storage', 'number', 'number'],
  release: ['Storage'],
  read: ['Storage'],
  readSync: ['Storage'],
  sync: [],
  setSyncMode: ['number'],
  memory: [],
  emptyCache: [],
  usePlace: ['number'],
  placeOf: ['Storage'],
  copyTo: ['Storage', 'number'],
  cuda: [],
  setMemoryLimit: ['number'],
  setAllocationFault: ['number'],
  peakFlops: [],
  setThreads: ['number'],
  describe: [],
  assign: ['Storage', 'Storage'],
  beginProgram: [],
  endProgram: ['readonly Storage[]', 'readonly Storage[]', 'readonly Storage[]', 'readonly Storage[]'],
  runProgram: ['Program', 'arrays'],
  queueProgram: ['Program', 'arrays'],
  programAnswers: ['Program', 'arrays'],
  restartProgram: ['Program'],
  releaseProgram: ['Program'],
  planNetwork: ['Int32Array', 'number', 'number', 'number', 'number'],
};
const kindsOf = (name) => runtime[name] ?? ops[name]?.args.map((arg) => arg.type) ?? [];

const storage = (count = 4, dtype = 0) => binding.allocate(dtype, count);
/** Of one input that is its own answer. */
function program() {
  const s = storage();
  binding.beginProgram();
  return binding.endProgram([s], [], [], [s]);
}
function ended() {
  const p = program();
  binding.releaseProgram(p);
  return p;
}
function released() {
  const s = storage();
  binding.release(s);
  return s;
}
function detached() {
  const array = new Int32Array(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}
function shrunk() {
  const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
  const array = new Int32Array(buffer, 8);
  buffer.resize(4);
  return array;
}
function withGetter(get) {
  const array = [storage(), storage()];
  Object.defineProperty(array, 0, { get });
  return array;
}
const hostile = new Proxy({}, {
  get() {
    throw new Error('get');
  },
  has() {
    throw new Error('has');
  },
  getPrototypeOf() {
    throw new Error('prototype');
  },
  getOwnPropertyDescriptor() {
    throw new Error('descriptor');
  },
});
const { port1 } = new MessageChannel();
const int32 = (...values) => Int32Array.from(values);

const bad = [
  () => undefined,
  () => null,
  () => true,
  () => NaN,
  () => Infinity,
  () => -Infinity,
  () => -1,
  () => -0,
  () => 0.5,
  () => 1,
  () => 2 ** 31,
  () => 2 ** 32,
  () => 2 ** 53,
  () => 1e308,
  () => '',
  () => '4',
  () => Symbol('s'),
  () => 10n,
  () => () => 1,
  () => class {},
  () => ({}),
  () => Object.create(null),
  () => [],
  () => [undefined],
  () => [null],
  () => [1, 2],
  () => new Array(3),
  () => new Array(2 ** 32 - 1),
  () => [storage(), {}],
  () => [[storage()]],
  () => [released()],
  () => program(),
  () => ended(),
  () => [program()],
  () => [new Float32Array(4)],
  () => [new Float32Array(3)],
  () => [new Float64Array(4)],
  () => Array.from({ length: 100 }, () => storage(1)),
  () =>
    withGetter(() => {
      throw new Error('getter');
    }),
  () => {
    const s = storage();
    return [s, ...withGetter(() => binding.release(s))];
  },
  () => ({
    get length() {
      throw new Error('length');
    },
  }),
  () => ({
    valueOf() {
      throw new Error('valueOf');
    },
  }),
  () => hostile,
  () => new Proxy([], {}),
  () => new Proxy(storage(), {}),
  () => new Proxy(new Int32Array(4), {}),
  () => Object.create(storage()),
  () => Object.setPrototypeOf({}, Int32Array.prototype),
  () => Object.freeze(storage()),
  () => new Float32Array(0),
  () => new Float32Array(4),
  () => new Float64Array(4),
  () => new Int32Array(0),
  () => new Uint8Array(3),
  () => new Uint16Array(4),
  () => new BigInt64Array(4),
  () => new Uint8ClampedArray(4),
  () => Buffer.from('abcd'),
  () => new Float32Array(new SharedArrayBuffer(16)),
  () => new Int32Array(new SharedArrayBuffer(16)),
  () => detached(),
  () => shrunk(),
  () => new DataView(new ArrayBuffer(16)),
  () => new ArrayBuffer(16),
  () => new SharedArrayBuffer(16),
  () => int32(1),
  () => int32(-1),
  () => int32(0, 0, 0, 0),
  () => new Int32Array(4).fill(2 ** 31 - 1),
  () => int32(-(2 ** 31), 1, 1),
  () => new Int32Array(64).fill(1),
  () => new Int32Array(7).fill(2 ** 31 - 1),
  () => new Int32Array(4096).fill(3),
  () => released(),
  () => storage(0),
  () => storage(1),
  () => storage(1000),
  () => storage(4, 1),
  () => storage(4, 2),
  () => storage(4, 3),
  () => binding.slice(storage(8), 8, 0),
  () => port1,
  () => new Date(),
  () => new Map(),
  () => Promise.resolve(),
  () => /x/,
  () => new Error('e'),
  () => globalThis,
  () => binding,
  () => binding.unary,
  () => WebAssembly,
  () => new WeakRef({}),
];

/** What an argument of each kind can look like when it is right. */
const right = {
  Storage: () => storage(),
  'Storage | null': () => null,
  'readonly Storage[]': () => [storage(), storage()],
  'readonly (Storage | null)[]': () => [storage(), null],
  Int32Array: () => int32(1, 2, 2),
  number: () => 1,
  array: () => new Float32Array(4),
  class: () => BorderError,
  Program: () => program(),
  arrays: () => [new Float32Array(4)],
};

/** What the last refused call said. */
let message = '';
const result = { calls: 0, returned: 0, threw: {}, wrong: [], fuzz: {} };

function isStorage(value) {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.keys(value).length === 0;
}

/** One call: it returns, or throws an error of the class given to `init`, with a code. */
function attempt(name, args, f = binding[name]) {
  result.calls += 1;
  message = '';
  try {
    const value = f.apply(binding, args);
    result.returned += 1;
    if (value instanceof Promise) value.catch((error) => result.wrong.push(`${name}: rejected with ${error}`));
    for (const one of Array.isArray(value) ? value : [value]) if (isStorage(one)) binding.release(one);
    return true;
  } catch (error) {
    message = String(error?.message);
    const code = error instanceof BorderError && /^ERR_MG_[A-Z_]+$/.test(error.code) ? error.code : undefined;
    if (code !== undefined) result.threw[code] = (result.threw[code] ?? 0) + 1;
    else if (result.wrong.length < 20) result.wrong.push(`${name}: threw ${Object.prototype.toString.call(error)} ${message}`);
    return false;
  } finally {
    if (name in runtime && name.startsWith('set') || name === 'init') settle();
    if (name === 'beginProgram') attempt('endProgram', [[], [], [], []]);
  }
}

const names = Object.keys(binding);
for (const name of names) {
  if (!(name in runtime) && !(name in ops)) result.wrong.push(`${name}: an export this file does not know`);
}

for (const name of names) {
  const kinds = kindsOf(name);
  attempt(name, []);
  attempt(name, new Array(20).fill({}));
  attempt(name, [], function() {
    return Reflect.construct(binding[name], []);
  });
  for (const [position] of kinds.entries()) {
    for (const make of bad) {
      attempt(name, kinds.map((kind, i) => (i === position ? make() : right[kind]())));
      attempt(name, kinds.map(() => make()));
    }
  }
  await binding.sync();
}

// Arguments of the right kinds with contents that do not fit together: what stands between a fault and a kernel's memory.
let state = seed >>> 0;
function below(n) {
  state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
  return ((state ^ (state >>> 13)) >>> 0) % n;
}
const pick = (list) => list[below(list.length)];
const many = (make, most) => Array.from({ length: below(most + 1) }, make);
const size = () => (below(12) === 0 ? pick([0, 5, 7, -1, 2 ** 31 - 1, -(2 ** 31)]) : pick([0, 1, 1, 1, 2, 2, 3, 4]));
const some = {
  Storage: () => storage(1 + below(8)),
  'Storage | null': () => (below(2) === 0 ? null : some.Storage()),
  'readonly Storage[]': () => many(some.Storage, 4),
  'readonly (Storage | null)[]': () => many(some['Storage | null'], 6),
  Int32Array: () => Int32Array.from(many(size, pick([1, 3, 5, 7, 10, 24]))),
  number: () => pick([0, 1, 2, 3, 0.5, 7, 1e-3, -1, NaN, Infinity, 2 ** 31, 2 ** 53]),
};
const list = (...values) => [values.length, ...values];
/** Kind, levels, channels, relu, peephole, norm, shortcut, output, memory: a layer of a network. */
const layer = (isCell, low, high, channels, rest) => [isCell, low, high, channels, ...rest];
/**
 * Of a network, as lib/ops/network/network-spec.ts writes it: a grid of two levels, one field, a convLstm layer on both levels, a
 * conv layer on the first. The window is one for backward.
 */
const spec = (backward = below(2)) => {
  const cell = layer(1, 0, 1, 1 + below(2), [0, below(2), below(2), -1, below(2), ...list()]);
  const conv = layer(0, 0, 0, 1 + below(2), [below(2), 0, below(2), -1, 1, ...list()]);
  const field = [0, 1 + below(2), below(2)];
  const sizes = [1 + below(2), 1 + below(3), backward, 0, 0];
  return int32(2, 3, ...sizes, ...list(2, 4), 1, ...field, ...list(0), 2, ...cell, ...conv);
};
const zeros = (count) => binding.fromArray(new Float32Array(count));
const places = (count) => binding.fromArray(new Int32Array(count));
const none = (count) => Array.from({ length: count }, () => zeros(0));
/**
 * Windows of two steps of one sample without a controller, whose sizes luck alone does not find. dims and inputs as in
 * binding.d.ts: x is the interface, W(3V + R) + 3V + R(3 + 2V) numbers for the DNC, 2RW + 3R for SAM and DAM. `steps`, `trace`
 * and `gradients` say which results of forward backward is given, and how many of them have gradients.
 */
const windows = {
  dnc: {
    dims: () => int32(2, 1, 16, 0, 3, 2, 1, 1, below(2), below(2), 0),
    inputs: () => [zeros(32), ...none(4), ...[6, 3, 9, 3, 3, 3, 2].map(zeros), ...none(2)],
    numbers: [1, 0, 1e-6],
    mode: int32(1, 0),
    steps: 2,
    trace: 6,
    gradients: 11,
    last: [int32(1), 2 ** 20],
  },
  sam: {
    dims: () => int32(2, 1, 7, 0, 6, 2, 1, 2, 0, 6, 6, 0, 1, 0, below(4), 1 + below(4)),
    inputs: () => {
      const state = [zeros(12), places(14), places(2), places(2), zeros(2), zeros(2)];
      return [zeros(14), ...none(4), ...state, ...none(2), places(0), zeros(0), places(0), zeros(0)];
    },
    numbers: [1, 0, 1e-6, 0.005],
    mode: int32(1, 0),
    steps: 3,
    trace: 8,
    gradients: 14,
    last: [int32(1, 1)],
  },
  dam: {
    dims: () => int32(2, 1, 7, 0, 3, 2, 1, 1),
    inputs: () => [zeros(14), ...none(4), ...[6, 3, 3, 2].map(zeros), ...none(2)],
    numbers: [1, 0, 1e-6, 0.99],
    mode: int32(1),
    steps: 2,
    trace: 5,
    gradients: 8,
    last: [],
  },
};

const NETWORK = [1, 1e-5, 2 ** 40];
/** Arguments that a network accepts: the plan says which parameters and results there are. */
function networkCall(op) {
  const given = spec(1);
  const [batch, steps, channels] = [given[2], given[3], given[12]];
  const { parameterShapes, outputs } = binding.planNetwork(given, ...NETWORK, 0);
  const parameters = parameterShapes.map((shape) => zeros(shape.reduce((a, b) => a * b, 1)));
  const tensors = [parameters, [zeros(batch * steps * 2 * 2 * channels)], []];
  if (op === 'networkForward') return [given, ...NETWORK, ...tensors];
  const results = binding.networkForward(given, ...NETWORK, ...tensors);
  const gradients = results.slice(0, -1).map(() => null);
  return [given, ...NETWORK, ...tensors, results.slice(0, outputs.length), results.at(-1), gradients, int32(0)];
}

/** Arguments that an op of a memory or a network accepts; undefined for other ops. */
function knownCall(op) {
  if (op.startsWith('network')) return networkCall(op);
  const [, kind, direction] = /^(dnc|sam|dam)(Forward|Backward)$/.exec(op) ?? [];
  if (kind === undefined) return undefined;
  const { dims, inputs, numbers, mode, steps, trace, gradients, last } = windows[kind];
  const [given, sizes, lengths] = [inputs(), dims(), below(2) === 0 ? int32() : int32(below(3))];
  const forward = [given, lengths, sizes, ...numbers, mode];
  if (direction === 'Forward') return forward;
  const results = binding[`${kind}Forward`](...forward);
  const wanted = Array.from({ length: gradients }, () => null);
  return [given, results.slice(0, steps), results.slice(-trace), wanted, lengths, sizes, ...numbers, ...last];
}

const value = ({ name, type }) => (name === 'spec' ? spec() : some[type]());
const dtypes = ['float32', 'float64', 'int32', 'uint8'];

/** The last repair inside a list: the arguments before it, and the element it tried. Messages do not say which one it is. */
let tried = {};

/** The arguments after one step towards what the message asks for, or null when it gives no hint that can be followed. */
function repaired(described, args, message) {
  const called = (name) => [name, `${name}s`, 'parameters'].find((n) => described.some((arg) => arg.name === n));
  const set = (name, change) => args.map((arg, i) => (described[i].name === called(name) ? change(arg) : arg));
  const sized = /expected (\S+) of (\w+) × (\d+)/.exec(message);
  if (sized !== null) {
    if (Number(sized[3]) > 20_000) return null;
    const fit = storage(Number(sized[3]), dtypes.indexOf(sized[2]));
    const list = called(sized[1]);
    if (tried.message === message) args = tried.args;
    tried = { message, args, list, element: tried.list === list ? tried.element + 1 : 0 };
    return set(sized[1], (arg) => (Array.isArray(arg) ? arg.with(tried.element % Math.max(1, arg.length), fit) : fit));
  }
  const typed = /expected (\w+) of (float32|float64|int32|uint8)(?! ×)/.exec(message);
  if (typed !== null)
    return set(typed[1], (arg) => {
      const fit = () => storage(pick([1, 4]), dtypes.indexOf(typed[2]));
      return Array.isArray(arg) ? arg.map(fit) : fit();
    });
  const longer = /expected (\d+) dims/.exec(message);
  if (longer !== null) {
    const at = pick(described.flatMap((arg, i) => (arg.type === 'Int32Array' ? [i] : [])));
    return args.with(at, Int32Array.from({ length: Number(longer[1]) }, size));
  }
  const listed = /expected (\d+) (?:storages in )?(\w+), got/.exec(message);
  if (listed !== null && Number(listed[1]) < 100) {
    return set(listed[2], (arg) => (Array.isArray(arg) ? Array.from({ length: Number(listed[1]) }, some.Storage) : arg));
  }
  return null;
}

/** Arguments that the op accepts, found by following its messages; null when luck was not enough. */
function accepted(name) {
  const described = ops[name].args;
  let args = knownCall(name) ?? described.map(value);
  tried = {};
  for (let step = 0; step < 100; step++) {
    if (attempt(name, args)) return args;
    const next = message === '' ? null : repaired(described, args, message);
    args = next ?? described.map((arg, i) => (below(2) === 0 ? value(arg) : args[i]));
  }
  return null;
}

/** `args` with one thing about them changed. */
function spoilt(args) {
  const at = below(args.length);
  const change = (arg) => {
    if (arg instanceof Int32Array) {
      if (arg.length === 0 || below(6) === 0) return Int32Array.from([...arg, 1]);
      if (below(6) === 0) return arg.slice(0, -1);
      const i = below(arg.length);
      return arg.with(i, pick([arg[i] + 1, arg[i] - 1, 2 * arg[i], 0, 1, -1, 2 ** 16, 2 ** 31 - 1, -(2 ** 31)]));
    }
    if (Array.isArray(arg)) return pick([arg.slice(1), [...arg, ...arg], arg.toReversed(), arg.map(change), []]);
    if (typeof arg === 'number') return pick([-arg, arg + 1, NaN, Infinity, 2 ** 53, 1e300, 0]);
    return pick([storage(below(70)), storage(below(70), 1), storage(3, 2), storage(8, 3), released(), storage(0)]);
  };
  return args.map((arg, i) => (i === at ? change(arg) : arg));
}

const rounds = Number(process.argv[3] ?? 4);
for (const name of Object.keys(ops)) {
  result.fuzz[name] = 0;
  for (let round = 0; round < 10 * rounds && result.fuzz[name] < rounds; round++) {
    const args = accepted(name);
    if (args === null) continue;
    result.fuzz[name] += 1;
    for (let i = 0; i < 60; i++) attempt(name, spoilt(args));
    await binding.sync();
  }
}

// Operands with no elements, or with one that is repeated: 2^62 elements of 4 bytes, whose product wraps around to no bytes.
const wrapped = [
  ['matmul', [storage(0), storage(0), null, int32(2 ** 20, 2 ** 21, 0, 2 ** 21, 0)]],
  ['stridedRead', [storage(1), int32(0, 2 ** 20, 2 ** 21, 2 ** 21, 0, 0, 0)]],
  ['binary', [storage(1), storage(1), int32(0, 2 ** 20, 2 ** 21, 2 ** 21, 0, 0, 0, 0, 0, 0)]],
];
for (const [name, args] of wrapped) {
  if (attempt(name, args) || !message.includes('2^63 bytes')) result.wrong.push(`${name}: 2^64 bytes, ${message}`);
}
// A line of 2^21 cells with 1024 channels: its values are more than 32-bit numbers count.
const longLine = [[storage(0)], storage(0), null, int32(1, 1, 2 ** 21, 1, 1, 1, 1024)];
if (attempt('convForward', longLine) || !message.includes('2^31 values')) {
  result.wrong.push(`convForward: places of 32 bits, ${message}`);
}

await binding.sync();
process.stdout.write(JSON.stringify(result), () => process.exit(0));
