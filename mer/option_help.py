"""Help of options that several commands have. One option means one thing, so its text is written once."""

from typing import Final

AMPLITUDE: Final = "range of peak displacements, in percent of the inter-ocular distance"
AS_IN_PAPER: Final = "train as the paper does where it differs from the defaults: --input gray and --warmup 0"
AUGMENTATION: Final = "how additional clips are made: usual (mirrored, brighter, noise), or one of a plugin"
CACHE: Final = "file that keeps cut clips between runs; flow and features go to a folder beside it"
CLASSES: Final = "classes to use, separated by commas"
CLIPS: Final = ".npz file with the arrays clips, labels and subjects, instead of --dataset and --root"
CODER: Final = "whose decisions count, where several coders reviewed"
CONDITIONS: Final = "capture conditions: light, noise, compression and head motion"
CONFIG: Final = "TOML file with options, their long names as keys; the command line takes precedence"
DATASET: Final = "dataset and its folder, repeated for several together; or a single one whose folder is --root"
DISTRACTORS: Final = "other motion beside the micro-expressions"
DRY_RUN: Final = "print folds, classes, steps, memory and time, measured on a few clips, and train nothing"
ENGINE: Final = "classifier: 'auto', 'onnxruntime', 'tensorrt', or the path of an .onnx, .plan or .safetensors file"
FACES: Final = "folder of portraits, one person per picture (default: variations of one portrait)"
FIND_FACES: Final = "also look for a face at onset, apex and offset of every clip"
FOLDS: Final = "folds.json of an earlier run, to use the same folds"
FPS: Final = "frame rate in frames/s"
INIT: Final = (
    "initial weights: a checkpoint of the same model and input, or 'shipped' for those of mer-live (convlstm, flow); "
    "for elrcn, torchvision's VGG-16"
)
INPUT: Final = "input of the network (default: flow, or the model's own)"
JOBS: Final = "number of recordings, folds or clips to process at a time"
JSON: Final = "print JSON to standard output instead of text"
LABELS: Final = (
    "emotion; or, where a dataset has them, objective: classes by action units, 'class 1' to 'class 7', or "
    "action-units: their combinations, 'AU4' or 'AU6+AU12'"
)
LIST: Final = (
    "published list of clips to keep, or to compare with in mer-data check; 'megc2019' is the composite of CASME II, "
    "SAMM and SMIC-HS, and stands for --classes composite and --protocol loso unless these are given"
)
LOSS: Final = "loss to minimise: cross-entropy, or one of a plugin"
MAP: Final = "labels that count as another class, such as repression=disgust"
N_EVENTS: Final = "number of micro-expressions"
OUT: Final = "where to write the results"
OVERSAMPLE: Final = "clips per class after augmentation, as a multiple of the largest class; 0 for no augmentation"
PLUGIN: Final = "Python file that registers models, datasets, losses or augmentations of your own; may be repeated"
PRECISION: Final = "number format of weights and arithmetic"
RATES: Final = "frame rates in frames/s"
REPEATS: Final = (
    "train so many times over the same folds, with the seeds --seed, --seed + 1 and so on, and report mean and spread; "
    "each in a folder of its own below --out"
)
ROOT: Final = "folder of the dataset; for 'manifest', the CSV file"
SECONDS: Final = "length of a recording in seconds"
SEED: Final = "random seed"
THREADS: Final = "number of processor cores per job"
TIERS: Final = "tiers (ELAN), categories (BORIS) or classes (INTERACT)"
TRUTH: Final = "truth files of mer-synth; mer-evaluate spotting also takes what mer-evaluate agreement reads"
