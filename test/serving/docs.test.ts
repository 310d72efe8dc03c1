import { runExamples } from '../support/page.js';

runExamples('serving.md');
