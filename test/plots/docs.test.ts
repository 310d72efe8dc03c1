import { runExamples } from '../support/page.js';

runExamples('plots.md');
runExamples('tensorboard.md');
