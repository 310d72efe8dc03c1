import { runExamples } from '../support/page.js';

runExamples('autograd.md');
