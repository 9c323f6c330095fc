"""A cluster in simulated time: lanes, a line for the GPUs, pods on nodes, and the autoscaler.

The autoscaler is jobs.scaling itself; what it is told is a function, so that another figure can be
tried in its place.
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from benchmarks.days import DAY, Arrival, Day
from jobs import scaling


@dataclass(frozen=True)
class Seen:
    """Jobs without a lane, with one but no pod, and at work."""

    blocked: int
    runnable: int
    running: int


Figure = Callable[[Seen], int]
SYNC_SECONDS = 15
NODE_START_SECONDS = 100  # public figures: 80 to 120
POD_START_SECONDS = 60  # image on the node's snapshot, model into the card
NODE_LINGERS_SECONDS = 60  # Karpenter's consolidateAfter
LONGEST = 3 * DAY  # of simulated time: a job that isn't done by then was lost


def demand(seen: Seen) -> int:
    """What viseme_demand() counts."""
    return scaling.demand(runnable=seen.runnable, running=seen.running)


def queue_depth(seen: Seen) -> int:
    """Visible messages of a queue that all jobs are sent to at once: those that can't run yet
    count, those that run don't."""
    return seen.blocked + seen.runnable


@dataclass(frozen=True)
class Times:
    """Seconds. figure_age: how long a figure is used again before it is asked for anew. KEDA asks
    at every sync; with its cache switched on, once in its polling interval of 30."""

    figure_age: float = 0
    handed_over: float = 10  # of a stopped video, what has to be done again


@dataclass(eq=False)
class Pod:
    node_since: float
    ready: bool = False
    job: "Job | None" = None
    begun: float = 0.0


@dataclass(eq=False)
class Job:
    """left: seconds of work still to be done. Moments are -1 until they have come."""

    arrival: Arrival
    left: float
    admitted: float = -1.0
    begun: float = -1.0
    finished: float = -1.0


@dataclass
class Outcome:
    """pods: (moment, number) whenever it changed. stopped: videos that a scale-in met at work."""

    jobs: list[Job] = field(default_factory=list)
    pods: list[tuple[float, int]] = field(default_factory=list)
    gpu_seconds: float = 0.0
    stopped: int = 0

    @property
    def waits(self) -> list[float]:
        """From sending to the result, without the job's own work."""
        return [job.finished - job.arrival.at - job.arrival.seconds for job in self.jobs]

    @property
    def waits_for_gpu(self) -> list[float]:
        """From the lane to the first second of work."""
        return [job.begun - job.admitted for job in self.jobs]


class Cluster:
    """`run()` a day to its last job."""

    def __init__(self, day: Day, figure: Figure, times: Times = Times()) -> None:
        self.day, self.figure, self.times = day, figure, times
        self.now, self.past = 0.0, scaling.Past()
        self.outcome = Outcome(pods=[(0.0, 1)])
        self.blocked: dict[int, deque[Job]] = {n: deque() for n in range(len(day.lanes))}
        self.taken: Counter[int] = Counter()
        self.runnable: deque[Job] = deque()
        self.pods = [Pod(0.0, ready=True)]
        self.open_jobs = len(day.arrivals)
        self.spare_nodes: list[float] = []
        self.asked = (-1e9, 0)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def run(self) -> Outcome:
        for arrival in self.day.arrivals:
            self._at(arrival.at, partial(self._arrive, arrival))
        self._at(0.0, self._sync)
        while self.open_jobs:
            if self.now > LONGEST:
                raise RuntimeError(f"{self.open_jobs} jobs of {self.day.name} are never done.")
            self.now, _, event = heapq.heappop(self._events)
            event()
            self._begin_jobs()
        self._settle()
        return self.outcome

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), event))

    # --- jobs -------------------------------------------------------------------------------------

    def _arrive(self, arrival: Arrival) -> None:
        job = Job(arrival, arrival.seconds)
        self.outcome.jobs.append(job)
        self.blocked[arrival.tenant].append(job)
        self._admit(arrival.tenant)

    def _admit(self, tenant: int) -> None:
        while self.blocked[tenant] and self.taken[tenant] < self.day.lanes[tenant]:
            job = self.blocked[tenant].popleft()
            job.admitted = self.now
            self.taken[tenant] += 1
            self.runnable.append(job)

    def _begin_jobs(self) -> None:
        for pod in self.pods:
            if self.runnable and pod.ready and pod.job is None:
                job = pod.job = self.runnable.popleft()
                pod.begun = self.now
                job.begun = self.now if job.begun < 0 else job.begun
                self._at(self.now + job.left, partial(self._finish, pod, pod.begun))

    def _finish(self, pod: Pod, begun: float) -> None:
        job = pod.job
        if job is None or pod.begun != begun or pod not in self.pods:
            return  # it was stopped meanwhile, and goes on elsewhere
        pod.job, job.finished = None, self.now
        self.open_jobs -= 1
        self.taken[job.arrival.tenant] -= 1
        self._admit(job.arrival.tenant)

    # --- pods -------------------------------------------------------------------------------------

    def _sync(self) -> None:
        wanted, pods = self._figure(), len(self.pods)
        decision = scaling.decide(wanted, pods, now=self.now, past=self.past)
        self.past = decision.past
        for _ in range(decision.pods - pods):
            self._start_pod()
        for _ in range(pods - decision.pods):
            self._remove_pod()
        if decision.pods != pods:
            self.outcome.pods.append((self.now, decision.pods))
        self._at(self.now + SYNC_SECONDS, self._sync)

    def _figure(self) -> int:
        asked, _ = self.asked
        if self.now - asked >= self.times.figure_age:
            running = sum(pod.job is not None for pod in self.pods)
            blocked = sum(map(len, self.blocked.values()))
            self.asked = (self.now, self.figure(Seen(blocked, len(self.runnable), running)))
        return self.asked[1]

    def _start_pod(self) -> None:
        young = self.now - NODE_LINGERS_SECONDS
        since = next((moment for moment in self.spare_nodes if moment >= young), None)
        if since is not None:
            self.spare_nodes.remove(since)
        pod = Pod(self.now if since is None else since)
        self.pods.append(pod)
        start = POD_START_SECONDS + (NODE_START_SECONDS if since is None else 0)
        self._at(self.now + start, lambda: setattr(pod, "ready", True))

    def _remove_pod(self) -> None:
        """One that still starts, else an idle one; one at work only where all are."""
        pod = min(self.pods, key=lambda pod: (pod.job is not None, pod.ready))
        self.pods.remove(pod)
        self.outcome.gpu_seconds += self.now - pod.node_since
        self.spare_nodes.append(self.now)
        if pod.job is not None:
            self.outcome.stopped += 1
            done = self.now - pod.begun
            pod.job.left -= max(0.0, done - self.times.handed_over)
            self.runnable.appendleft(pod.job)

    def _settle(self) -> None:
        self.outcome.gpu_seconds += sum(self.now - pod.node_since for pod in self.pods)
        self.outcome.gpu_seconds += len(self.spare_nodes) * NODE_LINGERS_SECONDS
