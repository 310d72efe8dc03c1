import { runExamples } from '../../support/page.js';

runExamples('transforms.md');
