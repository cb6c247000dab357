/**
 * Programs that a bundler makes into one file: the package left out, they run; put in, they load, and the first use says that it
 * has to be left out. rolldown and vite are here; `npm run test:bundlers` fetches esbuild, webpack, ncc and older TypeScript.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { packageRoot } from '../../lib/native.js';
import { temporaryFolder } from '../helpers/files.js';

vi.setConfig({ testTimeout: 600_000 }); // a compiler of half a minute on a machine at rest
const fetched = process.env['MG_BUNDLERS'];
const from = (folder: string, name: string): string => join(folder, 'node_modules', name);
const modules = join(packageRoot, 'node_modules');

const PROGRAM = `import { Tensor } from 'multigrid-memory';
console.log('loaded');
Tensor.from([1, 2]).data().then((values) => console.log('sum', values[0] + values[1]));
`;

/** What bundles app.mjs into out/app.(mjs|cjs), the package left out or not, in a process of its own. */
interface Tool {
  readonly at: string;
  readonly script: (isOut: boolean) => string;
  readonly out: string;
}
const rolldown = (format: string, out: string): Tool => ({
  at: join(modules, 'rolldown/dist/index.mjs'),
  out,
  script: (isOut) =>
    `const bundle = await tool.rolldown({ input: 'app.mjs', platform: 'node', logLevel: 'silent',
      external: ${isOut ? '[\'multigrid-memory\']' : '[]'} });
    await bundle.write({ file: '${out}', format: '${format}', codeSplitting: false });`,
});
const esbuild = (format: string, out: string): Tool => ({
  at: from(fetched ?? '', 'esbuild/lib/main.js'),
  out,
  script: (isOut) =>
    `await tool.build({ entryPoints: ['app.mjs'], bundle: true, platform: 'node', format: '${format}', outfile: '${out}',
      logLevel: 'silent', external: ${isOut ? '[\'multigrid-memory\']' : '[]'} });`,
});
const tools: Readonly<Record<string, Tool>> = {
  'rolldown, as a module': rolldown('esm', 'out/app.mjs'),
  'rolldown, as CommonJS': rolldown('cjs', 'out/app.cjs'),
  'vite for servers': {
    at: join(modules, 'vite/dist/node/index.js'),
    out: 'out/app.js',
    script: (isOut) =>
      `await tool.build({ root: '.', configFile: false, logLevel: 'silent',
      ssr: ${isOut ? '{ external: [\'multigrid-memory\'] }' : '{ noExternal: true }'},
      build: { ssr: 'app.mjs', outDir: 'out', rollupOptions: { output: { entryFileNames: 'app.js' } } } });`,
  },
  'esbuild, as a module': esbuild('esm', 'out/app.mjs'),
  'esbuild, as CommonJS': esbuild('cjs', 'out/app.cjs'),
  'webpack': {
    at: from(fetched ?? '', 'webpack/lib/index.js'),
    out: 'out/app.cjs',
    script: (isOut) =>
      `await new Promise((done, failed) => tool.default({ mode: 'production', target: 'node', entry: './app.mjs',
      context: process.cwd(), output: { path: process.cwd() + '/out', filename: 'app.cjs' },
      externals: ${isOut ? '{ \'multigrid-memory\': \'commonjs multigrid-memory\' }' : '{}'} },
      (error, stats) => error ? failed(error) : stats.hasErrors() ? failed(new Error(stats.toString())) : done()));`,
  },
  'ncc': {
    at: from(fetched ?? '', '@vercel/ncc/dist/ncc/index.js'),
    out: 'out/index.mjs',
    script: (isOut) =>
      `const { mkdirSync, writeFileSync } = await import('node:fs');
      const { code, assets } = await tool.default(process.cwd() + '/app.mjs', { quiet: true, cache: false,
        externals: ${isOut ? '[\'multigrid-memory\']' : '[]'} });
      mkdirSync('out', { recursive: true });
      writeFileSync('out/index.mjs', code);
      for (const [name, { source }] of Object.entries(assets)) {
        mkdirSync('out/' + name.split('/').slice(0, -1).join('/'), { recursive: true });
        writeFileSync('out/' + name, source);
      }`,
  },
};

/** A project that has the package installed, and a program in it. */
function project(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageRoot, join(folder, 'node_modules/multigrid-memory'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'app.mjs'), PROGRAM);
  return folder;
}

function bundled({ at, script, out }: Tool, isOut: boolean): { status: number | null; stdout: string; stderr: string } {
  const cwd = project();
  const code = `const tool = await import(${JSON.stringify(`file://${at}`)});\n${script(isOut)}`;
  const made = spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd, encoding: 'utf8' });
  expect([made.status, made.stderr.replaceAll(/^.*(?:Warning|node --trace).*\n?/gm, '')]).toEqual([0, '']);
  return spawnSync(process.execPath, [join(cwd, out)], { cwd, encoding: 'utf8' });
}

describe.each(Object.entries(tools).filter(([, { at }]) => fetched !== undefined || at.startsWith(modules)))(
  'a program bundled by %s',
  (_, tool) => {
    it('runs with the package left out', () => {
      expect(existsSync(tool.at), tool.at).toBe(true);
      const { status, stdout, stderr } = bundled(tool, true);
      expect([status, stdout], stderr).toEqual([0, 'loaded\nsum 3\n']);
    });

    it('that holds the package loads, and is told at its first use what to do', () => {
      const { status, stdout, stderr } = bundled(tool, false);
      if (status === 0) return expect(stdout).toBe('loaded\nsum 3\n'); // it has taken the native file along
      expect([status, stdout], stderr).toEqual([1, 'loaded\n']);
      expect(stderr).toMatch(/ERR_MG_NO_BINARY/);
      expect(stderr).toContain('mark multigrid-memory as external in the bundler, and install it beside the bundle');
    });
  },
);

const TYPED =
  `import { models, optim, Rng, tasks, Trainer, type Callback, type ModelState, type TrainableModel } from 'multigrid-memory';
const model: TrainableModel = new models.LSTMNetwork({ inputs: 2, outputs: 1, hidden: 4, rng: new Rng(1) });
const callback: Callback = { onStep: ({ loss }) => console.log(loss.toFixed(3)) };
export const state: ModelState = model.initialState(1);
const task = tasks.copy({ bits: 1 });
export const trainer = new Trainer({ model, task, optimizer: new optim.Adam(model), callbacks: [callback] });
`;

describe.runIf(fetched !== undefined)('the types', () => {
  it.each([['5.2', true, 0], ['5.6', false, 2], ['5.7', false, 0]] as const)(
    'by TypeScript %s, skipLibCheck %s: status %d',
    (version, skipLibCheck, expected) => {
      const cwd = project();
      symlinkSync(join(modules, '@types'), join(cwd, 'node_modules/@types'));
      writeFileSync(join(cwd, 'typed.ts'), TYPED);
      const compilerOptions = { target: 'es2022', module: 'nodenext', strict: true, noEmit: true, skipLibCheck, types: ['node'] };
      const lib = ['es2023', 'esnext.disposable'];
      writeFileSync(
        join(cwd, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: { ...compilerOptions, lib }, files: ['typed.ts'] }),
      );
      const tsc = from(fetched!, `typescript-${version}/bin/tsc`);
      const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', '.'], { cwd, encoding: 'utf8' });
      expect(status, stdout).toBe(expected);
      if (expected !== 0) expect(stdout).toContain('TS2315'); // Float32Array is generic from 5.7 on
    },
  );
});
