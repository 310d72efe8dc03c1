import { elementSize } from '../elements.js';
import type { PyStorage } from './values.js';

/** The bytes that a storage must have in the file. */
export const storageBytes = ({ count, type }: PyStorage): number => count * (type === null ? 1 : elementSize(type));
