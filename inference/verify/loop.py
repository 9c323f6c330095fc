"""Which picture is shown when there is more sound than video."""


def source_frame(shown: int, video_frames: int) -> int:
    """The video plays forwards, backwards, forwards ...; the end frames come twice at each turn.

    shown: place in the result, from 0. Source: LatentSync's loop_video.
    """
    turn, place = divmod(shown, video_frames)
    return place if turn % 2 == 0 else video_frames - 1 - place
