"""What was heard while a project file was read: words of its lists and keys, targets without a name, names of GPUs. Pure."""

from __future__ import annotations

from dataclasses import replace

from packaging.specifiers import SpecifierSet

from envgen.matrix.gpu_names import required_gpu
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Address, Gpu, Matrix, Reason
from envgen.project.aliases import ANY, AliasMeaning, Phrase, conda_phrase, cuda_word, hear, served

CUDA_HINT = 'write newest, "12", "12.6" or {driver: "535"}'


class AliasCollector:
    """Remembers each word of one project file, which targets are the newest of a range, by address, and what to say of GPUs."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.words: list[AliasMeaning] = []
        self.open: dict[Address, SpecifierSet] = {}
        self.notes: list[Reason] = []

    def phrase(self, phrase: Phrase, at: Address, inside: Address | None = None) -> AliasMeaning | None:
        """What a line of `dependencies:` or `pip:` asks for; None where it is no word."""
        heard = hear(self.matrix, phrase, at, inside)
        self.words.extend([heard] if heard else [])
        return heard

    def framework(self, key: str, version: str, at: Address) -> AliasMeaning | None:
        """What a key of `frameworks:` asks for, with the version behind it; None where it is no word."""
        phrase = conda_phrase(key)
        if version != ANY:
            phrase = replace(phrase, text=f'{key}: "{version}"', rest=version)
        return self.phrase(phrase, at)

    def target(self, key: str, at: Address) -> str:
        """The target that a word in the place of its name means: its name, or "" where it is the newest of a range."""
        plain, cuda = key.strip().lower(), cuda_word(self.matrix, key)
        if cuda is not None or plain in self.matrix.targets:
            self.words.append(AliasMeaning(key, at, _because(self.matrix, cuda), cpu=cuda is None, cuda=cuda))
        else:
            heard = self.phrase(conda_phrase(key), at)
            if heard is None or (heard.cuda is None and not heard.cpu):
                raise BadInput(f"no target `{key}` in matrices/targets.yaml", where=at, hint=closest(key, self.matrix.targets))
            cuda = heard.cuda
        if cuda is None:
            return next(target.name for target in self.matrix.targets.values() if target.cuda is None)
        self.open[at] = cuda
        return ""

    def cuda(self, version: str, text: str, at: Address, also: tuple[str, ...]) -> None:
        """The newest target of what the key `cuda:` says; `also` is what else to write in its place."""
        cuda = cuda_word(self.matrix, version)
        if cuda is None:
            raise BadInput(f"cuda: {version!r} is no CUDA version", where=at, hint=CUDA_HINT)
        self.words.append(AliasMeaning(f"cuda: {text}", at, _because(self.matrix, cuda), cuda=cuda, also=also))
        self.open[at] = cuda

    def gpu(self, name: str, at: Address) -> Gpu:
        """The GPU that a text names."""
        found = required_gpu(self.matrix, name, at)
        if name.strip().lower() not in (found.written.lower(), found.name.lower()):
            bare = found.written != found.name
            what = found.name if bare else f"{found.name} (compute capability {found.capability})"
            write = f'"{found.written}"' if bare else found.written
            self.notes.append(Reason(f"`{name}` is read as {what}; write `gpus: [{write}]` instead", at))
        return found


def _because(matrix: Matrix, cuda: SpecifierSet | None) -> str:
    if cuda is None:
        return "names of targets are written in small letters"
    found = served(matrix, cuda)
    return f"CUDA {found[0].cuda}" if len(found) == 1 else "the newest that goes with the rest of the project"
