export { type BackwardOptions, backward, type GradOptions, grad } from './engine.js';
