/** binding.d.ts and the native module say the same: names, arguments, kinds and results, both ways. */
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { native, packageRoot } from '../../lib/native.js';
import { temporaryFolder } from '../helpers/files.js';
import { transpileLib } from '../helpers/transpile.js';

interface Signature {
  args: { name: string; type: string }[];
  returns: string;
}

/** The methods of an interface of binding.d.ts, as written there. */
function declared(name: string): Record<string, Signature> {
  const file = fileURLToPath(new URL('../../binding.d.ts', import.meta.url));
  const source = ts.createProgram([file], { noLib: true, types: [] }).getSourceFile(file)!;
  const found = source.statements.filter(ts.isInterfaceDeclaration).find((statement) => statement.name.text === name)!;
  const plain = (node: ts.Node | undefined) => (node?.getText(source) ?? '').replace(/\s+/g, ' ');
  return Object.fromEntries(found.members.filter(ts.isMethodSignature).map((method) => [
    method.name.getText(source),
    { args: method.parameters.map((p) => ({ name: p.name.getText(source), type: plain(p.type) })), returns: plain(method.type) },
  ]));
}

describe('binding.d.ts and the native module', () => {
  const binding = native();
  const { ops } = binding.describe();

  it('declare the same ops with the same arguments and results', () => {
    expect(declared('NativeOps')).toEqual(ops);
  });

  it('declare the same functions that are not ops', () => {
    const exported = Object.keys(binding).filter((name) => !(name in ops));
    expect(Object.keys(declared('NativeRuntime')).sort()).toEqual(exported.sort());
  });

  it('have no export that is not a function, and no op that is not an export', () => {
    expect(Object.entries(binding).filter(([, value]) => typeof value !== 'function')).toEqual([]);
    expect(Object.keys(ops).filter((name) => !(name in binding))).toEqual([]);
  });

  it('agree on the kinds that can cross', () => {
    const kinds = ['Storage', 'Storage | null', 'readonly Storage[]', 'readonly (Storage | null)[]', 'Int32Array', 'number'];
    const used = Object.values(ops).flatMap(({ args }) => args.map((arg) => arg.type));
    expect([...new Set(used)].filter((kind) => !kinds.includes(kind))).toEqual([]);
    expect(Object.values(ops).map(({ returns }) => returns).filter((kind) => !['Storage', 'Storage[]', 'void'].includes(kind))).toEqual([]);
  });
});

describe('a native module that does not fit', () => {
  const addon = process.env.MG_BINDING ?? (createRequire(import.meta.url)('node-gyp-build') as { path: (folder: string) => string }).path(packageRoot);

  /** What `native()` of a package in `folder` says when it runs in a process of its own. */
  function load(folder: string, binding: string): string {
    const program = `import { native } from ${JSON.stringify(join(folder, 'lib', 'native.js'))};
      try { native(); console.log('loaded'); } catch (error) { console.log(error.name, error.code, error.message); }`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8', cwd: packageRoot, env: { ...process.env, MG_BINDING: binding },
    });
    expect(child.stderr).toBe('');
    return child.stdout.trim();
  }

  function packageWith(declarations: string): string {
    const folder = temporaryFolder();
    const transpiled = transpileLib('native.ts');
    renameSync(transpiled, join(folder, 'lib'));
    symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'binding.d.ts'), declarations);
    return folder;
  }

  const declarations = readFileSync(join(packageRoot, 'binding.d.ts'), 'utf8');

  it('loads beside the declarations it was built from', () => {
    expect(load(packageWith(declarations), addon)).toBe('loaded');
  });

  it('is refused with a remedy when the declarations have changed since', () => {
    expect(load(packageWith(`${declarations} `), addon)).toMatch(/^MgError ERR_MG_NO_BINARY load: expected .* contract .*got .*; build it with: /);
  });

  it('is refused with platform, place and remedy when it is not there or not a module', () => {
    const folder = packageWith(declarations);
    for (const file of [join(folder, 'nowhere.node'), join(folder, 'binding.d.ts')]) {
      expect(load(folder, file)).toMatch(new RegExp(`^MgError ERR_MG_NO_BINARY load: expected .*${process.platform}-${process.arch}.*${file}.*; build it with: `));
    }
  });
});
