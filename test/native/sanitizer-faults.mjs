// Faults planted in the sources of the addon, one at a time in a copy: the sanitizer whose fault it is must report it in the
// workload. Called by sanitize.sh; needs its builds. A place that is not found, or found twice, fails too.
// Argument: asan or tsan alone. Once both have found theirs, that is kept as row S3.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { keepResults } from '../results.mjs';

/** What is wrong; the sanitizer's build, what it says; the file, what stands there, what stands there instead. */
const FAULTS = [
  [
    'softmax reads past the last row',
    ['asan', /^READ of size/],
    ['native/ops/softmax/softmax_cpu.cc', 'k < at + d.length; k++) sum +=', 'k <= at + d.length; k++) sum +='],
  ],
  [
    'clip writes past its last number',
    ['asan', /^WRITE of size/],
    ['native/ops/clip/clip_cpu.cc', 'y[i] = clip_value', 'y[i + (i + 1 == count)] = clip_value'],
  ],
  [
    'a job is gone before it runs',
    ['asan', /heap-use-after-free/],
    [
      'native/device/queue.cc',
      'const std::function<void()> job = std::move(jobs_.front())',
      'const std::function<void()>& job = jobs_.front()',
    ],
  ],
  [
    'each job is kept for ever',
    ['asan', /LeakSanitizer: detected memory leaks/],
    [
      'native/device/queue.cc',
      '  jobs_.push_back(std::move(job));',
      '  jobs_.push_back(*new std::function<void()>(std::move(job)));',
    ],
  ],
  [
    'the place of a row is worked out in 32 bits',
    ['asan', /signed integer overflow/],
    [
      'native/ops/softmax/softmax_cpu.cc',
      'f(row * d.length);',
      'f(std::int32_t(row) * std::int32_t(d.length) * 1000000 / 1000000);',
    ],
  ],
  [
    'all blocks of a loss add to one sum',
    ['tsan', /ThreadSanitizer: data race/],
    [
      'native/ops/loss/loss_cpu.cc',
      'sum += m * bce_with_logits(double(logits[i]), double(target[i]));\n    }\n    partials[block] = sum;',
      'sum += m * bce_with_logits(double(logits[i]), double(target[i]));\n    }\n    partials[0] += sum;',
    ],
  ],
  [
    'the end of a job is told without the lock',
    ['tsan', /ThreadSanitizer: data race/],
    ['native/device/queue.cc', '    lock.lock();\n    busy_ = false;', '    busy_ = false;\n    lock.lock();'],
  ],
];

function must({ status, stdout, stderr }, what) {
  if (status !== 0) throw new Error(`${what}: ${stdout}${stderr}`);
}

let missed = 0;
const [, , only] = process.argv;
for (const [what, [kind, report], [file, from, to]] of FAULTS.filter(([, [kind]]) => only === undefined || kind === only)) {
  const folder = resolve('build', kind);
  const copy = join(folder, 'planted');
  rmSync(copy, { recursive: true, force: true });
  cpSync('native', join(copy, 'native'), { recursive: true });
  const text = readFileSync(file, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${what}: expected ${JSON.stringify(from)} once in ${file}`);
  writeFileSync(join(copy, file), text.replace(from, () => to));

  const commands = JSON.parse(readFileSync(join(folder, 'compile_commands.json'), 'utf8'));
  const { command } = commands.find((each) => each.file === resolve(file));
  const [, object] = / -o (\S+)/.exec(command);
  const [planted, addon] = [join(copy, 'planted.o'), join(copy, 'multigrid_memory.node')];
  const compile = command.replace(` -o ${object}`, ` -o ${planted}`).replace(resolve(file), join(copy, file));
  must(spawnSync('sh', ['-c', compile], { cwd: folder, encoding: 'utf8' }), 'compile');
  const link = readFileSync(join(folder, 'CMakeFiles/multigrid_memory.dir/link.txt'), 'utf8')
    .replace(` ${object} `, ` ${planted} `).replace(/ -o \S+/, ` -o ${addon}`);
  must(spawnSync('sh', ['-c', link], { cwd: folder, encoding: 'utf8' }), 'link');

  const env = { ...process.env, MG_ADDON: addon };
  const { status, stdout, stderr } = spawnSync('test/native/sanitize.sh', ['run', kind], {
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const said = `${stdout}${stderr}`.split('\n').find((line) => report.test(line));
  const isRun = stdout.includes('\n') && !/ERR_MG_NO_BINARY/.test(stderr); // an addon that was not loaded has shown nothing
  const isFound = isRun && status !== 0 && said !== undefined;
  console.log(`${isFound ? 'found' : 'MISSED'}: ${what}: ${said?.trim() ?? `exit status ${status}`}`);
  if (!isFound) missed += 1;
}
// What each sanitizer found is kept in its build, as the two need not be tried at once.
const notesOf = (kind) => join('build', kind, 'shown', 'faults');
for (const kind of ['asan', 'tsan'].filter((each) => only === undefined || each === only)) {
  const all = FAULTS.filter(([, [each]]) => each === kind).map(([what]) => what);
  mkdirSync(dirname(notesOf(kind)), { recursive: true });
  rmSync(notesOf(kind), { force: true });
  if (missed === 0) writeFileSync(notesOf(kind), all.join('\n'));
}
if (['asan', 'tsan'].every((kind) => existsSync(notesOf(kind)))) {
  const [asan, tsan] = ['asan', 'tsan'].map((kind) => readFileSync(notesOf(kind), 'utf8').split('\n'));
  const seen = `all reported: ${asan.length} of addresses, leaks and numbers, ${tsan.length} of threads`;
  keepResults('npm run test:sanitize', [['S3', asan.length + tsan.length, seen]]);
}
process.exit(missed === 0 ? 0 : 1);
