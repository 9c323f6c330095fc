"""The scouts of a run: who looks for faces ahead of its stages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.faces import Face, Finder, make_finder
from inference.faces.face import Rgb
from inference.faces.scout import Scout
from inference.model.networks import Network
from inference.options import SyncOptions
from inference.picture.align import Aligner
from inference.pipeline.job import Job
from inference.stopwatch import Stopwatch


class Scouts:
    """One for each choice of faces: parts that are made anew may have another than the rest."""

    def __init__(self, video: Path, network: Network, watch: Stopwatch, job: Job) -> None:
        self._video, self._network, self._watch, self._job = video, network, watch, job
        self._scouts: dict[object, Scout] = {}
        self._told: Mapping[str, Any] | None = job.known[-1].scout if job.known else None

    def start(self) -> None:
        """All that the job needs."""
        for options in self._job.options:
            self.of(options)

    def of(self, options: SyncOptions) -> Scout:
        """Started already. The first layer's goes on from what the finished segments tell."""
        key = (options.face, options.face_box)
        if key not in self._scouts:
            network, first = self._network, self._job.options[0]
            known = self._job.known if key == (first.face, first.face_box) else ()
            # On the CPU if the model is there, else wherever the finder's own runtime has a GPU.
            device = "cpu" if network.device == "cpu" else "auto"
            self._scouts[key] = Scout(
                self._video,
                Watched(make_finder(network.finder, network.files, device=device), self._watch),
                options.face,
                Aligner(network.resolution),
                face_box=options.face_box,
                states=[segment.scout for segment in known],
                guesses=True,
            ).start()
        return self._scouts[key]

    @property
    def searched(self) -> int:
        """How many frames have been looked at so far."""
        return sum(len(scout.plan.log.numbers) for scout in self._scouts.values())

    def record(self, number: int) -> Mapping[str, Any]:
        """What a segment's record says of it: news since the one before."""
        if self._job.edits:
            return self._job.known[number].scout
        self._told = self.of(self._job.options[0]).state(self._told)
        return self._told

    def close(self) -> None:
        for scout in self._scouts.values():
            scout.close()


class Watched:
    """A finder whose time is taken."""

    def __init__(self, finder: Finder, watch: Stopwatch) -> None:
        self._finder, self._watch, self.device = finder, watch, finder.device

    def find_all(self, frame: Rgb) -> list[Face]:
        with self._watch("faces"):
            return self._finder.find_all(frame)

    def state(self) -> dict[str, Any]:
        return self._finder.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._finder.restore(state)
