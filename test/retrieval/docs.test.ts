import { runExamples } from '../support/page.js';

runExamples('retrieval.md');
