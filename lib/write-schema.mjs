/** A step of the build: the schema of run files as JSON Schema, from the one that checks them. */
import { toJsonSchema } from '@valibot/to-json-schema';
import { writeFileSync } from 'node:fs';
import { runFileSchema, SCHEMA_FILE } from '../dist/runs/run-file.js';

// JSON knows no numbers that are not finite, and compares none with each other.
const schema = toJsonSchema(runFileSchema, { errorMode: 'throw', ignoreActions: ['finite', 'check'] });
const text = JSON.stringify({ title: 'A run of multigrid-memory', ...schema }, null, 1);
writeFileSync(new URL(`../${SCHEMA_FILE}`, import.meta.url), `${text}\n`);
