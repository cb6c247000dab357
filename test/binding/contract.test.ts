/** binding.d.ts and the native module say the same: names, arguments, kinds and results, both ways. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native.js';
import { shown } from '../helpers/promises.js';

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
  return Object.fromEntries(
    found.members.filter(ts.isMethodSignature).map((method) => [
      method.name.getText(source),
      {
        args: method.parameters.map((p) => ({ name: p.name.getText(source), type: plain(p.type) })),
        returns: plain(method.type),
      },
    ]),
  );
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
    shown('B2', 2, 'names, arguments and kinds, both ways; another contract is refused');
    const kinds = ['Storage', 'Storage | null', 'readonly Storage[]', 'readonly (Storage | null)[]', 'Int32Array', 'number'];
    const used = Object.values(ops).flatMap(({ args }) => args.map((arg) => arg.type));
    expect([...new Set(used)].filter((kind) => !kinds.includes(kind))).toEqual([]);
    const results = Object.values(ops).map(({ returns }) => returns);
    expect([...new Set(results)].filter((kind) => !['Storage', 'Storage[]', 'void'].includes(kind))).toEqual([]);
  });
});
