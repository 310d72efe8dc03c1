import { runExamples } from '../support/page.js';

runExamples('profiling.md');
