// Values as Python prints them: a printed model reads as in PyTorch.

/** PyTorch's tuple notation: one element ends in a comma. */
export const tuple = (values: readonly (number | null)[]): string => {
  const texts = values.map((value) => value ?? 'None');
  return texts.length === 1 ? `(${texts[0]},)` : `(${texts.join(', ')})`;
};

/** One number or a tuple, as it was given. */
export const sizeText = (value: number | readonly (number | null)[]): string =>
  typeof value === 'number' ? String(value) : tuple(value);

export const boolText = (value: boolean): string => (value ? 'True' : 'False');

/** Python's repr of a float: exponents from 1e-05 down, in two digits. */
export const floatText = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(value);

/** A parameter that PyTorch keeps as it was given: its default is a float (1.0), an integer of the user is one (2). */
export const textOfFloat = (value: number, byDefault: number): string =>
  value === byDefault && Number.isInteger(value) ? `${value}.0` : floatText(value);
