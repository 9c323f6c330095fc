"""One form for all samples of a stream, which may change on its way."""

from collections.abc import Iterator

import av

from inference.media.child import coding

Form = tuple[str, str, int]  # sample format, layout, samples a second


class Alike:
    """Gives all frames of a stream the form of its first, for a stream may change on its way."""

    form: Form

    def __init__(self) -> None:
        self._given: Form | None = None
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        given = frame.format.name, frame.layout.name, frame.sample_rate
        if self._given is None:
            self.form = given[0], coding.named_layout(frame.layout), given[2]
        rest = []
        if given != self._given:
            rest, self._given = self.rest(), given
            name, layout, rate = self.form
            if given != self.form:
                self._resampler = av.AudioResampler(format=name, layout=layout, rate=rate)
        if self._resampler is None:
            return [*rest, frame]
        frame.pts = None  # a resampler would fill what it takes for gaps
        return [*rest, *self._resampler.resample(frame)]

    def rest(self) -> list[av.AudioFrame]:
        """What is still on its way when the form changes or the stream ends."""
        resampler, self._resampler = self._resampler, None
        return resampler.resample(None) if resampler else []


def silence(form: Form, samples: int) -> Iterator[av.AudioFrame]:
    """Frames of at most a second in that form."""
    name, layout, rate = form
    while samples > 0:
        frame = av.AudioFrame(format=name, layout=layout, samples=min(samples, rate))
        frame.sample_rate = rate
        for plane in frame.planes:
            zero = b"\x80" if name.startswith("u8") else b"\x00"
            plane.update(zero * plane.buffer_size)
        samples -= frame.samples
        yield frame
