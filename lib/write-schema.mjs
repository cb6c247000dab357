/** A step of the build: the schema of run files as JSON Schema, made from the one that checks them, with its comments. */
import { toJsonSchema } from '@valibot/to-json-schema';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { runFileSchema, SCHEMA_FILE } from '../dist/runs/run-file.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { options } = ts.getParsedCommandLineOfConfigFile(here('tsconfig.json'), { noEmit: true }, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
    throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
  },
});
const source = here('runs/run-file.ts');
const program = ts.createProgram([source], options);
const checker = program.getTypeChecker();
const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(source)));

/** Whether an object of the schema can be of this type: it has all the keys, and the same word where the schema wants one. */
function fits(type, properties) {
  return Object.entries(properties).every(([key, { const: word }]) => {
    const member = type.getProperty(key);
    if (member === undefined) return false;
    const own = checker.getTypeOfSymbol(member);
    return word === undefined || (own.isUnion() ? own.types : [own]).some(({ value }) => value === word);
  });
}

/** Puts the comments of a type's members beside what the JSON Schema says of them. */
function describe(schema, type) {
  const types = type.isUnion() ? type.types : [type];
  for (const branch of schema.anyOf ?? schema.oneOf ?? []) describe(branch, type);
  const { properties = {}, items, additionalProperties } = schema;
  const keys = Object.keys(properties);
  const fitting = keys.length === 0 ? [] : types.filter((one) => fits(one, properties));
  const [closest] = fitting.toSorted((a, b) => a.getProperties().length - b.getProperties().length);
  for (const key of closest === undefined ? [] : keys) {
    const member = closest.getProperty(key);
    describe(properties[key], checker.getTypeOfSymbol(member));
    const text = ts.displayPartsToString(member.getDocumentationComment(checker)).replace(/\{@link (\w+)\}/g, '$1');
    if (text !== '') properties[key] = { description: text.replaceAll(/\s+/g, ' '), ...properties[key] };
  }
  const within = (kind) => types.map((one) => checker.getIndexTypeOfType(one, kind)).find((one) => one !== undefined);
  for (const [part, kind] of [[items, ts.IndexKind.Number], [additionalProperties, ts.IndexKind.String]]) {
    if (typeof part === 'object' && !Array.isArray(part) && within(kind) !== undefined) describe(part, within(kind));
  }
}

// JSON knows no numbers that are not finite, and compares none with each other.
const schema = toJsonSchema(runFileSchema, { errorMode: 'throw', ignoreActions: ['finite', 'check'] });
describe(schema, checker.getDeclaredTypeOfSymbol(exported.find(({ name }) => name === 'RunFile')));
const text = JSON.stringify({ title: 'A run of multigrid-memory', ...schema }, null, 1);
writeFileSync(new URL(`../${SCHEMA_FILE}`, import.meta.url), `${text}\n`);
