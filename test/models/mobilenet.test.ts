import { compareModels } from '../support/models.js';

compareModels('mobilenet');
