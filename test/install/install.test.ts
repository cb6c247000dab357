// `npm install multigrid-memory` on a machine without compiler or cmake, and everything the README shows, as printed there.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { readmeBlocks } from '../helpers/readme.js';
import { Machine, packPackage, platform, root, type Packed } from './package.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-install-'));
let packed: Packed;
let machine: Machine;

function folderBytes(path: string): number {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((file) => statSync(join(path, file)));
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

/** A module with `text`, in a folder of its own under the app. */
function writeExample(cwd: string, name: string, text: string): string {
  mkdirSync(join(machine.app, cwd), { recursive: true });
  writeFileSync(join(machine.app, cwd, name), text);
  return name;
}

/** As TypeScript compiles it for Node 20, which does not know `using`. */
const compiled = (text: string): string =>
  ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  }).outputText;

beforeAll(() => {
  packed = packPackage(folder);
  machine = new Machine(folder);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the package', () => {
  /** Modules that a browser loads: nobody imports their types, but those of the scene, which the program shares. */
  const isOfThePage = (file: string): boolean => file.startsWith('view/page/') && file !== 'view/page/scene.ts';

  it('holds what a user needs and nothing else', () => {
    const filesOf = (room: string): string[] => readdirSync(join(root, room), { recursive: true, encoding: 'utf8' });
    const typescript = filesOf('lib').filter((file) => file.endsWith('.ts'));
    const [page, sources] = [typescript.filter(isOfThePage), typescript.filter((file) => !isOfThePage(file))];
    const native = filesOf('native').filter((file) => /\.(cc|cu|cuh|h)$/.test(file));
    const expected = [
      'CMakeLists.txt',
      'LICENSE',
      'README.md',
      'binding.d.ts',
      'package.json',
      'native/THIRD-PARTY-NOTICES',
      'native/exports.map',
      ...filesOf('bench/results/reproduction').filter((file) => file.endsWith('.json')).map((file) =>
        `bench/results/reproduction/${file}`
      ),
      'bench/results/weights/map9.json',
      'bench/results/weights/map9.safetensors',
      'dist/run.schema.json',
      ...filesOf('lib/view/page').filter((file) => /\.(svg|html|css)$/.test(file)).map((file) => `dist/view/page/${file}`),
      ...page.map((file) => `dist/${file.replace(/\.ts$/, '.js')}`),
      ...sources.flatMap((file) => [`dist/${file.replace(/\.ts$/, '.js')}`, `dist/${file.replace(/\.ts$/, '.d.ts')}`]),
      ...native.map((file) => `native/${file}`),
      'prebuilds/SHA256SUMS',
      `prebuilds/${platform}/multigrid-memory.glibc.node`,
    ];
    const others = /^prebuilds\/(linux|darwin)-(x64|arm64)\/multigrid-memory(\.glibc|\.musl)?\.node$/;
    expect(packed.files.filter((file) => !others.test(file) || expected.includes(file))).toEqual(expected.sort());
    expect(packed.bytes).toBeLessThan(30e6);
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
    const { files, bytes, unpackedBytes } = packed;
    console.log(`package: ${files.length} files, ${megabytes(bytes)} packed, ${megabytes(unpackedBytes)} unpacked`);
  });

  it('has nothing that runs on a user’s machine at install', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
    expect(packed.files).not.toContain('binding.gyp');
  });

  it('is well formed, says publint', async () => {
    const data = readFileSync(packed.tarball);
    const { messages, pkg } = await publint({
      strict: true,
      pack: { tarball: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) },
    });
    expect(messages.map((message) => formatMessage(message, pkg!))).toEqual([]);
  });
});

