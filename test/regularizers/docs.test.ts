import { runExamples } from '../support/page.js';

runExamples('regularization.md');
