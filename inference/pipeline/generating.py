"""From pictures and voices to finished segments: the stages of a run, set up and at work."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from inference.errors import BadOption
from inference.media import Frames
from inference.media.source import Film
from inference.options import SyncOptions
from inference.picture.align import Aligner
from inference.picture.blend import Blender
from inference.pipeline.filming import Filming, encoding_of
from inference.pipeline.hearing import Hearings, voices
from inference.pipeline.job import Job
from inference.pipeline.layers import Layer
from inference.pipeline.painter import Painter
from inference.pipeline.run import Run
from inference.pipeline.scouting import Scouts
from inference.pipeline.stages import Stages
from inference.pipeline.windows import Cutter
from inference.report.pieces import MeasuresBySegment
from inference.results.segments import Segment, frames_in_segment
from inference.results.shelf import Shelf

FRAMES_OF_NEWS = 100  # looked at for faces, until it is told that the run goes on


@dataclass(frozen=True)
class Generating:
    """Makes the segments of a job that aren't there yet. shelf: where they go."""

    run: Run
    job: Job
    scouts: Scouts
    shelf: Shelf

    def segments(self, frames: Frames, hearings: Hearings) -> list[Segment]:
        """Those that it has made, in order. frames: of the result, from the job's first on.

        Raises BadOption if there is no frame in the part that was to be made anew."""
        layers = self._layers(hearings, frames.film)
        size = frames_in_segment(frames.film.rate)
        measures = MeasuresBySegment(self.run.network.mask, size)
        filming = self._filming(frames.film, size, measures)
        total = frames_expected(self.run.options, frames.film, hearings[None].sound.duration)
        news = News(self.run, self.scouts, self.job.first, total)
        stages = self._stages(frames, layers, filming, measures)
        stages.run(news.check, news.painted)
        if self.job.edits and not stages.cutter.edited:
            raise BadOption(
                "No frame of the result begins within the part to make anew.",
                hint=f"Frames are about {float(1 / frames.film.rate):.3f} seconds apart.",
            )
        return filming.segments

    def _layers(self, hearings: Hearings, film: Film) -> list[Layer]:
        return [
            Layer(options, self.scouts.of(options).plan, voices(options, hearings, film.rate))
            for options in self.job.options
        ]

    def _filming(self, film: Film, size: int, measures: MeasuresBySegment) -> Filming:
        return Filming(
            self.shelf,
            film,
            encoding_of(self.run.options),
            self.job.recipe,
            size,
            measures.numbered,
            self.scouts.record,
            before=self.job.before[-1] if self.job.before else None,
            edits=self.job.edits,
        )

    def _stages(
        self,
        frames: Frames,
        layers: Sequence[Layer],
        filming: Filming,
        measures: MeasuresBySegment,
    ) -> Stages:
        run, job = self.run, self.job
        return Stages(
            frames=frames,
            cutter=self._cutter(layers, frames.film),
            painter=Painter(run.network, layers, measures.of, run.watch, run.should_cancel),
            blenders=[
                Blender(run.network.mask, color_match=layer.options.color_match) for layer in layers
            ],
            filming=filming,
            measures=measures.of,
            watch=run.watch,
            first=job.first,
            until=job.until,
            stops=[self.scouts.close],
        )

    def _cutter(self, layers: Sequence[Layer], film: Film) -> Cutter:
        aligner = Aligner(self.run.network.resolution)
        edits = [(edit.start, edit.end) for edit in self.job.edits]
        return Cutter(layers, aligner, film.time_base, self.run.watch, edits=edits)


class News:
    """What is told of the frames while they are made. first: the place of the first that is made;
    total: about how many the result has."""

    def __init__(self, run: Run, scouts: Scouts, first: int, total: int) -> None:
        self._run, self._scouts, self._first, self._total = run, scouts, first, total
        self._done = self._searched = 0

    def painted(self, frames: int) -> None:
        """So many by now, counted from the first. A window that is painted once more takes none
        of them back."""
        self._done = max(self._done, self._first + frames)
        self._tell()

    def check(self) -> None:
        """Raises Canceled. A long search for the first face is told, too: silence is what a hung
        run is known by."""
        self._run.check_canceled()
        if self._scouts.searched >= self._searched + FRAMES_OF_NEWS:
            self._searched = self._scouts.searched
            self._tell()

    def _tell(self) -> None:
        self._run.tell("generate", min(self._done, self._total), self._total)


def frames_expected(options: SyncOptions, film: Film, sound: Fraction) -> int:
    """About how many the result has. sound: its seconds."""
    seconds = sound
    if film.seconds is not None and options.length in ("cut", "video"):
        seconds = film.seconds if options.length == "video" else min(sound, film.seconds)
    return max(1, round(seconds * film.rate))