describe('installed without a compiler, scripts off', { timeout: 180_000 }, () => {
  it('installs without a warning', () => {
    for (const tool of ['cmake', 'g++', 'cc', 'make', 'python3']) {
      expect(machine.run('sh', ['-c', `command -v ${tool}`]).status).not.toBe(0);
    }
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', packed.tarball];
    const { status, stdout, stderr } = machine.run('npm', install);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const packages = Number(/added (\d+) packages/.exec(stdout)?.[1]);
    const bytes = folderBytes(join(machine.app, 'node_modules'));
    console.log(`installed: ${packages} packages, ${(bytes / 1e6).toFixed(2)} MB`);
    expect(packages).toBeLessThanOrEqual(6);
    expect(bytes).toBeLessThan(30e6);
  });

  it.each([{}, { PREBUILDS_ONLY: '1' }])('doctor is content, with %o', (env) => {
    const { status, stdout, stderr } = machine.run('multigrid-memory', ['doctor', '--json'], { env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const report = JSON.parse(stdout) as { binary: { file: string }; checks: { name: string; ok: boolean }[] };
    expect(report.binary.file).toContain(join('node_modules/multigrid-memory/prebuilds', platform));
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.checks.length).toBeGreaterThanOrEqual(6);
  });

  it('trains, resumes and evaluates from the command line', () => {
    const train = ['train', 'map9', '--items', '2', '--out', 'run', '--json']; // episodes have 49 steps
    const endOf = (...more: string[]) => {
      const { status, stdout } = machine.run('multigrid-memory', [...train, ...more]);
      return { status, step: (JSON.parse(stdout.trim().split('\n').at(-1) || '{}') as { step?: number }).step };
    };
    expect(endOf('--steps', '49')).toEqual({ status: 0, step: 49 });
    expect(endOf('--steps', '98', '--resume')).toEqual({ status: 0, step: 98 });
    for (const file of ['config.json', 'metrics.jsonl', 'checkpoint.safetensors', 'learning-curve.svg', 'memory-picture.svg']) {
      expect(existsSync(join(machine.app, 'run', file)), file).toBe(true);
    }
    expect(machine.run('multigrid-memory', ['eval', 'run', '--items', '2']).status).toBe(0);
  });

  it('runs every example of the README, as printed', () => {
    const blocks = readmeBlocks().filter(({ language }) => language === 'ts' || language === 'js');
    for (const [i, { language, text, line }] of blocks.entries()) {
      const isPlain = !/\busing\b|!/.test(text);
      const cwd = `readme-${i}`;
      const file = language === 'js'
        ? writeExample(cwd, 'example.cjs', text)
        : writeExample(cwd, 'example.mjs', isPlain ? text : compiled(text));
      const { status, stdout, stderr } = machine.run('node', [file], { cwd });
      expect(status, `README.md:${line}\n${stderr}`).toBe(0);
      const promised = [...text.matchAll(/console\.log\(.*\/\/ (.+)$/gm)].map((match) => match[1]!);
      for (const output of promised) expect(stdout, `README.md:${line}`).toContain(output);
      expect(stdout, `README.md:${line}`).not.toBe('');
    }
    expect(blocks.length).toBeGreaterThanOrEqual(4);
  });

  it('runs the first example in a worker too', () => {
    writeExample('worker', 'example.mjs', readmeBlocks('ts')[0]!.text);
    const main = `import { Worker } from 'node:worker_threads';
      new Worker(new URL('./example.mjs', import.meta.url))
        .on('error', (e) => { throw e; })
        .on('exit', (code) => console.log('exit', code));`;
    const { status, stdout, stderr } = machine.run('node', [writeExample('worker', 'main.mjs', main)], { cwd: 'worker' });
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('exit 0');
    expect(stdout).toContain('completed');
  });

  it('has types that stand alone', () => {
    const blocks = readmeBlocks('ts').map(({ text }) => text);
    const names = new Set(blocks.flatMap((text) => {
      const lines = [...text.matchAll(/^import \{ (.*) \} from 'multigrid-memory';$/gm)];
      return lines.flatMap((match) => match[1]!.split(', '));
    }));
    const bodies = blocks.map((text) => `{\n${text.replace(/^import .*$/gm, '')}\n}`);
    writeExample('types', 'example.mts', [`import { ${[...names].join(', ')} } from 'multigrid-memory';`, ...bodies].join('\n'));
    const { status, stdout } = machine.run('node', [
      join(root, 'node_modules/typescript/bin/tsc'),
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
      '--typeRoots',
      join(root, 'node_modules/@types'),
      'example.mts',
    ], { cwd: 'types' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});
