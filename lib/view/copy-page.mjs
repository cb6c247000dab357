/** Puts what the page has beside its code where the server looks for it: `dist/view/page`. */
import { copyFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [from, to] = ['page/', '../../dist/view/page/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));
for (const name of readdirSync(from)) if (/\.(html|css|svg)$/.test(name)) copyFileSync(from + name, to + name);
