// What is measured: ours and its peers, by name, program and job.

/** How far the losses of both sides may be apart: sums in another order and rounded factors, through a whole window. */
const TOLERANCE = { float32: 1e-3, tf32: 1e-2, bfloat16: 5e-2 };
const FLOAT32 = TOLERANCE.float32;
const MODES = ['eager', 'compile', 'graph'];

/** Ops at the shapes of `map25` with 32 episodes, and of the controller of a DNC. */
export function singleOps(isQuick) {
  const batch = isQuick ? 4 : 32;
  const size = isQuick ? 2 ** 20 : 2 ** 26;
  const rows = [
    ['conv', 'conv 48×48, 16 + 16 → 64', { batch, side: 48, channels: [16, 16], outputs: 64 }],
    ['conv', 'conv 24×24, 16 × 4 → 64', { batch, side: 24, channels: [16, 16, 16, 16], outputs: 64 }],
    ['conv', 'conv 12×12, 16 × 4 → 64', { batch, side: 12, channels: [16, 16, 16, 16], outputs: 64 }],
    ['conv', 'conv 6×6, 4 × 3 → 16', { batch, side: 6, channels: [4, 4, 4], outputs: 16 }],
    ['matmul', 'matmul 32 × 356 × 1024', { m: 32, k: 356, n: 1024 }],
    ['matmul', 'matmul 2048³', { m: isQuick ? 256 : 2048, k: isQuick ? 256 : 2048, n: isQuick ? 256 : 2048 }],
    ['maxPool', 'maxPool 48×48×64', { batch, side: 48, channels: 64 }],
    ['add', 'add', { size }],
    ['tanh', 'tanh', { size }],
    ['sum', 'sum', { size }],
    ['softmax', 'softmax of 500', { rows: isQuick ? 128 : 16_384, columns: 500 }],
  ];
  return rows.map(([op, name, sizes]) => ({
    name,
    program: 'ops.mjs',
    peer: 'ops_torch.py',
    modes: ['eager'],
    job: { op, sizes },
    tolerance: FLOAT32,
  }));
}

/** Presets: training windows, online steps, and windows without gradient; on a GPU the first two in every precision. */
export function networks(isQuick, onGpu) {
  const rows = isQuick
    ? [['map9', 4, 2, 'training'], ['map9', 1, 1, 'write'], ['map9', 1, 1, 'online'], ['map9', 4, 2, 'window']]
    : [
      ['map25', 20, 32, 'training'],
      ['map25', 1, 1, 'write'],
      ['map25', 1, 1, 'online'],
      ['map25', 1500, 1, 'window'],
      ['map25', 1500, 1, 'training'],
      ['map25', 20, 8, 'training'],
      ['map25', 20, 1, 'training'],
      ['map25', 100, 8, 'training'],
      ['map25', 20, 32, 'window'],
      ['map25', 20, 1, 'window'],
      ['map15-8k', 20, 32, 'training'],
      ['map15-8k', 1, 1, 'online'],
      ['map9', 20, 32, 'training'],
    ];
  const isOnline = (what) => what === 'online' || what === 'write';
  const precisions = (row) => (onGpu && row < 2 ? Object.keys(TOLERANCE) : ['float32']);
  return rows.flatMap(([preset, steps, batch, what], row) =>
    precisions(row).map((precision) => ({
      name: `${preset} ${what}, T = ${steps}, B = ${batch}, ${precision}`,
      program: 'network.mjs',
      peer: 'multigrid_torch.py',
      modes: isOnline(what) ? MODES : [...MODES, 'strong'],
      job: { preset, steps, batch, what, precision },
      tolerance: TOLERANCE[precision],
    }))
  );
}

/**
 * DNCs of growing memory: one step and a training window of 20. PyTorch keeps every link matrix of a window:
 * fewer episodes there.
 */
export function dncs(isQuick, onGpu) {
  const rows = isQuick ?
    [[64, 2, 'training'], [64, 2, 'step']]
    : onGpu ?
    [256, 500, 1000, 2000, 4000].flatMap((slots) => [[slots, 32, 'step'], [slots, slots > 1000 ? 8 : 32, 'training']])
    : [
      [128, 32, 'step'],
      [128, 32, 'training'],
      [500, 32, 'step'],
      [500, 32, 'training'],
      [1000, 32, 'step'],
      [1000, 8, 'training'],
      [2048, 8, 'step'],
      [4096, 8, 'step'],
    ];
  return rows.map(([slots, batch, what]) => ({
    name: `DNC ${what}, N = ${slots}, B = ${batch}`,
    program: 'dnc.mjs',
    peer: 'dnc_torch.py',
    modes: onGpu ? MODES : ['eager'],
    job: { slots, batch, steps: isQuick ? 4 : 20, what },
    tolerance: FLOAT32,
  }));
}
