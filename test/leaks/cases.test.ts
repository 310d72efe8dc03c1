import { tables } from './cases/index.js';
import { runCases } from './run.js';

for (const [title, cases] of tables) runCases(title, cases);
