import { runExamples } from '../support/page.js';

runExamples('parametrizations.md');
