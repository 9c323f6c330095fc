"""The stages of a run, at work at the same time: read, cut, network, paste, write."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.media import Frames
from inference.media.source import Film, Frame
from inference.model.diffusion import WINDOW_FRAMES
from inference.picture.blend import Blender
from inference.pipeline.filming import Filming
from inference.pipeline.flow import Allowance, Belt, Flow
from inference.pipeline.painter import Painter
from inference.pipeline.tentative import Tentative
from inference.pipeline.windows import Cutter, Shot, Window
from inference.report.measures import Measures
from inference.stopwatch import Stopwatch

# Frames that the stages hold together: two windows at least, so that one is made ready while the
# network has the other, and more while they are small.
FRAMES_BYTES = 112 << 20
LEAST_FRAMES, MOST_FRAMES = 2 * WINDOW_FRAMES + 2, 4 * WINDOW_FRAMES
SHORT, ONE = 4, 1  # frames, and windows, that wait between two stages


@dataclass
class Stages:
    """One film's way through them. blenders: by layer. first: the place of the first frame;
    until: that of the first frame that isn't wanted any more. stops: called when a stage failed, to
    end what others wait for."""

    frames: Frames
    cutter: Cutter
    painter: Painter
    blenders: Sequence[Blender]
    filming: Filming
    measures: Callable[[int], Measures]
    watch: Stopwatch
    first: int = 0
    until: int | None = None
    stops: Sequence[Callable[[], None]] = ()

    def run(self, check: Callable[[], None], on_frames: Callable[[int], None]) -> None:
        """Until the frames are over. The network works in the calling thread.

        check: asked at every window and while nothing is to do; what it raises ends the run.
        on_frames: told how many frames of the result, counted from `first`, are painted.
        """
        with Flow(check) as flow:
            allowance = Allowance(flow, frames_under_way(self.frames.film))
            read: Belt[Frame] = Belt(flow, SHORT)
            cut: Belt[Window] = Belt(flow, ONE)
            painted: Belt[Window] = Belt(flow, ONE)
            pasted: Belt[Shot] = Belt(flow, SHORT)
            for stop in (self.frames.stop, *self.stops):
                flow.on_failure(stop)
            flow.start("read", lambda: self._read(allowance, read))
            flow.start("cut", lambda: self._cut(read, cut))
            flow.start("paste", lambda: self._paste(painted, pasted))
            flow.start("write", lambda: self._write(pasted, allowance))
            self._paint(cut, painted, check, on_frames)

    def _paint(
        self,
        cut: Belt[Window],
        painted: Belt[Window],
        check: Callable[[], None],
        on_frames: Callable[[int], None],
    ) -> None:
        most = frames_under_way(self.frames.film) // WINDOW_FRAMES - 1
        tentative = Tentative(
            self.cutter, self.painter, most, lambda place: on_frames(place - self.first), check
        )
        for window in cut.taken(patient=True):
            check()
            for done in tentative.painted(window):
                painted.put(done, patient=True)
                del done
            del window
        for done in tentative.rest():
            painted.put(done, patient=True)
            del done
        painted.close()

    def _read(self, allowance: Allowance, read: Belt[Frame]) -> None:
        source = iter(self.frames)
        for place in itertools.count(self.first):
            if place == self.until:
                break
            allowance.take()
            with self.watch("read"):
                frame = next(source, None)
            if frame is None:
                break
            read.put(frame)
            del frame
        read.close()

    def _cut(self, read: Belt[Frame], cut: Belt[Window]) -> None:
        for window in self.cutter.windows(read.taken(), self.first):
            cut.put(window)
            del window
        cut.close()

    def _paste(self, painted: Belt[Window], pasted: Belt[Shot]) -> None:
        for window in painted.taken():
            measures = self.measures(window.first)
            # One by one, so that what is pasted is free while the rest is still under way.
            shots = window.shots[::-1]
            window.shots = []
            while shots:
                shot = shots.pop()
                with self.watch("paste"):
                    self._lay(shot, measures)
                pasted.put(shot)
                del shot
        pasted.close()

    def _lay(self, shot: Shot, measures: Measures) -> None:
        blender = self.blenders[shot.layer]
        for target, face in shot.painted:
            patch = blender.patch(face, target.reference, target.matrix)
            blender.lay(shot.frame.picture, patch, target.opacity)
            after = blender.composed(patch, target.reference, target.opacity)
            measures.patch(shot.place, target.reference, after, target.matrix, track=target.track)
        measures.frame(shot.place, shot.state, shot.reason, seconds=shot.seconds)
        shot.painted, shot.targets = [], {}

    def _write(self, pasted: Belt[Shot], allowance: Allowance) -> None:
        with self.filming:
            for shot in pasted.taken():
                with self.watch("write"):
                    self.filming.write(shot)
                del shot
                allowance.give()


def frames_under_way(film: Film) -> int:
    shapes = film.layout.shapes(film.width, film.height)
    size = sum(rows * columns for rows, columns in shapes) * film.layout.dtype.itemsize
    return min(MOST_FRAMES, max(LEAST_FRAMES, FRAMES_BYTES // size))
