/**
 * Nearest neighbours, classifiers by neighbours, and scores of what a search finds.
 * @packageDocumentation
 */
export { KNNClassifier, type KNNOptions } from './classifier.js';
export { type CompareOptions, type Distance, type Neighbors, nearestNeighbors } from './neighbors.js';
export { type Labelled, meanAveragePrecision, recallAtK, type ScoreOptions } from './scores.js';
export { semiHardTripletLoss, type TripletOptions } from './triplets.js';
