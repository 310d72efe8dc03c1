import { NablaError } from './errors.js';

/** A package that nabla does not install by itself is needed and not there. */
export class MissingPackageError extends NablaError {
  /** The packages to install. */
  readonly packages: readonly string[];

  constructor(op: string, packages: readonly string[], options?: ErrorOptions) {
    const install = `npm install ${packages.join(' ')}`;
    super(op, `${packages.join(' and ')} must be installed for it: ${install}`, options);
    this.packages = packages;
  }
}

/**
 * Runs the import of an optional package.
 *
 * @throws MissingPackageError naming the install command when the package is not there
 */
export async function importOptional<T>(op: string, packages: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new MissingPackageError(op, packages, { cause: error });
  }
}
