"""How many GPU workers there should be: the cluster's autoscaling policy, as plain functions.

In the cluster KEDA asks viseme_demand() and Kubernetes' HorizontalPodAutoscaler does this
arithmetic. It stands here so that `manage.py scaling` can explain a number and the simulation can
try the policy itself. Sources: Kubernetes' GetExternalPerPodMetricReplicas and its scaling behavior
with stabilization and policies; the figures of the policy are the deployment guide's.
"""

from dataclasses import dataclass, replace
from fractions import Fraction


@dataclass(frozen=True)
class Policy:
    """up above `target` a pod, down below two fifths of it, by one pod a minute at most, and only
    when no recommendation of the last five minutes asked for more."""

    target: int = 5  # demand that one pod stands for
    up_tolerance: Fraction = Fraction(0)
    down_tolerance: Fraction = Fraction(3, 5)
    fewest: int = 1
    most: int = 10
    window_seconds: float = 300
    down_pods: int = 1
    down_period_seconds: float = 60
    up_pods: int = 4  # or as many again as there are: Kubernetes' default for each decision


POLICY = Policy()

Moments = tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class Past:
    """What an autoscaler remembers, each with its moment in seconds: how many pods it recommended,
    how many it took away."""

    recommended: Moments = ()
    removed: Moments = ()

    def recommending(self, now: float, pods: int) -> "Past":
        """With this recommendation, without those that have left the window."""
        young = _since(self.recommended, now - POLICY.window_seconds)
        removed = _since(self.removed, now - POLICY.down_period_seconds)
        return Past((*young, (now, pods)), removed)

    def removing(self, now: float, pods: int) -> "Past":
        return replace(self, removed=(*self.removed, (now, pods)))


@dataclass(frozen=True)
class Decision:
    """pods: how many there should be from now on. recommended: by this demand alone.

    reason: `more`, `fewer`, `enough` (within the band), `window` (an earlier recommendation of the
    window holds them) or `pace` (fewer in a minute).
    """

    pods: int
    recommended: int
    reason: str
    past: Past


def demand(*, runnable: int, running: int) -> int:
    """What viseme_demand() returns. A pod with a video justifies itself: scale-in meets idle ones.

    By the plain sum four pods with four videos and three jobs that wait would become two.
    """
    return max(runnable + running, POLICY.target * running)


def recommend(wanted: int, pods: int) -> int:
    """Pods for a demand, looking at nothing but this moment."""
    pods = max(pods, 1)
    share = Fraction(wanted, POLICY.target * pods)
    if not 1 - POLICY.down_tolerance <= share <= 1 + POLICY.up_tolerance:
        pods = -(-wanted // POLICY.target)
    return min(max(pods, POLICY.fewest), POLICY.most)


def decide(wanted: int, pods: int, *, now: float, past: Past) -> Decision:
    """The next step of an autoscaler that is asked about every 15 seconds."""
    recommended = recommend(wanted, pods)
    past = past.recommending(now, recommended)
    if recommended == pods:
        return Decision(pods, recommended, "enough", past)
    if recommended > pods:
        step = max(pods, POLICY.up_pods)
        return Decision(min(recommended, pods + step), recommended, "more", past)
    return _fewer(recommended, pods, now, past)


def _fewer(recommended: int, pods: int, now: float, past: Past) -> Decision:
    """The highest recommendation of the window wins, and the pace is kept."""
    held = max(number for _, number in past.recommended)
    if held >= pods:
        return Decision(pods, recommended, "window", past)
    gone = sum(number for _, number in past.removed)
    to = max(held, pods + gone - POLICY.down_pods)
    if to >= pods:
        return Decision(pods, recommended, "pace", past)
    return Decision(to, recommended, "fewer", past.removing(now, pods - to))


def _since(moments: Moments, after: float) -> Moments:
    return tuple((moment, number) for moment, number in moments if moment > after)


def explain(*, queued: int, runnable: int, running: int, demand: int, pods: int) -> list[str]:
    """What the policy makes of a moment, in sentences for whoever is asked why."""
    return [
        f"{_jobs(queued)} queued, {runnable} of them with a lane: only those could run now.",
        f"{_jobs(running)} running. The demand is {demand}: {_which(runnable, running)}.",
        _verdict(demand, pods),
    ]


def _which(runnable: int, running: int) -> str:
    if POLICY.target * running > runnable + running:
        return f"each running job counts {POLICY.target}, so that its pod stays"
    return "runnable and running jobs together"


def _verdict(wanted: int, pods: int) -> str:
    up, down = POLICY.target * pods, (1 - POLICY.down_tolerance) * POLICY.target * pods
    to = recommend(wanted, pods)
    band = f"With {_pods(pods)} there are more above a demand of {up} and fewer below {down}"
    if to > pods:
        return f"{band}: the policy asks for {_pods(to)}."
    if to < pods:
        minutes = POLICY.window_seconds / 60
        return f"{band}: {_pods(to)} would do, when that has held for {minutes:g} minutes."
    if wanted > up or wanted < down:
        return f"{band}, but never fewer than {POLICY.fewest} or more than {POLICY.most}: it stays."
    return f"{band}: it stays."


def _jobs(number: int) -> str:
    return f"{number} job{'' if number == 1 else 's'}"


def _pods(number: int) -> str:
    return f"{number} pod{'' if number == 1 else 's'}"
