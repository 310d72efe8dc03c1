import { LabeledImages } from './labeled-images.js';
import { FASHION_MNIST, type LoadOptions, loadImages, MNIST_DIGITS } from './source.js';

/**
 * Zalando's Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28 x 28 pixels, 10 classes.
 *
 * @example
 * const train = await FashionMNIST.load();
 * const test = await FashionMNIST.load({ train: false });
 * const { image, label } = train.get(0); // [1, 28, 28], 9: 'Ankle boot'
 */
export class FashionMNIST extends LabeledImages {
  static readonly classes: readonly string[] = [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ];

  /**
   * Takes the files from `root`, the folder in `NABLA_DATA`, the cache, Debian's package `dataset-fashion-mnist` or,
   * when none has them, a download into the cache.
   *
   * @throws DatasetNotFoundError when no source works, listing what was tried and how to fix it
   * @throws FormatError when a file is damaged
   */
  static async load(options: LoadOptions = {}): Promise<FashionMNIST> {
    return new FashionMNIST(await loadImages(FASHION_MNIST, options), FashionMNIST.classes, 255);
  }
}

/** LeCun's MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 x 28 pixels. */
export class MNIST extends LabeledImages {
  static readonly classes: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

  /** Takes the files from where {@link FashionMNIST.load} does, except Debian. */
  static async load(options: LoadOptions = {}): Promise<MNIST> {
    return new MNIST(await loadImages(MNIST_DIGITS, options), MNIST.classes, 255);
  }
}
