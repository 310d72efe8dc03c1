import { runExamples } from '../support/page.js';

runExamples('modules.md');
runExamples('parametrizations.md');
runExamples('sequences.md');
runExamples('text.md');
