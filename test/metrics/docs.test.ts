import { runExamples } from '../support/page.js';

runExamples('metrics.md');
