// Faults in the sources of the fused CUDA engine, of the DNC and of sparse memories, one at a time in a copy of them: the check
// must find each.
//   faults.mjs OUT KIND SEED COMPILER [FLAG]…     called by shim.sh; OUT/KIND has the objects of the right sources
// A fault whose place in the source is not found, or found twice, fails too: then the list is to be brought up to date.
import { spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const network = {
  folder: 'native/ops/network/cuda',
  compiled: ['forward', 'backward'],
  check: /^network_cuda_check\.o$/,
  arguments: ['8', '60'],
};
const dnc = { folder: 'native/ops/dnc/cuda', compiled: ['dnc'], check: /^cuda_check\w*\.o$/, arguments: ['small', 'dnc'] };

const sam = { folder: 'native/ops/sam/cuda', compiled: ['sam'], check: /^cuda_check\w*\.o$/, arguments: ['small', 'sam'] };
const dam = { folder: 'native/ops/dam/cuda', compiled: ['dam'], check: /^cuda_check\w*\.o$/, arguments: ['small', 'dam'] };

/** What is wrong; the file, what stands there, what stands there instead. */
network.faults = [
  ['a tile does not wait for its copies', 'product.h', '      port::copy_wait<0>();\n', ''],
  [
    'a tile does not wait for the copies of other threads',
    'product.h',
    '      MG_BARRIER();\n      const bool last_tap',
    '      const bool last_tap',
  ],
  ['sums overwrite patches that are still read', 'product.h', '  MG_BARRIER();\n  const int stride', '  const int stride'],
  [
    'a tile of one launch begins while others finish the last one',
    'product.h',
    '    MG_BARRIER();  // before shared memory is used again\n',
    '',
  ],
  ['the ring right of a grid is not zero', 'product.h', 'inside(x, p.in_width);', 'inside(x, p.in_width + 1);'],
  [
    'patches are gathered one cell too far to the right',
    'product.h',
    'p.patch_columns() - p.pad_width;',
    'p.patch_columns() - p.pad_width + 1;',
  ],
  [
    'row and column parity of a doubled source change places',
    'pack.h',
    'folded_tap(parity / 2, ky) == tap / 2 && folded_tap(parity % 2, kx)',
    'folded_tap(parity % 2, ky) == tap / 2 && folded_tap(parity / 2, kx)',
  ],
  ['the state before a step is read where this step leaves its own', 'tables.h', 'own.at(t - 1)', 'own.at(t)'],
  ['the gradient of a doubled source lacks one of four cells', 'backward.h', ' + at[(u.width + 1) * u.columns]);', ');'],
  [
    'the weight gradient gathers a box before all of its cells are listed',
    'weights.h',
    'memory.tile);\n    MG_BARRIER();\n',
    'memory.tile);\n',
  ],
  ['the weight gradient does not wait for its copies', 'weights.h', '    port::copy_wait<0>();\n', ''],
  [
    'halves of the depth change places where words of two cells are made',
    'weights.h',
    'lane / 16 * 8 + lane % 8]',
    'lane / 8 % 2 * 8 + lane % 8]',
  ],
  ['stages of one launch do not wait for each other', 'forward.h', '    MG_GRID_BARRIER();\n', ''],
];
dnc.faults = [
  [
    'wide rounds of the sort do not wait for other warps',
    '../../../base/cuda/block.h',
    'if (apart > 32 || last > 32) MG_BARRIER();',
    'if (last == size) MG_BARRIER();',
  ],
  [
    'sums of columns are read before all warps have left theirs',
    'link.h',
    '    MG_BARRIER();\n    by_thread(link_columns',
    '    by_thread(link_columns',
  ],
  ['a slot stays linked to itself', 'link.h', 'next = i == j ? T(0) : dnc_link(next,', 'next = dnc_link(next,'],
  [
    'the sums along rows lack the last tile',
    'step.h',
    'added_slices(s.along + head * across * d.reads * N, across,',
    'added_slices(s.along + head * across * d.reads * N, across - 1,',
  ],
  [
    'links of a segment are sought one place behind',
    'backward.h',
    's.links + (t % s.segment - 1) * matrices',
    's.links + t % s.segment * matrices',
  ],
];
sam.faults = [
  ['the search leaves out the last row', 'scan.h', 'i < live; i += step', 'i + 1 < live; i += step'],
  ['of equal rows the higher slot is read', 'scan.h', 'slot < other.slot);', 'slot > other.slot);'],
  ['a row that was never touched is taken for its neighbour', 'scan.h', 'i32(live + e)}', 'i32(live + e + 1)}'],
  ['words are added before the erased rows are zero', 'step.h', '= T(0); });\n  MG_BARRIER();\n', '= T(0); });\n'],
  ['the ring is not turned', 'step.h', 'if (port::thread() == 0) sam_turn(d, s, sample, b);', ''],
  ['one matrix of links is not listed', 'start.h', 'd.links > 0 ? 2 * d.heads', 'd.links > 0 ? d.heads'],
  ['rows are not rolled back', 'backward.h', 'if (place >= 0) s.memory', 'if (place < -1) s.memory'],
  ['an erased row passes its gradient on', 'backward.h', '+ k % d.word] = T(0);', '+ k % d.word] *= T(1);'],
];
dam.faults = [
  [
    'of slots that are used alike the higher one is erased',
    'step.h',
    'usage && slot < other.slot);',
    'usage && slot > other.slot);',
  ],
  ['all heads erase the same slot', 'step.h', '    if (least.slot >= 0) last = least;\n', ''],
  ['an erased slot keeps what it held', 'step.h', 'T m = erased ? T(0) : before', 'T m = before'],
  ['usage is not discounted', 'step.h', 'T(d.discount) * usage[n]', 'usage[n]'],
  ['words are read before all slots are weighed', 'step.h', '= popped[h]; });\n  MG_BARRIER();\n', '= popped[h]; });\n'],
  [
    'the gates of a head learn of the slot that another erased',
    'backward.h',
    'if (popped[h] == n) sums',
    'if (popped[0] == n) sums',
  ],
  ['an erased slot passes its gradient on', 'backward.h', '+ popped[k / d.word]] = T(0);', '+ popped[k / d.word]] *= T(1);'],
];

const [out, kind, seed, compiler, ...flags] = process.argv.slice(2);
const copy = join(out, 'faults');
rmSync(copy, { recursive: true, force: true });
for (const folder of ['native/base', 'native/ops', 'test/native/shim']) cpSync(folder, join(copy, folder), { recursive: true });

/** How a program ends that reads or writes past its memory: at once, or when the C library finds its heap damaged. */
const crashes = new Set(['SIGSEGV', 'SIGABRT']);

/** Exit status (null: killed, by a signal or after three minutes) and output of a program. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...process.env, MG_SHIM_SEED: seed }, timeout: 180_000 });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part) => {
        text += part;
      });
    child.on('close', (status, signal) => resolve({ status, signal, text }));
  });
}

async function build({ folder, compiled, check }) {
  const objects = compiled.map((name) => join(copy, `${name}.o`));
  const results = await Promise.all(compiled.map((name, k) =>
    run(compiler, [
      ...flags,
      '-I',
      join(copy, 'test/native/shim'),
      '-x',
      'c++',
      '-c',
      join(copy, folder, `${name}.cu`),
      '-o',
      objects[k],
    ])
  ));
  for (const { status, text } of results) if (status !== 0) throw new Error(text);
  const others = (from, wanted) => readdirSync(join(out, from)).filter(wanted).map((name) => join(out, from, name));
  const replaced = compiled.map((name) => `${folder.split('/').slice(2).join('_')}_${name}.o`);
  const program = join(copy, 'check');
  const { status, text } = await run(compiler, [
    ...flags,
    ...objects,
    ...others('reference', (name) => name.endsWith('.o')),
    ...others(join(kind, 'kernels'), (name) => name.endsWith('.o') && !replaced.includes(name)),
    ...others(kind, (name) => check.test(name) || name === 'cuda_shim.o'),
    '-o',
    program,
  ]);
  if (status !== 0) throw new Error(text);
  return program;
}

for (const suite of [network, dnc, sam, dam])
  for (const [name, file, from, to] of suite.faults) {
    const source = join(suite.folder, file), right = readFileSync(source, 'utf8');
    const parts = right.split(from);
    if (parts.length !== 2) throw new Error(`${name}: expected one place in ${source}, got ${parts.length - 1}`);
    writeFileSync(join(copy, source), parts.join(to));
    const { status, signal, text } = await run(await build(suite), [seed, ...suite.arguments]);
    writeFileSync(join(copy, source), right);
    const found = /^.*(?:FAIL|cuda shim:|ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error).*$/m.exec(text);
    if (status === 0 || (found === null && !crashes.has(signal))) {
      console.error(`FAIL: not found: ${name}${signal === null ? '' : ` (${signal})`}`);
      process.exitCode = 1;
    } else {
      console.log(`found: ${name}: ${found?.[0] ?? signal}`);
    }
  }
