// Formats C++ and CUDA by .clang-format, or with --check says which files are not as it would leave them.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { clangFormatPath } = createRequire(import.meta.url)('clang-format-node');
const files = ['native', 'test/native', 'bench/kernels'].flatMap((folder) =>
  readdirSync(folder, { recursive: true }).filter((name) => /\.(h|cc|cu)$/.test(name)).map((name) => join(folder, name))
);
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status, error } = spawnSync(clangFormatPath, [...mode, ...files], { stdio: 'inherit' });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
