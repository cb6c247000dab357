// What a user reads when the native module is missing, damaged, for another machine, or of another version.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { transpileLib } from './helpers/transpile.js';
import { shown } from './helpers/promises.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mg-load-'));
const here = `${process.platform}-${process.arch}`;
const prebuilt = join(folder, 'prebuilds', here, 'multigrid-memory.glibc.node');
const remedy = 'build it with: npx multigrid-memory build';
const genuine = readFileSync(process.env.MG_BINDING ?? join(root, 'build/Release/multigrid_memory.node'));

renameSync(transpileLib('native.ts'), join(folder, 'dist'));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(() => {
  rmSync(join(folder, 'prebuilds'), { recursive: true, force: true });
  rmSync(join(folder, 'build'), { recursive: true, force: true });
  copyFileSync(join(root, 'binding.d.ts'), join(folder, 'binding.d.ts'));
});

/** Loads the module in a process of its own: `ok`, or the error's code and message. */
function load(env: NodeJS.ProcessEnv = {}): string {
  const { MG_BINDING: _, ...inherited } = process.env;
  const script = `import(${JSON.stringify(pathToFileURL(join(folder, 'dist/native.js')).href)}).then((m) => {
    try { m.native().memory(); console.log('ok ' + m.nativeFile()); } catch (e) { console.log(e.name, e.code, e.message); }
  })`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...inherited, ...env },
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return stdout.trim();
}

function install(content: Buffer, file = prebuilt): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
}

/** The one form: a code, one line, what was looked for, what was found, what to do. */
function expectRefusal(message: string, ...found: (string | RegExp)[]): void {
  expect(message).toMatch(
    /^MgError ERR_MG_NO_BINARY load: expected a native module for \S+ \(.*Node v.*\), got .*; .*npx multigrid-memory build$/,
  );
  for (const part of found) expect(message).toMatch(part);
}

describe('loading the native module', () => {
  it('takes the prebuilt binary, and one that was built from source before it', () => {
    install(genuine);
    expect(load()).toBe(`ok ${prebuilt}`);
    const built = join(folder, 'build/Release/multigrid_memory.node');
    install(genuine, built);
    expect(load()).toBe(`ok ${built}`);
    expect(load({ PREBUILDS_ONLY: '1' })).toBe(`ok ${prebuilt}`);
  });

  it('says where a missing binary was looked for', () => {
    expectRefusal(load(), `got none in ${join(folder, 'build/Release')} and ${join(folder, 'prebuilds')}; ${remedy}`);
    expectRefusal(load({ PREBUILDS_ONLY: '1' }), `got none in ${join(folder, 'prebuilds')} (PREBUILDS_ONLY is set)`);
  });

  it('names the platforms that there are binaries for', () => {
    install(genuine, join(folder, 'prebuilds/sunos-sparc/multigrid-memory.node'));
    expectRefusal(load(), `${join(folder, 'prebuilds')}, which has sunos-sparc; `);
  });

  it('refuses a binary that was cut short, at any length, without crashing', () => {
    for (const bytes of [0, 1, 63, 64, 4096, genuine.length >> 1, genuine.length - 1]) {
      install(genuine.subarray(0, bytes));
      expectRefusal(load(), `a damaged file, ${prebuilt}: ${bytes} `);
    }
  });

  it('refuses a file that is no binary at all', () => {
    install(Buffer.from('<html>404 Not Found</html>'.repeat(20)));
    expectRefusal(load(), `a damaged file, ${prebuilt}: 520 bytes that are no native module; install the package again`);
  });

  it('says which machine a binary is for', () => {
    const machine = (name: string, edit: (head: Buffer) => void): void => {
      const head = Buffer.from(genuine);
      edit(head);
      install(head);
      expectRefusal(load(), `got ${prebuilt}, which is for ${name}; install the package again`);
    };
    machine('linux-riscv64', (head) => head.writeUInt16LE(243, 18));
    machine('darwin-arm64', (head) => [head.writeUInt32LE(0xfeedfacf, 0), head.writeUInt32LE(0x0100000c, 4)]);
    machine('win32-x64', (head) => [head.write('MZ'), head.writeUInt32LE(128, 60), head.writeUInt16LE(0x8664, 132)]);
  });

  it('refuses a prebuilt binary that differs from its recorded checksum by one bit', () => {
    install(genuine);
    const hash = createHash('sha256').update(genuine).digest('hex');
    writeFileSync(join(folder, 'prebuilds/SHA256SUMS'), `${hash}  ${here}/multigrid-memory.glibc.node\n`);
    expect(load()).toBe(`ok ${prebuilt}`);
    const flipped = Buffer.from(genuine);
    flipped[genuine.length >> 1]! ^= 1;
    install(flipped);
    expectRefusal(load(), `a damaged file, ${prebuilt}: its checksum is not the recorded one; install the package again`);
  });

  it('passes on why the system does not load a binary', () => {
    shown('B5', 5, 'missing, cut short, of another machine, changed by a bit, of another contract');
    expectRefusal(load({ MG_BINDING: process.execPath }), `got ${process.execPath}, which does not load: `);
  });

  it('refuses a binary that was built from another contract', () => {
    install(genuine);
    appendFileSync(join(folder, 'binding.d.ts'), '// one line more\n');
    expectRefusal(
      load(),
      /which was built from another version \(contract [0-9a-f]{12} instead of [0-9a-f]{12}\); build it with/,
    );
  });

  it('refuses another package\'s module', () => {
    const [scope] = readdirSync(join(root, 'node_modules/@oxlint'));
    const modules = join(root, 'node_modules/@oxlint', scope!);
    cpSync(join(modules, readdirSync(modules).find((name) => name.endsWith('.node'))!), join(folder, 'foreign.node'));
    expectRefusal(load({ MG_BINDING: join(folder, 'foreign.node') }), 'foreign.node, which is another package\'s module');
  });

  it('names the variable when the environment asks for threads that cannot be', () => {
    install(genuine);
    for (const threads of ['abc', '0', '-1', '1.5', '100000']) {
      const expected = `expected MULTIGRID_MEMORY_THREADS to be an integer from 1 to 1024, got "${threads}"`;
      expect(load({ MULTIGRID_MEMORY_THREADS: threads })).toBe(`MgError ERR_MG_ARGUMENT load: ${expected}`);
    }
  });
});
