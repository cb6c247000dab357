// Turns modules of lib/ into plain JavaScript in a temporary folder, so that a child process can be killed while it runs them.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const LIB = fileURLToPath(new URL('../../lib/', import.meta.url));

/** Compiles the named files of lib/ and everything they import, and returns the folder that now stands for lib/. */
export function transpileLib(...names: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'mg-transpiled-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const waiting = names.map((name) => join(LIB, name));
  const done = new Set<string>();
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (done.has(file)) continue;
    done.add(file);
    const source = readFileSync(file, 'utf8');
    const target = join(folder, relative(LIB, file).replace(/\.ts$/, '.js'));
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
    });
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
    for (const [, path] of outputText.matchAll(/from '(\.[^']+)\.js'/g)) waiting.push(`${resolve(dirname(file), path ?? '')}.ts`);
  }
  return folder;
}
