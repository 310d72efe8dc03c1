import { runExamples } from '../support/page.js';

runExamples('selection.md');
