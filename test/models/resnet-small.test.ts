import { compareModels } from '../support/models.js';

compareModels('resnet_small');
