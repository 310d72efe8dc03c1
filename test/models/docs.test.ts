import { runExamples } from '../support/page.js';

runExamples('models.md');
