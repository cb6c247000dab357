#!/usr/bin/env node
// Writes prebuilds/SHA256SUMS, by which a damaged prebuilt binary is recognised before it is loaded.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? 'prebuilds';
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.node')).sort();
const lines = files.map((name) => {
  const hash = createHash('sha256').update(readFileSync(join(folder, name))).digest('hex');
  return `${hash}  ${name.replaceAll('\\', '/')}\n`;
});
writeFileSync(join(folder, 'SHA256SUMS'), lines.join(''));
process.stdout.write(lines.join(''));
