// Faults in the sources of the fused CUDA engine, one at a time in a copy of them: the network check must find each.
//   faults.mjs OUT KIND SEED COMPILER [FLAG]…     called by shim.sh; OUT/KIND has the objects of the right sources
// A fault whose place in the source is not found, or found twice, fails too: then the list is to be brought up to date.
import { spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const engine = 'native/ops/mg_layer';
const faults = [
  ['a tile does not wait for its copies', 'product_cuda.h', '      port::copy_wait<0>();\n', ''],
  ['a tile does not wait for the copies of other threads', 'product_cuda.h', '      MG_BARRIER();\n      const bool last_tap', '      const bool last_tap'],
  ['sums overwrite patches that are still read', 'product_cuda.h', '  MG_BARRIER();\n  const int stride', '  const int stride'],
  ['the ring right of a grid is not zero', 'product_cuda.h', 'inside(x, p.in_width);', 'inside(x, p.in_width + 1);'],
  ['patches are gathered one cell too far to the right', 'product_cuda.h', 'p.patch_columns() - p.pad_width;', 'p.patch_columns() - p.pad_width + 1;'],
  ['row and column parity of a doubled source change places', 'pack_cuda.h',
    'folded_tap(parity / 2, ky) == tap / 2 && folded_tap(parity % 2, kx)', 'folded_tap(parity % 2, ky) == tap / 2 && folded_tap(parity / 2, kx)'],
  ['the state before a step is read where this step leaves its own', 'tables.h', 'own.at(t - 1)', 'own.at(t)'],
  ['the gradient of a doubled source lacks one of four cells', 'backward_cuda.h', ' + at[(u.width + 1) * u.columns]);', ');'],
  ['the weight gradient gathers a box before all of its cells are listed', 'weights_cuda.h', 'memory.tile);\n    MG_BARRIER();\n', 'memory.tile);\n'],
  ['the weight gradient does not wait for its copies', 'weights_cuda.h', '    port::copy_wait<0>();\n', ''],
  ['halves of the depth change places where words of two cells are made', 'weights_cuda.h', 'lane / 16 * 8 + lane % 8]', 'lane / 8 % 2 * 8 + lane % 8]'],
  ['stages of one launch do not wait for each other', 'forward_cuda.h', '    MG_GRID_BARRIER();\n', ''],
  ['a tile of one launch begins while others finish the last one', 'product_cuda.h', '    MG_BARRIER();  // before shared memory is used again\n', ''],
];

const [out, kind, seed, compiler, ...flags] = process.argv.slice(2);
const copy = join(out, 'faults');
const compiled = ['forward_cuda', 'backward_cuda'];
rmSync(copy, { recursive: true, force: true });
for (const folder of ['native/base', 'native/ops', 'test/native/shim']) cpSync(folder, join(copy, folder), { recursive: true });

/** Exit status (null: killed, by a signal or after three minutes) and output of a program. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...process.env, MG_SHIM_SEED: seed }, timeout: 180_000 });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => { text += part; });
    child.on('close', (status, signal) => resolve({ status, signal, text }));
  });
}

async function build() {
  const objects = compiled.map((name) => join(copy, `${name}.o`));
  const results = await Promise.all(compiled.map((name, k) => run(compiler, [
    ...flags, '-I', join(copy, 'test/native/shim'), '-x', 'c++', '-c', join(copy, engine, `${name}.cu`), '-o', objects[k]])));
  for (const { status, text } of results) if (status !== 0) throw new Error(text);
  const others = (folder, wanted) => readdirSync(join(out, folder)).filter(wanted).map((name) => join(out, folder, name));
  const program = join(copy, 'check');
  const { status, text } = await run(compiler, [
    ...flags, ...objects, ...others('reference', (name) => name.endsWith('.o')),
    ...others(kind, (name) => (name.endsWith('_cuda.o') && !compiled.includes(name.slice(0, -2))) || ['network_cuda_check.o', 'cuda_shim.o'].includes(name)),
    '-o', program]);
  if (status !== 0) throw new Error(text);
  return program;
}

for (const [name, file, from, to] of faults) {
  const right = readFileSync(join(engine, file), 'utf8');
  const parts = right.split(from);
  if (parts.length !== 2) throw new Error(`${name}: expected one place in ${file}, got ${parts.length - 1}`);
  writeFileSync(join(copy, engine, file), parts.join(to));
  const { status, signal, text } = await run(await build(), [seed, '8', '60']);
  writeFileSync(join(copy, engine, file), right);
  const found = /^.*(?:FAIL|cuda shim:|ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error).*$/m.exec(text);
  if (status === 0 || (found === null && signal !== 'SIGSEGV')) {
    console.error(`FAIL: not found: ${name}${signal === null ? '' : ` (${signal})`}`);
    process.exitCode = 1;
  } else {
    console.log(`found: ${name}: ${found?.[0] ?? signal}`);
  }
}
