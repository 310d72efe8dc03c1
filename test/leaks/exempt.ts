// Exported functions and classes that no leak check calls, each with the reason.

const NUMBERS = 'takes and gives plain numbers, and keeps none';
const INSIDE = 'made by the builders of models that compareModels and compareModules check';
const GIVEN = 'handed to callers by what is checked';

export const EXEMPT: Readonly<Record<string, string>> = {
  Progress: 'text for a terminal',
  'autograd.FunctionContext': GIVEN,
  'data.Philox': NUMBERS,
  'data.cacheFolder': NUMBERS,
  'data.downloadFile': 'writes bytes of the network to a file: test/data/datasets.test.ts',
  'data.getWorkerInfo': NUMBERS,
  'data.importSource': 'imports a module: test/data/workers.test.ts',
  'data.withSource': 'notes where a module is: test/data/workers.test.ts',
  'models.BahdanauAttention': INSIDE,
  'models.LuongAttention': INSIDE,
  'models.VisionTransformer': INSIDE,
  'models.VideoResNet': INSIDE,
  'models.SmallResNet': INSIDE,
  'models.PreActResNet': INSIDE,
  'models.MobileNetV3': INSIDE,
  'models.LeNet1998': INSIDE,
  'models.EfficientNet': INSIDE,
  'models.ConvNeXt': INSIDE,
  'models.PreActBasicBlock': INSIDE,
  'models.PreActBottleneck': INSIDE,
  'models.BasicBlock': INSIDE,
  'models.PlainBlock': INSIDE,
  'profiler.Profiler': GIVEN,
  'vision.datasets.CIFAR10': 'images of bytes, as LabeledImages: test/vision/readers.test.ts',
  'vision.datasets.CIFAR100': 'images of bytes, as LabeledImages: test/vision/readers.test.ts',
  'vision.datasets.MNIST': 'LabeledImages, as Digits',
  'vision.datasets.FashionMNIST': 'LabeledImages, as Digits',
  'vision.datasets.CocoDetection': 'readImage and tensors of plain numbers: test/vision/readers.test.ts',
  'vision.datasets.VOCDetection': 'readImage and tensors of plain numbers: test/vision/readers.test.ts',
  'vision.datasets.VOCSegmentation': 'readImage and readPalette: test/vision/readers.test.ts',
  'vision.datasets.DatasetFolder': 'calls the reader that it is given, as ImageFolder does',
  'vision.transforms.Draws': GIVEN,
  'vision.datasets.readPalette': 'one tensor of the bytes of a file: test/vision/readers.test.ts',
  'vision.datasets.decodeRle': NUMBERS,
};
